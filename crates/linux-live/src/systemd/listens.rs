//! What an active socket unit listens on, in the manager's words.

use std::net::SocketAddr;

use doorward_model::{
    Basis, DependencyKind, Listener, LocalSocket, Namespace, Owner, Protocol, Service, State,
};

use super::unit::Unit;

/// Adds the sockets of a unit that waits on them, but for those that files tell of already.
pub(super) fn add(
    unit: &Unit,
    socket: &Service,
    listeners: &mut Vec<Listener>,
    local_sockets: &mut Vec<LocalSocket>,
) {
    if unit.state != State::Running {
        return;
    }
    let started = socket.dependencies.iter().find(|d| d.kind == DependencyKind::Triggers).map(|d| &d.on);
    for (kind, address) in &unit.vitals.listens {
        let protocol = match kind.as_str() {
            "Stream" => Protocol::Tcp,
            "Datagram" => Protocol::Udp,
            "SequentialPacket" => Protocol::Sctp,
            _ => continue, // FIFOs, netlink, message queues: no sockets that somebody could connect to
        };
        if address.starts_with(['/', '@']) {
            local_sockets.push(LocalSocket { path: address.clone(), service: started.cloned() });
        } else if let Some((address, interface)) = parse(address) {
            let place = (Some(address.ip()), Some(address.port()), Some(&unit.name));
            if !listeners.iter().any(|l| (l.address, l.port, l.via.as_ref()) == place) {
                listeners.push(Listener {
                    protocol,
                    address: Some(address.ip()),
                    port: Some(address.port()),
                    v6only: None,
                    interface,
                    namespace: Namespace::Host,
                    owner: Owner::Configured { place: unit.name.clone() },
                    service: started.cloned(),
                    via: Some(unit.name.clone()),
                    basis: Basis::Configured,
                });
            }
        }
    }
}

/// An address as the manager prints it: `[fe80::1]:80%eth0` with an interface.
fn parse(text: &str) -> Option<(SocketAddr, Option<String>)> {
    let (address, interface) = match text.split_once('%') {
        Some((address, interface)) => (address, Some(interface.to_owned())),
        None => (text, None),
    };
    Some((address.parse().ok()?, interface))
}
