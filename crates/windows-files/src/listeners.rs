//! Doors that the configuration itself names, of services that come up.
//!
//! What a service opens by default is knowledge, and not told here.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_model::{Host, Iis, IisSiteKind, Listener, Protocol, Service, Start, Subject};

use crate::registry::{Node, Registry};

const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Most doors of one kind: a list in the registry has any length.
const LIMIT: usize = 1000;

const ANY6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// What the configuration says of doors.
#[derive(Debug, Default)]
pub(crate) struct Configured {
    /// Doors that it names, sorted.
    pub(crate) listeners: Vec<Listener>,
    /// Services of which it names all doors, sorted.
    pub(crate) known: Vec<String>,
}

/// All that the configuration names.
pub(crate) fn collect(
    registry: Registry<'_>,
    set: &Node<'_>,
    host: &Host,
    services: &[Service],
    iis: Option<&Iis>,
) -> Configured {
    let set = set.clone().about(Subject::Listeners);
    let mut doors = Doors {
        alive: Alive::new(services),
        is_nt4: host.version == "4.0",
        all: Vec::new(),
        known: Vec::new(),
    };
    terminal_services(registry, &set, &mut doors);
    server(&set, host, &mut doors);
    rpc(&set, &mut doors);
    winrm(registry, &mut doors);
    sql_server(registry, &set, &mut doors);
    if let Some(iis) = iis {
        sites(iis, &mut doors);
    }
    doors.all.sort();
    doors.all.dedup();
    doors.known.sort();
    doors.known.dedup();
    Configured { listeners: doors.all, known: doors.known }
}

/// Services that come up: at boot, by an event, or because one of these needs them.
struct Alive<'a> {
    by_name: HashMap<String, &'a Service>,
    up: HashSet<&'a str>,
}

impl<'a> Alive<'a> {
    fn new(services: &'a [Service]) -> Self {
        let by_name: HashMap<String, &Service> =
            services.iter().map(|s| (s.name.to_lowercase(), s)).collect();
        let starts = |service: &&Service| {
            service.start.at_boot()
                || service.start == Start::Manual && service.windows.as_ref().is_some_and(|w| w.triggers > 0)
        };
        let mut todo: Vec<&Service> = services.iter().filter(starts).collect();
        let mut up = HashSet::new();
        while let Some(service) = todo.pop() {
            if service.start != Start::Masked && up.insert(service.name.as_str()) {
                todo.extend(service.dependencies.iter().filter_map(|d| by_name.get(&d.on.to_lowercase())));
            }
        }
        Self { by_name, up }
    }

    /// The service's own spelling, if it comes up.
    fn up(&self, name: &str) -> Option<&'a str> {
        let service = self.by_name.get(&name.to_lowercase())?;
        self.up.contains(service.name.as_str()).then_some(service.name.as_str())
    }

    /// The same, if it is not disabled: for services that Windows starts when a setting says so.
    fn not_disabled(&self, name: &str) -> Option<&'a str> {
        let service = self.by_name.get(&name.to_lowercase())?;
        (service.start != Start::Masked).then_some(service.name.as_str())
    }
}

struct Doors<'a> {
    alive: Alive<'a>,
    is_nt4: bool,
    all: Vec<Listener>,
    known: Vec<String>,
}

impl Doors<'_> {
    /// Notes that all doors of a service are named, or that it opens none.
    fn all_of(&mut self, name: &str) {
        self.known.extend(self.alive.by_name.get(&name.to_lowercase()).map(|service| service.name.clone()));
    }

    fn tcp(&mut self, service: &str, address: IpAddr, port: u16, place: &str) {
        self.door(Protocol::Tcp, service, address, port, place);
    }

    fn door(&mut self, protocol: Protocol, service: &str, address: IpAddr, port: u16, place: &str) {
        let listener = Listener::configured(protocol, address, port, place);
        self.all.push(Listener { service: Some(service.to_owned()), ..listener });
    }
}

fn terminal_services(registry: Registry<'_>, set: &Node<'_>, doors: &mut Doors<'_>) {
    let policy = registry.software(r"Policies\Microsoft\Windows NT\Terminal Services", Subject::Listeners);
    let policy = policy.and_then(|key| key.number("fDenyTSConnections"));
    let Some(key) = set.child(r"Control\Terminal Server") else { return };
    doors.all_of("TermService");
    // Windows 2000 has no such value: there the service itself is the switch.
    let denied = policy.or_else(|| key.number("fDenyTSConnections"));
    let service = match denied {
        Some(0) => doors.alive.not_disabled("TermService"),
        Some(_) => None,
        None => doors.alive.up("TermService"),
    };
    let Some(service) = service.map(str::to_owned) else { return };
    let Some(station) = key.child(r"WinStations\RDP-Tcp") else { return };
    if station.number("fEnableWinStation") == Some(0) {
        return;
    }
    if let Some(port) = station.number("PortNumber").and_then(|port| u16::try_from(port).ok()) {
        doors.tcp(&service, ANY, port, &format!(r"{}\PortNumber", station.place));
    }
}

/// SMB: on port 445 of all addresses from Windows 2000 on, and over NetBIOS on port 139 of each.
fn server(set: &Node<'_>, host: &Host, doors: &mut Doors<'_>) {
    let Some(service) = doors.alive.up("LanmanServer").map(str::to_owned) else { return };
    let Some(key) = set.child(r"Services\LanmanServer") else { return };
    doors.all_of("LanmanServer");
    let netbt = set.child(r"Services\NetBT\Parameters");
    let direct = netbt.as_ref().and_then(|key| key.number("SMBDeviceEnabled")) != Some(0);
    if direct && !doors.is_nt4 {
        doors.tcp(&service, ANY, 445, &key.place);
    }
    if doors.alive.up("NetBT").is_none() {
        return;
    }
    // 2 turns NetBIOS off at an interface.
    let interfaces: Vec<Node<'_>> =
        netbt.and_then(|key| key.child("Interfaces")).map(|key| key.children().collect()).unwrap_or_default();
    let off = interfaces.iter().filter(|key| key.number("NetbiosOptions") == Some(2)).count();
    if !interfaces.is_empty() && off == interfaces.len() {
        return;
    }
    let addresses: Vec<IpAddr> = host
        .interfaces
        .iter()
        .flat_map(|interface| &interface.addresses)
        .filter_map(|address| address.split('/').next()?.parse().ok())
        .filter(IpAddr::is_ipv4) // NetBIOS has no other
        .collect();
    // Which interface is meant cannot be told when only some are off.
    let addresses = if addresses.is_empty() { vec![ANY] } else { addresses };
    for address in first(addresses, set, "addresses on which NetBIOS listens") {
        doors.tcp(&service, address, 139, &key.place);
    }
}

fn rpc(set: &Node<'_>, doors: &mut Doors<'_>) {
    let Some(service) = doors.alive.up("RpcSs").map(str::to_owned) else { return };
    // The endpoint mapper is a service of its own from Windows 7 on.
    let service = doors.alive.up("RpcEptMapper").map_or(service, str::to_owned);
    if let Some(key) = set.child(&format!(r"Services\{service}")) {
        doors.tcp(&service, ANY, 135, &key.place);
    }
}

fn winrm(registry: Registry<'_>, doors: &mut Doors<'_>) {
    let Some(service) = doors.alive.up("WinRM").map(str::to_owned) else { return };
    let key = registry.software(r"Microsoft\Windows\CurrentVersion\WSMAN\Listener", Subject::Listeners);
    if key.is_some() {
        doors.all_of("WinRM");
    }
    for listener in key.iter().flat_map(super::registry::Node::children).take(LIMIT) {
        let name = listener.name();
        let (address, transport) = name.rsplit_once('+').unwrap_or((&name, ""));
        if listener.number("enabled") == Some(0) {
            continue;
        }
        // 5985 and 5986 are WinRM's own default ports from version 2 on (TechNet ee922665); a listener without a port uses them.
        let default = if transport.eq_ignore_ascii_case("HTTPS") { 5986 } else { 5985 };
        let port = listener.number("Port").and_then(|port| u16::try_from(port).ok()).unwrap_or(default);
        let address = address.trim_start_matches("IP:").parse().unwrap_or(ANY6);
        doors.tcp(&service, address, port, &listener.place);
    }
}

/// Ports of SQL Server's instances: fixed ones, or those that were taken last.
fn sql_server(registry: Registry<'_>, set: &Node<'_>, doors: &mut Doors<'_>) {
    let mut found: Vec<(String, u16, String)> = Vec::new();
    for sql in registry.software_both(r"Microsoft\Microsoft SQL Server", Subject::Listeners) {
        let Some(names) = sql.child(r"Instance Names\SQL") else { continue };
        for instance in names.values().take(LIMIT) {
            let name = instance.name().into_owned();
            let Some(id) = names.text_in(&name, &instance) else { continue };
            let tcp = sql.child(&format!(r"{id}\MSSQLServer\SuperSocketNetLib\Tcp"));
            let ports = tcp.into_iter().flat_map(|tcp| ports(&tcp));
            let room = (LIMIT + 1).saturating_sub(found.len());
            found.extend(ports.take(room).map(|(port, place)| (name.clone(), port, place)));
        }
    }
    for tcp in
        registry.software_both(r"Microsoft\MSSQLServer\MSSQLServer\SuperSocketNetLib\Tcp", Subject::Listeners)
    {
        found.extend(ports(&tcp).into_iter().map(|(port, place)| ("MSSQLSERVER".to_owned(), port, place)));
    }
    for (instance, port, place) in first(found, set, "ports of SQL Server") {
        let is_default = instance.eq_ignore_ascii_case("MSSQLSERVER");
        let service = if is_default { instance } else { format!("MSSQL${instance}") };
        if let Some(service) = doors.alive.up(&service).map(str::to_owned) {
            doors.tcp(&service, ANY, port, &place);
        }
    }
}

fn ports(tcp: &Node<'_>) -> Vec<(u16, String)> {
    if tcp.number("Enabled") == Some(0) {
        return Vec::new();
    }
    let mut ports = Vec::new();
    for key in [tcp.child("IPAll"), Some(tcp.clone())].into_iter().flatten() {
        for name in ["TcpPort", "TcpDynamicPorts"] {
            let text = key.shown(name).unwrap_or_default();
            let numbers = text
                .split(',')
                .filter_map(|port| port.trim().parse().ok())
                .filter(|&port: &u16| port != 0)
                .take(LIMIT);
            ports.extend(numbers.map(|port| (port, format!(r"{}\{name}", key.place))));
        }
    }
    ports
}

/// As many as are kept; that there are more is told.
fn first<T>(mut all: Vec<T>, key: &Node<'_>, what: &str) -> Vec<T> {
    if all.len() > LIMIT {
        all.truncate(LIMIT);
        key.note(what, format!("more than {LIMIT}; the others are left out"));
    }
    all
}

/// Sites of IIS that start with their service.
fn sites(iis: &Iis, doors: &mut Doors<'_>) {
    let kinds = [IisSiteKind::Web, IisSiteKind::Ftp, IisSiteKind::Smtp, IisSiteKind::Nntp];
    for kind in kinds.into_iter().filter(|kind| iis.complete && iis.sites.iter().any(|s| s.kind == *kind)) {
        for name in services_of(kind) {
            doors.all_of(name);
        }
    }
    for site in iis.sites.iter().filter(|site| site.starts) {
        let names = services_of(site.kind);
        for binding in &site.bindings {
            let Some(port) = binding.port else { continue };
            let names = if binding.protocol == "net.tcp" { &["NetTcpActivator"] } else { names };
            let Some(service) = names.iter().find_map(|name| doors.alive.up(name)).map(str::to_owned) else {
                continue;
            };
            let address = binding.address.parse().unwrap_or(ANY);
            doors.tcp(&service, address, port, &site.place);
        }
    }
}

/// Services that serve sites of a kind.
fn services_of(kind: IisSiteKind) -> &'static [&'static str] {
    match kind {
        IisSiteKind::Web => &["W3SVC"],
        IisSiteKind::Ftp => &["FTPSVC", "MSFTPSVC"],
        IisSiteKind::Smtp => &["SMTPSVC"],
        IisSiteKind::Nntp => &["NntpSvc"],
        IisSiteKind::Other => &[],
    }
}
