//! The kernel's table of UNIX sockets, for kernels whose `sock_diag` does not serve them. It tells no peers.

use std::fs::File;
use std::io::Read as _;

use super::{SocketKind, State, UnixSocket};

/// Largest table that is read: about 500,000 sockets.
const LIMIT: u64 = 32 << 20;

/// `__SO_ACCEPTCON` of the column of flags: it listens.
const ACCEPTS: u32 = 1 << 16;
/// `SOCK_DGRAM`.
const DATAGRAM: u16 = 2;
/// `SS_CONNECTED`.
const CONNECTED: u8 = 3;

/// Every UNIX socket of the network namespace that this thread is in.
pub(super) fn list() -> Result<Vec<UnixSocket>, String> {
    let path = "/proc/thread-self/net/unix";
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|f| f.take(LIMIT).read_to_end(&mut bytes));
    read.map_err(|e| format!("{path}: {e}"))?;
    if bytes.len() as u64 == LIMIT {
        return Err(format!("{path}: larger than {LIMIT} bytes"));
    }
    let text = String::from_utf8_lossy(&bytes);
    // A name may hold line breaks: what follows one is no line of the table.
    Ok(text.lines().skip(1).filter_map(parse).collect())
}

/// `Num RefCount Protocol Flags Type St Inode Path`.
fn parse(line: &str) -> Option<UnixSocket> {
    let mut rest = line;
    let mut word = || {
        let (word, after) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
        rest = after;
        Some(word).filter(|w| !w.is_empty())
    };
    let flags =
        u32::from_str_radix(word().and_then(|_| word()).and_then(|_| word()).and_then(|_| word())?, 16);
    let kind = u16::from_str_radix(word()?, 16).ok()?;
    let state = u8::from_str_radix(word()?, 16).ok()?;
    let inode = word()?.parse().ok()?;
    Some(UnixSocket {
        inode,
        kind: if kind == DATAGRAM { SocketKind::Datagram } else { SocketKind::Connected },
        state: match (flags.ok()? & ACCEPTS != 0, state) {
            (true, _) => State::Listening,
            (false, CONNECTED) => State::Established,
            (false, _) => State::Other,
        },
        name: (!rest.is_empty()).then(|| rest.to_owned()),
        ..UnixSocket::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_as_the_kernel_writes_them() {
        let line = "ffff8880042d: 00000002 00000000 00010000 0001 01 21437 /run/a b.sock";
        let socket = parse(line).unwrap();
        assert!(socket.accepts());
        assert_eq!((socket.inode, socket.name.as_deref()), (21437, Some("/run/a b.sock")));
        let bus = parse("0000000000000000: 00000003 00000000 00000000 0001 03 20985 @a/bus/systemd").unwrap();
        assert_eq!((bus.state, bus.accepts()), (State::Established, false));
        let datagram = parse("0000: 00000002 00000000 00000000 0002 01   12 /run/systemd/notify").unwrap();
        assert!(datagram.accepts());
        assert_eq!(parse("0000: 00000002 00000000 00000000 0001 03 21446").unwrap().name, None);
        assert_eq!(parse("Num       RefCount Protocol Flags    Type St Inode Path"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_lines_never_panic(line in ".{0,120}") {
            let _ = parse(&line);
        }
    }
}
