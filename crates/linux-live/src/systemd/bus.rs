//! A client of the system bus that never waits longer than it was told.
//!
//! zbus makes the messages and takes them apart; the conversation itself is kept here, because an audit must end when
//! the bus does not: one point in time bounds connecting, writing and reading together, no message is larger than a
//! bound, and many questions are on their way before the first answer is read.

use std::io::{self, Read as _, Write as _};
use std::num::NonZeroU32;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use zbus::message::Flags;
use zbus::{Message, as_variant};

use frame::{Frame, Kind};

mod frame;

/// Questions that may be unanswered at once; the bus itself refuses more than 128 (`max_replies_per_connection`).
const WINDOW: usize = 64;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// Bytes that are taken from the bus in all.
const LIMIT: usize = 256 << 20;

/// The longest line of the introduction.
const LINE_LIMIT: usize = 4096;

/// The bus itself, as a name on it.
pub(super) const DBUS: &str = "org.freedesktop.DBus";

/// A question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) to: &'static str,
    pub(super) path: &'a str,
    pub(super) interface: &'static str,
    pub(super) method: &'static str,
    pub(super) arguments: Arguments<'a>,
}

/// What a question says besides itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arguments<'a> {
    None,
    One(&'a str),
    Two(&'a str, &'a str),
}

/// Why a conversation ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum BusError {
    #[error("no answer in time")]
    Silent,
    #[error("{0}")]
    Io(#[source] io::Error),
    #[error("it hung up")]
    Closed,
    #[error("it does not let us in: {0:.200}")]
    Rejected(String),
    #[error("it does not speak D-Bus: {0}")]
    Garbage(&'static str),
}

/// What to try when a bus or a manager says nothing.
pub(super) const IS_IT_WELL: &str = "see whether `systemctl list-units` answers";

impl BusError {
    /// What would mend it.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Io(e) if e.kind() == io::ErrorKind::PermissionDenied => "run as root",
            Self::Io(e) if e.kind() == io::ErrorKind::NotFound => "start the system bus (dbus.socket)",
            Self::Rejected(_) => "run as root",
            Self::Silent | Self::Io(_) | Self::Closed | Self::Garbage(_) => IS_IT_WELL,
        }
    }
}

/// The name of an error that answers a question: `org.freedesktop.DBus.Error.AccessDenied`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

/// A conversation.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    until: Instant,
    serial: u32,
    /// Read and not yet understood.
    input: Vec<u8>,
    taken: usize,
}

impl Bus {
    /// Says hello to the bus that listens at `socket`. All of the conversation ends at `until`.
    pub(super) fn open(socket: &Path, until: Instant) -> Result<Self, BusError> {
        let stream = connect(socket, until)?;
        let mut bus = Self { stream, until, serial: 0, input: Vec::new(), taken: 0 };
        bus.introduce()?;
        let hello = Call {
            to: DBUS,
            path: "/org/freedesktop/DBus",
            interface: DBUS,
            method: "Hello",
            arguments: Arguments::None,
        };
        let mut refused = None;
        bus.ask(&[hello], |_, answer| refused = answer.err())?;
        refused.map_or(Ok(bus), |Refusal(name)| Err(BusError::Rejected(name)))
    }

    /// Asks all `calls`, and hands each answer over with the position of its question, in any order.
    pub(super) fn ask(
        &mut self,
        calls: &[Call<'_>],
        mut answer: impl FnMut(usize, Result<&Reply<'_>, Refusal>),
    ) -> Result<(), BusError> {
        let first = self.serial + 1;
        let mut sent = 0;
        let mut answered = vec![false; calls.len()];
        let mut open = 0;
        while sent < calls.len() || open > 0 {
            let next: Vec<_> = calls.iter().skip(sent).take(WINDOW - open).collect();
            self.send(&next)?;
            sent += next.len();
            open += next.len();
            let mut input = std::mem::take(&mut self.input);
            self.read_into(&mut input)?;
            let mut rest = input.as_slice();
            while let Some((frame, length)) = Frame::parse(rest).map_err(BusError::Garbage)? {
                let asked = frame.reply_to.checked_sub(first).and_then(|n| usize::try_from(n).ok());
                let asked = asked.filter(|n| *n < sent && answered.get(*n) == Some(&false));
                // Whatever answers no question of ours is not for us: signals, mostly.
                if let Some((n, seen)) = asked.and_then(|n| Some((n, answered.get_mut(n)?))) {
                    match frame.kind {
                        Kind::Return => answer(n, Ok(&Reply(&frame))),
                        Kind::Error => answer(n, Err(Refusal(frame.error.clone()))),
                        Kind::Other => {}
                    }
                    if frame.kind != Kind::Other {
                        *seen = true;
                        open -= 1;
                    }
                }
                rest = rest.get(length..).unwrap_or_default();
            }
            let understood = input.len() - rest.len();
            input.drain(..understood);
            self.input = input;
        }
        Ok(())
    }

    /// Who we are, in the words that come before messages.
    fn introduce(&mut self) -> Result<(), BusError> {
        let uid = rustix::process::geteuid().as_raw().to_string();
        // The id's digits as text, and that in hexadecimal, where each digit `n` is `3n`.
        let hex: String = uid.chars().flat_map(|digit| ['3', digit]).collect();
        self.write(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            if line.len() > LINE_LIMIT {
                return Err(BusError::Garbage("its greeting does not end"));
            }
            self.read_into(&mut line)?;
        }
        let line = String::from_utf8_lossy(&line);
        match line.split_ascii_whitespace().next() {
            Some("OK") => self.write(b"BEGIN\r\n"),
            Some("REJECTED" | "ERROR") => Err(BusError::Rejected(line.trim_end().to_owned())),
            _ => Err(BusError::Garbage("it answers a greeting with something else")),
        }
    }

    fn send(&mut self, calls: &[&Call<'_>]) -> Result<(), BusError> {
        let mut bytes = Vec::with_capacity(calls.len() * 256);
        for call in calls {
            self.serial += 1;
            let serial = NonZeroU32::new(self.serial).unwrap_or(NonZeroU32::MIN);
            bytes.extend_from_slice(message(call, serial)?.data().bytes());
        }
        self.write(&bytes)
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), BusError> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(left(self.until)?)).map_err(BusError::Io)?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(BusError::Closed),
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(e) => failed(e)?,
            }
        }
        Ok(())
    }

    /// Appends what comes next to `input`.
    fn read_into(&mut self, input: &mut Vec<u8>) -> Result<(), BusError> {
        let before = input.len();
        loop {
            self.stream.set_read_timeout(Some(left(self.until)?)).map_err(BusError::Io)?;
            input.resize(before + CHUNK, 0);
            let read = self.stream.read(input.get_mut(before..).unwrap_or_default());
            input.truncate(before + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => return Err(BusError::Closed),
                Ok(n) => {
                    self.taken += n;
                    return if self.taken > LIMIT {
                        Err(BusError::Garbage("it does not end"))
                    } else {
                        Ok(())
                    };
                }
                Err(e) => failed(e)?,
            }
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply<'a>(&'a Frame<'a>);

impl Reply<'_> {
    /// What it says, if it is of that type.
    pub(super) fn read<T: serde::de::DeserializeOwned + zbus::Type>(&self) -> Option<T> {
        if *T::SIGNATURE != *self.0.signature {
            return None;
        }
        self.0.body().deserialize().ok().map(|(value, _)| value)
    }

    /// The value of a property, if it is of that type.
    pub(super) fn property<T: serde::de::DeserializeOwned + zbus::Type>(&self) -> Option<T> {
        if self.0.signature != "v" {
            return None;
        }
        self.0.body().deserialize::<as_variant::Deserialize<'_, T>>().ok().map(|(value, _)| value.0)
    }
}

fn message(call: &Call<'_>, serial: NonZeroU32) -> Result<Message, BusError> {
    let message = Message::method_call(call.path, call.method)
        .destination(call.to)
        .interface(call.interface)
        .serial(serial)
        // Whoever is asked must not be started for it.
        .with_flags(Flags::NO_AUTO_START);
    let message = match call.arguments {
        Arguments::None => message.build(&()),
        Arguments::One(one) => message.build(&(one,)),
        Arguments::Two(one, two) => message.build(&(one, two)),
    };
    // Paths and names are those that the bus itself has told.
    message.map_err(|_| BusError::Garbage("a name that it told is none"))
}

/// A connection to a socket that may not accept it: a full queue is waited for no longer than for all else.
fn connect(socket: &Path, until: Instant) -> Result<UnixStream, BusError> {
    let fail = |e: rustix::io::Errno| BusError::Io(e.into());
    let address = SocketAddrUnix::new(socket).map_err(fail)?;
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(fail)?;
    sockopt::set_socket_timeout(&fd, Timeout::Send, Some(left(until)?)).map_err(fail)?;
    rustix::net::connect(&fd, &address).map_err(|e| match e {
        rustix::io::Errno::AGAIN => BusError::Silent,
        other => fail(other),
    })?;
    Ok(UnixStream::from(fd))
}

fn left(until: Instant) -> Result<Duration, BusError> {
    // The system takes microseconds, and zero for ever.
    let left = until.saturating_duration_since(Instant::now());
    if left < Duration::from_micros(1) { Err(BusError::Silent) } else { Ok(left) }
}

/// Whether a failed read or write may be tried again.
fn failed(error: io::Error) -> Result<(), BusError> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(BusError::Silent),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Err(BusError::Closed),
        _ => Err(BusError::Io(error)),
    }
}
