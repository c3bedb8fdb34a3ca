//! Properties that hold for any input: nothing panics, and the answer for all clients is that for each of them.
#![allow(missing_docs)]

use std::net::{IpAddr, Ipv4Addr};

use doorward_netfilter::{Family, Fate, Interface, Packet, Query, Reach, Ruleset, Target, Transport};
use proptest::prelude::*;
use serde_json::{Value, json};

const FIXTURES: [&str; 4] = ["firewalld", "ufw-docker", "server", "opaque"];

fn listing(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("JSON")
}

fn interfaces() -> Vec<Interface> {
    vec![
        Interface::inbound("eth0", &["192.0.2.10/24".parse().unwrap()]),
        Interface::inbound("eth1", &["10.1.0.1/16".parse().unwrap()]),
    ]
}

fn query(port: u16) -> Query {
    Query {
        protocol: Transport::Tcp,
        family: Family::V4,
        address: Some("192.0.2.10".parse().unwrap()),
        port,
        bound_to: Some("eth0".into()),
        interfaces: interfaces(),
        target: Target::Anything,
    }
}

/// JSON in the words of nft's listings, put together without sense.
fn word_salad() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "nftables",
        "table",
        "chain",
        "rule",
        "set",
        "map",
        "family",
        "name",
        "type",
        "hook",
        "prio",
        "policy",
        "expr",
        "match",
        "left",
        "right",
        "op",
        "payload",
        "protocol",
        "field",
        "tcp",
        "ip",
        "saddr",
        "dport",
        "meta",
        "key",
        "ct",
        "state",
        "new",
        "vmap",
        "data",
        "accept",
        "drop",
        "jump",
        "target",
        "goto",
        "elem",
        "val",
        "concat",
        "prefix",
        "addr",
        "len",
        "range",
        "&",
        "|",
        "<<",
        "dnat",
        "redirect",
        "port",
        "limit",
        "inv",
        "mangle",
        "value",
        "in",
        "==",
        "!=",
        "<",
        "inet",
        "filter",
        "input",
        "ipv4_addr",
        "inet_service",
        "verdict",
        "@x",
        "x",
        "10.0.0.1",
        "fd00::1",
        "*",
        "eth*",
        "xt",
        "fib",
        "flags",
        "result",
        "daddr",
        "mark",
        "handle",
        "stmt",
    ]);
    let leaf = prop_oneof![
        words.clone().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..5)
                .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Value>()),
        ]
    })
}

/// A real listing with entries dropped, doubled, swapped, and single values replaced.
fn damaged() -> impl Strategy<Value = Value> {
    let edits = prop::collection::vec(
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), word_salad()),
        0..12,
    );
    (prop::sample::select(FIXTURES.to_vec()), edits).prop_map(|(name, edits)| {
        let mut listing = listing(name);
        for (what, place, salad) in edits {
            let list = listing["nftables"].as_array_mut().expect("a list");
            let (a, b) = (what.index(list.len()), place.index(list.len()));
            match what.index(5) {
                0 => list.swap(a, b),
                1 if list.len() > 2 => drop(list.remove(a)),
                2 => list.insert(b, list[a].clone()),
                _ => {
                    if let Some(expr) = list[a].pointer_mut("/rule/expr").and_then(Value::as_array_mut)
                        && !expr.is_empty()
                    {
                        let index = place.index(expr.len());
                        expr[index] = salad;
                    }
                }
            }
        }
        listing
    })
}

fn ask_everything(listing: &Value) {
    let Ok(rules) = Ruleset::parse(listing) else { return };
    rules.published_ports();
    for target in [Target::Socket, Target::Anything, Target::Translated("172.17.0.2".parse().unwrap(), 80)] {
        for family in [Family::V4, Family::V6] {
            let answer = rules.reach(&Query { target, family, address: None, ..query(22) });
            assert!(!matches!(&answer.reach, Reach::Limited { to } if to.is_empty()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_json_makes_it_panic(listing in word_salad(), rules in prop::collection::vec(word_salad(), 0..6)) {
        ask_everything(&listing);
        let rules = rules.into_iter().map(|expr| {
            json!({"rule": {"family": "inet", "table": "t", "chain": "c", "expr": [expr, {"accept": null}]}})
        });
        let base = json!({"chain": {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input",
            "prio": 0, "policy": "drop"}});
        let mut list = vec![json!({"table": {"family": "inet", "name": "t"}}), base];
        list.extend(rules);
        ask_everything(&json!({ "nftables": list }));
    }

    #[test]
    fn damaged_listings_do_no_harm(listing in damaged()) {
        ask_everything(&listing);
    }

    /// What is said of everybody holds for anybody.
    #[test]
    fn the_whole_agrees_with_each(
        listing in damaged(),
        port in prop::sample::select(vec![22u16, 25, 80, 443, 2222, 3306, 5432, 8080, 9000, 9100]),
        sources in prop::collection::vec(prop_oneof![
            any::<u32>().prop_map(Ipv4Addr::from),
            (0u8..4).prop_map(|n| Ipv4Addr::new(10, 1, n, 7)),
            (0u8..20).prop_map(|n| Ipv4Addr::new(198, 51, 100, n)),
            Just(Ipv4Addr::new(203, 0, 113, 5)),
        ], 1..8),
    ) {
        let Ok(rules) = Ruleset::parse(&listing) else { return Ok(()) };
        let answer = rules.reach(&query(port));
        for source in sources {
            if source.is_loopback() || source.is_multicast() || source.octets()[0] == 0 || source.is_broadcast() {
                continue;
            }
            let packet = Packet {
                protocol: Transport::Tcp,
                source: IpAddr::V4(source),
                source_port: 32768,
                destination: "192.0.2.10".parse().unwrap(),
                port,
                interface: "eth0".into(),
            };
            let fate = rules.fate(&packet, &interfaces());
            let arrives = matches!(fate, Fate::Delivered { .. } | Fate::Forwarded { .. });
            let contradiction = match &answer.reach {
                Reach::Closed => arrives,
                Reach::Open => fate == Fate::Dropped && answer.notes.is_empty(),
                Reach::Limited { .. } | Reach::Undecided { .. } => false,
            };
            prop_assert!(!contradiction, "{packet:?}: {fate:?}, and the door: {answer:?}");
        }
    }
}
