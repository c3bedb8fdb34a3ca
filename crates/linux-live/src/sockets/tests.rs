#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};

use doorward_model::{Basis, Owner};
use rustix::net::{AddressFamily, SocketAddrV6, SocketType, sockopt};

use super::*;

/// A socket about which nothing is known.
pub(super) fn socket() -> Socket {
    Socket {
        protocol: Protocol::Tcp,
        address: Some(Ipv4Addr::UNSPECIFIED.into()),
        port: 1,
        v6only: None,
        interface: 0,
        uid: 0,
        inode: 7,
        cgroup: None,
    }
}

fn look_now() -> Facts<SocketFacts> {
    let processes = Processes::read().value;
    let owners = SocketOwners::read(&processes).value;
    collect(&processes, &owners, &[])
}

fn ours(facts: &SocketFacts, protocol: Protocol, port: u16) -> Vec<&Listener> {
    let me = std::process::id();
    let mine = |l: &&Listener| {
        l.protocol == protocol
            && l.port == Some(port)
            && l.namespace.is_host()
            && matches!(&l.owner, Owner::Processes { pids, .. } if pids.contains(&me))
    };
    facts.listeners.iter().filter(mine).collect()
}

/// A TCP socket on `[::]`, listening, for both families or for IPv6 alone.
fn listen_on_all(v6only: bool) -> (OwnedFd, u16) {
    let socket = rustix::net::socket(AddressFamily::INET6, SocketType::STREAM, None).unwrap();
    sockopt::set_ipv6_v6only(&socket, v6only).unwrap();
    rustix::net::bind(&socket, &SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0)).unwrap();
    rustix::net::listen(&socket, 1).unwrap();
    let address = SocketAddrV6::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
    (socket, address.port())
}

#[test]
fn own_sockets_are_found_as_they_are() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp6 = TcpListener::bind("[::1]:0").unwrap();
    let (_dual, dual_port) = listen_on_all(false);
    let (_only, only_port) = listen_on_all(true);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.connect(udp.local_addr().unwrap()).unwrap();
    let client = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    let served = tcp.accept().unwrap().0;
    let port = |address: std::io::Result<SocketAddr>| address.unwrap().port();

    let facts = look_now().value;
    let one = |protocol, port| {
        let found = ours(&facts, protocol, port);
        assert_eq!(found.len(), 1, "{protocol:?} {port}: {found:?}");
        found[0]
    };
    let found = one(Protocol::Tcp, port(tcp.local_addr()));
    assert_eq!(
        (found.address, found.v6only, found.basis),
        (Some(Ipv4Addr::LOCALHOST.into()), None, Basis::Observed)
    );
    let Owner::Processes { executable, .. } = &found.owner else { panic!("{found:?}") };
    assert_eq!(executable.as_deref(), std::env::current_exe().unwrap().to_str());
    assert!(found.service.is_some());
    let found = one(Protocol::Tcp, port(tcp6.local_addr()));
    assert_eq!((found.address, found.v6only), (Some(Ipv6Addr::LOCALHOST.into()), None));
    assert_eq!(one(Protocol::Tcp, dual_port).v6only, Some(false));
    assert_eq!(one(Protocol::Tcp, only_port).v6only, Some(true));
    assert_eq!(one(Protocol::Udp, port(udp.local_addr())).address, Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(ours(&facts, Protocol::Udp, port(peer.local_addr())), [] as [&Listener; 0], "it has a peer");

    let has = |protocol, local: SocketAddr, remote: SocketAddr| {
        facts
            .connections
            .iter()
            .any(|c| (c.protocol, c.local, c.remote) == (protocol, local, remote) && c.inode != 0)
    };
    assert!(has(Protocol::Udp, peer.local_addr().unwrap(), udp.local_addr().unwrap()));
    assert!(has(Protocol::Tcp, client.local_addr().unwrap(), tcp.local_addr().unwrap()));
    assert!(has(Protocol::Tcp, served.local_addr().unwrap(), client.local_addr().unwrap()));
}

#[test]
fn raw_and_packet_sockets_are_found_by_root() {
    let raw = rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(rustix::net::ipproto::GRE));
    let lldp = rustix::net::Protocol::from_raw(
        0x88ccu32.to_be().checked_shr(16).and_then(std::num::NonZeroU32::new).unwrap(),
    );
    let packet = rustix::net::socket(AddressFamily::PACKET, SocketType::DGRAM, Some(lldp));
    let (Ok(_raw), Ok(_packet)) = (raw, packet) else {
        eprintln!("skipped: raw and packet sockets need privilege");
        return;
    };
    let facts = look_now().value;
    assert_eq!(ours(&facts, Protocol::Raw, 47).len(), 1);
    assert_eq!(ours(&facts, Protocol::Packet, 0x88cc).len(), 1);
}

#[test]
fn sock_diag_and_the_kernels_tables_agree() {
    let _held = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
    let mut diag = diag::Diag::open().unwrap();
    for (family, protocol) in [(Family::V4, Protocol::Tcp), (Family::V6, Protocol::Udp)] {
        // Other tests open and close sockets meanwhile: two looks that frame a third must agree on what stays.
        let inodes =
            |sockets: Vec<Socket>| sockets.into_iter().map(|s| (s.inode, s.port)).collect::<Vec<_>>();
        let before = inodes(diag.accepting(family, protocol).unwrap());
        let table = inodes(proc_net::accepting(family, protocol).unwrap());
        let after = inodes(diag.accepting(family, protocol).unwrap());
        assert!(before.iter().filter(|s| after.contains(s)).all(|s| table.contains(s)), "{protocol:?}");
        assert!(!table.is_empty());
    }
}

#[test]
fn a_listener_in_another_namespace_is_found_and_labelled() {
    let (ready, wait) = std::sync::mpsc::channel();
    let (done, hold) = std::sync::mpsc::channel::<()>();
    // A thread of ours moves into a namespace of its own; its process's other threads stay.
    let thread = std::thread::spawn(move || {
        // SAFETY: only this thread's network namespace changes; no descriptor table or address space is unshared.
        #[allow(unsafe_code)]
        let moved = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) };
        if let Err(e) = moved {
            ready.send(Err(e)).unwrap();
            return;
        }
        let socket = TcpListener::bind("0.0.0.0:4711").unwrap();
        let door = rustix::fs::open(
            "/proc/thread-self/ns/net",
            rustix::fs::OFlags::RDONLY,
            rustix::fs::Mode::empty(),
        );
        ready.send(Ok((door.unwrap(), socket.as_raw_fd()))).unwrap();
        let _ = hold.recv();
    });
    match wait.recv().unwrap() {
        Err(e) => eprintln!("skipped: no network namespace of our own: {e}"),
        Ok((door, _)) => {
            let processes = Processes::read().value;
            let owners = SocketOwners::read(&processes).value;
            let place = Elsewhere::of(door);
            let namespace = Namespace::Other { id: place.id, label: Some("test".into()) };
            let view = place
                .enter(|| look(&sweep::Kernel::read(), namespace.clone(), " in test", &processes, &owners))
                .unwrap();
            assert_eq!(view.unseen, []);
            let none = SocketOwners::default();
            let context = attribute::Context::new(&processes, [&owners, &none], &[]);
            let found: Vec<Listener> = context.listeners(&view.value.0).collect();
            let [listener] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!((listener.port, &listener.namespace), (Some(4711), &namespace));
            assert!(
                matches!(&listener.owner, Owner::Processes { pids, .. } if pids == &[std::process::id()])
            );
            assert!(ours(&look_now().value, Protocol::Tcp, 4711).is_empty(), "it is not the host's");
        }
    }
    drop(done);
    thread.join().unwrap();
}

#[test]
fn a_process_in_another_namespace_is_swept() {
    // `unshare` stays in the namespace as the holder of nothing but itself: the namespace must be found by it.
    let child = std::process::Command::new("/usr/bin/unshare").args(["-n", "/bin/sleep", "20"]).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: no unshare");
        return;
    };
    let own = namespace::own();
    let mut found = Vec::new();
    for _ in 0..100 {
        let processes = Processes::read().value;
        let inside = processes.get(child.id()).and_then(|p| p.net_namespace).filter(|id| Some(*id) != own);
        if inside.is_some() {
            found =
                namespace::others(&processes).value.into_iter().filter(|e| Some(e.id) == inside).collect();
            break;
        }
        if child.try_wait().unwrap().is_some() {
            eprintln!("skipped: no network namespace of our own");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(found.len(), 1);
    assert!(found[0].pids.contains(&child.id()));
    let links = found[0].enter(crate::interface::collect).unwrap().value;
    assert_eq!(links.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["lo"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

mod attribution {
    use super::*;
    use crate::process::Process;

    fn process(pid: u32, name: &str, cgroup: &str, started: u64) -> Process {
        let executable = Some(format!("/usr/sbin/{name}"));
        Process {
            pid,
            name: name.into(),
            cgroup: Some(cgroup.into()),
            executable,
            started,
            ..Process::default()
        }
    }

    fn service(pids: &[u32], list: Vec<Process>) -> (Option<String>, Option<String>) {
        let processes = Processes::of(list);
        let pairs: Vec<_> = pids.iter().map(|pid| (7, *pid)).collect();
        let owners = SocketOwners::of(&pairs, true);
        let none = SocketOwners::default();
        let view = View {
            namespace: Namespace::Host,
            sockets: vec![socket()],
            interfaces: BTreeMap::new(),
            modules: kernel::Modules::default(),
        };
        let context = attribute::Context::new(&processes, [&owners, &none], &[]);
        let listener = context.listeners(&view).next().unwrap();
        (listener.service, listener.via)
    }

    #[test]
    fn units_sessions_and_strays() {
        let init = || process(1, "systemd", "/init.scope", 1);
        let case = |pids: &[u32], other| service(pids, vec![init(), other]).0;
        let web = process(9, "nginx", "/system.slice/nginx.service", 5);
        assert_eq!(case(&[9], web.clone()).as_deref(), Some("nginx.service"));
        assert_eq!(
            case(&[1, 9], web).as_deref(),
            Some("nginx.service"),
            "process 1 holds it for the service"
        );
        assert_eq!(case(&[1], process(9, "x", "/", 5)), None, "left to whoever knows the sockets of systemd");
        let shell = process(9, "socat", "/user.slice/user-0.slice/session-3.scope", 5);
        assert_eq!(case(&[9], shell).as_deref(), Some("process:socat"));
        assert_eq!(case(&[9], process(9, "nc", "/../..", 5)).as_deref(), Some("process:nc"));
    }

    #[test]
    fn the_oldest_holder_decides() {
        let daemon = process(900, "daemon", "/system.slice/daemon.service", 10);
        let heir = process(20, "helper", "/user.slice/user-0.slice/session-3.scope", 99);
        assert_eq!(service(&[20, 900], vec![daemon, heir]).0.as_deref(), Some("daemon.service"));
    }
}
