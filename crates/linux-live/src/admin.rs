//! The way by which the administrator who runs us came in, so that it is never shut.
//!
//! ssh tells it in the environment. Where `sudo` or `su` dropped that, our ancestors are looked at: one of them is
//! the server that the admin logged in to, and it holds the connection.

use std::net::{IpAddr, SocketAddr};

use doorward_model::{AdminPath, Facts, Listener, Owner, Protocol, Subject, Unseen};

use crate::process::{Process, Processes};
use crate::sockets::{Connected, SocketFacts, SocketOwners};

/// Programs that give a login from afar, and those that hold its connection where that is another program.
const LOGINS: [(&str, &[&str]); 9] = [
    ("sshd", &[]),
    ("sshd-session", &[]),
    ("dropbear", &[]),
    ("in.telnetd", &[]),
    ("telnetd", &[]),
    ("xrdp-sesman", &["xrdp"]),
    ("xrdp-sesexec", &["xrdp"]),
    ("cockpit-session", &["cockpit-tls", "cockpit-ws"]),
    ("cockpit-bridge", &["cockpit-tls", "cockpit-ws"]),
];

/// Finds the admin's way in; `None` when nobody came from afar (a console, a timer).
pub fn collect(
    processes: &Processes,
    owners: &SocketOwners,
    sockets: &SocketFacts,
) -> Facts<Option<AdminPath>> {
    let told = std::env::var("SSH_CONNECTION").ok();
    find(told.as_deref(), std::process::id(), processes, owners, sockets)
}

fn find(
    told: Option<&str>,
    pid: u32,
    processes: &Processes,
    owners: &SocketOwners,
    sockets: &SocketFacts,
) -> Facts<Option<AdminPath>> {
    if let Some((remote, local)) = told.and_then(parse_ssh_connection) {
        return Facts::complete(Some(path(local, remote, sockets, "SSH_CONNECTION of this shell".into())));
    }
    let login = processes.ancestry(pid).find_map(|p| {
        LOGINS
            .iter()
            .find(|(name, _)| *name == p.program() || *name == p.name)
            .map(|(_, others)| (p, *others))
    });
    let Some((login, others)) = login else { return Facts::complete(None) };
    if let Some(held) = connection_of(login, others, processes, owners, sockets) {
        let evidence =
            format!("connection of process {} ({}), from which this shell comes", login.pid, login.program());
        return Facts::complete(Some(path(held.local, held.remote, sockets, evidence)));
    }
    let what = format!("connection by which you came in (process {}, {})", login.pid, login.program());
    let unseen = Unseen::new(Subject::Connections, what, "no connection of that process is visible")
        .with_remedy("run as root, or keep SSH_CONNECTION (sudo --preserve-env=SSH_CONNECTION)");
    Facts { value: None, unseen: vec![unseen] }
}

/// `CLIENT PORT SERVER PORT` (`ssh(1)`): the client's end and ours.
fn parse_ssh_connection(text: &str) -> Option<(SocketAddr, SocketAddr)> {
    let mut words = text.split(' ');
    let mut end = || {
        // A link-local address carries its interface.
        let address: IpAddr = words.next()?.split('%').next()?.parse().ok()?;
        Some(SocketAddr::new(address.to_canonical(), words.next()?.parse().ok()?))
    };
    Some((end()?, end()?))
}

/// The login's own connection: one on a port that something listens on, since a login may hold others (forwarding).
fn connection_of(
    login: &Process,
    others: &[&str],
    processes: &Processes,
    owners: &SocketOwners,
    sockets: &SocketFacts,
) -> Option<Connected> {
    let holds = |c: &&Connected| {
        owners.pids(c.inode).iter().any(|pid| {
            *pid == login.pid || processes.get(*pid).is_some_and(|p| others.contains(&p.program()))
        })
    };
    let held: Vec<Connected> =
        sockets.connections.iter().filter(|c| c.protocol == Protocol::Tcp).filter(holds).copied().collect();
    held.iter().find(|c| listener_for(c.local, sockets).is_some()).or(held.first()).copied()
}

fn path(local: SocketAddr, remote: SocketAddr, sockets: &SocketFacts, evidence: String) -> AdminPath {
    let listener = listener_for(local, sockets);
    AdminPath {
        service: listener.and_then(|l| l.service.clone().or_else(|| l.via.clone())),
        local: local.ip().to_string(),
        port: local.port(),
        remote: remote.ip().to_string(),
        evidence,
    }
}

/// What listens where that connection came in: on its very address rather than on all.
fn listener_for(local: SocketAddr, sockets: &SocketFacts) -> Option<&Listener> {
    let fits = |l: &&Listener| {
        let address = l.address.filter(|a| !a.is_unspecified());
        l.namespace.is_host()
            && l.protocol == Protocol::Tcp
            && l.port == Some(local.port())
            && address.is_none_or(|a| a == local.ip())
            && !matches!(l.owner, Owner::Configured { .. })
    };
    let exact = |l: &&Listener| l.address == Some(local.ip());
    let mut found = sockets.listeners.iter().filter(fits);
    let all: Vec<&Listener> = found.by_ref().collect();
    all.iter().find(|l| exact(l)).or(all.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_model::{Basis, Namespace};
    use proptest::prelude::*;

    fn process(pid: u32, parent: u32, name: &str) -> Process {
        Process { pid, parent, name: name.into(), ..Process::default() }
    }

    fn host() -> (Processes, SocketOwners, SocketFacts) {
        let processes = Processes::of(vec![
            process(1, 0, "systemd"),
            process(92, 1, "sshd"),
            process(500, 92, "sshd"),
            process(510, 500, "bash"),
            process(520, 510, "sudo"),
            process(600, 1, "cron"),
        ]);
        let listener = Listener {
            protocol: Protocol::Tcp,
            address: Some("::".parse().unwrap()),
            port: Some(22),
            v6only: Some(false),
            interface: None,
            namespace: Namespace::Host,
            owner: Owner::Processes { pids: vec![92], executable: None },
            service: Some("ssh.service".into()),
            via: None,
            basis: Basis::Observed,
        };
        let connected = |local: &str, remote: &str, inode| Connected {
            protocol: Protocol::Tcp,
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            inode,
        };
        let connections = vec![
            connected("127.0.0.1:50000", "127.0.0.1:3306", 8),
            connected("192.0.2.1:22", "198.51.100.7:40000", 9),
            connected("192.0.2.1:22", "203.0.113.7:40001", 10),
        ];
        let owners = SocketOwners::of(&[(8, 500), (9, 500), (10, 999)], true);
        (processes, owners, SocketFacts { listeners: vec![listener], connections })
    }

    #[test]
    fn the_environment_tells() {
        let (processes, owners, sockets) = host();
        let told = Some("fe80::1%eth0 51234 2001:db8::1 22");
        let found = find(told, 600, &processes, &owners, &sockets).value.unwrap();
        assert_eq!((found.service.as_deref(), found.port), (Some("ssh.service"), 22));
        assert_eq!((found.local.as_str(), found.remote.as_str()), ("2001:db8::1", "fe80::1"));
    }

    #[test]
    fn the_ancestors_tell_what_sudo_dropped() {
        let (processes, owners, sockets) = host();
        let facts = find(None, 520, &processes, &owners, &sockets);
        let found = facts.value.unwrap();
        assert_eq!((found.service.as_deref(), found.remote.as_str()), (Some("ssh.service"), "198.51.100.7"));
        assert!(found.evidence.contains("process 500 (sshd)"));
        assert_eq!(find(None, 600, &processes, &owners, &sockets), Facts::complete(None));
    }

    #[test]
    fn a_connection_out_of_sight_is_said_so() {
        let (processes, _, sockets) = host();
        let facts = find(None, 520, &processes, &SocketOwners::default(), &sockets);
        assert_eq!((facts.value, facts.unseen.len()), (None, 1));
    }

    proptest! {
        #[test]
        fn arbitrary_environment_never_panics(text in ".{0,80}") {
            let _ = parse_ssh_connection(&text);
        }
    }
}
