//! One look at all sockets of the network namespace that this thread is in.

use std::collections::BTreeMap;

use doorward_model::{Facts, Protocol, Subject, Unseen};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::diag::Diag;
use super::proc_net::{self, Registered};
use super::{Connected, Family, Socket};
use crate::netlink::NetlinkError;

/// How many connections are looked at. More of them say nothing new about which service talks to which.
const CONNECTION_LIMIT: usize = 100_000;

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const PROTOCOLS: [Protocol; 6] =
    [Protocol::Tcp, Protocol::Udp, Protocol::Udplite, Protocol::Sctp, Protocol::Raw, Protocol::Packet];

/// What this kernel offers, the same in every namespace.
#[derive(Debug)]
pub(super) struct Kernel {
    registered: Registered,
    /// Protocols that `sock_diag` does not serve: asked once, for each refusal may cost a search for a module.
    refused: Vec<Protocol>,
}

impl Kernel {
    pub(super) fn read() -> Self {
        Self { registered: Registered::read(), refused: Vec::new() }
    }

    /// Remembers what was refused in the first sweep.
    pub(super) fn remember(&mut self, refused: Vec<Protocol>) {
        self.refused = refused;
    }
}

/// Every socket that accepts, and the protocols that `sock_diag` refused. `place` names the namespace in what could not
/// be seen (`""` for the host's own).
pub(super) fn accepting(kernel: &Kernel, place: &str) -> Facts<(Vec<Socket>, Vec<Protocol>)> {
    let mut facts = Facts::complete((Vec::new(), kernel.refused.clone()));
    let mut diag = Diag::open();
    for protocol in PROTOCOLS {
        for family in FAMILIES {
            let twice = protocol == Protocol::Packet && family == Family::V6;
            if twice || kernel.registered.lacks(family, protocol) {
                continue;
            }
            let (sockets, refused) = &mut facts.value;
            let answer = match &mut diag {
                _ if refused.contains(&protocol) => {
                    Err(format!("sock_diag does not serve {}", protocol.as_str()))
                }
                Err(e) => Err(e.to_string()),
                Ok(diag) => match diag.accepting(family, protocol) {
                    Err(e @ NetlinkError::Refused(_)) => {
                        refused.push(protocol);
                        Err(e.to_string())
                    }
                    other => other.map_err(|e| e.to_string()),
                },
            };
            // The kernel's table stands in for what sock_diag does not serve.
            match answer
                .or_else(|why| proc_net::accepting(family, protocol).map_err(|e| format!("{why}; {e}")))
            {
                Ok(found) => sockets.extend(found),
                Err(why) => {
                    let family = if protocol == Protocol::Packet { "" } else { family.as_str() };
                    let what = format!("{} sockets{family}{place}", protocol.as_str());
                    facts.unseen.push(Unseen::new(Subject::Listeners, what, why));
                }
            }
        }
    }
    facts
}

/// Every TCP and UDP socket that has a peer.
pub(super) fn connected(kernel: &Kernel) -> Facts<Vec<Connected>> {
    let mut facts = Facts::complete(Vec::new());
    let mut diag = Diag::open();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for family in FAMILIES.into_iter().filter(|f| !kernel.registered.lacks(*f, protocol)) {
            let why = match &mut diag {
                Err(e) => e.to_string(),
                Ok(diag) => match diag.connected(family, protocol, CONNECTION_LIMIT) {
                    Err(e) => e.to_string(),
                    Ok((found, more)) => {
                        facts.value.extend(found);
                        if !more {
                            continue;
                        }
                        format!("there are more than {CONNECTION_LIMIT}")
                    }
                },
            };
            let what = format!("{} connections{}", protocol.as_str(), family.as_str());
            facts.unseen.push(Unseen::new(Subject::Connections, what, why));
        }
    }
    facts
}

/// Names of the interfaces that sockets are bound to, in this thread's namespace. An interface that is gone, or whose
/// name is no text, goes by its number.
pub(super) fn interface_names(sockets: &[Socket]) -> BTreeMap<u32, String> {
    let mut names: BTreeMap<u32, String> =
        sockets.iter().map(|s| s.interface).filter(|i| *i != 0).map(|i| (i, format!("#{i}"))).collect();
    if names.is_empty() {
        return names;
    }
    let flags = SocketFlags::CLOEXEC;
    if let Ok(socket) = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None) {
        for (index, name) in &mut names {
            if let Ok(found) = rustix::net::netdevice::index_to_name(&socket, *index) {
                *name = found;
            }
        }
    }
    names
}
