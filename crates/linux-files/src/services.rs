//! Services of every manager that a tree's files define, and what starts the entries of super-servers.

use std::path::Path;

use doorward_model::{
    Dependency, DependencyKind, Facts, Listener, LocalSocket, Service, Start, State, Unseen,
};

use crate::inetd::{self, SuperServerFacts};
use crate::{Tree, openrc, systemd, sysv, xinetd};

/// Programs that are inetd, under the names that distributions give them.
const INETD: &[&str] = &["inetd", "inetutils-inetd", "openbsd-inetd", "rlinetd"];
const XINETD: &[&str] = &["xinetd"];

/// What the files say of services.
#[derive(Debug, Default)]
pub struct ServiceFacts {
    /// Services of all managers.
    pub services: Vec<Service>,
    /// What sockets and super-servers would listen on.
    pub listeners: Vec<Listener>,
    /// The same on the host itself.
    pub local_sockets: Vec<LocalSocket>,
}

/// Every service that the tree defines.
pub fn collect(tree: &Tree) -> Facts<ServiceFacts> {
    let mut unseen = Vec::new();
    let mut all = ServiceFacts::default();
    if systemd::is_present(tree) {
        let units = systemd::collect(tree).into_value(&mut unseen);
        all.services = units.services;
        all.listeners = units.listeners;
        all.local_sockets = units.local_sockets;
    } else {
        all.services = of_scripts(tree, &mut unseen);
    }
    let entries = super_server_entries(tree, &all.services).into_value(&mut unseen);
    all.services.extend(entries.services);
    all.listeners.extend(entries.listeners);
    Facts { value: all, unseen }
}

/// Services of `OpenRC`, and of `SysV` scripts that are not `OpenRC`'s.
pub fn of_scripts(tree: &Tree, unseen: &mut Vec<Unseen>) -> Vec<Service> {
    let mut services = openrc::collect(tree).into_value(unseen);
    let others = sysv::collect(tree).into_value(unseen);
    let is_new = |s: &Service, known: &[Service]| !known.iter().any(|k| k.name == s.name);
    for other in others {
        if is_new(&other, &services) {
            services.push(other);
        }
    }
    services
}

/// The entries of inetd and xinetd. They answer only while the super-server runs: each needs it, and without one
/// that runs or comes up at boot they are off. `services` are the others of the host.
pub fn super_server_entries(tree: &Tree, services: &[Service]) -> Facts<SuperServerFacts> {
    let mut unseen = Vec::new();
    let mut all = SuperServerFacts::default();
    for (facts, programs) in [(inetd::collect(tree), INETD), (xinetd::collect(tree), XINETD)] {
        let mut found = facts.into_value(&mut unseen);
        let servers = || services.iter().filter(|s| is_one_of(s, programs));
        let server = servers().find(|s| lives(s)).or_else(|| servers().next());
        if !server.is_some_and(lives) {
            found.listeners.clear();
        }
        for entry in &mut found.services {
            if !server.is_some_and(lives) {
                entry.start = Start::Disabled;
            }
            let needs_it = server.map(|s| Dependency { kind: DependencyKind::Requires, on: s.name.clone() });
            entry.dependencies.extend(needs_it);
        }
        for listener in &mut found.listeners {
            listener.via = server.map(|s| s.name.clone());
        }
        all.services.extend(found.services);
        all.listeners.extend(found.listeners);
    }
    Facts { value: all, unseen }
}

fn lives(service: &Service) -> bool {
    service.state == State::Running || (service.state == State::Unknown && service.start.at_boot())
}

fn is_one_of(service: &Service, programs: &[&str]) -> bool {
    let program = service.executable.as_deref().and_then(|path| Path::new(path).file_name());
    let bare = service.name.split_once(':').map_or(service.name.as_str(), |(_, program)| program);
    let stem = bare.strip_suffix(".service").unwrap_or(bare);
    program.and_then(|p| p.to_str()).is_some_and(|p| programs.contains(&p)) || programs.contains(&stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Made;

    fn host() -> Made {
        Made::new()
            .file("usr/lib/systemd/systemd", "")
            .link("sbin/init", "/usr/lib/systemd/systemd")
            .unit(
                "inetd.service",
                "[Service]\nExecStart=/usr/sbin/inetd\n[Install]\nWantedBy=multi-user.target\n",
            )
            .unit("multi-user.target", "[Unit]\n")
            .file("etc/services", "telnet 23/tcp\n")
            .file("etc/inetd.conf", "telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n")
    }

    #[test]
    fn entries_are_off_without_their_server() {
        let off = collect(&host().tree()).value;
        let entry = off.services.iter().find(|s| s.name == "inetd:telnet").unwrap();
        assert_eq!((entry.start, off.listeners.len()), (Start::Disabled, 0));
        assert!(entry.dependencies.iter().any(|d| d.on == "inetd.service" && d.kind.is_hard()));
    }

    #[test]
    fn entries_answer_while_it_starts_at_boot() {
        let link = "etc/systemd/system/multi-user.target.wants/inetd.service";
        let on = collect(&host().link(link, "/usr/lib/systemd/system/inetd.service").tree()).value;
        let entry = on.services.iter().find(|s| s.name == "inetd:telnet").unwrap();
        assert_eq!(entry.start, Start::Enabled);
        let listener = on.listeners.iter().find(|l| l.port == Some(23)).unwrap();
        assert_eq!(listener.via.as_deref(), Some("inetd.service"));
        assert_eq!(listener.service.as_deref(), Some("inetd:telnet"));
    }
}
