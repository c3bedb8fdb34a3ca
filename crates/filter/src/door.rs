//! Doors by their port, and by the name of the service behind them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Transport protocol of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// The name in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A door: the port that clients send to. Written `tcp/22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Door {
    /// Transport.
    pub transport: Transport,
    /// Port, from 1.
    pub port: u16,
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport.as_str(), self.port)
    }
}

impl From<Door> for String {
    fn from(door: Door) -> Self {
        door.to_string()
    }
}

impl TryFrom<String> for Door {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse()? {
            DoorName::Port(door) => Ok(door),
            DoorName::Service(_) => Err(format!("{text:?}: give the port with its protocol, as in tcp/22")),
        }
    }
}

/// How people name doors: by the port (`tcp/22`), or by the service (`ssh`), which may have several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DoorName {
    /// One port.
    Port(Door),
    /// All doors of a service.
    Service(String),
}

impl From<DoorName> for String {
    fn from(name: DoorName) -> Self {
        match name {
            DoorName::Port(door) => door.to_string(),
            DoorName::Service(name) => name,
        }
    }
}

impl TryFrom<String> for DoorName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for DoorName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let transport = match text.split_once('/') {
            Some(("tcp", port)) => Some((Transport::Tcp, port)),
            Some(("udp", port)) => Some((Transport::Udp, port)),
            _ => None,
        };
        match transport {
            Some((transport, port)) => match port.parse::<u16>() {
                Ok(port @ 1..) => Ok(Self::Port(Door { transport, port })),
                _ => Err(format!("{text:?}: ports are 1 to 65535, as in tcp/22")),
            },
            None if text.is_empty() || text.chars().all(|c| c.is_ascii_digit()) => {
                Err(format!("{text:?}: give a port with its protocol, as in tcp/22, or a service's name"))
            }
            None => Ok(Self::Service(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_are_ports_with_protocols_or_services() {
        let door = |text: &str| text.parse::<DoorName>();
        assert_eq!(door("tcp/22"), Ok(DoorName::Port(Door { transport: Transport::Tcp, port: 22 })));
        assert_eq!(door("ssh.service"), Ok(DoorName::Service("ssh.service".into())));
        assert_eq!(String::from(door("udp/53").unwrap()), "udp/53");
        assert_eq!(Door::try_from("udp/53".to_owned()).unwrap().to_string(), "udp/53");
        assert!(Door::try_from("ssh".to_owned()).is_err());
        for bad in ["", "22", "tcp/0", "tcp/65536", "udp/x", "tcp/"] {
            assert!(door(bad).is_err(), "{bad}");
        }
    }
}
