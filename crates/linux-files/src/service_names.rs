//! Ports by name, as the host's own `/etc/services` has them.

use std::collections::HashMap;

use doorward_model::{Facts, Protocol, Subject, Unseen};

use crate::{Tree, unread::unread};

/// Where the table lies; distributions with an empty `/etc` keep it below `/usr/etc`.
const PLACES: &[&str] = &["/etc/services", "/usr/etc/services"];

/// The host's table of service names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ServiceNames {
    ports: HashMap<(String, Protocol), u16>,
    names: HashMap<(u16, Protocol), String>,
}

impl ServiceNames {
    /// Reads the table of a tree. A host without one knows no names; that is a fact too.
    pub fn read(tree: &Tree) -> Facts<Self> {
        for place in PLACES {
            match tree.read(place, crate::CONFIG_LIMIT) {
                Ok(bytes) => return Facts::complete(Self::parse(&String::from_utf8_lossy(&bytes))),
                Err(e) if e.is_absent() => {}
                Err(e) => {
                    let unseen = unread(Subject::Listeners, "ports of service names", &e);
                    return Facts { value: Self::default(), unseen: vec![unseen] };
                }
            }
        }
        Facts::default()
    }

    /// `NAME PORT/PROTOCOL ALIAS...`, the first line of a name counts.
    pub fn parse(text: &str) -> Self {
        let mut table = Self::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let (Some(name), Some((port, protocol))) =
                (words.next(), words.next().and_then(|w| w.split_once('/')))
            else {
                continue;
            };
            let protocol = match protocol {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                "udplite" => Protocol::Udplite,
                "sctp" => Protocol::Sctp,
                _ => continue,
            };
            let Ok(port) = port.parse() else { continue };
            table.names.entry((port, protocol)).or_insert_with(|| name.to_owned());
            for name in std::iter::once(name).chain(words) {
                table.ports.entry((name.to_owned(), protocol)).or_insert(port);
            }
        }
        table
    }

    /// The port of a name or alias.
    pub fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        self.ports.get(&(name.to_owned(), protocol)).copied()
    }

    /// The first name of a port.
    pub fn name(&self, port: u16, protocol: Protocol) -> Option<&str> {
        self.names.get(&(port, protocol)).map(String::as_str)
    }

    /// The port that a configuration means by `text`: a number, or a name; the failure to tell as a fact about
    /// `what`.
    pub(crate) fn resolve(&self, text: &str, protocol: Protocol, what: &str) -> Result<u16, Unseen> {
        if let Ok(port) = text.parse() {
            return Ok(port);
        }
        self.port(text, protocol).ok_or_else(|| {
            let why = format!("/etc/services has no {} port for {text:.80}", protocol.as_str());
            Unseen::new(Subject::Listeners, what, why)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_aliases_and_ports() {
        let table = ServiceNames::parse(
            "# c\ndomain 53/tcp\ndomain\t53/udp # x\nhttp 80/tcp www # web\nwww 81/tcp\nbad x/tcp\nodd 9/ddp\n",
        );
        assert_eq!(table.port("www", Protocol::Tcp), Some(80));
        assert_eq!(table.port("domain", Protocol::Udp), Some(53));
        assert_eq!(table.port("http", Protocol::Udp), None);
        assert_eq!(table.name(80, Protocol::Tcp), Some("http"));
        assert_eq!(table.resolve("8080", Protocol::Tcp, "x"), Ok(8080));
        assert!(table.resolve("web", Protocol::Tcp, "x").unwrap_err().why.contains("web"));
    }

    proptest! {
        #[test]
        fn any_text(text in "([a-z]{1,4}[ \t][0-9]{1,6}/(tcp|udp)|.|\n){0,40}") {
            ServiceNames::parse(&text);
        }
    }
}
