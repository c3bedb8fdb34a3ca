//! The table as it is written, and as the evaluator reads it after nft listed it.
//!
//! `fixtures/policy.json` is what `nft -j list ruleset` (1.0.6) said after `nft -f fixtures/policy.nft` in an empty
//! network namespace.
#![allow(missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use doorward_filter::{Access, Door, Host, Policy, REMOVE, Says, Transport, differences, loaded};
use doorward_netfilter::{Fate, Interface, Packet, Probe, Ruleset, Transport as Protocol};

fn door(transport: Transport, port: u16) -> Door {
    Door { transport, port }
}

fn policy() -> Policy {
    let access: Access = toml::from_str(
        r#"
        counters = true
        log = true
        guests = ["docker0", "br-*"]

        [clients]
        office = ["192.0.2.0/24", "198.51.100.7", "2001:db8:a::/48"]
        monitors = ["203.0.113.5"]

        [doors]
        ssh = { to = ["office"], admin = true }
        "tcp/9100" = { to = ["monitors", "office"] }
        "udp/161" = { to = ["monitors"] }
        "#,
    )
    .unwrap();
    let host = Host {
        site: BTreeSet::from([
            door(Transport::Tcp, 80),
            door(Transport::Tcp, 443),
            door(Transport::Udp, 443),
        ]),
        services: BTreeMap::from([("ssh.service".into(), BTreeSet::from([door(Transport::Tcp, 22)]))]),
        ..Host::default()
    };
    Policy::new(&access, &host).unwrap()
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn rules() -> Ruleset {
    Ruleset::parse(&serde_json::from_str(&fixture("policy.json")).unwrap()).unwrap()
}

fn interfaces() -> Vec<Interface> {
    let nets = ["192.0.2.10/24", "2001:db8::10/64"].map(|net| net.parse().unwrap());
    vec![Interface::inbound("eth0", &nets)]
}

#[test]
fn the_table_is_written_as_it_stands_in_the_fixture() {
    let table = policy().table();
    if std::env::var_os("DOORWARD_PRINT_TABLE").is_some() {
        println!("{table}");
    }
    assert_eq!(table, fixture("policy.nft"));
    let own = |line: &str| !line.contains("table") || line.contains("inet doorward");
    assert!(table.lines().chain(REMOVE.lines()).filter(|l| !l.starts_with('#')).all(own));
}

#[test]
fn what_the_policy_says_is_what_the_evaluator_says_of_the_listing() {
    let (policy, rules) = (policy(), rules());
    let v4 = ["192.0.2.7", "198.51.100.7", "198.51.100.8", "203.0.113.5", "203.0.113.6", "8.8.8.8"];
    let v6 = ["2001:db8:a::1", "2001:db8:b::1", "2001:db8::7"];
    for (client, to) in v4.map(|c| (c, "192.0.2.10")).into_iter().chain(v6.map(|c| (c, "2001:db8::10"))) {
        let client: IpAddr = client.parse().unwrap();
        for port in [22, 80, 443, 161, 9100, 3306, 1, 65535] {
            for (transport, protocol) in [(Transport::Tcp, Protocol::Tcp), (Transport::Udp, Protocol::Udp)] {
                let packet = Packet {
                    protocol,
                    source: client,
                    source_port: 40_000,
                    destination: to.parse().unwrap(),
                    port,
                    interface: "eth0".into(),
                };
                let says = policy.says(client, door(transport, port));
                match rules.fate(&packet, &interfaces()) {
                    Fate::Delivered { .. } => assert_ne!(says, Says::Closed, "{packet:?}"),
                    Fate::Dropped => assert_eq!(says, Says::Closed, "{packet:?}"),
                    other => panic!("{packet:?}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_connection_that_stands_is_not_cut() {
    let probe = Probe {
        protocol: Protocol::Tcp,
        client: "8.8.8.8/32".parse().unwrap(),
        source_port: None,
        destination: Some("192.0.2.10".parse().unwrap()),
        port: 22,
        interface: "eth0".into(),
        established: true,
    };
    let fate = &rules().trace(&probe, &interfaces())[0].fate;
    assert!(matches!(fate, Fate::Delivered { .. }), "{fate:?}");
}

#[test]
fn a_table_bears_the_mark_of_its_policy_and_says_what_it_says() {
    let listing = serde_json::from_str(&fixture("policy.json")).unwrap();
    assert_eq!(loaded(&listing), Some(policy().mark().as_str()));
    assert_eq!(loaded(&serde_json::json!({"nftables": []})), None);
    let closed = [3306, 25].map(|port| door(Transport::Tcp, port));
    assert_eq!(differences(&policy(), &rules(), &interfaces(), closed), [""; 0]);

    let other = |text: &str, site: &[u16]| {
        let site = site.iter().map(|port| door(Transport::Tcp, *port)).collect();
        Policy::new(&toml::from_str(text).unwrap(), &Host { site, ..Host::default() }).unwrap()
    };
    let more =
        other("[clients]\na = [\"198.51.100.0/24\"]\n[doors]\n\"tcp/22\" = { to = [\"a\"] }", &[80, 443]);
    assert_ne!(more.mark(), policy().mark());
    let told = differences(&more, &rules(), &interfaces(), []);
    assert!(
        told.contains(&"198.51.100.0 may come in by tcp/22, and the table drops it".to_owned())
            || told.contains(&"198.51.100.77 may come in by tcp/22, and the table drops it".to_owned()),
        "{told:?}"
    );
    let less = other("", &[80]);
    let told = differences(&less, &rules(), &interfaces(), [door(Transport::Tcp, 443)]);
    assert!(told[0].ends_with("may not come in by tcp/443, and the table lets it in"), "{told:?}");
    assert_eq!(differences(&less, &Ruleset::default(), &interfaces(), closed).len(), 5);
}
