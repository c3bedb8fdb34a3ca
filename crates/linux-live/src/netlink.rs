//! Netlink by hand: one request, the answers of one dump, attributes; every length checked.
//!
//! Used for `sock_diag` and rtnetlink alike. The message crates that exist know a part of what is
//! needed here (no packet, SCTP or `v6only` facts), so the whole is done in one small way instead of two.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::Timeout;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP_REQUEST: u16 = 0x301;
/// `NLM_F_DUMP_INTR`: the table changed while it was listed.
const INTERRUPTED: u16 = 0x10;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The kernel fills at most 32 KiB for one read of a dump (`netlink_dump`).
const BUFFER: usize = 64 << 10;
/// How often a dump is begun anew when its table changes meanwhile.
const TRIES: u32 = 4;
/// The kernel answers at once; this only keeps a wonder from hanging us.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why an answer is not complete. Its text is a sentence fragment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetlinkError {
    /// The kernel said no.
    #[error("netlink: {0}")]
    Refused(Errno),
    /// Sending or receiving failed.
    #[error("netlink: {0}")]
    Io(#[from] io::Error),
    /// The table never stood still.
    #[error("netlink: the kernel's table changed during each of {TRIES} listings")]
    Unsteady,
    /// A message contradicts itself.
    #[error("netlink: malformed message ({0})")]
    Malformed(&'static str),
}

impl From<Errno> for NetlinkError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// A netlink socket that talks to the kernel alone, of the network namespace that its thread was in when it opened.
#[derive(Debug)]
pub(crate) struct Netlink {
    protocol: Option<Protocol>,
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
    /// Whether a listing was broken off, so that its answers are still on their way.
    broken: bool,
}

impl Netlink {
    /// Opens one; `None` as protocol is rtnetlink.
    pub(crate) fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        rustix::net::sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        // Connected to the kernel, it takes no messages from other processes.
        rustix::net::connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self { protocol, socket, buffer: Vec::with_capacity(BUFFER), sequence: 0, broken: false })
    }

    /// Lists a table: sends `payload` as a dump request of that type and keeps what `parse` makes of each answer's
    /// type and payload. When the table changes meanwhile, or answers are lost, the listing begins anew, a bounded
    /// number of times.
    pub(crate) fn dump<T>(
        &mut self,
        kind: u16,
        payload: &[u8],
        mut parse: impl FnMut(u16, &[u8]) -> Result<Option<T>, NetlinkError>,
    ) -> Result<Vec<T>, NetlinkError> {
        if self.broken {
            *self = Self::open(self.protocol)?;
        }
        for _ in 0..TRIES {
            self.send(kind, payload)?;
            let mut found = Vec::new();
            let received = self.receive(|kind, payload| {
                found.extend(parse(kind, payload)?);
                Ok(())
            });
            self.broken = !matches!(received, Ok(_) | Err(NetlinkError::Refused(_)));
            if received? {
                return Ok(found);
            }
        }
        Err(NetlinkError::Unsteady)
    }

    fn send(&mut self, kind: u16, payload: &[u8]) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let message = message(kind, DUMP_REQUEST, self.sequence, payload)?;
        let sent = rustix::net::send(&self.socket, &message, SendFlags::empty())?;
        if sent == message.len() { Ok(()) } else { Err(NetlinkError::Malformed("request sent in part")) }
    }

    /// Receives a listing to its end. Returns whether it is whole and the table stood still.
    fn receive(
        &mut self,
        mut each: impl FnMut(u16, &[u8]) -> Result<(), NetlinkError>,
    ) -> Result<bool, NetlinkError> {
        let sequence = self.sequence;
        let mut steady = true;
        loop {
            let bytes = match self.receive_once() {
                Err(NetlinkError::Io(e)) if e.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
                    steady = false; // overrun: something is lost, the rest still comes
                    continue;
                }
                other => other?,
            };
            for message in (Messages { rest: bytes }) {
                let message = message?;
                if message.sequence != sequence {
                    continue;
                }
                steady &= message.flags & INTERRUPTED == 0;
                if matches!(message.kind, DONE | ERROR) {
                    message.refusal()?;
                    return Ok(steady);
                }
                each(message.kind, message.payload)?;
            }
        }
    }

    fn receive_once(&mut self) -> Result<&[u8], NetlinkError> {
        let (length, real) = loop {
            self.buffer.clear();
            let room = rustix::buffer::spare_capacity(&mut self.buffer);
            match rustix::net::recv(&self.socket, room, RecvFlags::TRUNC) {
                Err(Errno::INTR) => {}
                other => break other?,
            }
        };
        if real > length {
            return Err(NetlinkError::Malformed("longer than the buffer"));
        }
        Ok(&self.buffer)
    }
}

fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Result<Vec<u8>, NetlinkError> {
    let length =
        u32::try_from(HEADER + payload.len()).map_err(|_| NetlinkError::Malformed("request too long"))?;
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend(0u32.to_ne_bytes()); // the kernel fills in our address
    out.extend(payload);
    Ok(out)
}

#[derive(Debug)]
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

impl Message<'_> {
    /// The error that an `NLMSG_ERROR` or `NLMSG_DONE` carries, negative as the kernel has it; 0 is an agreement.
    fn refusal(&self) -> Result<(), NetlinkError> {
        if !matches!(self.kind, ERROR | DONE) {
            return Ok(());
        }
        match u32_at(self.payload, 0).map(u32::cast_signed) {
            Some(code) if code < 0 => {
                Err(NetlinkError::Refused(Errno::from_raw_os_error(code.saturating_neg())))
            }
            Some(_) => Ok(()),
            None if self.kind == DONE => Ok(()), // older kernels send none
            None => Err(NetlinkError::Malformed("error without a number")),
        }
    }
}

/// The messages of one datagram.
struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, NetlinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let parsed = (|| {
            let length = usize::try_from(u32_at(self.rest, 0)?).ok()?;
            let message = Message {
                kind: u16_at(self.rest, 4)?,
                flags: u16_at(self.rest, 6)?,
                sequence: u32_at(self.rest, 8)?,
                payload: self.rest.get(HEADER..length)?,
            };
            Some((message, length))
        })();
        let Some((message, length)) = parsed else {
            self.rest = &[];
            return Some(Err(NetlinkError::Malformed("length beyond the datagram")));
        };
        self.rest = self.rest.get(aligned(length)..).unwrap_or_default();
        Some(Ok(message))
    }
}

/// The attributes of a message: type (without its flag bits) and value. Ends at the first that is cut short.
pub(crate) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & 0x3fff;
        let value = rest.get(4..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// One attribute, ready to send.
pub(crate) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut out = Vec::with_capacity(aligned(4 + value.len()));
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(value);
    out.resize(aligned(out.len()), 0);
    out
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// A number in the machine's byte order.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number in the machine's byte order.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number in the machine's byte order.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number in the network's byte order.
pub(crate) fn be16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Text up to its terminating zero, lossily.
pub(crate) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|b| *b == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_come_back_as_they_were_sent() {
        let mut bytes = attribute(3, b"eth0\0");
        bytes.extend(attribute(0x8012, &7u32.to_ne_bytes()));
        let found: Vec<_> = attributes(&bytes).map(|(kind, value)| (kind, value.to_vec())).collect();
        assert_eq!(found, [(3, b"eth0\0".to_vec()), (18, 7u32.to_ne_bytes().to_vec())]);
        assert_eq!(text(b"eth0\0x"), "eth0");
    }

    #[test]
    fn refusals_and_cut_messages_are_errors() {
        let refusal = message(ERROR, 0, 1, &(-2i32).to_ne_bytes()).unwrap();
        let parsed: Vec<_> = Messages { rest: &refusal }.collect::<Result<_, _>>().unwrap();
        assert!(matches!(parsed[0].refusal(), Err(NetlinkError::Refused(Errno::NOENT))));
        let cut = &refusal[..refusal.len() - 1];
        assert!(Messages { rest: cut }.next().unwrap().is_err());
        let zero = [0; 64];
        assert_eq!(Messages { rest: &zero }.count(), 1, "a length of zero must not loop");
    }

    #[test]
    fn the_kernel_refuses_what_it_does_not_know() {
        let mut netlink = Netlink::open(Some(rustix::net::netlink::SOCK_DIAG)).unwrap();
        let error = netlink.dump(20, &[250, 0, 0, 0], |_, _| Ok(Some(()))).unwrap_err();
        assert!(matches!(error, NetlinkError::Refused(_)), "{error}");
    }

    #[test]
    fn a_listing_that_was_broken_off_does_not_disturb_the_next() {
        let mut netlink = Netlink::open(None).unwrap();
        let links = |n: &mut Netlink| n.dump(18, &[0; 16], |_, _| Ok(Some(()))).map(|l| l.len());
        let all = links(&mut netlink).unwrap();
        let broken = netlink.dump::<()>(18, &[0; 16], |_, _| Err(NetlinkError::Malformed("test")));
        assert!(matches!(broken, Err(NetlinkError::Malformed("test"))));
        assert_eq!(links(&mut netlink).unwrap(), all);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let messages = Messages { rest: &bytes }.count();
            prop_assert!(messages <= bytes.len());
            prop_assert!(attributes(&bytes).count() <= bytes.len());
        }
    }
}
