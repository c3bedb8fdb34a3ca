//! inetd's entries: `/etc/inetd.conf` and, for GNU inetutils, `/etc/inetd.d`.
//!
//! `[ADDRESS:]SERVICE TYPE PROTOCOL WAIT[.MAX] USER[.GROUP] PROGRAM ARGUMENTS`, one a line. What `tcp` without a
//! family means depends on the daemon, as tried with both that Debian 12 ships: inetutils opens IPv4 alone, and for
//! `tcp6` both families; OpenBSD's opens one socket for each family, and for `tcp6` IPv6 alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_model::{Facts, Listener, Manager, Protocol, Service, Start, Subject, Unseen};

use crate::service_names::ServiceNames;
use crate::{Kind, Tree, unread::unread};

/// Entries of all files together, beyond which no more are taken.
const ENTRY_LIMIT: usize = 10_000;

/// Bad lines that are told of, for each file.
const COMPLAINT_LIMIT: usize = 20;

/// How Debian's `update-inetd` turns an entry off.
const OFF: &str = "#<off>#";

/// What a super-server's configuration says: its entries as services (`inetd:telnet`), and what it would listen on
/// for them. Whether the super-server itself runs is not told here.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SuperServerFacts {
    /// Entries, sorted by name; those turned off are disabled.
    pub services: Vec<Service>,
    /// Listeners of those turned on.
    pub listeners: Vec<Listener>,
}

/// Every entry of inetd's configuration.
pub fn collect(tree: &Tree) -> Facts<SuperServerFacts> {
    let mut unseen = Vec::new();
    let files = files(tree, &mut unseen);
    if files.is_empty() {
        return Facts { value: SuperServerFacts::default(), unseen };
    }
    let names = ServiceNames::read(tree).into_value(&mut unseen);
    let dialect = Dialect::of(tree);
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    let mut listeners = Vec::new();
    let mut room = ENTRY_LIMIT;
    for file in files {
        let text = match tree.read(&file, crate::CONFIG_LIMIT) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) => {
                unseen.push(unread(Subject::Services, "inetd's entries", &e));
                continue;
            }
        };
        let mut entries = parse(&text, &file, &mut unseen);
        if entries.len() > room {
            entries.truncate(room);
            unseen.push(Unseen::new(
                Subject::Services,
                format!("further entries of {file}"),
                format!("more than {ENTRY_LIMIT}"),
            ));
        }
        room -= entries.len();
        for entry in entries {
            if entry.on {
                entry.listeners(dialect, &names, &mut listeners, &mut unseen);
            }
            let service = entry.service();
            match services.get_mut(&service.name) {
                Some(known) if known.start == Start::Disabled && entry.on => *known = service,
                Some(_) => {}
                None => drop(services.insert(service.name.clone(), service)),
            }
        }
    }
    listeners.sort();
    listeners.dedup();
    Facts { value: SuperServerFacts { services: services.into_values().collect(), listeners }, unseen }
}

/// Which daemon reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Inetutils,
    Bsd,
}

impl Dialect {
    fn of(tree: &Tree) -> Self {
        let places = ["/usr/sbin/inetutils-inetd", "/usr/libexec/inetutils/inetd"];
        if places.iter().any(|p| tree.exists(p)) { Self::Inetutils } else { Self::Bsd }
    }

    /// Unspecified addresses that a protocol's family suffix stands for, each with its `IPV6_V6ONLY`.
    fn any(self, family: &str) -> Vec<(IpAddr, Option<bool>)> {
        let v4 = (Ipv4Addr::UNSPECIFIED.into(), None);
        let v6 = |only| (Ipv6Addr::UNSPECIFIED.into(), Some(only));
        match (family, self) {
            ("4", _) | ("", Self::Inetutils) => vec![v4],
            ("", Self::Bsd) => vec![v4, v6(true)],
            ("6", Self::Bsd) => vec![v6(true)],
            // `tcp6` of inetutils, and `tcp46`: both families in one socket.
            _ => vec![v6(false)],
        }
    }
}

/// What an entry opens.
#[derive(Debug, PartialEq, Eq)]
enum Door {
    /// A port of a protocol; the family is what follows its name (`46`).
    Port(Protocol, String),
    /// A port by lot, told to clients by rpcbind.
    Rpc,
    /// Nothing of its own: a UNIX socket, a service behind tcpmux.
    None,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// File and line.
    place: String,
    file: String,
    /// Addresses to listen on, as written; none for all.
    hosts: Vec<String>,
    service: String,
    door: Door,
    user: String,
    /// `None` for what inetd does itself.
    program: Option<String>,
    on: bool,
}

impl Entry {
    fn service(&self) -> Service {
        let description = self.program.is_none().then(|| format!("{} (inetd itself)", self.service));
        Service {
            name: self.name(),
            manager: Manager::Inetd,
            description,
            start: if self.on { Start::Enabled } else { Start::Disabled },
            executable: self.program.clone(),
            definition: Some(self.file.clone()),
            user: Some(self.user.clone()),
            ..Service::default()
        }
    }

    fn name(&self) -> String {
        format!("inetd:{}", self.service)
    }

    fn listeners(
        &self,
        dialect: Dialect,
        names: &ServiceNames,
        all: &mut Vec<Listener>,
        unseen: &mut Vec<Unseen>,
    ) {
        let what = format!("listener of {} ({})", self.name(), self.place);
        let (protocol, family) = match &self.door {
            Door::Port(protocol, family) => (protocol, family),
            Door::Rpc => {
                let why = "rpcbind gives its port when it runs";
                return unseen.push(Unseen::new(Subject::Listeners, what, why));
            }
            Door::None => return,
        };
        let port = match names.resolve(&self.service, *protocol, &what) {
            Ok(port) => port,
            Err(failure) => return unseen.push(failure),
        };
        let mut addresses = Vec::new();
        if self.hosts.is_empty() {
            addresses = dialect.any(family);
        }
        for host in &self.hosts {
            match host.trim_matches(['[', ']']).parse::<IpAddr>() {
                Ok(ip) => addresses.push((ip, None)),
                Err(_) if host == "*" => addresses.extend(dialect.any(family)),
                Err(_) if host == "localhost" => {
                    let loopback = |(any, _): (IpAddr, _)| match any {
                        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST.into(), None),
                        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST.into(), None),
                    };
                    addresses.extend(dialect.any(family).into_iter().map(loopback));
                }
                Err(_) => {
                    let why = format!("the address of {host:.80} is known to the running host only");
                    unseen.push(Unseen::new(Subject::Listeners, &what, why));
                }
            }
        }
        all.extend(addresses.into_iter().map(|(address, v6only)| Listener {
            v6only,
            service: Some(self.name()),
            ..Listener::configured(*protocol, address, port, &self.place)
        }));
    }
}

/// The files that there are.
fn files(tree: &Tree, unseen: &mut Vec<Unseen>) -> Vec<String> {
    let mut files: Vec<String> =
        ["/etc/inetd.conf"].into_iter().filter(|f| tree.exists(f)).map(str::to_owned).collect();
    match tree.read_dir("/etc/inetd.d") {
        Ok(entries) => files.extend(
            entries
                .into_iter()
                .filter(|e| matches!(e.kind, Kind::File | Kind::Link))
                .filter_map(|e| e.name.into_string().ok())
                .filter(|name| !name.starts_with('.') && !name.ends_with('~'))
                .map(|name| format!("/etc/inetd.d/{name}"))
                .take(ENTRY_LIMIT),
        ),
        Err(e) if e.is_absent() => {}
        Err(e) => unseen.push(unread(Subject::Services, "inetd's entries", &e)),
    }
    files
}

fn parse(text: &str, file: &str, unseen: &mut Vec<Unseen>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut complaints = 0;
    let mut default_hosts: Vec<String> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        let (line, on) = line.strip_prefix(OFF).map_or((line, true), |off| (off.trim(), false));
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(hosts) = line.strip_suffix(':').filter(|h| !h.contains(char::is_whitespace)) {
            // An address alone is meant for the lines that follow; `*:` ends it.
            default_hosts = hosts.split(',').filter(|h| *h != "*").map(str::to_owned).collect();
            continue;
        }
        match entry(line, &default_hosts) {
            Ok(entry) => {
                let place = format!("{file}:{number}");
                entries.push(Entry { place, file: file.to_owned(), on, ..entry });
            }
            Err(why) if on => {
                complaints += 1;
                if complaints <= COMPLAINT_LIMIT {
                    unseen.push(Unseen::new(Subject::Services, format!("{file}:{number}"), why));
                }
            }
            Err(_) => {} // a comment that looks like an entry turned off
        }
    }
    if complaints > COMPLAINT_LIMIT {
        let why = format!("{} more lines are no entries", complaints - COMPLAINT_LIMIT);
        unseen.push(Unseen::new(Subject::Services, file, why));
    }
    entries
}

fn entry(line: &str, default_hosts: &[String]) -> Result<Entry, &'static str> {
    let mut fields = line.split_whitespace();
    let mut field = || fields.next().filter(|f| !f.contains(['\0', '\u{fffd}']));
    let (Some(service), Some(_socket_type), Some(protocol), Some(_wait), Some(user), Some(program)) =
        (field(), field(), field(), field(), field(), field())
    else {
        return Err("an entry has at least six fields");
    };
    let (hosts, service) = match service.rsplit_once(':') {
        Some((hosts, service)) => (hosts.split(',').map(str::to_owned).collect(), service),
        None => (default_hosts.to_vec(), service),
    };
    let door = if service.starts_with("tcpmux/") { Door::None } else { door(protocol) };
    let service = service.strip_prefix("tcpmux/").unwrap_or(service).trim_start_matches('+');
    let program = match program.rsplit('/').next() {
        _ if program == "internal" => None,
        // The access control wrapper runs its first argument.
        Some("tcpd") => Some(absolute(field().unwrap_or(program))),
        _ => Some(absolute(program)),
    };
    let user = user.split(['.', ':', '/']).next().unwrap_or(user).to_owned();
    let (place, file) = (String::new(), String::new());
    Ok(Entry { place, file, hosts, service: service.to_owned(), door, user, program, on: true })
}

/// `tcp`, `udp6`, `rpc/udp`, `unix`.
fn door(protocol: &str) -> Door {
    let protocol = protocol.split(',').next().unwrap_or(protocol); // OpenBSD: socket buffer sizes
    match protocol.split_at_checked(3) {
        Some(("rpc", _)) => Door::Rpc,
        Some(("tcp", family @ ("" | "4" | "6" | "46"))) => Door::Port(Protocol::Tcp, family.to_owned()),
        Some(("udp", family @ ("" | "4" | "6" | "46"))) => Door::Port(Protocol::Udp, family.to_owned()),
        _ => Door::None,
    }
}

/// tcpd looks for programs without a directory in its own.
fn absolute(program: &str) -> String {
    if program.starts_with('/') { program.to_owned() } else { format!("/usr/sbin/{program}") }
}

#[cfg(test)]
mod tests;
