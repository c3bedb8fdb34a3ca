//! Answers about rulesets as real tools make them, listed by the real `nft` (`fixtures/*.json`; beside each what it
//! was made from).
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::net::IpAddr;

use doorward_netfilter::{Answer, Family, Interface, Query, Reach, Ruleset, Target, Transport};

fn load(name: &str) -> Ruleset {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    Ruleset::parse(&serde_json::from_str(&text).expect("JSON")).expect("a listing")
}

fn interface(name: &str, addresses: &[&str]) -> Interface {
    let addresses: Vec<_> = addresses.iter().map(|a| a.parse().expect("a network")).collect();
    Interface { inbound: name.starts_with("eth"), ..Interface::inbound(name, &addresses) }
}

/// A host with two cards and Docker's bridge.
fn query(protocol: Transport, port: u16) -> Query {
    Query {
        protocol,
        family: Family::V4,
        address: None,
        port,
        bound_to: None,
        interfaces: vec![
            interface("lo", &["127.0.0.1/8", "::1/128"]),
            interface("eth0", &["192.0.2.10/24", "2001:db8::10/64"]),
            interface("eth1", &["10.1.0.1/16"]),
            interface("docker0", &["172.17.0.1/16"]),
        ],
        target: Target::Socket,
    }
}

fn tcp(port: u16) -> Query {
    query(Transport::Tcp, port)
}

fn v6(query: Query) -> Query {
    Query { family: Family::V6, ..query }
}

/// An answer on one line: the reach, the rule, the notes.
fn line(answer: &Answer) -> String {
    let mut line = match &answer.reach {
        Reach::Open => "open".to_owned(),
        Reach::Limited { to } => format!("limited to {}", to.join(" + ")),
        Reach::Closed => "closed".to_owned(),
        Reach::Undecided { why } => format!("undecided: {why}"),
    };
    if let Some(rule) = &answer.rule {
        line += " | ";
        line += &rule.to_string();
    }
    for note in &answer.notes {
        line += " | note: ";
        line += note;
    }
    if let Some((address, port)) = answer.diverted {
        let _ = write!(line, " | diverted to {address:?} {port:?}");
    }
    line
}

#[track_caller]
fn says(rules: &Ruleset, query: &Query, expected: &str) {
    assert_eq!(line(&rules.reach(query)), expected, "{query:?}");
}

#[test]
fn firewalld_zones_rich_rules_and_a_forwarded_port() {
    let rules = load("firewalld");
    let deny = "saddr 203.0.113.0/24";
    let ssh = "open | inet firewalld filter_IN_internal_allow: tcp dport 22 accept";
    // The denied network still gets in by the redirected port: `ct status dnat accept` comes first.
    says(&rules, &tcp(22), &format!("{ssh} | note: through port 2222, which is redirected"));
    let http = "inet firewalld filter_IN_public_allow: tcp dport 80 accept";
    let everybody = format!("interface eth0: everybody except {deny}, saddr 172.20.0.0/16");
    says(&rules, &tcp(80), &format!("limited to {everybody} | {http}"));
    assert_eq!(rules.reach(&tcp(80)).open_on, ["eth0"]);
    let internal = "inet firewalld filter_IN_internal_allow: tcp dport 5432 accept";
    let source = "limited to interface eth0: saddr 172.20.0.0/16 + interface eth1";
    says(&rules, &tcp(5432), &format!("{source} | {internal}"));
    says(&rules, &v6(tcp(5432)), &format!("limited to interface eth1 | {internal}"));
    let reject = "closed | inet firewalld filter_INPUT: reject with icmpx admin-prohibited";
    says(&rules, &tcp(3306), reject);
    says(&rules, &v6(query(Transport::Udp, 546)), reject);
    let redirect = "closed | inet firewalld nat_PRE_public_allow: tcp dport 2222 redirect to :22";
    says(&rules, &tcp(2222), &format!("{redirect} | diverted to Some(192.0.2.10) Some(22)"));
}

#[test]
fn ufw_admits_and_shuts() {
    let rules = load("ufw-docker");
    says(&rules, &tcp(22), "open | ip filter ufw-user-input: tcp dport 22 accept");
    let postgres = "ip filter ufw-user-input: ip saddr 10.0.0.0/8 tcp dport 5432 accept";
    says(&rules, &tcp(5432), &format!("limited to saddr 10.0.0.0/8 | {postgres}"));
    says(&rules, &tcp(3306), "closed | ip filter INPUT: policy drop");
    let dhcp = "ip filter ufw-before-input: udp sport 67 udp dport 68 accept";
    says(&rules, &query(Transport::Udp, 68), &format!("limited to source port 67 | {dhcp}"));
    says(&rules, &v6(tcp(3306)), "open");
}

#[test]
fn published_ports_bypass_ufw() {
    let rules = load("ufw-docker");
    let [two, three]: [IpAddr; 2] = ["172.17.0.2".parse().unwrap(), "172.17.0.3".parse().unwrap()];
    let published: Vec<_> = rules
        .published_ports()
        .into_iter()
        .map(|p| (p.protocol, p.host_addresses, p.host_ports, p.address, p.port))
        .collect();
    let one_address = vec!["192.0.2.10/32".parse().unwrap()];
    assert_eq!(
        published,
        [
            (Transport::Tcp, vec![], (8080, 8080), two, Some(80)),
            (Transport::Tcp, one_address, (9000, 9000), three, Some(9000)),
        ]
    );
    // ufw rejects 8080, and its input chain never sees it.
    let docker =
        "ip filter DOCKER: iifname != docker0 oifname docker0 ip daddr 172.17.0.2 tcp dport 80 accept";
    for target in [Target::Translated(two, 80), Target::Anything] {
        says(&rules, &Query { target, ..tcp(8080) }, &format!("open | {docker}"));
    }
    let dnat = "closed | ip nat DOCKER: iifname != docker0 tcp dport 8080 dnat to 172.17.0.2:80";
    says(&rules, &tcp(8080), &format!("{dnat} | diverted to Some(172.17.0.2) Some(80)"));
    let ufw = rules.without_translation().reach(&tcp(8080));
    assert_eq!(ufw.reach, Reach::Closed, "{ufw:?}");
    // Without Docker's translation, ufw's word counts.
    let beside = Query { address: Some("10.1.0.1".parse().unwrap()), target: Target::Anything, ..tcp(9000) };
    says(&rules, &beside, "closed | ip filter INPUT: policy drop");
}

#[test]
fn sets_maps_and_concatenations() {
    let rules = load("server");
    let policy = "closed | inet filter input: policy drop";
    let doors = "inet filter input: tcp dport vmap @doors";
    let admin = "limited to set @admins (3 elements) | inet filter admin: ip saddr @admins accept";
    says(&rules, &tcp(22), admin);
    assert_eq!(rules.reach(&tcp(22)).rule.unwrap().comment.as_deref(), Some("the office"));
    let admin = "limited to set @admins6 (1 element) | inet filter admin: ip6 saddr @admins6 accept";
    says(&rules, &v6(tcp(22)), admin);
    says(&rules, &tcp(3306), &format!("closed | {doors}"));
    let pairs = "inet filter input: ip saddr . tcp dport @pairs accept";
    says(&rules, &tcp(9100), &format!("limited to saddr 10.1.0.0/16, 10.2.0.1 | {pairs}"));
    says(&rules, &tcp(9050), &format!("limited to saddr 10.2.0.1 | {pairs}"));
    says(&rules, &v6(tcp(9100)), policy);
    let smb = "inet filter input: iifname @lan tcp dport { 139, 445 } accept";
    says(&rules, &tcp(139), &format!("limited to interface eth1 | {smb}"));
    let x = "inet filter input: tcp dport 6000 iifname eth1 ip saddr 10.1.0.0/16 accept";
    says(&rules, &tcp(6000), &format!("limited to interface eth1: saddr 10.1.0.0/16 | {x}"));
    says(&rules, &tcp(1), policy);
}

#[test]
fn a_later_table_has_the_last_word() {
    let rules = load("server");
    let doors = "inet filter input: tcp dport vmap @doors";
    says(&rules, &tcp(80), "closed | ip late input: tcp dport 80 drop");
    says(&rules, &v6(tcp(80)), &format!("open | {doors}"));
    says(&rules, &tcp(443), &format!("open | {doors} | note: except saddr 198.51.100.0/24"));
}

#[test]
fn what_a_client_can_bring_about_is_no_barrier() {
    let rules = load("server");
    let dns = "inet filter input: udp sport 53 udp dport 1024-65535 accept";
    says(&rules, &query(Transport::Udp, 5353), &format!("limited to source port 53 | {dns}"));
    let knock = "inet filter input: ip saddr @knockers tcp dport 2222 accept";
    says(&rules, &tcp(2222), &format!("limited to whoever gets into the dynamic set @knockers | {knock}"));
    let ipsec = "inet filter input: meta ipsec exists tcp dport 23 accept";
    says(&rules, &tcp(23), &format!("limited to IPsec peers | {ipsec}"));
    let limit = "inet filter input: tcp dport 25 limit rate 10/second accept";
    says(&rules, &tcp(25), &format!("open | {limit} | note: rate limited"));
}

#[test]
fn what_is_not_known_is_said() {
    let rules = load("server");
    says(&rules, &tcp(8080), "undecided: meta hour");
    // iptables-nft's extensions, as nft's JSON has them. Where both ways end alike, it is decided all the same.
    let rules = load("opaque");
    says(&rules, &tcp(22), "open | ip filter INPUT: tcp dport 22 xt match comment accept");
    says(&rules, &tcp(5432), "undecided: xt match conntrack");
    says(&rules, &tcp(81), "undecided: xt target DNAT | diverted to None None");
}

#[test]
fn a_listing_of_nothing_is_empty_and_opens_everything() {
    let nothing = serde_json::json!({"nftables": [{"metainfo": {"json_schema_version": 1}}]});
    let rules = Ruleset::parse(&nothing).unwrap();
    assert!(rules.is_empty());
    says(&rules, &tcp(22), "open");
}

#[test]
fn what_is_no_listing_is_an_error_with_its_place() {
    let error = |value: serde_json::Value| Ruleset::parse(&value).unwrap_err().to_string();
    assert!(error(serde_json::json!([])).contains("\"nftables\""));
    let newer = serde_json::json!({"nftables": [{"metainfo": {"json_schema_version": 2}}]});
    assert!(error(newer).contains("version 2"));
    let nameless = serde_json::json!({"nftables": [{"chain": {"family": "ip", "table": "t"}}]});
    assert!(error(nameless).contains("entry 0 of the listing, a chain"));
}

/// A block list of 50,000 networks, met by a hundred rules after it.
#[test]
fn large_sets_are_quick() {
    let blocked: Vec<_> = (0..50_000u32)
        .map(|n| serde_json::json!({"prefix": {"addr": std::net::Ipv4Addr::from(0x0b00_0000 + n * 512).to_string(), "len": 24}}))
        .collect();
    let field =
        |protocol: &str, field: &str| serde_json::json!({"payload": {"protocol": protocol, "field": field}});
    let rule = |expr: serde_json::Value| serde_json::json!({"rule": {"family": "ip", "table": "t", "chain": "in", "handle": 1, "expr": expr}});
    let chain = |name: &str| {
        serde_json::json!({"chain": {"family": "ip", "table": "t", "name": name, "handle": 1, "type": "filter",
            "hook": "input", "prio": 0, "policy": "drop"}})
    };
    let mut list = vec![
        serde_json::json!({"table": {"family": "ip", "name": "t"}}),
        serde_json::json!({"set": {"family": "ip", "name": "blocked", "table": "t", "type": "ipv4_addr",
            "flags": ["interval"], "elem": blocked}}),
        chain("in"),
        rule(serde_json::json!([
            {"match": {"op": "==", "left": field("ip", "saddr"), "right": "@blocked"}}, {"drop": null}])),
    ];
    for port in 0..100 {
        list.push(rule(serde_json::json!([
            {"match": {"op": "==", "left": field("tcp", "dport"), "right": 1000 + port}}, {"accept": null}])));
    }
    let listing = serde_json::json!({ "nftables": list });
    let begun = std::time::Instant::now();
    let rules = Ruleset::parse(&listing).unwrap();
    let parsed = begun.elapsed();
    let answer = rules.reach(&tcp(1099));
    let took = begun.elapsed();
    assert_eq!(answer.reach, Reach::Open);
    assert!(answer.notes[0].starts_with("except set @blocked (50000 elements)"), "{:?}", answer.notes);
    eprintln!("parsed in {parsed:?}, with the answer {took:?}");
    // Unoptimized builds on busy machines are some ten times slower than what is promised.
    let bound = if cfg!(debug_assertions) { 1500 } else { 100 };
    assert!(took.as_millis() < bound, "{took:?}");
}
