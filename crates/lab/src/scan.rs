//! Which ports of an address answer: connects to all of them, many at a time.
//!
//! Made to be the truth that an audit is measured against, so nothing is inferred: a TCP port is open when the
//! connection is established, a UDP port when something comes back.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Sockets in use at a time.
const AT_ONCE: usize = 2048;

/// How long a port may take to answer, first and when asked again. A refusal takes microseconds here; only a packet
/// filter's silence takes all of it.
const PATIENCE: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];

/// Of the silent ports so many are asked again, and the others too when any of these answers: on a busy machine, or
/// before two hosts know each other's hardware addresses, answers were late. A packet filter stays silent.
const FEW: usize = 1024;

/// What the ports of one address answered. Ports in neither list refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// TCP: accepted a connection. UDP: sent a datagram back.
    pub open: Vec<u16>,
    /// Answered nothing. TCP: a packet filter drops. UDP: that, or a listener that did not like the question.
    pub silent: Vec<u16>,
}

impl Scan {
    /// Ports that did not refuse, ascending. Without a packet filter these are, for UDP, the bound ones.
    pub fn not_refused(&self) -> Vec<u16> {
        let mut ports = [self.open.as_slice(), &self.silent].concat();
        ports.sort_unstable();
        ports
    }
}

/// What to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    /// Each port is sent this datagram.
    Udp(&'static [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Open,
    Refused,
}

/// What came of connecting to one port over and over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flood {
    /// Connections that were begun.
    pub tries: u64,
    /// Those that something answered, were it with a refusal: a packet filter that drops answers nothing.
    pub answered: u64,
}

/// Connections that are begun before the first is looked at.
const BEGUN: usize = 1024;
/// After so many, others have the processor for a moment.
const BREATH: u64 = 32;

/// Connects over and over, from the network namespace that the calling thread is in.
pub(crate) fn flood(to: SocketAddr, go_on: impl Fn() -> bool) -> Result<Flood> {
    let mut flood = Flood::default();
    let mut begun = std::collections::VecDeque::with_capacity(BEGUN + 1);
    loop {
        let goes_on = go_on();
        if goes_on {
            match begin(Kind::Tcp, to) {
                Ok(socket) => begun.push_back(socket),
                // All ports are in use: the oldest connection has to go first.
                Err(Errno::ADDRNOTAVAIL) => {}
                Err(error) => return Err(error),
            }
            flood.tries += 1;
            if flood.tries.is_multiple_of(BREATH) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if !goes_on || begun.len() > BEGUN {
            let Some(oldest) = begun.pop_front() else { return Ok(flood) };
            let mut polled = [PollFd::new(&oldest, PollFlags::OUT)];
            poll(&mut polled, Some(&Timespec::default()))?;
            flood.answered += u64::from(!polled[0].revents().is_empty());
        }
    }
}

/// Asks all `ports` of `address`, from the network namespace that the calling thread is in.
pub(crate) fn scan(
    kind: Kind,
    address: IpAddr,
    scope: u32,
    ports: impl Iterator<Item = u16>,
) -> Result<Scan> {
    let at = |port| match address {
        IpAddr::V4(ip) => SocketAddr::from((ip, port)),
        IpAddr::V6(ip) => std::net::SocketAddrV6::new(ip, port, 0, scope).into(),
    };
    let mut scan = Scan::default();
    let all: Vec<u16> = ports.collect();
    for batch in all.chunks(AT_ONCE) {
        ask(kind, batch, at, PATIENCE[0], &mut scan)?;
    }
    let silent = std::mem::take(&mut scan.silent);
    let every = silent.len().div_ceil(FEW).max(1);
    let (some, others): (Vec<_>, Vec<_>) = silent.iter().enumerate().partition(|(at, _)| at % every == 0);
    let ports = |chosen: Vec<(usize, &u16)>| -> Vec<u16> { chosen.into_iter().map(|(_, p)| *p).collect() };
    let (some, others) = (ports(some), ports(others));
    ask(kind, &some, at, PATIENCE[1], &mut scan)?;
    if scan.silent.len() == some.len() {
        scan.silent.extend(others);
    } else {
        for batch in others.chunks(AT_ONCE) {
            ask(kind, batch, at, PATIENCE[1], &mut scan)?;
        }
    }
    scan.open.sort_unstable();
    scan.silent.sort_unstable();
    Ok(scan)
}

fn ask(
    kind: Kind,
    ports: &[u16],
    at: impl Fn(u16) -> SocketAddr,
    patience: Duration,
    scan: &mut Scan,
) -> Result<()> {
    let mut waiting = Vec::with_capacity(ports.len());
    for &port in ports {
        match begin(kind, at(port)) {
            Ok(socket) => waiting.push((port, socket)),
            Err(error) => match meaning(error)? {
                Some(_) => {}
                None => scan.silent.push(port),
            },
        }
    }
    let until = Instant::now() + patience;
    while !waiting.is_empty() {
        let interest = if kind == Kind::Tcp { PollFlags::OUT } else { PollFlags::IN };
        let mut polled: Vec<_> = waiting.iter().map(|(_, socket)| PollFd::new(socket, interest)).collect();
        let left = until.saturating_duration_since(Instant::now());
        match poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let ready: Vec<bool> = polled.iter().map(|socket| !socket.revents().is_empty()).collect();
        let mut ready = ready.into_iter();
        let mut failure = None;
        waiting.retain(|(port, socket)| {
            if !ready.next().unwrap_or(false) {
                return true;
            }
            match answer(kind, socket) {
                Ok(Some(Answer::Open)) => scan.open.push(*port),
                Ok(Some(Answer::Refused)) => {}
                // An answer that says nothing of the port: it stays among the silent.
                Ok(None) => scan.silent.push(*port),
                Err(error) => failure = Some(error),
            }
            false
        });
        if let Some(error) = failure {
            return Err(error);
        }
    }
    scan.silent.extend(waiting.into_iter().map(|(port, _)| port));
    Ok(())
}

fn begin(kind: Kind, to: SocketAddr) -> Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let form = if kind == Kind::Tcp { SocketType::STREAM } else { SocketType::DGRAM };
    let socket = rustix::net::socket_with(family, form, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    match kind {
        Kind::Tcp => {
            // An established connection is reset on close: no port stays behind in TIME-WAIT.
            sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
            match rustix::net::connect(&socket, &to) {
                Ok(()) | Err(Errno::INPROGRESS) => {}
                Err(error) => return Err(error),
            }
        }
        Kind::Udp(question) => {
            rustix::net::connect(&socket, &to)?;
            rustix::net::send(&socket, question, rustix::net::SendFlags::NOSIGNAL)?;
        }
    }
    Ok(socket)
}

fn answer(kind: Kind, socket: &OwnedFd) -> Result<Option<Answer>> {
    let error = match sockopt::socket_error(socket)? {
        Ok(()) if kind == Kind::Tcp => return Ok(Some(Answer::Open)),
        Ok(()) => match rustix::net::recv(socket, &mut [0_u8; 1][..], rustix::net::RecvFlags::DONTWAIT) {
            Ok(_) => return Ok(Some(Answer::Open)),
            Err(error) => error,
        },
        Err(error) => error,
    };
    meaning(error)
}

/// What an error says of the port; none: nothing.
fn meaning(error: Errno) -> Result<Option<Answer>> {
    match error {
        Errno::CONNREFUSED | Errno::CONNRESET => Ok(Some(Answer::Refused)),
        // A filter that rejects with some other message, or drops.
        Errno::HOSTUNREACH
        | Errno::NETUNREACH
        | Errno::ACCESS
        | Errno::PERM
        | Errno::TIMEDOUT
        | Errno::AGAIN => Ok(None),
        error => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};

    #[test]
    fn tcp_tells_open_from_refused() {
        let open = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ports = [open.port(), port];
        let found = scan(Kind::Tcp, open.ip(), 0, ports.into_iter()).unwrap();
        assert_eq!(found, Scan { open: vec![port], silent: vec![] });
    }

    #[test]
    fn a_flood_counts_what_answers() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let left = std::cell::Cell::new(100_u64);
        let count = || left.replace(left.get().saturating_sub(1)) > 0;
        let flood = flood(listener.local_addr().unwrap(), count).unwrap();
        assert_eq!(flood, Flood { tries: 100, answered: 100 });
    }

    #[test]
    fn udp_tells_answering_from_silent_from_refused() {
        let [echo, silent, closed] = [(); 3].map(|()| UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap());
        let [open_port, silent_port, closed_port] =
            [&echo, &silent, &closed].map(|socket| socket.local_addr().unwrap().port());
        drop(closed);
        std::thread::spawn(move || {
            let (_, from) = echo.recv_from(&mut [0; 16]).unwrap();
            echo.send_to(b"pong", from).unwrap();
        });
        let ports = [open_port, silent_port, closed_port].into_iter();
        let found = scan(Kind::Udp(b"ping"), Ipv6Addr::LOCALHOST.into(), 0, ports).unwrap();
        assert_eq!(found, Scan { open: vec![open_port], silent: vec![silent_port] });
        let mut both = vec![open_port, silent_port];
        both.sort_unstable();
        assert_eq!(found.not_refused(), both);
    }
}
