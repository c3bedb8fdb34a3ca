//! Sockets that the kernel itself holds: which of its modules listens there.
//!
//! Nothing tells the module of a kernel socket, so it is concluded from what the modules show elsewhere: nfsd's list
//! of ports, the ports of tunnel interfaces, the modules' threads.

use std::io::Read as _;

use doorward_model::Protocol;

use super::Socket;
use crate::interface::{self, Link};
use crate::process::Processes;

/// Where nfsd lists the ports that it listens on.
const NFSD_PORTS: &str = "/proc/fs/nfsd/portlist";

/// The port of NFS (IANA), for when that list is not mounted.
const NFS: u16 = 2049;

/// What the modules of one network namespace show.
#[derive(Debug, Default)]
pub(super) struct Modules {
    nfsd_ports: Vec<(String, u16)>,
    links: Vec<Link>,
    threads: Vec<String>,
}

impl Modules {
    /// Looks at the namespace that this thread is in. What cannot be read leaves the module unnamed, no more.
    pub(super) fn read(processes: &Processes) -> Self {
        let mut text = String::new();
        if let Ok(file) = std::fs::File::open(NFSD_PORTS)
            && file.take(64 << 10).read_to_string(&mut text).is_err()
        {
            text.clear();
        }
        Self {
            nfsd_ports: parse_ports(&text),
            links: interface::links().unwrap_or_default(),
            threads: processes.iter().filter(|p| p.is_kernel_thread).map(|p| p.name.clone()).collect(),
        }
    }

    /// The module that holds a socket which no process is known to hold. Only when every process was looked at
    /// (`complete`) is a module named that merely could hold it.
    pub(super) fn holder(&self, socket: &Socket, complete: bool) -> Option<String> {
        let (protocol, port) = (socket.protocol, socket.port);
        if !protocol.has_port() {
            return None;
        }
        let listed = |(name, listed): &(String, u16)| *listed == port && name.starts_with(protocol.as_str());
        if self.nfsd_ports.iter().any(listed) || (port == NFS && self.has_thread("nfsd")) {
            return Some("nfsd".into());
        }
        let udp = protocol == Protocol::Udp;
        if let Some(tunnel) = self.links.iter().find(|l| udp && l.port == Some(port)) {
            return tunnel.kind.clone();
        }
        if !complete {
            return None;
        }
        // WireGuard's port is only told along with its private key, which we do not ask for.
        if udp && self.links.iter().any(|l| l.kind.as_deref() == Some("wireguard")) {
            return Some("wireguard".into());
        }
        if protocol == Protocol::Tcp && self.has_thread("ksmbd") {
            return Some("ksmbd".into());
        }
        self.has_thread("lockd").then(|| "lockd".into())
    }

    fn has_thread(&self, name: &str) -> bool {
        self.threads
            .iter()
            .any(|t| t.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
    }
}

/// Lines such as `tcp 2049`.
fn parse_ports(text: &str) -> Vec<(String, u16)> {
    let parse = |line: &str| {
        let (name, port) = line.split_once(' ')?;
        Some((name.to_owned(), port.trim().parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(protocol: Protocol, port: u16) -> Socket {
        Socket { protocol, port, ..super::super::tests::socket() }
    }

    #[test]
    fn modules_are_told_apart() {
        let modules = Modules {
            nfsd_ports: parse_ports("rdma 20049\ntcp 2050\nudp 2050\nnonsense\n"),
            threads: vec!["lockd".into(), "ksmbd-eth0".into(), "nfsdish".into()],
            ..Modules::default()
        };
        let holder = |protocol, port| modules.holder(&socket(protocol, port), true);
        assert_eq!(holder(Protocol::Tcp, 2050).as_deref(), Some("nfsd"));
        assert_eq!(holder(Protocol::Udp, 2050).as_deref(), Some("nfsd"));
        assert_eq!(holder(Protocol::Tcp, 445).as_deref(), Some("ksmbd"));
        assert_eq!(holder(Protocol::Udp, 40000).as_deref(), Some("lockd"));
        assert_eq!(holder(Protocol::Raw, 1), None);
        assert_eq!(modules.holder(&socket(Protocol::Tcp, 445), false), None);
        assert_eq!(modules.holder(&socket(Protocol::Tcp, 2050), false).as_deref(), Some("nfsd"));
        assert_eq!(Modules::default().holder(&socket(Protocol::Tcp, 2049), true), None);
    }
}
