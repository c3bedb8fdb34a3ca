//! The attacker: a network namespace with nothing in it, on the same switch as the hosts.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::Doing;
use crate::lab::{Bench, report};
use crate::network::Seat;
use crate::scan::{self, Flood, Kind, Scan};
use crate::{LabError, command, network};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A place on the switch to look at hosts from. Dropping it removes it.
#[derive(Debug)]
pub struct Client {
    bench: Arc<Bench>,
    seat: Seat,
}

impl Client {
    pub(crate) fn plug(bench: Arc<Bench>) -> Result<Self, LabError> {
        let seat = bench.seat()?;
        let client = Self { bench, seat };
        network::plug(&client.id(), &client.bench.switch(), seat)?;
        Ok(client)
    }

    /// Its IPv4 address on the switch.
    pub fn ipv4(&self) -> Ipv4Addr {
        self.seat.ipv4()
    }

    /// Its IPv6 address on the switch.
    pub fn ipv6(&self) -> Ipv6Addr {
        self.seat.ipv6()
    }

    /// The name of its network namespace, for `ip netns exec`.
    pub fn namespace(&self) -> String {
        self.id()
    }

    /// Does `work` in a thread that is in this network. Sockets made there stay in it, wherever they are used.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        network::inside(&self.id(), work)
    }

    /// Which TCP ports of `address` take a connection. All 65,535 take about a second.
    pub fn tcp_scan(
        &self,
        address: IpAddr,
        ports: impl IntoIterator<Item = u16> + Send,
    ) -> Result<Scan, LabError> {
        self.scan(Kind::Tcp, address, ports)
    }

    /// Which UDP ports of `address` answer a datagram of one zero byte, and which do not refuse it.
    pub fn udp_scan(
        &self,
        address: IpAddr,
        ports: impl IntoIterator<Item = u16> + Send,
    ) -> Result<Scan, LabError> {
        self.scan(Kind::Udp(&[0]), address, ports)
    }

    /// The TCP ports that take a connection.
    pub fn tcp_open(
        &self,
        address: IpAddr,
        ports: impl IntoIterator<Item = u16> + Send,
    ) -> Result<Vec<u16>, LabError> {
        Ok(self.tcp_scan(address, ports)?.open)
    }

    /// Connects to a port over and over, for as long as it is told to.
    pub fn tcp_flood(&self, to: SocketAddr, go_on: impl Fn() -> bool + Send) -> Result<Flood, LabError> {
        raise_file_limit();
        self.inside(|| scan::flood(to, go_on))?.doing(|| format!("connect to {to} over and over"))
    }

    /// Asks a web server for `path` and returns the whole answer, headers included.
    pub fn http_get(&self, server: SocketAddr, path: &str) -> Result<String, LabError> {
        let fetch = || {
            let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET {path} HTTP/1.0\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
        };
        self.inside(fetch)?.doing(|| format!("get http://{server}{path}"))
    }

    /// A command of this machine in this network.
    pub fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let mut enter = Command::new("nsenter");
        enter
            .env("PATH", command::PATH)
            .arg(format!("--net={}", network::place(&self.id())))
            .arg("--")
            .args(words);
        enter
    }

    fn scan(
        &self,
        kind: Kind,
        address: IpAddr,
        ports: impl IntoIterator<Item = u16> + Send,
    ) -> Result<Scan, LabError> {
        raise_file_limit();
        let work = || {
            let scope = interface_index()?;
            scan::scan(kind, address, scope, ports.into_iter())
        };
        self.inside(work)?.doing(|| format!("scan {address}"))
    }

    fn id(&self) -> String {
        self.bench.name(self.seat)
    }
}

/// The number of this network's one interface: the scope of link-local addresses.
fn interface_index() -> rustix::io::Result<u32> {
    let socket: OwnedFd = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    rustix::net::netdevice::name_to_index(&socket, "eth0")
}

/// A scan has thousands of sockets open. The hard limit stays; with less than it asks for the scan says so.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Refused only where the limit is out of this process's hands.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

impl Drop for Client {
    fn drop(&mut self) {
        if !self.bench.is_kept() {
            report(network::unplug(&self.id(), &self.bench.switch(), self.seat));
        }
    }
}
