#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

use doorward_model::{Listener, Transport};

use super::listeners::tests::listener;
use super::pair::Pair;
use super::places::PlaceId;
use super::*;

/// A child that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

/// `sleep`, which holds that socket and nothing else of ours.
fn holding(socket: impl Into<OwnedFd>) -> Running {
    Running(Command::new("/bin/sleep").arg("60").stdin(Stdio::from(socket.into())).spawn().unwrap())
}

/// The one connection at a place, with the processes at its ends.
fn at(place: &str, listeners: &[Listener]) -> (Pair, u32, u32) {
    let mut sampler = Sampler::new(listeners, &[], &[], &[]);
    let (mut pairs, _) = sampler.pairs();
    pairs.retain(|p| p.at == place);
    let [pair] = pairs.as_slice() else { panic!("at {place}: {pairs:?}") };
    let (client, server) = sampler.holders_of(pair);
    (pair.clone(), client, server)
}

#[test]
fn tcp_over_loopback() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    let _served = socket.accept().unwrap();
    let child = holding(client);
    let list = [listener(&address.to_string(), Some("test.service"))];
    let (pair, client, server) = at(&address.to_string(), &list);
    assert_eq!((client, server), (child.0.id(), std::process::id()));
    assert_eq!((pair.transport, pair.or_at.as_deref()), (Transport::Tcp, None));
    assert_eq!(pair.server.service.as_deref(), Some("test.service"));
}

#[test]
fn tcp_to_an_ipv6_socket_by_ipv4() {
    let socket = TcpListener::bind("[::]:0").unwrap();
    let place = format!("127.0.0.1:{}", socket.local_addr().unwrap().port());
    let client = TcpStream::connect(&place).unwrap();
    let _served = socket.accept().unwrap();
    let child = holding(client);
    let list = [listener(&socket.local_addr().unwrap().to_string(), Some("test.service"))];
    let (_, client, server) = at(&place, &list);
    assert_eq!((client, server), (child.0.id(), std::process::id()));
}

#[test]
fn unix_sockets_accepted_and_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sock").to_str().unwrap().to_owned();
    let socket = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let child = holding(client);
    let (_, client, server) = at(&path, &[]);
    assert_eq!((client, server), (child.0.id(), std::process::id()), "not accepted yet");
    let _served = socket.accept().unwrap();
    let (pair, client, server) = at(&path, &[]);
    assert_eq!((client, server), (child.0.id(), std::process::id()));
    assert_eq!((pair.transport, pair.or_at.as_deref()), (Transport::Unix, None));
    assert_ne!(pair.server.listener, 0);
}

#[test]
fn a_closed_connection_still_names_its_server() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let client = TcpStream::connect(&address).unwrap();
    let served = socket.accept().unwrap().0;
    drop(client);
    drop(served);
    let list = [listener(&address, Some("test.service"))];
    let mut ended = Vec::new();
    for _ in 0..200 {
        // The last packets take their way.
        ended = Sampler::new(&list, &[], &[], &[]).pairs().1;
        ended.retain(|(e, _)| e.at == address);
        if !ended.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(
        ended.iter().map(|(e, count)| (e.to.as_str(), *count)).collect::<Vec<_>>(),
        [("test.service", 1)]
    );
    let mut sampler = Sampler::new(&list, &[], &[], &[]);
    sampler.look();
    let facts = sampler.finish();
    let what = format!("who connected to test.service at {address}");
    assert!(facts.unseen.iter().any(|u| u.what == what), "{:?}", facts.unseen);
}

#[test]
fn looks_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sock").to_str().unwrap().to_owned();
    let socket = UnixListener::bind(&path).unwrap();
    let mut sampler = Sampler::new(&[], &[], &[], &[]);
    sampler.look();
    let child = holding(UnixStream::connect(&path).unwrap());
    let _served = socket.accept().unwrap();
    sampler.look();
    drop(child);
    sampler.look();
    assert!(sampler.pause() >= std::time::Duration::from_millis(100));
    let facts = sampler.finish();
    let found: Vec<_> = facts.value.iter().filter(|c| c.at == path).collect();
    // Where a unit runs the tests, both ends are of one service, which is no connection between services.
    let in_a_unit =
        crate::Processes::read().value.unit(std::process::id()).is_some_and(|u| u.ends_with(".service"));
    assert_eq!(found.len(), usize::from(!in_a_unit), "{facts:?}");
    assert!(found.iter().all(|c| c.from == "process:sleep" && c.count == 1), "{found:?}");
}

#[test]
fn a_namespace_is_let_go_when_its_processes_are() {
    let mut child =
        Running(Command::new("/usr/bin/unshare").args(["-n", "/bin/sleep", "60"]).spawn().unwrap());
    let own = crate::namespace::own();
    let mut places = Vec::new();
    for _ in 0..200 {
        let processes = crate::Processes::read().value;
        let inside = processes.get(child.0.id()).and_then(|p| p.net_namespace).filter(|id| Some(*id) != own);
        if let Some(id) = inside {
            places = Place::all(&processes).value;
            places.retain(|p| p.id == PlaceId::Other(id));
            break;
        }
        if child.0.try_wait().unwrap().is_some() {
            eprintln!("skipped: no network namespace of our own");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(places.len(), 1);
    assert!(places[0].is_inhabited());
    assert_eq!(places[0].unix_sockets().unwrap(), (vec![], false));
    drop(child);
    assert!(!places[0].is_inhabited());
}
