//! The values, and all that is written from them.
#![allow(missing_docs)]

mod nft;
mod refused;
mod secrets;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use doorward_filter::{Door, Host, SetName, Transport};
use doorward_ipsec::{Content, File, Given, Ipsec, PreSharedKey, Tunnels};

/// A host with peers of each kind.
const VALUES: &str = r#"
    [own]
    addresses = ["198.51.100.10", "2001:db8::10"]
    identity = "web.example.org"
    certificate = { file = "/etc/doorward/web.crt", key = "/etc/doorward/web.key" }

    [peers.alice]
    from = ["192.0.2.0/24", "2001:db8:a::/48"]
    identity = "alice.example.org"
    by = { certificate = { authority = "/etc/doorward/ca.crt", crl = "/etc/doorward/ca.crl" } }

    [peers.backup]
    from = ["203.0.113.5"]
    identity = "203.0.113.5"
    by = { secret = { file = "/etc/doorward/backup.secret" } }

    [peers.desk]
    from = ["203.0.113.6"]
    identity = "desk@example.org"
    system = "windows"
    by = { certificate = { authority = "/etc/doorward/ca.crt", authority-name = "CN=Example's CA", crl = "/etc/doorward/ca.crl" } }

    [doors]
    ssh = { to = ["alice", "desk"] }
    "tcp/5432" = { to = ["alice", "backup"] }
    "udp/161" = { to = ["backup"] }
"#;

fn door(transport: Transport, port: u16) -> Door {
    Door { transport, port }
}

fn name(text: &str) -> SetName {
    SetName::try_from(text.to_owned()).unwrap()
}

fn secret() -> PreSharedKey {
    PreSharedKey::from_random(&std::array::from_fn(|at| u8::try_from(at * 37 % 256).unwrap()))
}

fn given() -> Given {
    Given {
        host: Host {
            site: BTreeSet::from([door(Transport::Tcp, 80), door(Transport::Tcp, 443)]),
            services: BTreeMap::from([
                ("ssh.service".into(), BTreeSet::from([door(Transport::Tcp, 22)])),
                ("nginx.service".into(), BTreeSet::from([door(Transport::Tcp, 443)])),
            ]),
            ..Host::default()
        },
        secrets: BTreeMap::from([("/etc/doorward/backup.secret".parse().unwrap(), secret())]),
    }
}

fn values(text: &str) -> Ipsec {
    toml::from_str(text).unwrap()
}

fn tunnels(text: &str) -> Tunnels {
    Tunnels::new(&values(text), &given()).unwrap()
}

/// The values for the userspace engine, which takes no Windows.
fn userspace() -> String {
    let (before, rest) = VALUES.split_once("    [peers.desk]").unwrap();
    let doors = rest.split_once("    [doors]").unwrap().1.replace(", \"desk\"", "");
    format!("engine = \"userspace\"\n{before}    [doors]{doors}")
}

/// All files as one text, secrets revealed.
fn shown(files: &[File]) -> String {
    let shown = files.iter().map(|file| {
        let content = match &file.content {
            Content::Text(text) => text.clone(),
            Content::Secret(text) => text.reveal().to_owned(),
            Content::CopyOf(path) => format!("(copy of {path})\n"),
        };
        format!("== {} {:o}\n{content}", file.path, file.mode)
    });
    shown.collect()
}
