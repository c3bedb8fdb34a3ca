//! What `doorward reach --format json` says: whether a client gets through the packet filter to a port, and by what.
//!
//! Its names are a contract, published in `schema/reach.schema.json`. Texts are the host's own: whoever shows them
//! escapes them.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Basis, Protocol, Verdict};

/// The version of this form. It grows when a name changes its meaning or goes; new names may come without it.
pub const REACH_VERSION: u32 = 1;

/// Whether a client gets through the packet filter to a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Host name.
    pub host: String,
    /// The client's address or network.
    pub client: String,
    /// Transport.
    pub protocol: Protocol,
    /// The port that the client sends to.
    pub port: u16,
    /// Whose packets were followed.
    pub state: ReachState,
    /// All ways and parts taken together.
    pub verdict: ReachVerdict,
    /// Every way in that the client has: by which interface, to which address.
    pub ways: Vec<ReachWay>,
    /// What else is to be said, in few words each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whose packets are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReachState {
    /// The first packet of a connection.
    New,
    /// A later packet of a connection that is established.
    Established,
}

/// Whether packets get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReachVerdict {
    /// All of them.
    Open,
    /// Some, by address or by the way that they take.
    Partly,
    /// None.
    Closed,
    /// The rules do not say, or could not be read.
    Undecided,
}

/// A way in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachWay {
    /// The interface that packets come in by; empty when the host's are not known.
    pub interface: String,
    /// The host's address that the client sends to, when one is known.
    #[schemars(with = "Option<String>")]
    pub to: Option<IpAddr>,
    /// The client's addresses by what becomes of their packets; together they are the client.
    pub parts: Vec<ReachPart>,
}

/// Some of the client's addresses, to which the same happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachPart {
    /// The addresses, as networks.
    pub clients: Vec<String>,
    /// Open, closed or undecided.
    pub verdict: ReachVerdict,
    /// Why it is undecided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Where packets arrive, after address translation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrives: Option<Arrival>,
    /// The step that decided, as it stands in `steps`; none where nothing stood in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<ReachStep>,
    /// The way through hooks and chains, in the kernel's order; of an undecided part, all that may happen.
    pub steps: Vec<ReachStep>,
    /// What listens there; empty when nothing does, as far as could be seen.
    pub answers: Vec<Answering>,
}

/// Where a packet ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Arrival {
    /// Whether it is sent on, to a container or another host.
    pub forwarded: bool,
    /// The address, when it is known.
    #[schemars(with = "Option<String>")]
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

/// Something that happened to a packet on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachStep {
    /// The hook: `ingress`, `prerouting`, `input`, `forward`, `postrouting`.
    pub hook: String,
    /// Priority of the base chain at that hook.
    pub priority: i32,
    /// What was done.
    pub action: ReachAction,
    /// The rule or policy that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<ReachRule>,
}

/// What a rule or policy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReachAction {
    /// A rule led into another chain.
    Entered,
    /// A rule accepted it; chains of other tables and hooks still follow.
    Accepted,
    /// A base chain came to its end and let it pass.
    Passed,
    /// Its destination was translated.
    Translated,
    /// It was dropped or rejected.
    Dropped,
}

/// A rule, or a chain's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachRule {
    /// Family of the table: `ip`, `ip6`, `inet`, `netdev`.
    pub family: String,
    /// Table.
    pub table: String,
    /// Chain.
    pub chain: String,
    /// The rule's handle; none for a policy, or where the listing has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<u64>,
    /// The rule's place in its chain, from 1; none for a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// The rule in nft's language.
    pub text: String,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What listens where packets arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answering {
    /// Address that it is bound to; `*` for all addresses of both families.
    pub address: String,
    /// Its port on the host.
    pub port: u16,
    /// Service, when it is known.
    pub service: Option<String>,
    /// Package that the service came with.
    pub package: Option<String>,
    /// What the audit says of this door.
    pub verdict: Verdict,
    /// Seen open, or read from configuration.
    pub basis: Basis,
}
