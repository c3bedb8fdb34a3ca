use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Protocol;

/// A container that an engine knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// The engine's own name for it, without the leading slash.
    pub name: String,
    /// Full id.
    pub id: String,
    /// `docker`, `podman`, `containerd`, `lxc`, `nspawn`.
    pub engine: String,
    /// Image that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whether it runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// Whether the engine starts it again after a boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<bool>,
    /// Its addresses in the engine's networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Ports published on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<PublishedPort>,
    /// Inode of its network namespace, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<u64>,
}

/// A container port published on the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PublishedPort {
    /// Transport.
    pub protocol: Protocol,
    /// Address on the host; empty or unspecified for all.
    pub host_address: String,
    /// Port on the host.
    pub host_port: u16,
    /// Port inside the container.
    pub container_port: u16,
    /// How it is carried: a proxy process, a DNAT rule, or configuration alone.
    pub carried_by: String,
}
