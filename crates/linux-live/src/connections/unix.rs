//! UNIX sockets that are connected to each other.

use std::collections::{HashMap, HashSet};

use doorward_model::Transport;

use super::pair::{End, Pair};
use crate::unix_sockets::{SocketKind, State, UnixSocket};

/// Stands for the name of a connection that has none: both its sockets were made at once, and one was handed on.
const UNNAMED: &str = "socketpair";

/// The connections among those sockets (of all namespaces).
pub(super) fn pairs(sockets: &[UnixSocket]) -> Vec<Pair> {
    let by_inode: HashMap<u64, &UnixSocket> = sockets.iter().map(|s| (s.inode, s)).collect();
    let listening = || sockets.iter().filter(|s| s.state == State::Listening);
    let names: HashMap<&str, u64> = listening().filter_map(|s| Some((s.name.as_deref()?, s.inode))).collect();
    let mut pairs = Vec::new();
    for socket in sockets {
        let Some(peer) = socket.peer.and_then(|inode| by_inode.get(&inode)) else { continue };
        pairs.extend(pair(socket, peer, &names));
    }
    // Those that wait to be accepted.
    let mut waiting = HashSet::new();
    for listener in listening() {
        let clients = listener.pending.iter().filter(|inode| waiting.insert(**inode));
        pairs.extend(clients.map(|client| Pair {
            transport: Transport::Unix,
            client: End { inode: *client, ..End::default() },
            server: End { inode: listener.inode, ..End::default() },
            at: listener.name.clone().unwrap_or_else(|| UNNAMED.to_owned()),
            or_at: None,
        }));
    }
    pairs
}

/// The connection of a socket with its peer; `None` where the peer is the one to tell of it.
fn pair(socket: &UnixSocket, peer: &UnixSocket, listening: &HashMap<&str, u64>) -> Option<Pair> {
    let mutual = peer.peer == Some(socket.inode);
    if socket.inode == peer.inode || (mutual && socket.inode > peer.inode) {
        return None;
    }
    let order = match (rank(socket, listening), rank(peer, listening)) {
        // Who sends datagrams connects to where they are taken, and that one has no need to connect back.
        _ if socket.kind == SocketKind::Datagram && !mutual => Some((socket, peer)),
        (one, two) if one > two => Some((peer, socket)),
        (one, two) if one < two => Some((socket, peer)),
        _ => None,
    };
    let (client, server) = order.unwrap_or((socket, peer));
    let listener = server.name.as_deref().and_then(|name| listening.get(name)).copied().unwrap_or(0);
    let name = server.name.as_ref().or(client.name.as_ref());
    let at = name.cloned().unwrap_or_else(|| UNNAMED.to_owned());
    Some(Pair {
        transport: Transport::Unix,
        client: End { inode: client.inode, ..End::default() },
        server: End { inode: server.inode, listener, ..End::default() },
        or_at: order.is_none().then(|| at.clone()),
        at,
    })
}

/// How much a socket looks like the one that answered: it has the name of a listener, which what a listener accepts
/// inherits; or any name, for its listener may be gone.
fn rank(socket: &UnixSocket, listening: &HashMap<&str, u64>) -> u8 {
    match socket.name.as_deref() {
        Some(name) if listening.contains_key(name) => 2,
        Some(_) => 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn socket(inode: u64, name: Option<&str>, peer: Option<u64>) -> UnixSocket {
        UnixSocket {
            inode,
            name: name.map(str::to_owned),
            peer,
            state: State::Established,
            ..UnixSocket::default()
        }
    }

    fn listener(inode: u64, name: &str, pending: &[u64]) -> UnixSocket {
        let state = State::Listening;
        UnixSocket { state, pending: pending.to_vec(), ..socket(inode, Some(name), None) }
    }

    fn short(pairs: &[Pair]) -> Vec<(u64, u64, u64, &str, bool)> {
        pairs
            .iter()
            .map(|p| (p.client.inode, p.server.inode, p.server.listener, p.at.as_str(), p.or_at.is_none()))
            .collect()
    }

    #[test]
    fn what_was_accepted_has_the_listeners_name() {
        let found = pairs(&[
            listener(1, "/run/db.sock", &[5, 5]),
            socket(2, Some("/run/db.sock"), Some(3)),
            socket(3, Some("@client/of/db"), Some(2)),
            socket(5, None, Some(0)),
        ]);
        assert_eq!(
            short(&found),
            [(3, 2, 1, "/run/db.sock", true), (5, 1, 0, "/run/db.sock", true)],
            "the second waits to be accepted"
        );
    }

    #[test]
    fn a_listener_that_is_gone_left_its_name() {
        let found = pairs(&[socket(2, None, Some(3)), socket(3, Some("/run/gone.sock"), Some(2))]);
        assert_eq!(short(&found), [(2, 3, 0, "/run/gone.sock", true)]);
    }

    #[test]
    fn of_two_without_a_name_none_answers() {
        let found = pairs(&[socket(2, None, Some(3)), socket(3, None, Some(2))]);
        assert_eq!(short(&found), [(2, 3, 0, "socketpair", false)]);
    }

    #[test]
    fn datagrams_go_one_way() {
        let datagram = |s| UnixSocket { kind: SocketKind::Datagram, ..s };
        let journal = datagram(socket(9, Some("/run/systemd/journal/dev-log"), None));
        let found =
            pairs(&[datagram(socket(2, None, Some(9))), datagram(socket(10, None, Some(9))), journal]);
        let at = "/run/systemd/journal/dev-log";
        assert_eq!(short(&found), [(2, 9, 0, at, true), (10, 9, 0, at, true)]);
    }

    #[test]
    fn a_peer_that_is_not_seen_is_no_pair() {
        assert_eq!(pairs(&[socket(2, None, Some(3)), socket(4, None, Some(4)), socket(5, None, None)]), []);
    }

    proptest! {
        #[test]
        fn any_table_gives_each_connection_once(peers in prop::collection::vec(prop::option::of(0u64..12), 0..12)) {
            let sockets: Vec<UnixSocket> =
                peers.iter().zip(0u64..).map(|(peer, inode)| socket(inode, None, *peer)).collect();
            let found = pairs(&sockets);
            let mut ends: Vec<_> =
                found.iter().map(|p| (p.client.inode.min(p.server.inode), p.client.inode.max(p.server.inode))).collect();
            let all = ends.len();
            ends.sort_unstable();
            ends.dedup();
            prop_assert_eq!(ends.len(), all);
        }
    }
}
