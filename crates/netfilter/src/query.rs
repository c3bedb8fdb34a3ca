//! Questions about doors and single packets, and their answers.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// Transport protocol of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP: the packet that asks is a SYN.
    Tcp,
    /// UDP.
    Udp,
    /// UDP-Lite.
    Udplite,
    /// SCTP: the packet that asks is an INIT.
    Sctp,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Udplite, Self::Sctp];

    /// The name in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Udplite => "udplite",
            Self::Sctp => "sctp",
        }
    }

    pub(crate) fn number(self) -> u128 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Udplite => 136,
            Self::Sctp => 132,
        }
    }
}

/// Version of the internet protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The version that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// A network interface of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name; empty when it is not known.
    pub name: String,
    /// The kernel's index, when it is known.
    pub index: Option<u32>,
    /// Its addresses with their networks.
    pub addresses: Vec<IpNet>,
    /// Whether packets from outside come in by it: not the loopback, not a bridge to containers.
    pub inbound: bool,
}

impl Interface {
    /// An interface by which packets come in.
    pub fn inbound(name: impl Into<String>, addresses: &[IpNet]) -> Self {
        Self { name: name.into(), index: None, addresses: addresses.to_vec(), inbound: true }
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|net| net.addr() == address)
    }

    /// Whether a rule's name for interfaces means this one; `None` when its name is not known.
    pub(crate) fn is_named(&self, pattern: &str) -> Option<bool> {
        if self.name.is_empty() && self.index.is_none() {
            return if pattern == "lo" { Some(false) } else { None };
        }
        Some(match pattern.strip_suffix("\\*") {
            Some(start) => self.name.strip_prefix(start) == Some("*"),
            None => match pattern.strip_suffix('*') {
                Some(start) => self.name.starts_with(start),
                None => self.name == pattern,
            },
        })
    }
}

/// A question about one door: a new connection, or the first datagram, from any client outside.
///
/// The packet is an ordinary one: no IP options, no fragments, no mark set from outside nftables, a source address
/// that is routed by the interface that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Transport.
    pub protocol: Transport,
    /// Version of the internet protocol.
    pub family: Family,
    /// The address that the door is bound to; `None`: all of the host's.
    pub address: Option<IpAddr>,
    /// The port on the host.
    pub port: u16,
    /// The one interface that the door is bound to, if it is.
    pub bound_to: Option<String>,
    /// All of the host's interfaces.
    pub interfaces: Vec<Interface>,
    /// What must answer.
    pub target: Target,
}

/// What must answer behind a port of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A socket of the host, bound to the query's address and port. Packets that are redirected to it from other
    /// ports count; those that are translated away from it do not.
    Socket,
    /// A container, or another host, to which the port is translated: its address and port.
    Translated(IpAddr, u16),
    /// Whatever does, after address translation.
    Anything,
}

/// Who can reach a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody; at most a minority of addresses is shut out (said in the answer's notes).
    Open,
    /// Some.
    Limited {
        /// Whom, in the rules' own words where they have some: `saddr 10.0.0.0/8`,
        /// `set @admins (12 elements)`, `interface eth1`.
        to: Vec<String>,
    },
    /// Nobody.
    Closed,
    /// The rules do not say.
    Undecided {
        /// What it depends on.
        why: String,
    },
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who can reach the door.
    pub reach: Reach,
    /// The rule or policy that decided; `None` when nothing stood in the way.
    pub rule: Option<RuleRef>,
    /// What else is to be said, in few words each.
    pub notes: Vec<String>,
    /// Interfaces by which nearly everybody gets in: of a limited door, those where it is none. If no rule tells
    /// interfaces apart, one stands for all.
    pub open_on: Vec<String>,
    /// Where packets go instead of to the socket: address and port, as far as known.
    pub diverted: Option<(Option<IpAddr>, Option<u16>)>,
}

/// One packet, for [`crate::Ruleset::fate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Transport.
    pub protocol: Transport,
    /// The client's address.
    pub source: IpAddr,
    /// The client's port.
    pub source_port: u16,
    /// The host's address that the client sends to.
    pub destination: IpAddr,
    /// The port that the client sends to.
    pub port: u16,
    /// Name of the interface that it comes in by.
    pub interface: String,
}

/// What becomes of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It reaches a socket of the host.
    Delivered {
        /// Address after translation; `None`: an address of the host, not known which.
        address: Option<IpAddr>,
        /// Port after translation.
        port: u16,
    },
    /// It is passed on to another host or a container.
    Forwarded {
        /// Address after translation.
        address: IpAddr,
        /// Port after translation.
        port: u16,
    },
    /// It is dropped or rejected.
    Dropped,
    /// The rules do not say.
    Undecided {
        /// What it depends on.
        why: String,
    },
}

/// A rule, or a chain's policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleRef {
    /// Family of the table: `ip`, `ip6`, `inet`, `netdev`.
    pub family: String,
    /// Table.
    pub table: String,
    /// Chain.
    pub chain: String,
    /// The rule's handle; `None` for a policy.
    pub handle: Option<u64>,
    /// The rule's place in its chain, from 1; `None` for a policy.
    pub position: Option<usize>,
    /// The rule in nft's language: `tcp dport 22 accept`, `policy drop`.
    pub text: String,
    /// The rule's comment.
    pub comment: Option<String>,
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.family, self.table, self.chain, self.text)
    }
}
