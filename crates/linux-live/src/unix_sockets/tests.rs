use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use super::*;

fn look(known: &[LocalSocket]) -> Vec<LocalSocket> {
    let processes = Processes::read().value;
    let owners = SocketOwners::read(&processes).value;
    let facts = collect(&processes, &owners, &[], known, &[]);
    assert_eq!(facts.unseen, []);
    facts.value
}

#[test]
fn own_sockets_are_found_under_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stream.sock").to_str().unwrap().to_owned();
    let _stream = UnixListener::bind(&path).unwrap();
    let datagram_path = dir.path().join("datagram.sock").to_str().unwrap().to_owned();
    let _datagram = UnixDatagram::bind(&datagram_path).unwrap();
    let name = format!("doorward-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    let found = look(&[]);
    for wanted in [path, datagram_path, format!("@{name}")] {
        let socket = found.iter().find(|s| s.path == wanted).unwrap_or_else(|| panic!("{wanted}: {found:?}"));
        assert!(socket.service.is_some(), "{socket:?}");
    }
}

#[test]
fn clients_are_no_listeners() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name| dir.path().join(name).to_str().unwrap().to_owned();
    let _server = UnixDatagram::bind(path("server")).unwrap();
    let client = UnixDatagram::bind(path("client")).unwrap();
    client.connect(path("server")).unwrap();
    let found = look(&[]);
    assert!(found.iter().any(|s| s.path == path("server")));
    assert!(!found.iter().any(|s| s.path == path("client")));
}

#[test]
fn the_manager_holds_sockets_for_services() {
    let init = crate::Process { pid: 1, name: "systemd".into(), ..crate::Process::default() };
    let processes = Processes::of(vec![init]);
    let owners = SocketOwners::of(&[(5, 1), (6, 1)], true);
    let names = Names::new(&[], &[]);
    let known = [LocalSocket { path: "/run/a.sock".into(), service: Some("a.service".into()) }];
    let found = |inode, path: &str| {
        let state = State::Listening;
        let socket = UnixSocket { inode, state, name: Some(path.into()), ..UnixSocket::default() };
        local_socket(&socket, &processes, &owners, &names, &known).unwrap().service
    };
    assert_eq!(found(5, "/run/a.sock").as_deref(), Some("a.service"));
    assert_eq!(found(6, "/run/systemd/private").as_deref(), Some("process:systemd"));
    assert_eq!(found(7, "/run/a.sock").as_deref(), Some("a.service"), "its holder is hidden");
    assert_eq!(found(7, "/run/b.sock"), None);
}

#[test]
fn a_path_whose_service_is_known_is_told_once() {
    let socket =
        |service: Option<&str>| LocalSocket { path: "/a".into(), service: service.map(str::to_owned) };
    let mut list = vec![socket(None), socket(Some("a.service"))];
    drop_doubtful(&mut list);
    assert_eq!(list, [socket(Some("a.service"))]);
    let mut list = vec![socket(None)];
    drop_doubtful(&mut list);
    assert_eq!(list, [socket(None)]);
}

#[test]
fn sock_diag_and_the_kernels_table_agree() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sock").to_str().unwrap().to_owned();
    let _listener = UnixListener::bind(&path).unwrap();
    let mut netlink = crate::netlink::Netlink::open(Some(rustix::net::netlink::SOCK_DIAG)).unwrap();
    let of = |list: Vec<UnixSocket>| list.into_iter().find(|s| s.name.as_deref() == Some(&path)).unwrap();
    assert_eq!(of(list(&mut netlink).unwrap().0), of(proc_net::list().unwrap()));
}
