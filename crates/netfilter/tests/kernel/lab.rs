//! Three network namespaces: a host that listens, a client with several addresses, joined to it by two cables, and a
//! container behind the host that packets are translated to.

use std::io::{self, ErrorKind, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use doorward_netfilter::{Interface, Transport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Ports of the host on which something listens.
pub(crate) const PORTS: &[u16] = &[22, 80, 443, 5432, 8080];

/// The host's interfaces with their addresses; the client's, and the container's, sit in the same networks.
pub(crate) const CABLES: &[(&str, &[&str], &[&str])] = &[
    (
        "srv0",
        &["10.77.0.1/24", "10.77.0.2/24", "fd77::1/64"],
        &["10.77.0.11/24", "10.77.0.130/24", "fd77::11/64"],
    ),
    (
        "srv1",
        &["10.78.0.1/24", "fd78::1/64"],
        &["10.78.0.11/24", "10.78.0.200/24", "fd78::11/64", "fd78::a:5/64"],
    ),
];

/// The cable to the container.
const INWARD: (&str, &[&str], &[&str]) =
    ("srv2", &["10.79.0.1/24", "fd79::1/64"], &["10.79.0.2/24", "fd79::2/64"]);

/// What to send.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) protocol: Transport,
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) port: u16,
    pub(crate) interface: &'static str,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) source_port: u16,
    pub(crate) arrived: Option<Arrived>,
}

/// Where a packet arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// It was answered; where was not seen, as the handshake was not finished.
    Somewhere,
    /// At a port of the host.
    Host(u16),
    /// At a port of the container.
    Container(u16),
}

/// A connection that was made before any rules were there: both its ends.
pub(crate) type Established = (Seen, Option<(OwnedFd, TcpStream)>);

pub(crate) struct Lab {
    host: String,
    client: String,
    container: String,
    tcp: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
    /// Raw sockets of the container: its answers may be dropped on their way, so no handshake tells what arrived.
    sniffers: Vec<(Transport, OwnedFd)>,
}

impl Lab {
    pub(crate) fn new(lane: u64) -> Result<Self, String> {
        let name = |role: &str| format!("nfq-{role}{}-{lane}", std::process::id());
        let [host, client, container] = ["h", "c", "i"].map(name);
        let mut lab =
            Self { host, client, container, tcp: Vec::new(), udp: Vec::new(), sniffers: Vec::new() };
        lab.set_up()?;
        Ok(lab)
    }

    fn set_up(&mut self) -> Result<(), String> {
        ip(&["netns", "add", &self.host])?;
        ip(&["netns", "add", &self.client])?;
        ip(&["netns", "add", &self.container])?;
        let cables = || CABLES.iter().map(|c| (c, &self.client)).chain([(&INWARD, &self.container)]);
        for ((name, host_addresses, client_addresses), other) in cables() {
            let peer = format!("c{name}");
            ip(&[
                "-n", &self.host, "link", "add", name, "type", "veth", "peer", "name", &peer, "netns", other,
            ])?;
            for (namespace, device, addresses) in
                [(&self.host, *name, host_addresses), (other, peer.as_str(), client_addresses)]
            {
                // No link-local addresses: they would need time to settle.
                ip(&["-n", namespace, "link", "set", device, "addrgenmode", "none"])?;
                for address in *addresses {
                    let mut words = vec!["-n", namespace, "addr", "add", address, "dev", device];
                    if address.contains("::") {
                        words.push("nodad");
                    }
                    ip(&words)?;
                }
                ip(&["-n", namespace, "link", "set", device, "up"])?;
            }
        }
        for ((name, host_addresses, client_addresses), other) in cables() {
            let peer = format!("c{name}");
            self.introduce(&self.host, name, client_addresses, other, &peer)?;
            self.introduce(other, &peer, host_addresses, &self.host, name)?;
        }
        inside(&self.host, || {
            for forwarding in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                std::fs::write(format!("/proc/sys/net/{forwarding}"), "1")?;
            }
            Ok(())
        })?;
        ip(&["-n", &self.host, "link", "set", "lo", "up"])?;
        let (tcp, udp) = inside(&self.host, || {
            let any = |port| SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), port);
            let tcp: io::Result<Vec<_>> = PORTS.iter().map(|p| TcpListener::bind(any(*p))).collect();
            let udp: io::Result<Vec<_>> = PORTS.iter().map(|p| UdpSocket::bind(any(*p))).collect();
            Ok((tcp?, udp?))
        })?;
        for listener in &tcp {
            listener.set_nonblocking(true).map_err(|e| e.to_string())?;
        }
        for socket in &udp {
            socket.set_nonblocking(true).map_err(|e| e.to_string())?;
        }
        (self.tcp, self.udp) = (tcp, udp);
        self.sniffers = inside(&self.container, sniffers)?;
        self.load("table ip t").map(drop)
    }

    /// Fixed neighbours: rules must meet the probes alone, not the neighbour discovery before them.
    fn introduce(
        &self,
        namespace: &str,
        device: &str,
        addresses: &[&str],
        of: &str,
        of_device: &str,
    ) -> Result<(), String> {
        let link = link_address(of, of_device)?;
        for address in addresses {
            let address = address.split('/').next().unwrap_or(address);
            let neighbour =
                ["neigh", "replace", address, "lladdr", link.trim(), "dev", device, "nud", "permanent"];
            ip(&[["-n", namespace].as_slice(), &neighbour].concat())?;
        }
        Ok(())
    }

    /// Forgets who has which link address, so that neighbours must be asked for again.
    #[allow(dead_code, reason = "for the tests of the policy's table")]
    pub(crate) fn forget_neighbours(&self) -> Result<(), String> {
        for namespace in [&self.host, &self.client] {
            ip(&["-n", namespace, "neigh", "flush", "all", "nud", "permanent"])?;
            ip(&["-n", namespace, "neigh", "flush", "all"])?;
        }
        Ok(())
    }

    pub(crate) fn interfaces(&self) -> Vec<Interface> {
        let parse = |list: &[&str]| list.iter().map(|a| a.parse().expect("a network")).collect::<Vec<_>>();
        let outside = CABLES.iter().map(|(name, addresses, _)| Interface::inbound(*name, &parse(addresses)));
        let inward = Interface { inbound: false, ..Interface::inbound(INWARD.0, &parse(INWARD.1)) };
        outside.chain([inward]).collect()
    }

    /// Replaces the host's ruleset, forgets its connections, and lists it.
    pub(crate) fn load(&self, ruleset: &str) -> Result<serde_json::Value, String> {
        inside(&self.host, forget_connections)?;
        self.replace(ruleset)
    }

    /// Replaces the host's ruleset and lists it.
    pub(crate) fn replace(&self, ruleset: &str) -> Result<serde_json::Value, String> {
        self.apply(&format!("flush ruleset\n{ruleset}"))
    }

    /// Gives nft some commands, and lists the ruleset that comes of them.
    pub(crate) fn apply(&self, text: &str) -> Result<serde_json::Value, String> {
        let listing = inside(&self.host, || {
            let fail = |out: &Output| io::Error::other(String::from_utf8_lossy(&out.stderr).into_owned());
            let nft = || Command::new("/usr/sbin/nft");
            let mut child = nft()
                .args(["-f", "-"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            child.stdin.take().expect("piped").write_all(text.as_bytes())?;
            let loaded = child.wait_with_output()?;
            if !loaded.status.success() {
                return Err(fail(&loaded));
            }
            let listed = nft().args(["-j", "list", "ruleset"]).output()?;
            if listed.status.success() { Ok(listed.stdout) } else { Err(fail(&listed)) }
        })?;
        serde_json::from_slice(&listing).map_err(|e| e.to_string())
    }

    /// Sends all of them at once and waits until nothing has happened for `patience`.
    pub(crate) fn probe(&self, probes: &[Probe], patience: Duration) -> Vec<Seen> {
        self.drain(&mut Vec::new());
        let sent = inside(&self.client, || probes.iter().map(send).collect::<io::Result<Vec<_>>>())
            .expect("sending from the client's namespace");
        let mut seen: Vec<Seen> =
            sent.iter().map(|(_, port)| Seen { source_port: *port, arrived: None }).collect();
        let mut last = Instant::now();
        let mut arrivals = Vec::new();
        while last.elapsed() < patience {
            thread::sleep(Duration::from_millis(2));
            self.drain(&mut arrivals);
            for (index, (socket, source_port)) in sent.iter().enumerate() {
                let connected =
                    probes[index].protocol == Transport::Tcp && rustix::net::getpeername(socket).is_ok();
                let came = |(protocol, from, _): &&(Transport, SocketAddr, Arrived)| {
                    *protocol == probes[index].protocol
                        && from.ip().to_canonical() == probes[index].from
                        && from.port() == *source_port
                };
                let at = match arrivals.iter().find(came) {
                    Some((_, _, at)) => Some(*at),
                    None if connected => Some(Arrived::Somewhere),
                    None => None,
                };
                if at.is_some() && at != seen[index].arrived {
                    seen[index].arrived = at;
                    last = Instant::now();
                }
            }
        }
        seen
    }

    /// Opens a connection for each probe of TCP under rules that let all in, and keeps both ends.
    pub(crate) fn establish(&self, probes: &[Probe]) -> Vec<Established> {
        const ALL: &str = "table inet open {\n chain c {\n type filter hook input priority 0;\n\
                           ct state new accept\n }\n}\n";
        self.load(ALL).expect("rules that let all in");
        let sent = inside(&self.client, || probes.iter().map(send).collect::<io::Result<Vec<_>>>())
            .expect("sending from the client's namespace");
        let mut made: Vec<Established> = Vec::new();
        let mut accepted: Vec<(SocketAddr, TcpStream)> = Vec::new();
        let patience = Instant::now();
        while accepted.len() < sent.len() && patience.elapsed() < Duration::from_millis(300) {
            for listener in &self.tcp {
                while let Ok((stream, from)) = listener.accept() {
                    accepted.push((from, stream));
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        for (probe, (socket, source_port)) in probes.iter().zip(sent) {
            let is_its = |(from, _): &(SocketAddr, TcpStream)| {
                from.ip().to_canonical() == probe.from && from.port() == source_port
            };
            let ends = accepted.iter().position(is_its).map(|at| (socket, accepted.swap_remove(at).1));
            made.push((Seen { source_port, arrived: None }, ends));
        }
        made
    }

    /// Sends some bytes in each connection, and sees which arrive.
    pub(crate) fn talk(&self, connections: &mut [Established], patience: Duration) {
        for (client, _) in connections.iter().filter_map(|(_, ends)| ends.as_ref()) {
            let _ = rustix::net::send(client, b"knock", rustix::net::SendFlags::NOSIGNAL);
        }
        let mut last = Instant::now();
        while last.elapsed() < patience {
            thread::sleep(Duration::from_millis(2));
            for (seen, ends) in connections.iter_mut().filter(|(seen, _)| seen.arrived.is_none()) {
                let Some((_, server)) = ends else { continue };
                server.set_nonblocking(true).expect("a socket");
                if io::Read::read(server, &mut [0; 16]).is_ok_and(|n| n > 0) {
                    seen.arrived = Some(Arrived::Somewhere);
                    last = Instant::now();
                }
            }
        }
        for (_, server) in connections.iter_mut().filter_map(|(_, ends)| ends.take()) {
            reset(server);
        }
    }

    /// Takes what has arrived: protocol, from where, at which port.
    fn drain(&self, arrivals: &mut Vec<(Transport, SocketAddr, Arrived)>) {
        for (listener, port) in self.tcp.iter().zip(PORTS) {
            while let Ok((stream, from)) = listener.accept() {
                reset(stream);
                arrivals.push((Transport::Tcp, from, Arrived::Host(*port)));
            }
        }
        for (socket, port) in self.udp.iter().zip(PORTS) {
            while let Ok((_, from)) = socket.recv_from(&mut [0; 16]) {
                arrivals.push((Transport::Udp, from, Arrived::Host(*port)));
            }
        }
        for (transport, socket) in &self.sniffers {
            let mut bytes = [0; 128];
            while let Ok((_, len, Some(from))) =
                rustix::net::recvfrom(socket, &mut bytes[..], rustix::net::RecvFlags::empty())
            {
                let from = SocketAddr::try_from(from).expect("an address").ip();
                // IPv4 shows its own header before the transport's.
                let at = if from.is_ipv4() { usize::from(bytes[0] & 0xf) * 4 } else { 0 };
                let port = |n: usize| u16::from_be_bytes([bytes[at + n], bytes[at + n + 1]]);
                if len >= at + 4 {
                    arrivals.push((*transport, SocketAddr::new(from, port(0)), Arrived::Container(port(2))));
                }
            }
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in [&self.host, &self.client, &self.container] {
            let _ = ip(&["netns", "del", namespace]);
        }
    }
}

/// Sockets that see every packet of TCP and UDP that comes to this namespace.
fn sniffers() -> io::Result<Vec<(Transport, OwnedFd)>> {
    let mut sniffers = Vec::new();
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        for (transport, protocol) in [(Transport::Tcp, ipproto::TCP), (Transport::Udp, ipproto::UDP)] {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            sniffers
                .push((transport, rustix::net::socket_with(family, SocketType::RAW, flags, Some(protocol))?));
        }
    }
    Ok(sniffers)
}

/// Empties this namespace's table of connections: a port used again must be a new connection.
fn forget_connections() -> io::Result<()> {
    let kind = rustix::net::SocketType::RAW;
    let protocol = Some(rustix::net::netlink::NETFILTER);
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, kind, SocketFlags::CLOEXEC, protocol)?;
    // nlmsghdr: length, type (IPCTNL_MSG_CT_DELETE of NFNL_SUBSYS_CTNETLINK), NLM_F_REQUEST | NLM_F_ACK,
    // sequence, port; nfgenmsg: any family.
    let mut message = [0u8; 20];
    message[..4].copy_from_slice(&20u32.to_ne_bytes());
    message[4..6].copy_from_slice(&0x0102_u16.to_ne_bytes());
    message[6..8].copy_from_slice(&5u16.to_ne_bytes());
    rustix::net::send(&socket, &message, rustix::net::SendFlags::empty())?;
    let mut answer = [0u8; 256];
    rustix::net::recv(&socket, &mut answer[..], rustix::net::RecvFlags::empty())?;
    let code = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) }
}

/// Closes without the long good-bye.
fn reset(stream: TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
}

fn send(probe: &Probe) -> io::Result<(OwnedFd, u16)> {
    let family = if probe.from.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let (kind, protocol) = match probe.protocol {
        Transport::Tcp => (SocketType::STREAM, ipproto::TCP),
        _ => (SocketType::DGRAM, ipproto::UDP),
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, kind, flags, Some(protocol))?;
    rustix::net::bind(&socket, &SocketAddr::new(probe.from, 0))?;
    match rustix::net::connect(&socket, &SocketAddr::new(probe.to, probe.port)) {
        Ok(()) => {}
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock) || e == rustix::io::Errno::INPROGRESS => {}
        Err(e) => return Err(e.into()),
    }
    let local: SocketAddr = rustix::net::getsockname(&socket)?.try_into().map_err(io::Error::other)?;
    if probe.protocol == Transport::Tcp {
        rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    } else {
        rustix::net::send(&socket, b"knock", rustix::net::SendFlags::empty())?;
    }
    Ok((socket, local.port()))
}

/// Runs something on a thread of its own inside a network namespace.
fn inside<T: Send>(namespace: &str, job: impl FnOnce() -> io::Result<T> + Send) -> Result<T, String> {
    let path = format!("/run/netns/{namespace}");
    let job = || {
        let namespace = std::fs::File::open(&path)?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        job()
    };
    thread::scope(|scope| scope.spawn(job).join()).map_err(|_| "panicked")?.map_err(|e| e.to_string())
}

fn link_address(namespace: &str, device: &str) -> Result<String, String> {
    let shown = ip(&["-n", namespace, "-o", "link", "show", "dev", device])?;
    let after = shown.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next());
    after.map(str::to_owned).ok_or_else(|| format!("no link address in {shown}"))
}

fn ip(words: &[&str]) -> Result<String, String> {
    let program = ["/usr/sbin/ip", "/sbin/ip"].into_iter().find(|p| std::fs::exists(p).unwrap_or(false));
    let out =
        Command::new(program.ok_or("no ip program")?).args(words).output().map_err(|e| e.to_string())?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    Err(format!("ip {}: {}", words.join(" "), String::from_utf8_lossy(&out.stderr)))
}
