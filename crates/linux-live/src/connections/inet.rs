//! TCP and UDP sockets with a peer on this host, and which of them belong together.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use doorward_model::{Facts, Protocol, Subject, Transport, Unseen};

use super::filter;
use super::listeners::Listeners;
use super::pair::{End, Ended, Pair};
use super::places::PlaceId;
use crate::netlink::{Netlink, NetlinkError, attribute, attributes, u64_at};
use crate::sockets::diag::{self, BY_FAMILY, ESTABLISHED, INET_CGROUP, INET_MESSAGE};
use crate::sockets::{Connected, Family};

/// More sockets than this, of one protocol and family in one namespace, are not looked at.
const LIMIT: usize = 100_000;

/// `INET_DIAG_REQ_BYTECODE`.
const BYTECODE: u16 = 1;

/// TCP's states of a connection, from its first packet to its last (`include/net/tcp_states.h`).
const SYN_SENT: u8 = 2;
const FIN_WAIT1: u8 = 4;
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const CLOSING: u8 = 11;
const LIVING: [u8; 7] = [ESTABLISHED, SYN_SENT, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING];

/// A socket with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InetSocket {
    pub(super) place: PlaceId,
    pub(super) ends: Connected,
    pub(super) cgroup: Option<u64>,
    /// Whether the connection is over, and the socket only waits out its time.
    pub(super) ended: bool,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Question {
    states: u32,
    /// The kernel's filter, where it takes one.
    filter: Option<Vec<u8>>,
}

impl Question {
    /// Sockets whose peer has a loopback address or one of `peers`; also those of connections that have ended, of
    /// which there may be far more than others.
    pub(super) fn new(peers: &[IpAddr], ended: bool) -> Self {
        let living: u32 = LIVING.iter().map(|s| 1 << s).sum();
        let states = if ended { living | 1 << TIME_WAIT } else { living };
        Self { states, filter: filter::program(peers) }
    }
}

/// The sockets of one namespace.
pub(super) fn list(netlink: &mut Netlink, place: PlaceId, question: &Question) -> Facts<Vec<InetSocket>> {
    let mut facts = Facts::complete(Vec::new());
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for family in [Family::V4, Family::V6] {
            let why =
                match list_one(netlink, place, protocol, family, question.states, question.filter.as_deref())
                {
                    Ok((found, more)) => {
                        facts.value.extend(found);
                        if !more {
                            continue;
                        }
                        format!("there are more than {LIMIT}")
                    }
                    Err(e) => e.to_string(),
                };
            let what = format!("{} connections between services of this host", protocol.as_str());
            facts.unseen.push(Unseen::new(Subject::Connections, what, why));
        }
    }
    facts
}

fn list_one(
    netlink: &mut Netlink,
    place: PlaceId,
    protocol: Protocol,
    family: Family,
    states: u32,
    filter: Option<&[u8]>,
) -> Result<(Vec<InetSocket>, bool), NetlinkError> {
    let mut request = diag::inet_request(family, protocol, states);
    request.extend(filter.map(|f| attribute(BYTECODE, f)).unwrap_or_default());
    let mut count = 0;
    let found = netlink.dump(BY_FAMILY, &request, |_, payload| {
        count += 1;
        if count > LIMIT {
            return Ok(None);
        }
        parse(place, protocol, payload).map(Some).ok_or(NetlinkError::Malformed("inet_diag"))
    });
    match found {
        // A kernel that does not take the filter tells everything.
        Err(NetlinkError::Refused(_)) if filter.is_some() => {
            list_one(netlink, place, protocol, family, states, None)
        }
        other => Ok((other?, count > LIMIT)),
    }
}

fn parse(place: PlaceId, protocol: Protocol, payload: &[u8]) -> Option<InetSocket> {
    let cgroup = attributes(payload.get(INET_MESSAGE..)?).find(|(kind, _)| *kind == INET_CGROUP);
    Some(InetSocket {
        place,
        ends: diag::parse_connected(protocol, payload)?,
        cgroup: cgroup.and_then(|(_, value)| u64_at(value, 0)),
        ended: payload.get(1) == Some(&TIME_WAIT),
    })
}

/// The connections among those sockets, and how many have ended of each kind.
pub(super) fn pairs(
    sockets: &[InetSocket],
    own: &[(PlaceId, IpAddr)],
    listeners: &Listeners<'_>,
    first_ephemeral: u16,
) -> (Vec<Pair>, Vec<(Ended, usize)>) {
    let mut matching = Matching { sockets, own, listeners, first_ephemeral, by_ends: HashMap::new() };
    for (at, socket) in sockets.iter().enumerate().filter(|(_, s)| !s.ended) {
        let ends = (socket.ends.protocol, socket.ends.local, socket.ends.remote);
        matching.by_ends.entry(ends).or_default().push(at);
    }
    let mut pairs = Vec::new();
    let mut ended: HashMap<(&str, SocketAddr), usize> = HashMap::new();
    for (at, socket) in sockets.iter().enumerate() {
        if socket.ended {
            if let Some(server) = matching.ended(socket) {
                *ended.entry(server).or_default() += 1;
            }
            continue;
        }
        // Seen from a third namespace, an end may look like that of two.
        match matching.other_end(at).filter(|other| matching.other_end(*other) == Some(at)) {
            Some(other) if at < other => pairs.extend(matching.pair(at, other)),
            Some(_) => {}
            None => pairs.extend(matching.pair_with_listener(socket)),
        }
    }
    let named = |((to, at), count): ((&str, SocketAddr), usize)| {
        (Ended { to: to.to_owned(), at: at.to_string() }, count)
    };
    (pairs, ended.into_iter().map(named).collect())
}

struct Matching<'s, 'l> {
    sockets: &'s [InetSocket],
    /// Addresses of this host by namespace, besides loopback.
    own: &'s [(PlaceId, IpAddr)],
    listeners: &'s Listeners<'l>,
    /// The first of the ports that the kernel gives to those that ask for any.
    first_ephemeral: u16,
    by_ends: HashMap<(Protocol, SocketAddr, SocketAddr), Vec<usize>>,
}

impl<'l> Matching<'_, 'l> {
    /// The socket with the same two addresses the other way round: in the same namespace, or the only one in any.
    fn other_end(&self, at: usize) -> Option<usize> {
        let socket = self.sockets.get(at)?;
        let ends = (socket.ends.protocol, socket.ends.remote, socket.ends.local);
        let found = self.by_ends.get(&ends)?;
        let is_near = |other: &&usize| self.sockets.get(**other).is_some_and(|s| s.place == socket.place);
        if let Some(near) = found.iter().find(is_near) {
            return (*near != at).then_some(*near);
        }
        let loopback = socket.ends.remote.ip().is_loopback();
        if loopback || found.len() != 1 { None } else { found.first().copied() }
    }

    fn pair(&self, one: usize, two: usize) -> Option<Pair> {
        let (one, two) = (self.sockets.get(one)?, self.sockets.get(two)?);
        let listens = |s: &InetSocket| self.listeners.at(s.place, s.ends.protocol, s.ends.local);
        let is_ephemeral = |s: &InetSocket| s.ends.local.port() >= self.first_ephemeral;
        let order = match (listens(one), listens(two)) {
            (Some(_), None) => Some((two, one)),
            (None, Some(_)) => Some((one, two)),
            // Its listener may be gone; a client seldom has a port of its own choice.
            _ if is_ephemeral(one) && !is_ephemeral(two) => Some((one, two)),
            _ if is_ephemeral(two) && !is_ephemeral(one) => Some((two, one)),
            _ => None,
        };
        let (client, server) = order.unwrap_or((one, two));
        let service = listens(server).and_then(|found| found.service).filter(|_| order.is_some());
        Some(Pair {
            transport: transport(client.ends.protocol),
            client: end(client, None),
            server: end(server, service),
            at: server.ends.local.to_string(),
            or_at: order.is_none().then(|| client.ends.local.to_string()),
        })
    }

    /// A client whose other end is not among the sockets with a peer: an unconnected UDP socket, a proxy's port.
    fn pair_with_listener(&self, socket: &InetSocket) -> Option<Pair> {
        let service = self.listener_at(socket.place, socket.ends.protocol, socket.ends.remote)?;
        Some(Pair {
            transport: transport(socket.ends.protocol),
            client: end(socket, None),
            server: End { service: Some(service.to_owned()), ..End::default() },
            at: socket.ends.remote.to_string(),
            or_at: None,
        })
    }

    /// The side that closes first keeps the addresses for a minute, whichever it was.
    fn ended(&self, socket: &InetSocket) -> Option<(&'l str, SocketAddr)> {
        let protocol = socket.ends.protocol;
        self.home(socket.place, socket.ends.remote.ip())?;
        let mut ends = [socket.ends.remote, socket.ends.local].into_iter();
        ends.find_map(|at| Some((self.listener_at(socket.place, protocol, at)?, at)))
    }

    /// The service that listens at an address of this host, seen from a namespace.
    fn listener_at(&self, place: PlaceId, protocol: Protocol, address: SocketAddr) -> Option<&'l str> {
        let home = self.home(place, address.ip())?;
        self.listeners.at(home, protocol, address)?.service
    }

    /// The namespace that an address leads to, seen from one; `None` when it is not of this host.
    fn home(&self, place: PlaceId, ip: IpAddr) -> Option<PlaceId> {
        if ip.is_loopback() || self.own.contains(&(place, ip)) {
            return Some(place);
        }
        self.own.iter().find(|(_, own)| *own == ip).map(|(home, _)| *home)
    }
}

fn end(socket: &InetSocket, service: Option<&str>) -> End {
    End {
        inode: socket.ends.inode,
        cgroup: socket.cgroup,
        service: service.map(str::to_owned),
        ..End::default()
    }
}

fn transport(protocol: Protocol) -> Transport {
    if protocol == Protocol::Udp { Transport::Udp } else { Transport::Tcp }
}

#[cfg(test)]
mod tests;
