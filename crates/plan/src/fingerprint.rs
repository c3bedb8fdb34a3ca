//! What a plan rests on: recorded in it, so that it can be told whether the host has changed.
//!
//! Only what an unchanged host shows again after a reboot is recorded: how services are defined, versions of packages,
//! doors. No processes, memory or times; no state; no ports that the kernel chose; nothing that comes and goes with a
//! session.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use doorward_assess::graph::is_group;
use doorward_model::{
    DependencyKind, Listener, Manager, Namespace, Package, Protocol, Service, Snapshot, Start,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::PlanHost;

/// From here on the kernel chooses ports by itself (`net.ipv4.ip_local_port_range`).
const CHOSEN_PORTS: u16 = 32_768;

/// The part of a snapshot that a plan rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Doors, one line each: `tcp 0.0.0.0:22 ssh.service`.
    #[serde(default)]
    pub listeners: BTreeSet<String>,
    /// Applications, one line each.
    #[serde(default)]
    pub applications: BTreeSet<String>,
    /// Packages that own services.
    #[serde(default)]
    pub packages: BTreeMap<String, RecordedPackage>,
    /// Services, except what comes and goes.
    #[serde(default)]
    pub services: BTreeMap<String, RecordedService>,
}

/// A package, as recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedPackage {
    /// Its version.
    pub version: String,
    /// Digest of what its removal would take along; empty when that is nothing.
    #[serde(default)]
    pub takes: String,
}

/// A service, as recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedService {
    /// How it comes to run.
    pub start: Start,
    /// Its package.
    #[serde(default)]
    pub package: Option<String>,
    /// Digest of who starts it, the file that defines it and the services that it needs or starts.
    pub definition: String,
}

impl PlanHost {
    /// The host of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self { name: snapshot.host.name.clone(), os: snapshot.host.os.clone() }
    }
}

impl Recorded {
    /// What a plan for this snapshot would rest on.
    pub fn of(snapshot: &Snapshot) -> Self {
        let staying: BTreeMap<&str, &Service> =
            snapshot.services.iter().filter(|s| stays(s)).map(|s| (s.name.as_str(), s)).collect();
        let containers: BTreeMap<String, String> = snapshot
            .containers
            .iter()
            .map(|c| {
                let published = c.published.iter().map(|p| format!("{} {}", p.host_port, p.container_port));
                let all =
                    [c.engine.clone(), c.image.clone().unwrap_or_default()].into_iter().chain(published);
                (format!("container:{}", c.name), digest(all))
            })
            .collect();
        let services = staying
            .values()
            .map(|service| {
                let needs = service.dependencies.iter().filter(|d| {
                    let tells = d.kind.carries_need() || d.kind == DependencyKind::Triggers;
                    tells && staying.contains_key(d.on.as_str())
                });
                let needs: BTreeSet<String> = needs.map(|d| format!("{:?} {}", d.kind, d.on)).collect();
                let parts = [
                    format!("{:?}", service.manager),
                    service.definition.clone().unwrap_or_default(),
                    containers.get(&service.name).cloned().unwrap_or_default(),
                ];
                let recorded = RecordedService {
                    start: service.start,
                    package: service.package.clone(),
                    definition: digest(parts.into_iter().chain(needs)),
                };
                (service.name.clone(), recorded)
            })
            .collect();
        // What somebody runs by hand, an editor say, has a package too.
        let owners: BTreeSet<&String> = staying.values().filter_map(|s| s.package.as_ref()).collect();
        let passing = snapshot.services.iter().filter(|s| !stays(s)).filter_map(|s| s.package.as_ref());
        let passing: BTreeSet<&String> = passing.filter(|package| !owners.contains(package)).collect();
        let package = |(name, p): (&String, &Package)| {
            let takes = &p.removal_takes;
            let takes = if takes.is_empty() { String::new() } else { digest(takes.iter().cloned()) };
            (name.clone(), RecordedPackage { version: p.version.clone(), takes })
        };
        Self {
            listeners: snapshot.listeners.iter().filter_map(line).collect(),
            applications: snapshot.applications.iter().map(|a| format!("{} at {}", a.id, a.place)).collect(),
            packages: snapshot
                .packages
                .packages
                .iter()
                .filter(|p| !passing.contains(p.0))
                .map(package)
                .collect(),
            services,
        }
    }

    /// Its SHA-256 together with the host's name and system, in hexadecimal digits.
    pub fn fingerprint(&self, host: &PlanHost) -> String {
        let mut hash = Lines::new();
        hash.section("host", [&host.name, &host.os]);
        hash.section("listeners", &self.listeners);
        hash.section("applications", &self.applications);
        hash.section("packages", self.packages.iter().flat_map(|(n, p)| [n, &p.version, &p.takes]));
        hash.section("services", self.services.keys());
        for s in self.services.values() {
            hash.section(s.start.as_str(), [&s.definition]);
            hash.section("package", &s.package);
        }
        hash.hex()
    }
}

/// Whether a service is there after a reboot as well, running or not.
fn stays(service: &Service) -> bool {
    let unit = service.manager == Manager::Systemd;
    let is_instance = unit && service.name.contains('@') && !service.name.contains("@.");
    let is_transient = unit && service.start == Start::Manual;
    let is_scope = service.name.rsplit_once('.').is_some_and(|(_, kind)| kind == "scope");
    let of_session = unit && (is_scope || is_group(&service.name));
    let owned = !matches!(service.manager, Manager::Nobody | Manager::Kernel);
    owned
        && !is_for_one_boot(&service.name)
        && !is_transient
        && !of_session
        && (!is_instance || service.start.at_boot())
}

/// Whether a service is one of our own that does not last, for the next boot or for a trial: no plan rests on it.
pub(crate) fn is_for_one_boot(service: &str) -> bool {
    matches!(service, "doorward-boot-revert.service" | "doorward-boot-verify.service")
        || service.starts_with("doorward-copy-")
}

/// A listener in a line, as far as it is the same after a reboot.
fn line(listener: &Listener) -> Option<String> {
    let namespace = match &listener.namespace {
        Namespace::Host => String::new(),
        Namespace::Other { label: Some(label), .. } => format!(" in {label}"),
        Namespace::Other { label: None, .. } => return None,
    };
    let address = match listener.address {
        None => "*".to_owned(),
        Some(IpAddr::V6(a)) if a.is_unicast_link_local() => "[link-local]".to_owned(),
        Some(IpAddr::V6(a)) => format!("[{a}]"),
        Some(IpAddr::V4(a)) => a.to_string(),
    };
    let chosen = matches!(listener.protocol, Protocol::Tcp | Protocol::Udp);
    let port = match listener.port {
        None => String::new(),
        Some(port) if chosen && port >= CHOSEN_PORTS => ":chosen".to_owned(),
        Some(port) => format!(":{port}"),
    };
    let on = listener.interface.as_ref().map(|i| format!(" on {i}")).unwrap_or_default();
    let service = listener.service.as_deref().unwrap_or("of an owner not seen");
    Some(format!("{} {address}{port}{on}{namespace} {service}", listener.protocol.as_str()))
}

/// The first half of a SHA-256: enough to see a change.
fn digest(parts: impl IntoIterator<Item = String>) -> String {
    let mut hash = Lines::new();
    hash.section("", &parts.into_iter().collect::<Vec<_>>());
    let mut hex = hash.hex();
    hex.truncate(32);
    hex
}

/// Hashes texts so that no two lists give the same bytes.
struct Lines(Sha256);

impl Lines {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn section<'t>(&mut self, name: &str, texts: impl IntoIterator<Item = &'t String>) {
        self.text(name);
        for text in texts {
            self.text(text);
        }
        self.0.update(u64::MAX.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn hex(self) -> String {
        use std::fmt::Write as _;
        self.0.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}
