//! `doorward reach`: recorded rulesets, exit codes, hostile names.

use std::fmt::Write as _;

use super::{Place, host, with};
use serde_json::{Value, json};

/// The small host with rules that were recorded from nft.
fn place(ruleset: &str) -> Place {
    let place = Place::new();
    let path = format!("{}/../netfilter/tests/fixtures/{ruleset}.json", env!("CARGO_MANIFEST_DIR"));
    let rules: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut snapshot = host::snapshot();
    snapshot["filter"] = json!({"kind": "nftables", "ruleset": rules});
    snapshot["host"]["interfaces"] = json!([
        {"name": "lo", "index": 1, "loopback": true, "up": true, "addresses": ["127.0.0.1/8", "::1/128"]},
        {"name": "eth0", "index": 2, "loopback": false, "up": true,
         "addresses": ["192.0.2.10/24", "2001:db8::10/64", "fe80::10/64"]},
        {"name": "eth1", "index": 3, "loopback": false, "up": true, "addresses": ["10.1.0.1/16"]},
        {"name": "docker0", "index": 4, "loopback": false, "up": true, "addresses": ["172.17.0.1/16"]}
    ]);
    place.write("snapshot.json", &snapshot.to_string());
    place
}

fn asked<'a>(words: &[&'a str]) -> Vec<&'a str> {
    with(&["reach", "--snapshot", "snapshot.json", "--config", "none.toml"], words)
}

#[test]
fn who_gets_through_and_by_which_rule() {
    let server = place("server");
    let mut all = String::new();
    for (code, words) in [
        (0, &["198.51.100.7", "22"][..]),
        (1, &["198.51.100.0/29", "22"]),
        (1, &["198.51.100.9", "80"]),
        (1, &["10.1.2.3", "6379"]),
        (0, &["10.1.2.3", "9100"]),
        (4, &["192.0.2.77", "8050"]),
        (1, &["2001:db8:b::1", "22"]),
        (0, &["2001:db8:a::1", "22"]),
        (0, &["2001:db8:b::1", "22", "--state", "established"]),
        (1, &["203.0.113.5", "6000", "--interface", "eth1"]),
        (1, &["203.0.113.5", "6000"]),
    ] {
        let _ = writeln!(all, "$ doorward reach {}\n{}", words.join(" "), server.says(code, &asked(words)));
    }
    insta::assert_snapshot!("reach", all);
}

#[test]
fn a_published_port_is_followed_to_its_container() {
    let docker = place("ufw-docker");
    insta::assert_snapshot!(
        "reach_container",
        docker.says(0, &asked(&["203.0.113.5", "8080", "--interface", "eth0"]))
    );
}

#[test]
fn programs_are_told_everything() {
    let server = place("server");
    let document = server.says(1, &asked(&["198.51.100.6/31", "22", "--format", "json"]));
    insta::assert_snapshot!("reach_json", document);
    let value: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(value["verdict"], "partly");
}

#[test]
fn exit_codes_say_what_was_expected() {
    let server = place("server");
    server.says(1, &asked(&["203.0.113.5", "22"]));
    server.says(0, &asked(&["203.0.113.5", "22", "--expect", "closed"]));
    server.says(1, &asked(&["198.51.100.7", "22", "--expect", "closed"]));
    server.says(1, &asked(&["198.51.100.0/24", "22", "--expect", "closed"]));
    server.says(4, &asked(&["192.0.2.77", "8050", "--expect", "closed"]));
    for bad in [&["10.0.0.1/8", "22"][..], &["example.org", "22"], &["10.0.0.1", "0"], &["10.0.0.1"]] {
        server.fails(2, &asked(bad));
    }
    let net = server.fails(2, &asked(&["10.0.0.1/8", "22"]));
    assert!(net.contains("the network is 10.0.0.0/8"), "{net}");
}

#[test]
fn questions_without_a_meaning_are_refused() {
    let server = place("server");
    let mut all = String::new();
    for words in [
        &["192.0.2.10", "22"][..],
        &["127.0.0.1", "22"],
        &["203.0.113.5", "22", "--to", "2001:db8::10"],
        &["203.0.113.5", "22", "--interface", "eth\u{1b}7"],
        &["2001:db8::5", "22", "--interface", "eth1"],
        &["203.0.113.5", "22", "--ruleset", "none.toml"],
    ] {
        all += &server.fails(3, &asked(words));
    }
    insta::assert_snapshot!("reach_refused", all);
}

#[test]
fn rules_that_are_not_known_decide_nothing() {
    let place = place("server");
    let mut snapshot: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path().join("snapshot.json")).unwrap()).unwrap();
    snapshot["unseen"] = json!([{
        "subject": "filter", "what": "rules of iptables-legacy (tables filter)", "why": "nft does not list them"
    }]);
    place.write("snapshot.json", &snapshot.to_string());
    let open = place.says(4, &asked(&["198.51.100.7", "22"]));
    assert!(open.contains("undecided: rules of iptables-legacy"), "{open}");
    place.says(1, &asked(&["203.0.113.5", "22"]));

    snapshot["filter"] = json!({"kind": "unknown"});
    place.write("snapshot.json", &snapshot.to_string());
    place.says(4, &asked(&["203.0.113.5", "22"]));

    snapshot["filter"] = json!({"kind": "none"});
    snapshot["unseen"] = json!([]);
    place.write("snapshot.json", &snapshot.to_string());
    let none = place.says(0, &asked(&["203.0.113.5", "22"]));
    assert!(none.contains("there is no packet filter"), "{none}");
}

#[test]
fn a_tree_is_asked_with_the_rules_that_it_would_load() {
    let place = place("server");
    host::tree(&place.path().join("root"));
    let tree = ["reach", "203.0.113.5", "21", "--root", "root", "--config", "none.toml"];
    let unknown = place.says(4, &tree);
    assert!(unknown.contains("undecided"), "{unknown}");
    let rules = format!("{}/../netfilter/tests/fixtures/server.json", env!("CARGO_MANIFEST_DIR"));
    let text = place.says(1, &with(&tree, &["--ruleset", &rules]));
    assert!(text.contains("closed, by inet filter input: policy drop"), "{text}");
    assert!(text.contains("vsftpd"), "{text}");
}

#[test]
fn names_of_others_steer_no_terminal() {
    let place = Place::new();
    let rules = json!({"nftables": [
        {"table": {"family": "inet", "name": "t\u{1b}[2J", "handle": 1}},
        {"chain": {"family": "inet", "table": "t\u{1b}[2J", "name": "c\u{202e}", "handle": 1, "type": "filter",
                   "hook": "input", "prio": 0, "policy": "accept"}},
        {"rule": {"family": "inet", "table": "t\u{1b}[2J", "chain": "c\u{202e}", "handle": 2,
                  "comment": "x\r\n\u{1b}]0;y\u{7}", "expr": [
            {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth0\u{1b}[1m"}},
            {"drop": null}]}},
        {"rule": {"family": "inet", "table": "t\u{1b}[2J", "chain": "c\u{202e}", "handle": 3,
                  "comment": "x\r\n\u{1b}]0;y\u{7}", "expr": [{"accept": null}]}}
    ]});
    let mut snapshot = host::snapshot();
    snapshot["filter"] = json!({"kind": "nftables", "ruleset": rules});
    snapshot["host"]["name"] = json!("web\u{1b}[31m1");
    snapshot["host"]["interfaces"][1]["name"] = json!("eth0\u{1b}[1m");
    place.write("snapshot.json", &snapshot.to_string());
    for words in [&["203.0.113.5", "4711"][..], &["203.0.113.5", "4711", "--format", "json"]] {
        let told = place.says(1, &asked(words));
        assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
        // JSON carries the host's own text as strings; whoever shows them escapes them.
        assert!(words.contains(&"json") || !told.contains('\u{202e}'), "{told:?}");
        assert!(told.contains("ever.service"), "{told}");
    }
}
