use doorward_model::{Listener, Namespace};
use proptest::prelude::*;

use super::super::listeners::tests::listener;
use super::super::places::PlaceId::{self, Host, Other};
use super::*;

fn socket(place: PlaceId, local: &str, remote: &str, inode: u64) -> InetSocket {
    let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
    let ends = Connected { protocol: Protocol::Tcp, local, remote, inode };
    InetSocket { place, ends, cgroup: None, ended: inode == 0 }
}

fn found(
    sockets: &[InetSocket],
    own: &[(PlaceId, &str)],
    list: &[Listener],
) -> (Vec<Pair>, Vec<(Ended, usize)>) {
    let own: Vec<_> = own.iter().map(|(place, ip)| (*place, ip.parse().unwrap())).collect();
    pairs(sockets, &own, &Listeners::new(list), 32768)
}

/// Inode of the client, of the server, and where.
fn short(pairs: &[Pair]) -> Vec<(u64, u64, &str)> {
    pairs.iter().map(|p| (p.client.inode, p.server.inode, p.at.as_str())).collect()
}

#[test]
fn both_ends_meet_and_the_listening_one_answers() {
    let list = [listener("0.0.0.0:50000", Some("db.service"))];
    let sockets = [
        socket(Host, "127.0.0.1:50000", "127.0.0.1:40000", 8),
        socket(Host, "127.0.0.1:40000", "127.0.0.1:50000", 9),
        socket(Host, "192.0.2.1:22", "198.51.100.9:40000", 10),
    ];
    let (pairs, ended) = found(&sockets, &[(Host, "192.0.2.1")], &list);
    assert_eq!((short(&pairs), ended), (vec![(9, 8, "127.0.0.1:50000")], vec![]));
    assert_eq!(pairs[0].or_at, None);
    assert_eq!(pairs[0].server.service.as_deref(), Some("db.service"));
    let (pairs, _) = found(&sockets, &[], &[]);
    let (at, or_at) = (pairs[0].at.as_str(), pairs[0].or_at.as_deref());
    assert_eq!((at, or_at), ("127.0.0.1:40000", Some("127.0.0.1:50000")), "two ports that the kernel chose");
}

#[test]
fn without_a_listener_the_low_port_answers() {
    let sockets = [socket(Host, "[::1]:20", "[::1]:40000", 1), socket(Host, "[::1]:40000", "[::1]:20", 2)];
    let (pairs, _) = found(&sockets, &[], &[]);
    assert_eq!((short(&pairs), pairs[0].or_at.as_deref()), (vec![(2, 1, "[::1]:20")], None));
}

#[test]
fn an_unconnected_server_is_known_by_its_listener() {
    let list = [listener("192.0.2.1:53", Some("dns.service"))];
    let client = socket(Host, "192.0.2.1:40000", "192.0.2.1:53", 3);
    let (pairs, _) = found(&[client], &[(Host, "192.0.2.1")], &list);
    assert_eq!(pairs[0].server.service.as_deref(), Some("dns.service"));
    let (pairs, _) = found(&[client], &[], &list);
    assert_eq!(pairs, [], "not an address of this host");
}

#[test]
fn containers_reach_the_host_and_each_other() {
    let list = [listener("172.17.0.1:3306", Some("db.service"))];
    let inside = Listener {
        namespace: Namespace::Other { id: 7, label: None },
        ..listener("0.0.0.0:80", Some("container:web"))
    };
    let list = [list[0].clone(), inside];
    let own = [(Host, "172.17.0.1"), (Other(7), "172.17.0.2"), (Other(8), "172.17.0.3")];
    let sockets = [
        socket(Other(7), "172.17.0.2:40000", "172.17.0.1:3306", 1),
        socket(Host, "172.17.0.1:3306", "172.17.0.2:40000", 2),
        socket(Other(8), "172.17.0.3:40000", "172.17.0.2:80", 3),
        socket(Other(7), "172.17.0.2:80", "172.17.0.3:40000", 4),
        // The same loopback addresses in two namespaces are strangers.
        socket(Other(7), "127.0.0.1:40000", "127.0.0.1:80", 5),
        socket(Other(8), "127.0.0.1:80", "127.0.0.1:40000", 6),
    ];
    let (pairs, _) = found(&sockets, &own, &list);
    let services: Vec<_> = pairs.iter().map(|p| p.server.service.as_deref()).collect();
    assert_eq!(short(&pairs), [(1, 2, "172.17.0.1:3306"), (3, 4, "172.17.0.2:80"), (5, 0, "127.0.0.1:80")]);
    assert_eq!(services, [Some("db.service"), Some("container:web"), Some("container:web")]);
}

#[test]
fn what_has_ended_names_its_server() {
    let list = [listener("127.0.0.1:3306", Some("db.service"))];
    let by_client = socket(Host, "127.0.0.1:40000", "127.0.0.1:3306", 0);
    let by_server = socket(Host, "127.0.0.1:3306", "127.0.0.1:40001", 0);
    let stranger = socket(Host, "127.0.0.1:3306", "192.0.2.7:40001", 0);
    let (pairs, ended) = found(&[by_client, by_server, stranger], &[], &list);
    let one = Ended { to: "db.service".into(), at: "127.0.0.1:3306".into() };
    assert_eq!((pairs, ended), (vec![], vec![(one, 2)]));
}

#[test]
fn a_socket_connected_to_itself_is_no_pair() {
    let sockets = [socket(Host, "127.0.0.1:40000", "127.0.0.1:40000", 3)];
    assert_eq!(found(&sockets, &[], &[]).0, []);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(Host, Protocol::Tcp, &bytes);
    }

    #[test]
    fn each_socket_is_in_at_most_one_pair(
        ends in prop::collection::vec((1u16..5, 1u16..5, 0u64..3, any::<bool>()), 0..30)
    ) {
        let sockets: Vec<InetSocket> = ends
            .iter()
            .enumerate()
            .map(|(at, (local, remote, place, ended))| InetSocket {
                place: place.checked_sub(1).map_or(Host, Other),
                ends: Connected {
                    protocol: Protocol::Tcp,
                    local: SocketAddr::from(([192, 0, 2, 1], *local)),
                    remote: SocketAddr::from(([192, 0, 2, 1], *remote)),
                    inode: u64::try_from(at).unwrap() + 1,
                },
                cgroup: None,
                ended: *ended,
            })
            .collect();
        // The kernel has no two sockets with the same addresses in one namespace.
        let mut seen = std::collections::HashSet::new();
        let sockets: Vec<_> =
            sockets.into_iter().filter(|s| seen.insert((s.place, s.ends.local, s.ends.remote))).collect();
        let (pairs, ended) = found(&sockets, &[], &[]);
        let mut inodes: Vec<u64> =
            pairs.iter().flat_map(|p| [p.client.inode, p.server.inode]).filter(|i| *i != 0).collect();
        let all = inodes.len();
        inodes.sort_unstable();
        inodes.dedup();
        prop_assert_eq!(inodes.len(), all);
        prop_assert_eq!(ended, vec![]);
    }
}
