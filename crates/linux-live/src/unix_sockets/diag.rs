//! Messages of `sock_diag` for UNIX sockets (`sock_diag(7)`, `linux/unix_diag.h`).

use super::{SocketKind, State, UnixSocket, name};
use crate::netlink::{Netlink, NetlinkError, attributes, u32_at};
use crate::sockets::diag::{BY_FAMILY, ESTABLISHED, LISTEN};

/// More sockets than this, in one namespace, are not looked at.
pub(crate) const LIMIT: usize = 200_000;

const AF_UNIX: u8 = 1;
/// `SOCK_DGRAM`.
const DATAGRAM: u8 = 2;

/// `UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS`.
const SHOW: u32 = 1 | 4 | 8;
/// `struct unix_diag_msg`.
const MESSAGE: usize = 16;
/// Its attributes.
const NAME: u16 = 0;
const PEER: u16 = 2;
const ICONS: u16 = 3;

/// Every UNIX socket of the network namespace that `netlink` (of `sock_diag`) was opened in, by inode; and whether
/// there were more than [`LIMIT`].
pub(crate) fn list(netlink: &mut Netlink) -> Result<(Vec<UnixSocket>, bool), NetlinkError> {
    let mut count = 0;
    let mut found = netlink.dump(BY_FAMILY, &request(), |_, payload| {
        count += 1;
        if count > LIMIT {
            return Ok(None);
        }
        parse(payload).map(Some).ok_or(NetlinkError::Malformed("unix_diag"))
    })?;
    // A listing that goes on while sockets come may tell one twice.
    found.sort_unstable_by_key(|s| s.inode);
    found.dedup_by_key(|s| s.inode);
    Ok((found, count > LIMIT))
}

/// `struct unix_diag_req`: all states, any inode.
fn request() -> Vec<u8> {
    let mut out = vec![AF_UNIX, 0, 0, 0];
    out.extend(u32::MAX.to_ne_bytes());
    out.extend(0u32.to_ne_bytes());
    out.extend(SHOW.to_ne_bytes());
    out.extend([0; 8]); // any cookie
    out
}

fn parse(payload: &[u8]) -> Option<UnixSocket> {
    let mut socket = UnixSocket {
        kind: if *payload.get(1)? == DATAGRAM { SocketKind::Datagram } else { SocketKind::Connected },
        state: match *payload.get(2)? {
            LISTEN => State::Listening,
            ESTABLISHED => State::Established,
            _ => State::Other,
        },
        inode: u64::from(u32_at(payload, 4)?),
        ..UnixSocket::default()
    };
    for (kind, value) in attributes(payload.get(MESSAGE..)?) {
        match kind {
            NAME => socket.name = name::of_bytes(value),
            PEER => socket.peer = u32_at(value, 0).map(u64::from),
            ICONS => {
                let inodes = value.chunks_exact(4).filter_map(|c| u32_at(c, 0)).map(u64::from);
                socket.pending = inodes.filter(|i| *i != 0).collect();
            }
            _ => {}
        }
    }
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attribute;
    use proptest::prelude::*;

    fn message(kind: u8, state: u8, inode: u32) -> Vec<u8> {
        let mut bytes = vec![AF_UNIX, kind, state, 0];
        bytes.extend(inode.to_ne_bytes());
        bytes.extend([9; 8]); // cookie
        bytes
    }

    #[test]
    fn a_listener_with_one_that_waits() {
        let mut bytes = message(1, LISTEN, 77);
        bytes.extend(attribute(NAME, b"/run/a.sock\0"));
        let pending = [0u32.to_ne_bytes(), 88u32.to_ne_bytes()].concat();
        bytes.extend(attribute(ICONS, &pending));
        let socket = parse(&bytes).unwrap();
        assert!(socket.accepts());
        assert_eq!((socket.name.as_deref(), socket.inode), (Some("/run/a.sock"), 77));
        assert_eq!(socket.pending, [88]);
    }

    #[test]
    fn datagram_sockets_accept_while_they_have_no_peer() {
        let mut bytes = message(DATAGRAM, ESTABLISHED, 5);
        bytes.extend(attribute(NAME, b"/run/systemd/notify\0"));
        assert!(parse(&bytes).unwrap().accepts());
        bytes.extend(attribute(PEER, &6u32.to_ne_bytes()));
        let client = parse(&bytes).unwrap();
        assert_eq!((client.peer, client.accepts()), (Some(6), false));
        let mut bytes = message(DATAGRAM, 7, 5);
        bytes.extend(attribute(NAME, b"\x000002a"));
        assert!(!parse(&bytes).unwrap().accepts(), "a name that the kernel made up");
        assert!(!parse(&message(1, ESTABLISHED, 5)).unwrap().accepts());
    }

    #[test]
    fn cut_messages_are_refused() {
        let whole = message(1, LISTEN, 77);
        assert!((0..whole.len()).all(|length| parse(&whole[..length]).is_none()));
        assert!(parse(&whole).is_some());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
