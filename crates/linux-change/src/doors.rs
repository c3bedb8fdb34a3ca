//! Whether something answers at a port of this host.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream};
use std::thread;
use std::time::Duration;

use doorward_change::system::SystemError;
use doorward_model::Protocol;

use crate::error::{failed, io};

/// How long one address is given.
const PATIENCE: Duration = Duration::from_millis(200);
/// Addresses that are tried.
const ADDRESSES: usize = 64;
/// The largest table of sockets that is read.
const TABLE_LIMIT: u64 = 64 << 20;
/// In the kernel's tables of sockets: listening.
const LISTENING: &str = "0A";

/// Whether something answers there, at any address of the host.
///
/// A TCP socket that listens does, and is not connected to: that would start services. Where none listens, packets may
/// still be led elsewhere, so that a connection is tried. A UDP socket that is bound and not connected does.
pub(crate) fn answers(protocol: Protocol, port: u16) -> Result<bool, SystemError> {
    match protocol {
        Protocol::Tcp => Ok(in_tables(["tcp", "tcp6"], port, |s| s.state == LISTENING)? || connects(port)?),
        Protocol::Udp => in_tables(["udp", "udp6"], port, |s| s.is_unconnected),
        Protocol::Udplite => in_tables(["udplite", "udplite6"], port, |s| s.is_unconnected),
        Protocol::Raw => in_tables(["raw", "raw6"], port, |_| true),
        other => Err(failed(format!("see whether {} {port} answers", other.as_str()), "not known for these")),
    }
}

struct Socket<'a> {
    state: &'a str,
    is_unconnected: bool,
}

fn in_tables(names: [&str; 2], port: u16, counts: impl Fn(&Socket<'_>) -> bool) -> Result<bool, SystemError> {
    for name in names {
        let path = format!("/proc/self/net/{name}");
        let file = match std::fs::File::open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => continue, // no IPv6, or no such protocol
            other => other.map_err(|e| io(format!("read {path}"), e))?,
        };
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::io::Read::take(file, TABLE_LIMIT), &mut text)
            .map_err(|e| io(format!("read {path}"), e))?;
        if text.lines().skip(1).any(|line| is_at(line, port, &counts)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `sl local_address rem_address st ...`, each address as `ADDRESS:PORT` in hexadecimal.
fn is_at(line: &str, port: u16, counts: &impl Fn(&Socket<'_>) -> bool) -> bool {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (Some(local), Some(remote), Some(state)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let number = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    number(local) == Some(port) && counts(&Socket { state, is_unconnected: number(remote) == Some(0) })
}

/// Whether a connection comes about at one of the host's addresses.
fn connects(port: u16) -> Result<bool, SystemError> {
    let addresses = own_addresses(port)?;
    Ok(thread::scope(|scope| {
        let tries: Vec<_> = addresses.iter().map(|address| scope.spawn(|| connect(address))).collect();
        tries.into_iter().any(|attempt| attempt.join().unwrap_or(false))
    }))
}

#[expect(clippy::disallowed_methods, reason = "a door counts as closed when nothing answers: this asks")]
fn connect(address: &SocketAddr) -> bool {
    TcpStream::connect_timeout(address, PATIENCE).is_ok()
}

fn own_addresses(port: u16) -> Result<BTreeSet<SocketAddr>, SystemError> {
    let mut found = BTreeSet::new();
    found.insert(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    found.insert(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port));
    let interfaces = nix::ifaddrs::getifaddrs()
        .map_err(|e| io("list the host's addresses", std::io::Error::from_raw_os_error(e as i32)))?;
    for address in interfaces.filter_map(|i| i.address).take(ADDRESSES) {
        if let Some(v4) = address.as_sockaddr_in() {
            found.insert(SocketAddr::new(IpAddr::V4(v4.ip()), port));
        } else if let Some(v6) = address.as_sockaddr_in6() {
            found.insert(SocketAddr::V6(SocketAddrV6::new(v6.ip(), port, 0, v6.scope_id())));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn what_listens_answers_and_what_has_ended_does_not() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let tcp = TcpListener::bind(address).unwrap();
            let port = tcp.local_addr().unwrap().port();
            assert!(answers(Protocol::Tcp, port).unwrap(), "{address}");
            assert!(connects(port).unwrap(), "{address}");
            drop(tcp);
            assert!(!answers(Protocol::Tcp, port).unwrap(), "{address}");
            let udp = UdpSocket::bind(address).unwrap();
            let port = udp.local_addr().unwrap().port();
            assert!(answers(Protocol::Udp, port).unwrap(), "{address}");
            udp.connect("127.0.0.1:9").unwrap();
            assert!(!answers(Protocol::Udp, port).unwrap(), "a connected socket takes from one peer alone");
        }
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        assert!(answers(Protocol::Pipe, 1).is_err());
    }
}
