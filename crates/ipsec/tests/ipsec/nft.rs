//! The table that binds doors to security associations.

use doorward_filter::Transport;
use doorward_ipsec::{Charon, REMOVE, TABLE, WayOut};

use super::{VALUES, door, tunnels, userspace};

fn table(text: &str, way_out: Option<WayOut>) -> String {
    tunnels(text).linux("5.9.8".parse::<Charon>().unwrap()).unwrap().table(way_out)
}

#[test]
fn the_table_as_it_is_written() {
    insta::assert_snapshot!("table_kernel", table(VALUES, None));
    let way_out = WayOut { client: "192.0.2.7".parse().unwrap(), door: door(Transport::Tcp, 22) };
    insta::assert_snapshot!("table_userspace", table(&userspace(), Some(way_out)));
    for line in table(VALUES, None).lines().chain(REMOVE.lines()).filter(|line| line.contains("table")) {
        assert!(line.contains(TABLE), "{line}");
    }
}

#[test]
fn who_may_come_is_known() {
    let tunnels = tunnels(VALUES);
    for (address, port, admitted) in [
        ("192.0.2.9", 22, true),
        ("::ffff:192.0.2.9", 22, true),
        ("2001:db8:a::1", 5432, true),
        ("203.0.113.5", 22, false),
        ("203.0.113.5", 5432, true),
        ("192.0.2.9", 80, false),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(tunnels.admits(address, door(Transport::Tcp, port)), admitted, "{address} {port}");
    }
    let linux = tunnels.linux("5.9.8".parse::<Charon>().unwrap()).unwrap();
    let (doors, esp) = linux.comes_by();
    assert_eq!(
        (doors.map(|d| d.to_string()).collect::<Vec<_>>().join(" "), esp),
        ("udp/500 udp/4500".into(), true)
    );
}
