use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A socket that accepts, or would accept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// Transport.
    pub protocol: Protocol,
    /// Address that it is bound to; unspecified (`0.0.0.0`, `::`) for all. Packet sockets have none.
    pub address: Option<IpAddr>,
    /// Port; for raw sockets the IP protocol number, for packet sockets the ethertype (0 or 3: all).
    pub port: Option<u16>,
    /// For `::` alone: whether IPv4 is shut out (`IPV6_V6ONLY`). `None` when it does not apply or is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6only: Option<bool>,
    /// Interface that it is bound to (`SO_BINDTODEVICE`, a link-local scope).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Network namespace that it lives in.
    #[serde(default)]
    pub namespace: Namespace,
    /// Who holds it.
    pub owner: Owner,
    /// Service that answers behind it ([`crate::Service::name`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What holds the door for the service: a socket unit, inetd, a container engine's proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// Whether it was seen open or read from configuration.
    pub basis: Basis,
}

impl Listener {
    /// One that `place` (a file and line, a key) would open in the host's own namespace; of `::`, whether IPv4 is
    /// shut out, and who answers, is for the caller to add.
    pub fn configured(
        protocol: Protocol,
        address: IpAddr,
        port: impl Into<Option<u16>>,
        place: impl Into<String>,
    ) -> Self {
        Self {
            protocol,
            address: Some(address),
            port: port.into(),
            v6only: None,
            interface: None,
            namespace: Namespace::Host,
            owner: Owner::Configured { place: place.into() },
            service: None,
            via: None,
            basis: Basis::Configured,
        }
    }
}

/// Transport protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP in state LISTEN.
    Tcp,
    /// UDP, bound and not connected.
    Udp,
    /// UDP-Lite, bound and not connected.
    Udplite,
    /// SCTP in state LISTEN.
    Sctp,
    /// A raw IP socket; the port is the protocol number.
    Raw,
    /// A packet socket, below IP; the port is the ethertype.
    Packet,
    /// A named pipe over SMB.
    Pipe,
    /// An RPC interface behind the endpoint mapper.
    Rpc,
    /// A share over SMB.
    Share,
}

impl Protocol {
    /// The name in JSON and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Udplite => "udplite",
            Self::Sctp => "sctp",
            Self::Raw => "raw",
            Self::Packet => "packet",
            Self::Pipe => "pipe",
            Self::Rpc => "rpc",
            Self::Share => "share",
        }
    }

    /// Whether the port is a real port.
    pub fn has_port(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Udplite | Self::Sctp)
    }
}

/// A network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Namespace {
    /// The host's own.
    #[default]
    Host,
    /// Another one: a container's, a service's private network.
    Other {
        /// The namespace's inode number.
        id: u64,
        /// Whose it is, when known: a service's or container's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
}

impl Namespace {
    /// Whether it is the host's own.
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Host)
    }
}

/// Who holds a listener.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Owner {
    /// Processes, sorted by id.
    Processes {
        /// Process ids.
        pids: Vec<u32>,
        /// Absolute path of the first one's program, when it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        executable: Option<String>,
    },
    /// The kernel itself.
    Kernel {
        /// The module that listens (`nfsd`, `lockd`, `wireguard`), when known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        module: Option<String>,
    },
    /// Nobody yet: read from configuration.
    Configured {
        /// File and line or key that opens it: `/etc/redis/redis.conf: bind`.
        place: String,
    },
    /// Not visible.
    Hidden {
        /// Why, and what would show it.
        why: String,
        /// User id of the socket's creator, which the kernel tells everybody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uid: Option<u32>,
    },
}

/// How a listener is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Seen open.
    #[default]
    Observed,
    /// Read from configuration: it would open when the service runs.
    Configured,
    /// Assumed from what the service does by default.
    Default,
}
