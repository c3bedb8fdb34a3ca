//! Doors that one program holds for another: socket units for their services, super-servers for their entries.

use doorward_linux_files::inetd::SuperServerFacts;
use doorward_model::{Listener, Owner, Service, State};

/// Names the service that a socket unit's listener starts. `configured`: what the socket units say.
///
/// Process 1 holds such a socket, alone until the service runs and with it afterwards.
pub(crate) fn by_socket_units(listeners: &mut [Listener], configured: &[Listener]) {
    for listener in listeners.iter_mut().filter(|l| l.namespace.is_host() && may_be_of_the_manager(l)) {
        let Some(unit) = configured.iter().find(|c| is_same_place(c, listener)) else { continue };
        if listener.service.is_none() {
            listener.service.clone_from(&unit.service);
        }
        listener.via.clone_from(&unit.via);
    }
}

fn may_be_of_the_manager(listener: &Listener) -> bool {
    match &listener.owner {
        Owner::Processes { pids, .. } => pids.contains(&1),
        Owner::Hidden { .. } => listener.service.is_none(),
        Owner::Kernel { .. } | Owner::Configured { .. } => false,
    }
}

/// Names the entry behind each listener that a super-server holds, and says which entries wait.
pub(crate) fn by_super_servers(listeners: &mut [Listener], entries: SuperServerFacts) -> Vec<Service> {
    let SuperServerFacts { mut services, listeners: configured } = entries;
    for service in &mut services {
        service.state = State::Stopped;
    }
    for listener in listeners.iter_mut().filter(|l| l.namespace.is_host()) {
        let entry = configured.iter().find(|c| is_same_place(c, listener) && c.via == listener.service);
        let Some(entry) = entry.filter(|e| e.via.is_some()) else { continue };
        listener.via.clone_from(&entry.via);
        listener.service.clone_from(&entry.service);
        if let Some(service) = services.iter_mut().find(|s| Some(&s.name) == entry.service.as_ref()) {
            service.state = State::Running;
        }
    }
    services
}

/// Whether a configured listener is the one that was seen.
fn is_same_place(configured: &Listener, seen: &Listener) -> bool {
    let interface = configured.interface.is_none() || configured.interface == seen.interface;
    configured.protocol == seen.protocol
        && configured.port == seen.port
        && configured.address == seen.address
        && interface
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_model::{Basis, Manager, Namespace, Protocol};

    fn listener(port: u16, pids: &[u32], service: Option<&str>) -> Listener {
        Listener {
            protocol: Protocol::Tcp,
            address: Some("0.0.0.0".parse().unwrap()),
            port: Some(port),
            v6only: None,
            interface: None,
            namespace: Namespace::Host,
            owner: Owner::Processes { pids: pids.to_vec(), executable: None },
            service: service.map(str::to_owned),
            via: None,
            basis: Basis::Observed,
        }
    }

    fn configured(port: u16, service: &str, via: &str) -> Listener {
        Listener { via: Some(via.to_owned()), basis: Basis::Configured, ..listener(port, &[], Some(service)) }
    }

    #[test]
    fn a_socket_units_listener_belongs_to_what_it_starts() {
        let mut seen = [
            listener(7070, &[1], None),
            listener(631, &[1, 500], Some("cups.service")),
            listener(22, &[600], Some("ssh.service")),
            listener(9, &[1], None),
        ];
        let units = [
            configured(7070, "greeter.service", "greeter.socket"),
            configured(631, "cups.service", "cups.socket"),
            configured(22, "ssh.service", "ssh.socket"),
        ];
        by_socket_units(&mut seen, &units);
        let told: Vec<_> = seen.iter().map(|l| (l.service.as_deref(), l.via.as_deref())).collect();
        assert_eq!(
            told,
            [
                (Some("greeter.service"), Some("greeter.socket")),
                (Some("cups.service"), Some("cups.socket")),
                (Some("ssh.service"), None),
                (None, None),
            ]
        );
    }

    #[test]
    fn a_super_servers_listener_belongs_to_its_entry() {
        let mut seen = [listener(23, &[400], Some("inetd.service")), listener(79, &[9], Some("process:x"))];
        let service =
            |name: &str| Service { name: name.into(), manager: Manager::Inetd, ..Service::default() };
        let entries = SuperServerFacts {
            services: vec![service("inetd:finger"), service("inetd:telnet")],
            listeners: vec![
                configured(23, "inetd:telnet", "inetd.service"),
                configured(79, "inetd:finger", "inetd.service"),
            ],
        };
        let services = by_super_servers(&mut seen, entries);
        assert_eq!(seen[0].service.as_deref(), Some("inetd:telnet"));
        assert_eq!(seen[0].via.as_deref(), Some("inetd.service"));
        assert_eq!(seen[1].service.as_deref(), Some("process:x"), "another program holds that port");
        assert_eq!(services.iter().map(|s| s.state).collect::<Vec<_>>(), [State::Stopped, State::Running]);
    }
}
