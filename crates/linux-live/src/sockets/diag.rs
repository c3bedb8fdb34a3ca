//! Messages of `sock_diag` (`sock_diag(7)`, `linux/inet_diag.h`, `linux/packet_diag.h`): what we ask, what we get.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use doorward_model::Protocol;

use super::{Connected, Family, Socket};
use crate::netlink::{Netlink, NetlinkError, attributes, be16_at, u16_at, u32_at, u64_at};

/// `SOCK_DIAG_BY_FAMILY`.
pub(crate) const BY_FAMILY: u16 = 20;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const AF_PACKET: u8 = 17;

/// TCP's states, which every protocol here borrows.
pub(crate) const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
pub(crate) const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;
pub(crate) const LISTEN: u8 = 10;

/// `struct inet_diag_msg`.
pub(crate) const INET_MESSAGE: usize = 72;
/// Its attributes.
const INET_LOCALS: u16 = 12;
const INET_V6ONLY: u16 = 11;
pub(crate) const INET_CGROUP: u16 = 21;
/// `struct packet_diag_msg`, its flag `PACKET_SHOW_INFO`, its attributes.
const PACKET_MESSAGE: usize = 16;
const PACKET_SHOW_INFO: u32 = 1;
const PACKET_INFO: u16 = 0;
const PACKET_UID: u16 = 5;
/// `struct sockaddr_storage`.
const STORAGE: usize = 128;

/// The state in which a socket of that protocol takes what anybody sends.
pub(super) fn accepting_state(protocol: Protocol) -> u8 {
    if matches!(protocol, Protocol::Tcp | Protocol::Sctp) { LISTEN } else { CLOSE }
}

/// `sock_diag` of the network namespace that this thread is in.
#[derive(Debug)]
pub(super) struct Diag(Netlink);

impl Diag {
    pub(super) fn open() -> Result<Self, NetlinkError> {
        Ok(Self(Netlink::open(Some(rustix::net::netlink::SOCK_DIAG))?))
    }

    /// The sockets of a protocol that accept. The family is of no matter to packet sockets.
    pub(super) fn accepting(
        &mut self,
        family: Family,
        protocol: Protocol,
    ) -> Result<Vec<Socket>, NetlinkError> {
        if protocol == Protocol::Packet {
            return self.dump(&packet_request(), |payload| {
                parse_packet(payload).map(Some).ok_or(NetlinkError::Malformed("packet_diag"))
            });
        }
        let state = accepting_state(protocol);
        let answers = self.dump(&inet_request(family, protocol, 1 << state), |payload| {
            let sockets = parse_inet(protocol, payload).ok_or(NetlinkError::Malformed("inet_diag"))?;
            Ok((payload.get(1) == Some(&state)).then_some(sockets))
        })?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// The sockets of an IP protocol that have a peer, at most `limit`; and whether there were more.
    pub(super) fn connected(
        &mut self,
        family: Family,
        protocol: Protocol,
        limit: usize,
    ) -> Result<(Vec<Connected>, bool), NetlinkError> {
        let states = 1 << ESTABLISHED | 1 << SYN_SENT | 1 << CLOSE_WAIT;
        let mut count = 0;
        let found = self.dump(&inet_request(family, protocol, states), |payload| {
            count += 1;
            if count > limit {
                return Ok(None);
            }
            parse_connected(protocol, payload).map(Some).ok_or(NetlinkError::Malformed("inet_diag"))
        })?;
        Ok((found, count > limit))
    }

    fn dump<T>(
        &mut self,
        request: &[u8],
        mut parse: impl FnMut(&[u8]) -> Result<Option<T>, NetlinkError>,
    ) -> Result<Vec<T>, NetlinkError> {
        self.0.dump(BY_FAMILY, request, |_, payload| parse(payload))
    }
}

/// `struct inet_diag_req_v2`: family, protocol, no extensions, states, and a socket id of zeros for all.
pub(crate) fn inet_request(family: Family, protocol: Protocol, states: u32) -> Vec<u8> {
    let family = match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    };
    // IPPROTO_*
    let number = match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
        Protocol::Udplite => 136,
        _ => 255,
    };
    let mut out = vec![family, number, 0, 0];
    out.extend(states.to_ne_bytes());
    out.resize(56, 0);
    out
}

/// `struct packet_diag_req`.
fn packet_request() -> Vec<u8> {
    let mut out = vec![AF_PACKET, 0, 0, 0];
    out.extend(0u32.to_ne_bytes()); // any inode
    out.extend(PACKET_SHOW_INFO.to_ne_bytes());
    out.extend([0; 8]); // any cookie
    out
}

/// One socket, or one for each address of an SCTP socket that has several.
fn parse_inet(protocol: Protocol, payload: &[u8]) -> Option<Vec<Socket>> {
    let family = *payload.first()?;
    let mut socket = Socket {
        protocol,
        address: Some(address(family, payload.get(8..24)?)?),
        port: be16_at(payload, 4)?,
        v6only: None,
        interface: u32_at(payload, 40)?,
        uid: u32_at(payload, 64)?,
        inode: u64::from(u32_at(payload, 68)?),
        cgroup: None,
    };
    let mut locals = Vec::new();
    for (kind, value) in attributes(payload.get(INET_MESSAGE..)?) {
        match kind {
            INET_V6ONLY => socket.v6only = value.first().map(|v| *v != 0),
            INET_CGROUP => socket.cgroup = u64_at(value, 0),
            INET_LOCALS if protocol == Protocol::Sctp => {
                locals.extend(value.chunks_exact(STORAGE).filter_map(stored));
            }
            _ => {}
        }
    }
    if socket.address != Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) {
        socket.v6only = None; // a bound address decides by itself
    }
    if locals.is_empty() {
        return Some(vec![socket]);
    }
    Some(locals.into_iter().map(|address| Socket { address: Some(address), ..socket.clone() }).collect())
}

pub(crate) fn parse_connected(protocol: Protocol, payload: &[u8]) -> Option<Connected> {
    let family = *payload.first()?;
    Some(Connected {
        protocol,
        local: SocketAddr::new(address(family, payload.get(8..24)?)?, be16_at(payload, 4)?),
        remote: SocketAddr::new(address(family, payload.get(24..40)?)?, be16_at(payload, 6)?),
        inode: u64::from(u32_at(payload, 68)?),
    })
}

fn parse_packet(payload: &[u8]) -> Option<Socket> {
    let mut socket = Socket {
        protocol: Protocol::Packet,
        address: None,
        port: u16_at(payload, 2)?,
        v6only: None,
        interface: 0,
        uid: u32::MAX,
        inode: u64::from(u32_at(payload, 4)?),
        cgroup: None,
    };
    for (kind, value) in attributes(payload.get(PACKET_MESSAGE..)?) {
        match kind {
            PACKET_INFO => socket.interface = u32_at(value, 0)?,
            PACKET_UID => socket.uid = u32_at(value, 0)?,
            _ => {}
        }
    }
    Some(socket)
}

/// An address of 16 bytes, of which IPv4 uses 4. IPv4 in an IPv6 socket's clothes is IPv4.
fn address(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        AF_INET6 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).to_canonical()),
        _ => None,
    }
}

/// The address of a `struct sockaddr_storage`.
fn stored(bytes: &[u8]) -> Option<IpAddr> {
    let family = u8::try_from(u16_at(bytes, 0)?).ok()?;
    address(family, bytes.get(if family == AF_INET6 { 8 } else { 4 }..)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink;
    use proptest::prelude::*;

    /// An answer of Linux 6.18 for a TCP listener on `[::]:21` that takes IPv4 too (inode 3735, cgroup 2209).
    fn dual_stack() -> Vec<u8> {
        let mut bytes = vec![AF_INET6, LISTEN, 0, 0, 0, 21, 0, 0];
        bytes.extend([0; 32]);
        bytes.extend([0; 4]); // interface
        bytes.extend([7; 8]); // cookie
        bytes.extend([0; 4]); // expires
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(32u32.to_ne_bytes());
        bytes.extend(112u32.to_ne_bytes());
        bytes.extend(3735u32.to_ne_bytes());
        bytes.extend(netlink::attribute(8, &[0]));
        bytes.extend(netlink::attribute(INET_V6ONLY, &[0]));
        bytes.extend(netlink::attribute(INET_CGROUP, &2209u64.to_ne_bytes()));
        bytes
    }

    #[test]
    fn a_dual_stack_listener() {
        let sockets = parse_inet(Protocol::Tcp, &dual_stack()).unwrap();
        let [socket] = sockets.as_slice() else { panic!("{sockets:?}") };
        assert_eq!((socket.address, socket.port), (Some(Ipv6Addr::UNSPECIFIED.into()), 21));
        assert_eq!((socket.v6only, socket.interface), (Some(false), 0));
        assert_eq!((socket.uid, socket.inode, socket.cgroup), (112, 3735, Some(2209)));
    }

    #[test]
    fn an_sctp_listener_has_all_its_addresses() {
        let mut storage = vec![0; 2 * STORAGE];
        storage[..2].copy_from_slice(&u16::from(AF_INET).to_ne_bytes());
        storage[4..8].copy_from_slice(&[192, 0, 2, 1]);
        storage[STORAGE..STORAGE + 2].copy_from_slice(&u16::from(AF_INET6).to_ne_bytes());
        storage[STORAGE + 8..STORAGE + 24].copy_from_slice(&Ipv6Addr::LOCALHOST.octets());
        let mut bytes = dual_stack();
        bytes.extend(netlink::attribute(INET_LOCALS, &storage));
        let found: Vec<_> =
            parse_inet(Protocol::Sctp, &bytes).unwrap().iter().map(|s| s.address.unwrap()).collect();
        assert_eq!(found, [IpAddr::from([192, 0, 2, 1]), Ipv6Addr::LOCALHOST.into()]);
        assert_eq!(parse_inet(Protocol::Tcp, &bytes).unwrap().len(), 1);
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mut bytes = dual_stack();
        bytes[8..24].copy_from_slice(&Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets());
        let socket = parse_inet(Protocol::Tcp, &bytes).unwrap().remove(0);
        assert_eq!((socket.address, socket.v6only), (Some(Ipv4Addr::LOCALHOST.into()), None));
    }

    #[test]
    fn cut_messages_are_refused() {
        let whole = dual_stack();
        for length in 0..INET_MESSAGE {
            assert_eq!(parse_inet(Protocol::Tcp, &whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_packet_socket_of_one_interface() {
        let mut bytes = vec![AF_PACKET, 3];
        bytes.extend(0x88ccu16.to_ne_bytes());
        bytes.extend(77u32.to_ne_bytes());
        bytes.extend([0; 8]);
        let mut info = 2u32.to_ne_bytes().to_vec();
        info.extend([0; 20]);
        bytes.extend(netlink::attribute(PACKET_INFO, &info));
        bytes.extend(netlink::attribute(PACKET_UID, &101u32.to_ne_bytes()));
        let socket = parse_packet(&bytes).unwrap();
        assert_eq!((socket.port, socket.interface, socket.uid, socket.inode), (0x88cc, 2, 101, 77));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_inet(Protocol::Sctp, &bytes);
            let _ = parse_connected(Protocol::Tcp, &bytes);
            let _ = parse_packet(&bytes);
        }
    }
}
