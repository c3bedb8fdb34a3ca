//! UNIX sockets of the running host: which accept, under which path, for which service.
//!
//! `sock_diag` tells each socket's name and peer. Where the kernel lacks that, its table in `/proc` tells the names.

use std::collections::BTreeMap;

use doorward_model::{Container, Facts, LocalSocket, Service, Subject, Unseen};

use crate::connections::{Names, Place, opener};
use crate::process::Processes;
use crate::sockets::SocketOwners;

mod diag;
mod name;
mod proc_net;

pub(crate) use diag::{LIMIT, list};
pub(crate) use name::absolute;

/// A UNIX socket, as the kernel tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UnixSocket {
    pub(crate) inode: u64,
    pub(crate) kind: SocketKind,
    pub(crate) state: State,
    /// Path as it was bound, which may be relative, or `@name` in the abstract namespace.
    pub(crate) name: Option<String>,
    /// Inode of the socket at the other end; 0 while nobody has accepted there.
    pub(crate) peer: Option<u64>,
    /// Of a listener: inodes of the sockets that wait for it to accept.
    pub(crate) pending: Vec<u64>,
}

/// What kind of messages go through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SocketKind {
    /// Connected ones: stream and seqpacket.
    #[default]
    Connected,
    /// Datagrams.
    Datagram,
}

/// Its part in a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// It accepts.
    Listening,
    /// It has a peer.
    Established,
    /// Neither, or not told.
    #[default]
    Other,
}

impl UnixSocket {
    /// Whether others can come to it by its name.
    pub(crate) fn accepts(&self) -> bool {
        let Some(name) = &self.name else { return false };
        match self.kind {
            SocketKind::Connected => self.state == State::Listening,
            // A client has a name for its answers, which the kernel makes up or which comes with a peer. The state
            // tells nothing: whoever connects sets it at both ends.
            SocketKind::Datagram => self.peer.is_none() && !name::is_made_up(name),
        }
    }
}

/// The sockets that accept, in every network namespace that could be entered, sorted. Not those inside of
/// containers, whose paths are no paths of the host.
///
/// `known`: what the socket units open, for the sockets that the manager holds for services. `services`: whose
/// processes no control group tells (init scripts).
pub fn collect(
    processes: &Processes,
    owners: &SocketOwners,
    containers: &[Container],
    known: &[LocalSocket],
    services: &[Service],
) -> Facts<Vec<LocalSocket>> {
    let mut unseen = Vec::new();
    // What cannot be entered is said where listeners and connections are looked for.
    let places = Place::all(processes).value;
    let mut found = Vec::new();
    for mut place in places {
        match place.unix_sockets() {
            Ok((sockets, more)) => {
                found.extend(sockets);
                if more {
                    let why = format!("there are more than {LIMIT}");
                    unseen.push(Unseen::new(Subject::Listeners, "UNIX sockets", why));
                }
            }
            Err(_) if !place.is_host() => {} // gone meanwhile
            Err(why) => match proc_net::list() {
                Ok(sockets) => found.extend(sockets),
                Err(e) => {
                    let why = format!("{why}; {e}");
                    unseen.push(Unseen::new(Subject::Listeners, "UNIX sockets", why));
                }
            },
        }
    }
    let names = Names::new(containers, services);
    let mut value: Vec<LocalSocket> = found
        .iter()
        .filter(|s| s.accepts())
        .filter_map(|s| local_socket(s, processes, owners, &names, known))
        .collect();
    value.sort();
    value.dedup();
    drop_doubtful(&mut value);
    Facts { value, unseen }
}

fn local_socket(
    socket: &UnixSocket,
    processes: &Processes,
    owners: &SocketOwners,
    names: &Names<'_>,
    known: &[LocalSocket],
) -> Option<LocalSocket> {
    let bound = socket.name.clone()?;
    let opener = opener(owners.pids(socket.inode), processes);
    if opener.is_some_and(|p| processes.container(p.pid).is_some()) {
        return None;
    }
    let path = absolute(&bound, opener);
    let by_unit = || known.iter().find(|k| k.path == path).and_then(|k| k.service.clone());
    let service = match opener {
        Some(process) if process.pid != 1 => Some(names.of(process, processes)),
        // The manager's own sockets are those that no unit names.
        Some(process) => by_unit().or_else(|| Some(names.of(process, processes))),
        None => by_unit(),
    };
    Some(LocalSocket { path, service })
}

/// One path may have had several sockets, of which all but the last lost it; those without a service tell nothing.
fn drop_doubtful(sockets: &mut Vec<LocalSocket>) {
    let mut named: BTreeMap<String, bool> = BTreeMap::new();
    for socket in sockets.iter() {
        *named.entry(socket.path.clone()).or_default() |= socket.service.is_some();
    }
    sockets.retain(|s| s.service.is_some() || named.get(&s.path) == Some(&false));
}

#[cfg(test)]
mod tests;
