//! From listeners to doors: one for each service at each address and port, with who can reach it.

use std::net::{IpAddr, Ipv4Addr};

use doorward_knowledge::{Bind, DoorFact, ServiceEntry};
use doorward_model::{
    Basis, Door, Exposure, Listener, Manager, Namespace, Owner, Protocol, PublishedPort, Service, Verdict,
};

use crate::Facts;
use crate::exposure::{Access, Reach};
use crate::roles::{Roles, lives};

mod behind;

/// Every door of the host, its verdict still open.
pub(crate) fn open(facts: &Facts<'_, '_, '_>, roles: &Roles<'_>) -> Vec<Door> {
    let reach = Reach::new(facts.snapshot);
    let mut doors: Vec<Door> =
        facts.snapshot.listeners.iter().map(|l| door(facts, roles, l, reach.listener(l))).collect();
    doors.extend(published(facts, roles, &reach));
    doors.extend(by_default(facts, roles, &reach));
    doors.extend(behind::others_ports(facts, &reach, &doors));
    doors.dedup_by(|a, b| same_way_in(a, b));
    doors
}

fn door(facts: &Facts<'_, '_, '_>, roles: &Roles<'_>, listener: &Listener, access: Access) -> Door {
    let service = service_name(facts, listener);
    let package = service
        .as_deref()
        .and_then(|name| facts.graph.node(name))
        .and_then(|node| facts.snapshot.services[node].package.clone());
    let port = listener.port.filter(|_| listener.protocol != Protocol::Packet);
    Door {
        protocol: listener.protocol,
        address: address_text(listener),
        port,
        name: None,
        interface: listener.interface.clone(),
        namespace: listener.namespace.clone(),
        exposure: access.exposure,
        limited_to: access.limited_to,
        decided_by: access.decided_by,
        http: roles.is_site_door(listener),
        service,
        via: listener.via.clone(),
        package,
        verdict: Verdict::Unknown,
        reasons: access.note.into_iter().collect(),
        basis: listener.basis,
    }
}

/// The service behind a listener; the kernel's own sockets are named by their module.
fn service_name(facts: &Facts<'_, '_, '_>, listener: &Listener) -> Option<String> {
    listener.service.clone().or_else(|| match &listener.owner {
        Owner::Kernel { module: Some(module) } => Some(format!("kernel:{module}")),
        Owner::Processes { executable: Some(path), .. } => {
            let name = format!("process:{}", path.rsplit('/').next().unwrap_or(path));
            facts.graph.node(&name).map(|_| name)
        }
        _ => None,
    })
}

fn address_text(listener: &Listener) -> String {
    match listener.address {
        None => "*".to_owned(),
        Some(IpAddr::V6(a)) if a.is_unspecified() && listener.v6only == Some(false) => "*".to_owned(),
        Some(a) => a.to_string(),
    }
}

/// Container ports that are published by the packet filter alone, with no socket on the host.
fn published(facts: &Facts<'_, '_, '_>, roles: &Roles<'_>, reach: &Reach) -> Vec<Door> {
    let mut doors = Vec::new();
    for container in facts.snapshot.containers.iter().filter(|c| c.running != Some(false)) {
        for port in &container.published {
            if facts.snapshot.listeners.iter().any(|l| serves(l, port)) {
                continue;
            }
            let address = port.host_address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            let access = reach.published(address, port);
            let service = format!("container:{}", container.name);
            let package = facts.graph.node(&service).and_then(|n| facts.snapshot.services[n].package.clone());
            doors.push(Door {
                protocol: port.protocol,
                address: address.to_string(),
                port: Some(port.host_port),
                name: None,
                interface: None,
                namespace: Namespace::Host,
                exposure: access.exposure,
                limited_to: access.limited_to,
                decided_by: access.decided_by,
                http: port.protocol == Protocol::Tcp && roles.faces_clients(&service),
                service: Some(service),
                via: Some(port.carried_by.clone()),
                package,
                verdict: Verdict::Unknown,
                reasons: access.note.into_iter().collect(),
                basis: Basis::Observed,
            });
        }
    }
    doors
}

fn serves(listener: &Listener, port: &PublishedPort) -> bool {
    listener.namespace.is_host()
        && listener.protocol == port.protocol
        && listener.port == Some(port.host_port)
}

/// In a tree that does not run: the doors that its enabled services open as packaged, where no configuration was
/// read that says otherwise.
fn by_default(facts: &Facts<'_, '_, '_>, roles: &Roles<'_>, reach: &Reach) -> Vec<Door> {
    let mut doors = Vec::new();
    if matches!(facts.snapshot.source, doorward_model::Source::Live { .. }) {
        return doors;
    }
    for (service, entry) in facts.snapshot.services.iter().zip(&facts.entries) {
        let answers = service.manager != Manager::Systemd || service.name.ends_with(".service");
        let Some(entry) = entry.filter(|_| lives(service) && answers) else { continue };
        // Of an entry's units (a server, its instances, its helpers) the first that lives has the doors.
        let is_known =
            |unit: &&String| facts.graph.node(unit).is_some_and(|n| lives(&facts.snapshot.services[n]));
        if entry.units.iter().find(is_known).is_some_and(|first| *first != service.name) {
            continue;
        }
        let configured = |l: &Listener| {
            l.service.as_deref() == Some(&service.name)
                || l.service.as_deref().and_then(|s| facts.entry(s)).is_some_and(|e| e.id == entry.id)
        };
        let is_told = facts.snapshot.windows.as_ref().is_some_and(|w| w.doors_known.contains(&service.name));
        if is_told || facts.snapshot.listeners.iter().any(configured) {
            continue;
        }
        // What another's port leads to opens nothing of its own.
        let own = |d: &&DoorFact| {
            d.via.is_none() && !behind::is_behind(d.protocol) && facts.index.holds(&d.systems)
        };
        // A service all of whose doors depend on its settings is shown with them all rather than with none.
        let depends = entry.doors.iter().filter(own).all(|d| d.when.is_some());
        // On Windows, one that starts by an event alone, and the firewall, would seem open where they are not.
        let is_certain = service.windows.is_none() || (service.start.at_boot() && !entry.firewall);
        let depends = depends && is_certain;
        let is_held = |fact: &&DoorFact| {
            let same = |l: &&Listener| l.protocol == fact.protocol && l.port == fact.port;
            facts.snapshot.windows.is_some() && facts.snapshot.listeners.iter().any(|l| same(&l))
        };
        for fact in entry.doors.iter().filter(own).filter(|d| depends || d.when.is_none()) {
            // Another service's configuration names that port: SMB over NetBIOS is the Server's.
            if is_held(&fact) {
                continue;
            }
            let listener = as_packaged(service, entry, fact);
            let mut door = door(facts, roles, &listener, reach.listener(&listener));
            door.reasons.extend(fact.when.as_ref().map(|when| format!("opens if: {when}")));
            doors.push(door);
        }
    }
    doors
}

/// The listener that a service opens by its package's settings.
fn as_packaged(service: &Service, entry: &ServiceEntry, fact: &DoorFact) -> Listener {
    let address = match fact.bind {
        Bind::Loopback => Ipv4Addr::LOCALHOST,
        Bind::Any | Bind::Unknown => Ipv4Addr::UNSPECIFIED,
    };
    let place = format!("default of {}", entry.title);
    Listener {
        service: Some(service.name.clone()),
        basis: Basis::Default,
        ..Listener::configured(fact.protocol, IpAddr::V4(address), fact.port, place)
    }
}

/// Several sockets of one service at one place (`SO_REUSEPORT`, one a worker) are one door.
fn same_way_in(a: &Door, b: &Door) -> bool {
    a.protocol == b.protocol
        && a.address == b.address
        && a.port == b.port
        && a.name == b.name
        && a.interface == b.interface
        && a.namespace == b.namespace
        && a.service == b.service
        && a.exposure == Exposure::max(a.exposure, b.exposure)
}
