//! Other owners of tables, on recorded rulesets of theirs.
#![allow(missing_docs)]

use std::collections::BTreeSet;

use doorward_filter::{
    Access, Door, Host, Order, OwnerKind, Policy, Transport, conflicts, interactions, owners,
};
use doorward_netfilter::{Interface, Ruleset};
use serde_json::{Value, json};

fn listing(name: &str) -> Value {
    let path = format!("{}/../netfilter/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn chain(family: &str, table: &str, name: &str) -> Value {
    json!({"chain": {"family": family, "table": table, "name": name}})
}

#[test]
fn owners_are_recognised() {
    let kinds = |listing: &Value| owners(listing).iter().map(|o| o.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&listing("firewalld")), [OwnerKind::Firewalld]);
    assert_eq!(kinds(&listing("ufw-docker")), [OwnerKind::Docker, OwnerKind::Ufw]);
    assert_eq!(kinds(&listing("server")), [OwnerKind::Other]);
    let own: Value = serde_json::from_str(
        &std::fs::read_to_string(format!("{}/tests/fixtures/policy.json", env!("CARGO_MANIFEST_DIR")))
            .unwrap(),
    )
    .unwrap();
    assert_eq!(kinds(&own), [OwnerKind::Doorward]);
    assert_eq!(interactions(&owners(&own)), []);
    for (table, name, kind) in [
        ("filter", "KUBE-SERVICES", OwnerKind::Kube),
        ("filter", "LIBVIRT_INP", OwnerKind::Libvirt),
        ("netavark", "INPUT", OwnerKind::Podman),
        ("filter", "f2b-sshd", OwnerKind::Fail2ban),
        ("filter", "cali-INPUT", OwnerKind::Kube),
        ("mine", "input", OwnerKind::Other),
    ] {
        let list =
            json!({"nftables": [{"table": {"family": "ip", "name": table}}, chain("ip", table, name)]});
        assert_eq!(kinds(&list), [kind], "{table} {name}");
    }
    let iptables = json!({"nftables": [
        {"table": {"family": "ip", "name": "filter"}},
        {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter", "hook": "input", "prio": 0,
                   "policy": "drop"}}
    ]});
    assert_eq!(kinds(&iptables), [OwnerKind::Iptables]);
    assert_eq!(owners(&json!({})), []);
    assert_eq!(owners(&json!({"nftables": [1, {"chain": 3}, {"table": null}]})).len(), 1);
}

#[test]
fn the_order_of_hooks_is_explained() {
    let told = interactions(&owners(&listing("ufw-docker")));
    let says = |kind, hook: &str| {
        let found = told.iter().find(|i| i.owner == kind && i.with.hook == hook);
        found.unwrap_or_else(|| panic!("{kind:?} at {hook}: {told:#?}"))
    };
    let input = says(OwnerKind::Ufw, "input");
    assert_eq!(input.order, Order::After);
    assert!(input.says.contains("a door must be open in both"), "{}", input.says);
    assert!(says(OwnerKind::Docker, "forward").says.contains("narrows to the named clients"));
    assert_eq!(says(OwnerKind::Docker, "prerouting").order, Order::Before);
}

#[test]
fn doors_that_others_keep_closed_are_named() {
    let tcp = |port| Door { transport: Transport::Tcp, port };
    let host = Host { site: BTreeSet::from([tcp(80), tcp(443)]), ..Host::default() };
    let access: Access = toml::from_str(
        "[clients]\na = [\"192.0.2.0/24\"]\n[doors]\n\"tcp/3306\" = { to = [\"a\"] }\n\"tcp/8050\" = { to = [\"a\"] }\n",
    )
    .unwrap();
    let policy = Policy::new(&access, &host).unwrap();
    let interfaces = [Interface::inbound("eth0", &["192.0.2.10/24".parse().unwrap()])];
    let found = conflicts(policy.doors(), &Ruleset::parse(&listing("server")).unwrap(), &interfaces);
    let told: Vec<String> = found
        .iter()
        .map(|c| match (&c.by, &c.undecided) {
            (Some(rule), _) => format!("{} closed by {rule}", c.door),
            (None, why) => format!("{} {}", c.door, why.as_deref().unwrap_or("closed")),
        })
        .collect();
    assert_eq!(
        told,
        [
            "tcp/80 closed by ip late input: tcp dport 80 drop",
            "tcp/3306 closed by inet filter input: tcp dport vmap @doors",
            "tcp/8050 meta hour"
        ]
    );
    assert_eq!(conflicts(policy.doors(), &Ruleset::default(), &interfaces), []);
}
