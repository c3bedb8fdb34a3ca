//! Access as people write it, and what is wrong with it.
#![allow(missing_docs, clippy::cast_possible_truncation, clippy::format_collect)]

use std::collections::{BTreeMap, BTreeSet};

use doorward_filter::{Access, Door, Host, Policy, Says, Transport};

fn tcp(port: u16) -> Door {
    Door { transport: Transport::Tcp, port }
}

fn host() -> Host {
    Host {
        site: BTreeSet::from([tcp(80), tcp(443)]),
        services: BTreeMap::from([
            ("ssh.service".to_owned(), BTreeSet::from([tcp(22), tcp(2222)])),
            ("nginx.service".to_owned(), BTreeSet::from([tcp(80)])),
            ("smb.service".to_owned(), BTreeSet::from([tcp(445)])),
            ("smb.socket".to_owned(), BTreeSet::from([tcp(139)])),
            ("cron.service".to_owned(), BTreeSet::new()),
        ]),
        files: BTreeMap::from([
            ("/etc/a.list".to_owned(), "10.0.0.0/8\n2001:db8:5::/48 # far\n".to_owned()),
            ("/etc/bad.list".to_owned(), "10.0.0.0/8\nexample.org\n".to_owned()),
        ]),
    }
}

fn policy(text: &str) -> Result<Policy, String> {
    let access: Access = toml::from_str(text).map_err(|e| e.to_string())?;
    let again: Access = toml::from_str(&toml::to_string(&access).unwrap()).unwrap();
    assert_eq!(again, access, "written and read again");
    Policy::new(&access, &host()).map_err(|e| e.to_string())
}

const OFFICE: &str = "[clients]\noffice = [\"192.0.2.0/24\", \"/etc/a.list\"]\n";

#[test]
fn services_and_ports_are_for_named_clients() {
    let policy =
        policy(&format!("{OFFICE}[doors]\nssh = {{ to = [\"office\"], admin = true }}\n\"udp/161\" = {{ to = [\"office\"] }}\n"))
            .unwrap();
    let says = |client: &str, door| policy.says(client.parse().unwrap(), door);
    for client in ["192.0.2.7", "10.9.9.9", "2001:db8:5::1"] {
        assert_eq!(says(client, tcp(22)), Says::Limited, "{client}");
        assert_eq!(says(client, tcp(2222)), Says::Limited, "{client}");
        assert_eq!(says(client, Door { transport: Transport::Udp, port: 161 }), Says::Open, "{client}");
    }
    for client in ["198.51.100.1", "2001:db8:6::1"] {
        assert_eq!(says(client, tcp(22)), Says::Closed, "{client}");
        assert_eq!(says(client, tcp(80)), Says::Open, "{client}");
        assert_eq!(says(client, tcp(445)), Says::Closed, "{client}");
    }
}

#[test]
fn a_policy_that_cuts_the_admin_off_is_refused() {
    let policy = policy(&format!("{OFFICE}[doors]\nssh = {{ to = [\"office\"] }}\n")).unwrap();
    assert_eq!(policy.keeps("192.0.2.7".parse().unwrap(), tcp(22)), Ok(()));
    assert_eq!(policy.keeps("::ffff:192.0.2.7".parse().unwrap(), tcp(22)), Ok(()));
    let cut = policy.keeps("198.51.100.9".parse().unwrap(), tcp(22)).unwrap_err();
    assert_eq!(
        cut.to_string(),
        "you came in from 198.51.100.9 by tcp/22, which this policy closes to you: add 198.51.100.9 to a client set, \
         and name tcp/22 for it"
    );
    assert!(policy.keeps("192.0.2.7".parse().unwrap(), tcp(5000)).is_err());
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    let ssh = "[doors]\nssh = { to = [\"office\"] }\n";
    for (text, said) in [
        (
            "[clients]\na = [\"10.0.0.1/8\"]\n".to_owned(),
            "clients a: entry 1: 10.0.0.1/8 has bits below its length; the network is 10.0.0.0/8",
        ),
        ("[clients]\na = []\n".to_owned(), "clients a: it is empty"),
        (
            "[clients]\na = [\"/etc/bad.list\"]\n".to_owned(),
            "clients a, /etc/bad.list: line 2: \"example.org\"",
        ),
        ("[clients]\na = [\"/etc/none.list\"]\n".to_owned(), "clients a: /etc/none.list was not read"),
        (ssh.to_owned(), "door ssh: no clients are named office"),
        (format!("{OFFICE}[doors]\nssh = {{ to = [] }}\n"), "door ssh: it is for no clients"),
        (
            format!("{OFFICE}[doors]\ncron = {{ to = [\"office\"] }}\n"),
            "door cron: no service of that name has a door",
        ),
        (
            format!("{OFFICE}[doors]\nsmb = {{ to = [\"office\"] }}\n"),
            "several services have that name: smb.service, smb.socket",
        ),
        (
            format!("{OFFICE}{ssh}\"tcp/22\" = {{ to = [\"office\"] }}\n"),
            "tcp/22 is named twice: by tcp/22 and by ssh",
        ),
        (
            format!("{OFFICE}[doors]\n\"tcp/443\" = {{ to = [\"office\"] }}\n"),
            "tcp/443, named by tcp/443, is a door of the site",
        ),
        (format!("rate = {{ per-minute = 0 }}\n{OFFICE}"), "rate: at least one"),
        (format!("guests = [\"a\\\" accept\"]\n{OFFICE}"), "names no interface"),
        (format!("guests = [\"*\"]\n{OFFICE}"), "names no interface"),
        (format!("{OFFICE}[doors]\n\"22\" = {{ to = [\"office\"] }}\n"), "give a port with its protocol"),
        (
            "[clients]\n\"a; drop\" = [\"10.0.0.1\"]\n".to_owned(),
            "names of client sets are lower-case letters",
        ),
        ("colour = 1\n".to_owned(), "unknown field `colour`"),
    ] {
        let told = policy(&text).unwrap_err();
        assert!(told.contains(said), "{text}\n{told}");
    }
}

#[test]
fn a_hundred_thousand_networks_are_merged_and_found() {
    let list: String = (0..100_000u32)
        .map(|n| format!("{}.{}.{}.{}/31\n", 11 + n / 65536, n / 256 % 256, n % 256, n * 2 % 256))
        .collect();
    let mut host = host();
    host.files.insert("/etc/many.list".to_owned(), list);
    let access: Access = toml::from_str(
        "[clients]\nmany = [\"/etc/many.list\"]\n[doors]\n\"tcp/5432\" = { to = [\"many\"] }\n",
    )
    .unwrap();
    let policy = Policy::new(&access, &host).unwrap();
    assert_eq!(policy.table().matches("/31,").count(), 100_000);
    for n in (0..100_000u32).step_by(997) {
        let last = n * 2 % 256;
        let client = |last| std::net::Ipv4Addr::new((11 + n / 65536) as u8, (n / 256) as u8, n as u8, last);
        let says = |last| policy.says(client(last).into(), tcp(5432));
        assert_eq!((says(last as u8), says(last as u8 + 1)), (Says::Open, Says::Open));
        assert_eq!(says((last as u8).wrapping_add(2)), Says::Closed);
    }
}
