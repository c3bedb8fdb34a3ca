//! What contradicts itself is refused, with the place and the way out.

use doorward_ipsec::{Charon, Ipsec, Tunnels};

use super::{VALUES, given, userspace, values};

/// The refusal of values in which one part is replaced.
fn said(part: &str, by: &str) -> String {
    assert!(VALUES.contains(part), "{part}");
    let ipsec = values(&VALUES.replace(part, by));
    match Tunnels::new(&ipsec, &given()) {
        Err(why) => why.to_string(),
        Ok(_) => panic!("{by} was taken"),
    }
}

#[test]
fn values_that_contradict_themselves() {
    for (part, by, why) in [
        (r#""198.51.100.10", "2001:db8::10""#, "", "give those that peers connect to"),
        (r#""198.51.100.10""#, r#""0.0.0.0""#, "0.0.0.0 is no address"),
        (r#""192.0.2.0/24""#, r#""192.0.2.7/24""#, "peers alice: entry 1: 192.0.2.7/24 has bits"),
        (r#""192.0.2.0/24", "2001:db8:a::/48""#, "", "peers alice: it is empty"),
        (
            r#"addresses = ["198.51.100.10", "#,
            "addresses = [",
            "peers backup: it has no address of the same family",
        ),
        (
            r#"certificate = { file = "/etc/doorward/web.crt", key = "/etc/doorward/web.key" }"#,
            "",
            "own has none",
        ),
        ("backup.secret", "other.secret", "/etc/doorward/other.secret was not read"),
        ("desk@example.org", "alice.example.org", "peers alice and desk have the same identity"),
        ("desk@example.org", "web.example.org", "peers desk: its identity is the host's own"),
        (r#"["alice", "desk"]"#, r#"["alice"]"#, "peers desk: no door is for it"),
        (r#"["alice", "desk"]"#, r#"["alice", "eve"]"#, "door ssh: no peer is called eve"),
        (r#"["alice", "desk"]"#, "[]", "door ssh: it is for no peer"),
        ("ssh = ", "telnet = ", "door telnet: no service of that name"),
        ("ssh = ", "nginx = ", "tcp/443, named by nginx, is a door of the site"),
        ("udp/161", "udp/4500", "udp/4500 is what IPsec itself comes by"),
        ("udp/161", "tcp/22", "tcp/22 is named twice"),
    ] {
        let said = said(part, by);
        assert!(said.contains(why), "{by}: {said}");
    }
}

#[test]
fn secrets_are_nobodys_twice() {
    let two = VALUES.replace(
        "    [doors]",
        r#"    [peers.other]
        from = ["203.0.113.9"]
        identity = "other.example.org"
        by = { secret = { file = "/etc/doorward/backup.secret" } }
        [doors]
        "tcp/1" = { to = ["other"] }"#,
    );
    let why = Tunnels::new(&values(&two), &given()).unwrap_err().to_string();
    assert!(why.starts_with("peers backup and other share one secret"), "{why}");
}

/// Of both engines: an SA's own selector has no ports, as was seen with strongSwan 5.9.8 in Linux 6.1.
#[test]
fn peers_that_cannot_be_told_apart_have_the_same_doors() {
    let overlap = VALUES.replace("203.0.113.5\"]", "192.0.2.5\"]");
    for text in [&overlap, &userspace().replace("203.0.113.5\"]", "192.0.2.5\"]")] {
        let why = Tunnels::new(&values(text), &given()).unwrap_err().to_string();
        assert!(why.contains("peers alice and backup may come from the same address"), "{why}");
    }
    let (before, _) = overlap.split_once("    [doors]").unwrap();
    let alike = format!("{before}    [doors]\n    ssh = {{ to = [\"alice\", \"backup\", \"desk\"] }}");
    assert!(Tunnels::new(&values(&alike), &given()).is_ok());
}

#[test]
fn engines_have_their_limits() {
    let charon: Charon = "5.9.8".parse().unwrap();
    let said = |text: &str| {
        let tunnels = Tunnels::new(&values(text), &given()).unwrap();
        tunnels.linux(charon).unwrap_err().to_string()
    };
    assert!(said(&format!("engine = \"userspace\"\n{VALUES}")).contains("AssumeUDPEncapsulation"));
    let windows =
        VALUES.replace("identity = \"203.0.113.5\"", "system = \"windows\"\nidentity = \"203.0.113.5\"");
    assert!(said(&windows).contains("certificates alone"));
}

#[test]
fn names_are_refused_when_read() {
    for (part, by, why) in [
        ("alice.example.org", "%any", "identities are"),
        ("/etc/doorward/web.key", "web.key", "paths are absolute"),
        ("/etc/doorward/ca.crl", "/etc/../ca.crl", "paths are absolute"),
        ("peers.alice", "peers.Alice", "names of client sets"),
        ("CN=Example's CA", "Example", "an authority's name is its subject"),
        ("tcp/5432", "tcp/0", "ports are 1 to 65535"),
    ] {
        let text = VALUES.replace(part, by);
        let said = toml::from_str::<Ipsec>(&text).unwrap_err().to_string();
        assert!(said.contains(why), "{by}: {said}");
    }
    assert!(toml::from_str::<Ipsec>(&format!("secret = \"x\"\n{VALUES}")).is_err());
}
