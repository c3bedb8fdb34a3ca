//! The way of a client's packet, told step by step, on recorded rulesets.
#![allow(missing_docs)]

use std::net::IpAddr;

use doorward_netfilter::{Fate, Interface, Packet, Probe, Ruleset, StepAction, Trace, Transport};
use ipnet::IpNet;
use proptest::prelude::*;
use serde_json::Value;

const FIXTURES: [&str; 4] = ["firewalld", "ufw-docker", "server", "opaque"];

fn rules(name: &str) -> Ruleset {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let listing: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    Ruleset::parse(&listing).unwrap()
}

fn interfaces() -> Vec<Interface> {
    vec![
        Interface::inbound("eth0", &["192.0.2.10/24".parse().unwrap(), "2001:db8::10/64".parse().unwrap()]),
        Interface::inbound("eth1", &["10.1.0.1/16".parse().unwrap()]),
    ]
}

fn probe(client: &str, port: u16) -> Probe {
    let client: IpNet = client.parse().unwrap();
    let to = if client.addr().is_ipv4() { "192.0.2.10" } else { "2001:db8::10" };
    Probe {
        protocol: Transport::Tcp,
        client,
        source_port: None,
        destination: Some(to.parse().unwrap()),
        port,
        interface: "eth0".into(),
        established: false,
    }
}

/// `CLIENTS fate, by RULE`, a part a line.
fn told(parts: &[Trace]) -> String {
    let line = |part: &Trace| {
        let clients: Vec<String> = part.clients.iter().map(ToString::to_string).collect();
        let fate = match &part.fate {
            Fate::Undecided { why } => format!("undecided ({why})"),
            fate => format!("{fate:?}").split(' ').next().unwrap().to_lowercase(),
        };
        let rule = part.decided_by().and_then(|s| s.rule.as_ref()).map(ToString::to_string);
        format!("{} {fate} by {}\n", clients.join(" "), rule.unwrap_or_default())
    };
    parts.iter().map(line).collect()
}

#[test]
fn a_network_is_told_part_by_part() {
    let parts = rules("server").trace(&probe("198.51.100.4/30", 22), &interfaces());
    assert_eq!(
        told(&parts),
        "198.51.100.4/31 198.51.100.6/32 dropped by inet filter input: policy drop\n\
         198.51.100.7/32 delivered by inet filter admin: ip saddr @admins accept\n"
    );
    let way: Vec<_> = parts[1].steps.iter().map(|s| (s.hook, s.priority, s.action)).collect();
    assert_eq!(
        way,
        [
            ("input", 0, StepAction::Entered),
            ("input", 0, StepAction::Accepted),
            ("input", 50, StepAction::Passed)
        ]
    );
    let rule = parts[1].decided_by().unwrap().rule.as_ref().unwrap();
    assert_eq!((rule.position, rule.comment.as_deref()), (Some(1), Some("the office")));
}

#[test]
fn a_later_table_has_the_last_word() {
    assert_eq!(
        told(&rules("server").trace(&probe("203.0.113.9/32", 80), &interfaces())),
        "203.0.113.9/32 dropped by ip late input: tcp dport 80 drop\n"
    );
}

#[test]
fn what_is_not_known_is_said() {
    let parts = rules("server").trace(&probe("203.0.113.0/24", 8050), &interfaces());
    assert_eq!(told(&parts), "203.0.113.0/24 undecided (meta hour) by \n");
}

#[test]
fn an_established_connection_passes_where_a_new_one_does_not() {
    let rules = rules("server");
    let new = probe("2001:db8::7/128", 3306);
    let established = Probe { established: true, ..new.clone() };
    assert!(matches!(rules.trace(&new, &interfaces())[0].fate, Fate::Dropped));
    let parts = rules.trace(&established, &interfaces());
    assert!(matches!(parts[0].fate, Fate::Delivered { .. }), "{parts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// The parts are the client, and each part's fate is that of any packet of it.
    #[test]
    fn parts_are_the_client_and_true_of_each_address(
        name in prop::sample::select(FIXTURES.to_vec()),
        address in prop::sample::select(vec![
            0xc000_0200_u32, 0xc633_6400, 0x0a01_0000, 0x0a02_0000, 0xc0a8_0100, 0xac11_0000, 0xcb00_7100,
        ]),
        bits in 8u8..=32,
        port in prop::sample::select(vec![22u16, 53, 80, 139, 443, 2222, 3306, 5900, 6000, 7000, 8050, 8080, 9100]),
        pick in any::<u32>(),
        eth1 in any::<bool>(),
    ) {
        let rules = rules(name);
        let client = IpNet::new(std::net::Ipv4Addr::from(address).into(), bits).unwrap().trunc();
        let mut probe = probe(&client.to_string(), port);
        if eth1 {
            probe.interface = "eth1".into();
            probe.destination = Some("10.1.0.1".parse().unwrap());
        }
        let parts = rules.trace(&probe, &interfaces());
        let size = |n: &IpNet| 1u64 << (32 - n.prefix_len());
        let total: u64 = parts.iter().flat_map(|p| &p.clients).map(size).sum();
        prop_assert_eq!(total, size(&client), "{:?}", parts);
        for part in &parts {
            let net = part.clients[pick as usize % part.clients.len()];
            prop_assert!(client.contains(&net));
            let IpAddr::V4(first) = net.network() else { unreachable!() };
            let within = if size(&net) == 1 << 32 { pick } else { pick % u32::try_from(size(&net)).unwrap() };
            let source = IpAddr::V4(std::net::Ipv4Addr::from(u32::from(first) + within));
            let packet = Packet {
                protocol: Transport::Tcp, source, source_port: 40000,
                destination: probe.destination.unwrap(), port, interface: probe.interface.clone(),
            };
            let fate = rules.fate(&packet, &interfaces());
            match (&part.fate, &fate) {
                (Fate::Undecided { .. }, Fate::Undecided { .. }) => {}
                (a, b) => prop_assert_eq!(a, b, "{}", source),
            }
        }
    }
}

#[test]
fn rejecting_by_one_family_means_packets_of_that_family() {
    let listing = serde_json::json!({"nftables": [
        {"table": {"family": "inet", "name": "t"}},
        {"chain": {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": 0,
                   "policy": "accept"}},
        {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": [
            {"reject": {"type": "icmpv6", "expr": "port-unreachable"}}]}}
    ]});
    let rules = Ruleset::parse(&listing).unwrap();
    let fate = |client| rules.trace(&probe(client, 22), &interfaces()).remove(0).fate;
    assert!(matches!(fate("192.0.2.7/32"), Fate::Delivered { .. }));
    assert_eq!(fate("2001:db8::7/128"), Fate::Dropped);
}
