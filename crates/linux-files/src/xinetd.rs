//! xinetd's services: `/etc/xinetd.conf` with what it includes.
//!
//! What a service listens on was tried with xinetd 2.3.15 as Debian 12 ships it: both families in one socket unless
//! told otherwise, and a service with an attribute that makes no sense is not started.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_model::{Facts, Listener, Manager, Protocol, Service, Start, Subject, Unseen};

use crate::Tree;
pub use crate::inetd::SuperServerFacts;
use crate::service_names::ServiceNames;
use parse::{Attribute, Config};

mod parse;
#[cfg(test)]
mod tests;

/// The main file.
const MAIN: &str = "/etc/xinetd.conf";

/// Every service of xinetd's configuration, as `xinetd:NAME` (its `id`, where it has one).
pub fn collect(tree: &Tree) -> Facts<SuperServerFacts> {
    let mut unseen = Vec::new();
    let config = Config::read(tree, MAIN, &mut unseen);
    let mut facts = SuperServerFacts::default();
    if config.entries.is_empty() {
        return Facts { value: facts, unseen };
    }
    let names = ServiceNames::read(tree).into_value(&mut unseen);
    let switches = Switches::of(&config.defaults);
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for raw in &config.entries {
        let entry = Entry::of(raw, &config.defaults, &names, &mut unseen);
        let on = entry.runs && switches.let_run(&entry.id, &raw.service);
        if on {
            entry.listeners(&mut facts.listeners, &mut unseen);
        }
        let service = entry.into_service(on);
        match services.get_mut(&service.name) {
            Some(known) if known.start == Start::Disabled => *known = service,
            Some(_) => {}
            None => drop(services.insert(service.name.clone(), service)),
        }
    }
    facts.services = services.into_values().collect();
    facts.listeners.sort();
    facts.listeners.dedup();
    Facts { value: facts, unseen }
}

/// The lists in `defaults` that turn services on and off.
struct Switches {
    /// If there is any, only these run.
    enabled: BTreeSet<String>,
    disabled: BTreeSet<String>,
}

impl Switches {
    fn of(defaults: &[Attribute]) -> Self {
        let list = |name: &str| parse::values(defaults, name).iter().cloned().collect();
        Self { enabled: list("enabled"), disabled: list("disabled") }
    }

    fn let_run(&self, id: &str, service: &str) -> bool {
        let named = |list: &BTreeSet<String>| list.contains(id) || list.contains(service);
        !named(&self.disabled) && (self.enabled.is_empty() || named(&self.enabled))
    }
}

/// A service as its attributes describe it.
#[derive(Debug)]
struct Entry {
    id: String,
    place: String,
    file: String,
    user: Option<String>,
    program: Option<String>,
    internal: bool,
    /// Not disabled, and without an attribute that makes no sense.
    runs: bool,
    protocol: Option<Protocol>,
    port: Option<u16>,
    bind: Option<String>,
    v4: bool,
    v6: bool,
    v6only: bool,
}

impl Entry {
    fn of(
        raw: &parse::Entry,
        defaults: &[Attribute],
        names: &ServiceNames,
        unseen: &mut Vec<Unseen>,
    ) -> Self {
        let own = |name: &str| parse::values(&raw.attributes, name);
        let first = |name: &str| own(name).first().cloned();
        let inherited = |name: &str| first(name).or_else(|| parse::values(defaults, name).first().cloned());
        let has = |name: &str, word: &str| own(name).iter().any(|v| v.eq_ignore_ascii_case(word));
        let default_flag = |word: &str| {
            own("flags").is_empty()
                && parse::values(defaults, "flags").iter().any(|v| v.eq_ignore_ascii_case(word))
        };
        let mut runs = raw.complete;
        let place = format!("{}:{}", raw.file, raw.line);
        let id = first("id").unwrap_or_else(|| raw.service.clone());
        let protocol = protocol(first("protocol").as_deref(), first("socket_type").as_deref());
        let no_door = has("type", "RPC") || has("type", "TCPMUX") || has("type", "TCPMUXPLUS");
        if has("type", "RPC") && first("disable").as_deref() != Some("yes") {
            let why = "rpcbind gives its port when it runs";
            unseen.push(Unseen::new(Subject::Listeners, format!("listener of xinetd:{id} ({place})"), why));
        }
        match first("disable").as_deref() {
            None | Some("no") => {}
            Some("yes") => runs = false,
            Some(other) => {
                runs = false;
                let why =
                    format!("disable = {other:.80} is neither yes nor no: xinetd does not start the service");
                unseen.push(Unseen::new(Subject::Services, &place, why));
            }
        }
        let mut port = None;
        if let Some(protocol) = protocol.filter(|_| runs && !no_door) {
            let what = format!("listener of xinetd:{id} ({place})");
            match names.resolve(&first("port").unwrap_or_else(|| raw.service.clone()), protocol, &what) {
                Ok(number) => port = Some(number),
                Err(failure) => unseen.push(failure),
            }
        }
        Self {
            id,
            place,
            file: raw.file.clone(),
            user: first("user"),
            program: first("server").filter(|s| s.starts_with('/')),
            internal: has("type", "INTERNAL"),
            runs,
            protocol: protocol.filter(|_| !no_door),
            port,
            bind: inherited("bind").or_else(|| inherited("interface")),
            v4: has("flags", "IPv4") || default_flag("IPv4"),
            v6: has("flags", "IPv6") || default_flag("IPv6"),
            v6only: inherited("v6only").as_deref() == Some("yes"),
        }
    }

    fn name(&self) -> String {
        format!("xinetd:{}", self.id)
    }

    fn into_service(self, on: bool) -> Service {
        Service {
            name: self.name(),
            manager: Manager::Xinetd,
            description: self.internal.then(|| format!("{} (xinetd itself)", self.id)),
            start: if on { Start::Enabled } else { Start::Disabled },
            executable: self.program,
            definition: Some(self.file),
            user: self.user,
            ..Service::default()
        }
    }

    fn listeners(&self, all: &mut Vec<Listener>, unseen: &mut Vec<Unseen>) {
        let (Some(protocol), Some(port)) = (self.protocol, self.port) else { return };
        let v4_alone = self.v4 && !self.v6 && !self.v6only;
        let (address, v6only): (IpAddr, _) = match self.bind.as_deref() {
            None if v4_alone => (Ipv4Addr::UNSPECIFIED.into(), None),
            None => (Ipv6Addr::UNSPECIFIED.into(), Some(self.v6only)),
            Some("localhost") if v4_alone => (Ipv4Addr::LOCALHOST.into(), None),
            Some("localhost") => (Ipv6Addr::LOCALHOST.into(), None),
            Some(bind) => match bind.parse::<IpAddr>() {
                Ok(ip) if ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (ip, Some(self.v6only)),
                Ok(ip) => (ip, None),
                Err(_) => {
                    let what = format!("listener of {} ({})", self.name(), self.place);
                    let why = format!("the address of {bind:.80} is known to the running host only");
                    return unseen.push(Unseen::new(Subject::Listeners, what, why));
                }
            },
        };
        all.push(Listener {
            v6only,
            service: Some(self.name()),
            ..Listener::configured(protocol, address, port, &self.place)
        });
    }
}

/// By name, or else by the type of socket.
fn protocol(name: Option<&str>, socket_type: Option<&str>) -> Option<Protocol> {
    match (name, socket_type) {
        (Some("tcp"), _) | (None, Some("stream") | None) => Some(Protocol::Tcp),
        (Some("udp"), _) | (None, Some("dgram")) => Some(Protocol::Udp),
        (Some("sctp"), _) | (None, Some("seqpacket")) => Some(Protocol::Sctp),
        _ => None,
    }
}
