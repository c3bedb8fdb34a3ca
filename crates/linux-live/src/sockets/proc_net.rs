//! The kernel's tables in `/proc/net`, for what `sock_diag` does not serve on this kernel.
//!
//! The same sockets, told with less: no `v6only`, no cgroup, bound interfaces of packet sockets only. They are read
//! through `/proc/thread-self`, because `/proc/net` shows the namespace of the process, not of the thread.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_model::Protocol;

use super::diag::accepting_state;
use super::{Family, Socket};

/// Largest table that is read: about 400,000 sockets.
const LIMIT: u64 = 64 << 20;

/// Why a table was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum TableError {
    /// The system said no.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// Some line is not what the kernel writes.
    #[error("{0}: line {1} is malformed")]
    Malformed(String, usize),
    /// More than we read.
    #[error("{0}: larger than {LIMIT} bytes")]
    TooLarge(String),
}

/// The sockets of a protocol that accept.
pub(super) fn accepting(family: Family, protocol: Protocol) -> Result<Vec<Socket>, TableError> {
    let path = format!("/proc/thread-self/net/{}", table_name(family, protocol));
    let text = read(&path)?;
    let parse = match protocol {
        Protocol::Packet => |line: &str, _| parse_packet(line).map(|s| vec![s]),
        Protocol::Sctp => |line: &str, _| parse_sctp(line),
        _ => parse_inet,
    };
    let mut sockets = Vec::new();
    for (at, line) in text.lines().enumerate().skip(1) {
        sockets.extend(parse(line, protocol).ok_or_else(|| TableError::Malformed(path.clone(), at + 1))?);
    }
    if protocol == Protocol::Sctp {
        sockets.retain(|s| {
            matches!(
                (s.address, family),
                (Some(IpAddr::V4(_)), Family::V4) | (Some(IpAddr::V6(_)), Family::V6)
            )
        });
    }
    Ok(sockets)
}

/// The protocols that the running kernel has at this moment.
///
/// They are looked up before anything is asked of them: a question for a protocol that is not there makes the kernel
/// load its module, and an audit must not add SCTP to a host.
#[derive(Debug)]
pub(super) struct Registered(Option<String>);

impl Registered {
    pub(super) fn read() -> Self {
        Self(read("/proc/thread-self/net/protocols").ok())
    }

    /// Whether the kernel surely lacks the protocol. When the list cannot be read it may have any.
    pub(super) fn lacks(&self, family: Family, protocol: Protocol) -> bool {
        let name = registered_name(family, protocol);
        let named = |line: &str| line.split_ascii_whitespace().next() == Some(name);
        self.0.as_ref().is_some_and(|text| !text.lines().skip(1).any(named))
    }
}

fn read(path: &str) -> Result<String, TableError> {
    let fail = |e| TableError::Io(path.to_owned(), e);
    let mut text = Vec::new();
    File::open(path).map_err(fail)?.take(LIMIT + 1).read_to_end(&mut text).map_err(fail)?;
    if text.len() as u64 > LIMIT {
        return Err(TableError::TooLarge(path.to_owned()));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn table_name(family: Family, protocol: Protocol) -> String {
    let six = if family == Family::V6 { "6" } else { "" };
    match protocol {
        Protocol::Packet => "packet".into(),
        Protocol::Sctp => "sctp/eps".into(),
        other => format!("{}{six}", other.as_str()),
    }
}

/// The protocol's name in `/proc/net/protocols` (each `struct proto`'s own).
fn registered_name(family: Family, protocol: Protocol) -> &'static str {
    match (protocol, family) {
        (Protocol::Tcp, Family::V4) => "TCP",
        (Protocol::Tcp, Family::V6) => "TCPv6",
        (Protocol::Udp, Family::V4) => "UDP",
        (Protocol::Udp, Family::V6) => "UDPv6",
        (Protocol::Udplite, Family::V4) => "UDP-Lite",
        (Protocol::Udplite, Family::V6) => "UDPLITEv6",
        (Protocol::Sctp, Family::V4) => "SCTP",
        (Protocol::Sctp, Family::V6) => "SCTPv6",
        (Protocol::Packet, _) => "PACKET",
        (_, Family::V4) => "RAW",
        (_, Family::V6) => "RAWv6",
    }
}

/// A line of `tcp`, `udp`, `udplite`, `raw` and their twins for IPv6; nothing for one that does not accept.
fn parse_inet(line: &str, protocol: Protocol) -> Option<Vec<Socket>> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (address, port) = fields.get(1)?.rsplit_once(':')?;
    let state = u8::from_str_radix(fields.get(3)?, 16).ok()?;
    let socket = Socket {
        protocol,
        address: Some(hex_address(address)?),
        port: u16::from_str_radix(port, 16).ok()?,
        v6only: None,
        interface: 0,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
        cgroup: None,
    };
    Some(if state == accepting_state(protocol) { vec![socket] } else { Vec::new() })
}

/// 32-bit words as the machine holds them, each written as a number.
fn hex_address(text: &str) -> Option<IpAddr> {
    if !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 16];
    for (word, out) in text.as_bytes().chunks(8).zip(bytes.chunks_mut(4)) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        out.copy_from_slice(&word.to_ne_bytes());
    }
    match text.len() {
        8 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        32 => Some(Ipv6Addr::from(bytes).to_canonical()),
        _ => None,
    }
}

/// A line of `packet`: `sk RefCnt Type Proto Iface R Rmem User Inode`.
fn parse_packet(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    Some(Socket {
        protocol: Protocol::Packet,
        address: None,
        port: u16::from_str_radix(fields.get(3)?, 16).ok()?,
        v6only: None,
        interface: fields.get(4)?.parse().ok()?,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(8)?.parse().ok()?,
        cgroup: None,
    })
}

/// A line of `sctp/eps`: `ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS...`; one socket for each address.
fn parse_sctp(line: &str) -> Option<Vec<Socket>> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let state: u8 = fields.get(3)?.parse().ok()?;
    let (port, uid, inode) =
        (fields.get(5)?.parse().ok()?, fields.get(6)?.parse().ok()?, fields.get(7)?.parse().ok()?);
    let mut sockets = Vec::new();
    for address in fields.get(8..)? {
        let address: IpAddr = address.parse().ok()?;
        sockets.push(Socket {
            protocol: Protocol::Sctp,
            address: Some(address.to_canonical()),
            port,
            v6only: None,
            interface: 0,
            uid,
            inode,
            cgroup: None,
        });
    }
    Some(if state == accepting_state(Protocol::Sctp) { sockets } else { Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn lines_as_the_kernel_writes_them() {
        let tcp = "   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   104        0 3735 1 \
                   0000000000000000 100 0 0 10 0";
        let socket = parse_inet(tcp, Protocol::Tcp).unwrap().remove(0);
        assert_eq!((socket.address, socket.port), (Some(Ipv4Addr::LOCALHOST.into()), 3306));
        assert_eq!((socket.uid, socket.inode), (104, 3735));
        let established = tcp.replace(" 0A ", " 01 ");
        assert_eq!(parse_inet(&established, Protocol::Tcp), Some(vec![]));
        let raw6 = "   58: 00000000000000000000000000000000:003A 00000000000000000000000000000000:0000 07 \
                    00000000:00000000 00:00000000 00000000     0        0 55 2 0000000000000000 0";
        let socket = parse_inet(raw6, Protocol::Raw).unwrap().remove(0);
        assert_eq!((socket.address, socket.port), (Some(Ipv6Addr::UNSPECIFIED.into()), 58));
        let mapped = hex_address("0000000000000000FFFF00000100007F");
        assert_eq!(mapped, Some(Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn packet_and_sctp_lines() {
        let packet = parse_packet("ffff88800 3      3    88cc   2     1 0      101    77").unwrap();
        assert_eq!((packet.port, packet.interface, packet.uid, packet.inode), (0x88cc, 2, 101, 77));
        let line =
            " ffff8 ffff9 2   10  29   5060   7   88 192.0.2.1 2001:0db8:0000:0000:0000:0000:0000:0001 ";
        let sockets = parse_sctp(line).unwrap();
        assert_eq!(sockets.len(), 2);
        assert_eq!((sockets[1].port, sockets[1].inode, sockets[1].uid), (5060, 88, 7));
        assert_eq!(sockets[1].address, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(parse_sctp(" a b 2 7 29 5060 7 88 192.0.2.1"), Some(vec![]));
    }

    #[test]
    fn the_running_kernel_has_tcp() {
        assert!(!Registered::read().lacks(Family::V4, Protocol::Tcp));
        let other = Registered(Some("protocol  size\nUDP 1 2\n".into()));
        assert!(other.lacks(Family::V4, Protocol::Tcp) && !other.lacks(Family::V4, Protocol::Udp));
        assert!(!Registered(None).lacks(Family::V4, Protocol::Sctp));
    }

    proptest! {
        #[test]
        fn arbitrary_lines_never_panic(line in ".{0,200}", word in "[0-9A-Fa-fé]{0,40}") {
            let _ = parse_inet(&line, Protocol::Udp);
            let _ = parse_packet(&line);
            let _ = parse_sctp(&line);
            let _ = hex_address(&word);
        }
    }
}
