//! The policy's table in a kernel: what the policy says, what the evaluator says of the table as nft lists it, and what
//! real packets do, are the same.
//!
//! Root only; says so and passes otherwise. `DOORWARD_CASES` makes so many policies, `DOORWARD_SEED` chooses them, and
//! `DOORWARD_CASE` replays one.
#![allow(clippy::pedantic, missing_docs)]
#![expect(clippy::disallowed_methods, reason = "the test makes namespaces and loads rulesets")]

mod generate;
#[path = "../../../netfilter/tests/kernel/lab.rs"]
#[allow(dead_code, reason = "shared with the evaluator's own test")]
mod lab;
#[path = "../../../netfilter/tests/kernel/random.rs"]
mod random;

use std::time::Duration;

use doorward_filter::{Door, Policy, REMOVE, Says, Transport};
use doorward_netfilter::{Fate, Packet, Ruleset, Transport as Protocol};
use serde_json::Value;

use crate::generate::{OTHERS, case};
use crate::lab::{Arrived, Lab, Probe, Seen};

const CASES: u64 = 60;
const PATIENCE: Duration = Duration::from_millis(30);
const MORE_PATIENCE: Duration = Duration::from_millis(700);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// A lab, where there can be one.
fn lab(lane: u64) -> Option<Lab> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: making network namespaces needs root");
        return None;
    }
    match Lab::new(lane) {
        Ok(lab) => Some(lab),
        Err(why) => {
            let required = std::env::var_os("DOORWARD_LAB").is_some_and(|v| v == "required");
            assert!(!required, "no network namespaces with nftables here: {why}");
            eprintln!("skipped: no network namespaces with nftables here: {why}");
            None
        }
    }
}

#[test]
fn policy_evaluator_and_kernel_say_the_same() {
    let Some(lab) = lab(10) else { return };
    if let Some(number) = setting("DOORWARD_CASE") {
        eprintln!("{:?}", run(&lab, number));
        return;
    }
    let seed = setting("DOORWARD_SEED").unwrap_or(0xf117 ^ u64::from(std::process::id()));
    let cases = setting("DOORWARD_CASES").unwrap_or(CASES);
    eprintln!("DOORWARD_SEED={seed} DOORWARD_CASES={cases}");
    let (mut packets, mut arrived, mut at_container) = (0, 0, 0);
    for number in 0..cases {
        let told = run(&lab, seed.wrapping_mul(0x9e37_79b9).wrapping_add(number));
        packets += told[0];
        arrived += told[1];
        at_container += told[2];
    }
    eprintln!(
        "{cases} policies, {packets} packets, {arrived} arrived, {at_container} of them at the container, no disagreement"
    );
    assert!(
        cases < 20 || (arrived * 50 > packets && arrived < packets && at_container > 0),
        "nothing is tested"
    );
}

/// One policy beside others' rules, and packets that meet it. Packets, arrived, arrived at the container.
fn run(lab: &Lab, number: u64) -> [u64; 3] {
    let (policy, others, probes) = case(number);
    let table = policy.table();
    lab.load(others).expect("others' rules");
    let listing =
        lab.apply(&table).unwrap_or_else(|e| panic!("DOORWARD_CASE={number}: nft refused it: {e}\n{table}"));
    let rules = Ruleset::parse(&listing).expect("a listing of nft");
    let seen = lab.probe(&probes, PATIENCE);
    let mut told = [probes.len() as u64, 0, 0];
    for (probe, seen) in probes.iter().zip(seen) {
        told[1] += u64::from(seen.arrived.is_some());
        told[2] += u64::from(matches!(seen.arrived, Some(Arrived::Container(_))));
        let says = policy.says(probe.from, door(probe));
        let mut actual = seen.arrived.is_some();
        let (open, listens) = (says != Says::Closed, listens(others, probe));
        if actual != (open && listens) {
            let again = lab.probe(std::slice::from_ref(probe), MORE_PATIENCE).remove(0);
            actual = again.arrived.is_some();
        }
        let context = || format!("DOORWARD_CASE={number}: {probe:?}\n{policy:?}\n{others}\n{table}");
        assert_eq!(actual, open && listens, "the kernel, the policy: {says:?}; {}", context());
        let fate = rules.fate(&packet(probe, &seen), &lab.interfaces());
        match fate {
            Fate::Undecided { why } => panic!("undecided: {why}; {}", context()),
            Fate::Dropped => assert!(!open, "the evaluator drops, the policy: {says:?}; {}", context()),
            Fate::Delivered { .. } | Fate::Forwarded { .. } => {
                assert!(open, "the evaluator lets in; {}", context());
            }
        }
    }
    told
}

fn door(probe: &Probe) -> Door {
    let transport = if probe.protocol == Protocol::Tcp { Transport::Tcp } else { Transport::Udp };
    Door { transport, port: probe.port }
}

/// Whether something takes what passes.
fn listens(others: &str, probe: &Probe) -> bool {
    // See `OTHERS`: what is translated arrives somewhere.
    let translated = others.contains("dnat")
        && probe.from.is_ipv4()
        && matches!((probe.protocol, probe.port), (Protocol::Tcp, 8080 | 9999) | (Protocol::Udp, 5432));
    translated || lab::PORTS.contains(&probe.port)
}

fn packet(probe: &Probe, seen: &Seen) -> Packet {
    Packet {
        protocol: probe.protocol,
        source: probe.from,
        source_port: seen.source_port,
        destination: probe.to,
        port: probe.port,
        interface: probe.interface.to_owned(),
    }
}

/// A listing without what differs from one loading to the next.
fn bare(listing: &Value, table: impl Fn(&str) -> bool) -> String {
    let of = |entry: &&Value| {
        let (kind, inner) = entry.as_object().and_then(|e| e.iter().next()).expect("an entry");
        let name = if kind == "table" { inner.get("name") } else { inner.get("table") };
        name.and_then(Value::as_str).is_some_and(&table)
    };
    let entries = listing["nftables"].as_array().expect("entries").iter().filter(of);
    let mut lines: Vec<String> = Vec::new();
    for entry in entries {
        let mut entry = entry.clone();
        for inner in entry.as_object_mut().expect("an entry").values_mut() {
            inner.as_object_mut().expect("an object").remove("handle");
        }
        lines.push(entry.to_string());
    }
    lines.join("\n")
}

#[test]
fn it_replaces_itself_and_touches_nothing_else() {
    let Some(lab) = lab(11) else { return };
    let (own, theirs) = (|name: &str| name == "doorward", |name: &str| name != "doorward");
    for number in 0..20 {
        let (policy, _, _) = case(number);
        let (other, _, _) = case(number + 1000);
        let before = lab.load(OTHERS[1]).expect("others' rules");
        assert_eq!(bare(&before, own), "");
        let once = lab.apply(&policy.table()).expect("the table");
        lab.apply(&other.table()).expect("another table");
        let again = lab.apply(&policy.table()).expect("the table again");
        assert_eq!(bare(&once, own), bare(&again, own), "the same policy, the same table");
        let gone = lab.apply(REMOVE).expect("its inverse");
        assert_eq!(bare(&gone, own), "");
        lab.apply(REMOVE).expect("its inverse, where there is nothing");
        for listing in [&once, &again, &gone] {
            assert_eq!(bare(listing, theirs), bare(&before, theirs), "others' rules are as they were");
        }
    }
}

#[test]
fn neighbours_find_each_other_through_it() {
    let Some(lab) = lab(13) else { return };
    let site = [Door { transport: Transport::Tcp, port: 80 }].into();
    let host = doorward_filter::Host { site, ..Default::default() };
    let table = Policy::new(&Default::default(), &host).unwrap().table();
    let without: Vec<&str> = table.lines().filter(|line| !line.contains("icmpv6 type")).collect();
    for (table, is_open) in [(table.clone(), true), (without.join("\n") + "\n", false)] {
        lab.load("").expect("no rules");
        lab.apply(&table).expect("the table");
        lab.forget_neighbours().expect("no neighbours");
        let probe = Probe {
            protocol: Protocol::Tcp,
            from: "fd77::11".parse().unwrap(),
            to: "fd77::1".parse().unwrap(),
            port: 80,
            interface: "srv0",
        };
        let seen = lab.probe(&[probe], MORE_PATIENCE).remove(0);
        assert_eq!(seen.arrived.is_some(), is_open, "{table}");
    }
}

#[test]
fn the_rate_of_each_client_is_limited() {
    let Some(lab) = lab(12) else { return };
    let access = "rate = { per-minute = 1, burst = 3 }\n[clients]\na = [\"10.77.0.0/24\", \"fd77::/64\"]\n\
                  [doors]\n\"udp/22\" = { to = [\"a\"], admin = true }\n\"udp/80\" = { to = [\"a\"] }\n";
    let policy = Policy::new(&toml::from_str(access).unwrap(), &doorward_filter::Host::default()).unwrap();
    lab.load("").expect("no rules");
    lab.apply(&policy.table()).expect("the table");
    let probe = |from: &str, to: &str, port| Probe {
        protocol: Protocol::Udp,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        port,
        interface: "srv0",
    };
    let arrived = |from, to, port| {
        let probes = vec![probe(from, to, port); 8];
        lab.probe(&probes, PATIENCE).iter().filter(|seen| seen.arrived.is_some()).count()
    };
    for (from, to) in [("10.77.0.11", "10.77.0.1"), ("fd77::11", "fd77::1"), ("10.77.0.130", "10.77.0.1")] {
        assert_eq!(arrived(from, to, 80), 8, "{from} at a door that is not limited");
        let count = arrived(from, to, 22);
        assert!((3..=4).contains(&count), "{from}: {count} of 8 came through");
    }
}
