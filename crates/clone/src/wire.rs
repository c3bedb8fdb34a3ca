//! What the one who asks and the keeper tell each other: a line of JSON each.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Difference;

/// An interface of the host that the copy gets, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its addresses with the lengths of their prefixes.
    pub addresses: Vec<ipnet::IpNet>,
}

/// What the copy is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Unique among the machine's containers.
    pub(crate) name: String,
    pub(crate) host_name: String,
    /// Bytes that it may write.
    pub(crate) memory: u64,
    pub(crate) interfaces: Vec<Interface>,
    /// Names that lead to the copy itself.
    pub(crate) names: Vec<String>,
    /// The caller's program, to be found in the copy at [`crate::copy::PROGRAM`].
    pub(crate) program: PathBuf,
}

/// What the keeper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum News {
    /// The file systems are there.
    Made { differences: Vec<Difference> },
    /// It is up: its process 1, as the host counts.
    Ready { leader: u32 },
    /// It is not, and will not be.
    Failed { why: String },
}

/// What the keeper is told after the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wish {
    /// To boot it anew, in order.
    Reboot,
}

/// No line is longer, in bytes.
pub(crate) const LONGEST: u64 = 1 << 20;
