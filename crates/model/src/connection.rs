use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An observed connection between two services of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Connection {
    /// Service that connected.
    pub from: String,
    /// Service that answered.
    pub to: String,
    /// Over what.
    pub transport: Transport,
    /// Where the answering side listens: `127.0.0.1:3306`, `/run/mysqld/mysqld.sock`, a bus name.
    pub at: String,
    /// How many there were at once, at most.
    pub count: u32,
}

/// What a connection runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP over loopback or the host's own address.
    Tcp,
    /// UDP over loopback or the host's own address.
    Udp,
    /// A UNIX socket.
    Unix,
    /// The system bus.
    Dbus,
}
