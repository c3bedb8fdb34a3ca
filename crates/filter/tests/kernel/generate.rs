//! Random policies, others' rules beside them, and packets to try them with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use doorward_filter::{Access, Allow, Door, Host, Policy, Rate, SetName, Transport};
use doorward_netfilter::Transport as Protocol;

use crate::lab::{CABLES, PORTS, Probe};
use crate::random::Random;

/// Rules of others: none; an engine's that publish ports to a container and redirect one; the same with a table that
/// accepts all before.
pub(crate) const OTHERS: [&str; 3] = ["", TRANSLATING, ACCEPTING];

const TRANSLATING: &str = "table ip nat {
 chain PREROUTING {
  type nat hook prerouting priority dstnat
  tcp dport 8080 dnat to 10.79.0.2:80
  udp dport 5432 dnat to 10.79.0.2:22
  tcp dport 9999 ip daddr 10.77.0.1 dnat to 10.77.0.1:443
  tcp dport 9999 ip daddr 10.77.0.2 dnat to 10.77.0.2:443
  tcp dport 9999 ip daddr 10.78.0.1 dnat to 10.78.0.1:443
 }
}
table ip filter {
 chain FORWARD {
  type filter hook forward priority filter; policy drop
  ct status dnat accept
  ct state established,related accept
 }
}
";

const ACCEPTING: &str = "table inet early {
 chain input {
  type filter hook input priority -100; policy accept;
  tcp dport 1-65535 accept
 }
}
table ip nat {
 chain PREROUTING {
  type nat hook prerouting priority dstnat
  tcp dport 8080 dnat to 10.79.0.2:80
  udp dport 5432 dnat to 10.79.0.2:22
  tcp dport 9999 ip daddr 10.77.0.1 dnat to 10.77.0.1:443
  tcp dport 9999 ip daddr 10.77.0.2 dnat to 10.77.0.2:443
  tcp dport 9999 ip daddr 10.78.0.1 dnat to 10.78.0.1:443
 }
}
";

const NETWORKS: &[&str] = &[
    "10.77.0.11",
    "10.77.0.130",
    "10.78.0.200",
    "10.77.0.0/24",
    "10.78.0.0/25",
    "10.77.0.128/25",
    "10.0.0.0/8",
    "0.0.0.0/1",
    "fd77::11",
    "fd78::/64",
    "fd78::a:0/112",
    "fd00::/8",
    "192.0.2.0/24",
    "2001:db8::/32",
];
/// Names that are nft's own words, too.
const NAMES: &[&str] = &["office", "all", "rate", "ip", "admin", "set", "drop", "input"];

/// A policy, others' rules, and packets.
pub(crate) fn case(number: u64) -> (Policy, &'static str, Vec<Probe>) {
    let mut random = Random::new(number);
    let mut clients = BTreeMap::new();
    for _ in 0..=random.below(3) {
        let entries: Vec<String> = (0..=random.below(4)).map(|_| random.pick(NETWORKS).to_owned()).collect();
        clients.insert(SetName::try_from(random.pick(NAMES).to_owned()).unwrap(), entries);
    }
    let names: Vec<SetName> = clients.keys().cloned().collect();
    let door = |random: &mut Random| Door {
        transport: random.pick(&[Transport::Tcp, Transport::Tcp, Transport::Udp]),
        port: random.pick(&[22, 80, 443, 5432, 8080, 9999, 3306]),
    };
    let site: BTreeSet<Door> = (0..random.below(4)).map(|_| door(&mut random)).collect();
    let mut doors = BTreeMap::new();
    for _ in 0..=random.below(6) {
        let door = door(&mut random);
        if site.contains(&door) {
            continue;
        }
        let to = (0..=random.below(2)).map(|_| names[random.below(names.len())].clone()).collect();
        doors.insert(door.to_string().parse().unwrap(), Allow { to, admin: random.one_in(3) });
    }
    let access = Access {
        clients,
        doors,
        rate: Rate { per_minute: 1000, burst: 1000 },
        counters: random.one_in(2),
        log: random.one_in(4),
        guests: if random.one_in(3) { vec!["docker0".into(), "br-*".into()] } else { Vec::new() },
        ..Access::default()
    };
    let host = Host { site, ..Host::default() };
    let policy = Policy::new(&access, &host).unwrap_or_else(|e| panic!("case {number}: {e}\n{access:?}"));
    let others = random.pick(&OTHERS);
    (policy, others, probes(&mut random))
}

fn probes(random: &mut Random) -> Vec<Probe> {
    let address =
        |text: &str| text.split('/').next().and_then(|a| a.parse::<IpAddr>().ok()).expect("an address");
    let mut probes = Vec::new();
    for (interface, hosts, clients) in CABLES {
        for (from, to) in clients.iter().flat_map(|c| hosts.iter().map(move |h| (address(c), address(h)))) {
            for port in PORTS.iter().chain(&[9999]).filter(|_| from.is_ipv4() == to.is_ipv4()) {
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    if random.one_in(3) {
                        probes.push(Probe { protocol, from, to, port: *port, interface });
                    }
                }
            }
        }
    }
    probes
}
