use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Basis, Namespace, Protocol, Start, State, Unseen};

/// What Doorward says of a host: the JSON of `doorward audit --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// Version of this form.
    pub schema_version: u32,
    /// The host.
    pub host: AuditHost,
    /// Its doors, worst first, HTTP doors before the others.
    pub doors: Vec<Door>,
    /// Its services, worst first.
    pub services: Vec<AuditService>,
    /// Settings that let in more than they should, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
}

/// The host's identity and role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditHost {
    /// Host name.
    pub name: String,
    /// Operating system's full name.
    pub os: String,
    /// Its version.
    pub version: String,
    /// What was audited, when it is not the host that Doorward runs on: a tree, a disk, hives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the host is for: `nginx`, `php-fpm`, `iis-10`; empty when it is no web server.
    pub roles: Vec<String>,
}

/// A way in from the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Door {
    /// Transport.
    pub protocol: Protocol,
    /// Address that it is bound to, as text; `*` for all addresses of both families.
    pub address: String,
    /// Port, where the protocol has one.
    pub port: Option<u16>,
    /// What is offered behind another's port: the pipe (`winreg`), the share (`C$`), the protocol of the RPC interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Interface that it is bound to, if to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Network namespace, when it is not the host's own.
    #[serde(default, skip_serializing_if = "Namespace::is_host")]
    pub namespace: Namespace,
    /// Who can reach it.
    pub exposure: Exposure,
    /// To whom, for [`Exposure::Limited`]: sets, networks, interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited_to: Vec<String>,
    /// The packet filter's rule that decided, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// Whether it is one of the site's own doors.
    pub http: bool,
    /// Service that answers, `None` when it is not known.
    pub service: Option<String>,
    /// What holds the door for the service, if something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// Package that the service came with.
    pub package: Option<String>,
    /// What is said of it.
    pub verdict: Verdict,
    /// Why, in few words each, the deciding one first.
    pub reasons: Vec<String>,
    /// Seen open, or read from configuration.
    pub basis: Basis,
}

/// Who can reach a door, after the packet filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    /// Nobody: the packet filter closes it.
    Closed,
    /// The host itself.
    Loopback,
    /// Neighbours on the same link.
    Link,
    /// Named clients, networks or interfaces.
    Limited,
    /// Not decided: assume everyone.
    Unknown,
    /// Everyone who can send a packet.
    Everyone,
}

impl Exposure {
    /// Whether somebody beyond the host can, or may, reach it.
    pub fn beyond_host(self) -> bool {
        !matches!(self, Self::Closed | Self::Loopback)
    }
}

/// What is said of a door or a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing needs it, it is known to be dangerous, and it can be reached.
    Dangerous,
    /// Nothing needs it.
    Unneeded,
    /// Not enough could be seen to say.
    Unknown,
    /// Something that is needed needs it.
    Needed,
    /// The role, or the host itself, requires it.
    Required,
}

impl Verdict {
    /// The name in JSON and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dangerous => "dangerous",
            Self::Unneeded => "unneeded",
            Self::Unknown => "unknown",
            Self::Needed => "needed",
            Self::Required => "required",
        }
    }

    /// Whether it is a candidate for shutting.
    pub fn is_candidate(self) -> bool {
        matches!(self, Self::Dangerous | Self::Unneeded)
    }
}

/// A service with what is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditService {
    /// The manager's own name.
    pub name: String,
    /// Whether it runs.
    pub state: State,
    /// How it comes to run.
    pub start: Start,
    /// What is said of it.
    pub verdict: Verdict,
    /// Why, the deciding piece first.
    pub evidence: Vec<Evidence>,
    /// Services that it needs, sorted.
    pub requires: Vec<String>,
    /// Services that need it, sorted.
    pub required_by: Vec<String>,
    /// Memory held, in bytes, when it could be measured.
    pub memory_bytes: Option<u64>,
    /// CPU time used since its start, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_usec: Option<u64>,
    /// Package that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Its entry in the knowledge base, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<String>,
    /// Hazard class, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hazard: Option<String>,
    /// Every edge behind `requires` and `required_by`, with its evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What the registry says of it, for a service of Windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<AuditWindows>,
}

/// What the registry says of a service of Windows, in its own numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditWindows {
    /// `Start`: 0 boot, 1 system, 2 automatic, 3 manual, 4 disabled.
    pub start: u32,
    /// `Type`, a bit field ([`crate::WindowsService::kind`]).
    #[serde(rename = "type")]
    pub kind: u32,
    /// `ImagePath` as it is written.
    pub image_path: Option<String>,
    /// Account that it logs on as.
    pub account: Option<String>,
    /// Number of events that start it.
    #[serde(default)]
    pub triggers: u32,
}

/// A setting that lets in more than it should.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// [`Verdict::Dangerous`] where the service behind it can be reached, [`Verdict::Unneeded`] otherwise.
    pub verdict: Verdict,
    /// The knowledge's name for it: `indexing-whole-volume`.
    pub id: String,
    /// What is wrong, in few words.
    pub text: String,
    /// Service that the setting is of, when it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Where it is set: a registry key and value, a file.
    pub place: String,
    /// The value found. Hostile text.
    pub value: String,
    /// What to set instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl AuditService {
    /// Whether it runs now or comes up at the next boot: only then is there something to shut.
    pub fn lives(&self) -> bool {
        matches!(self.state, State::Running | State::Changing | State::Failed)
            || self.start.at_boot()
            || (self.start == Start::Manual && self.windows.as_ref().is_some_and(|w| w.triggers > 0))
    }
}

/// One edge between two services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// Service that needs.
    pub from: String,
    /// Service that is needed.
    pub to: String,
    /// Declared or observed.
    pub kind: EvidenceKind,
    /// The evidence: `Requires=`, `tcp 127.0.0.1:3306, 4 connections`.
    pub detail: String,
}

/// One piece of evidence for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What sort of evidence.
    pub kind: EvidenceKind,
    /// Who needs it, for evidence of a need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In few words.
    pub detail: String,
}

/// Sorts of evidence, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    /// The host's role requires it.
    Role,
    /// The host needs it to live.
    Base,
    /// The administrator's way in.
    Admin,
    /// The user's configuration says so.
    Configured,
    /// An installed application requires it.
    Requirement,
    /// Another service declares that it needs it.
    Declared,
    /// Another service was seen using it.
    Observed,
    /// Nothing was found that needs it.
    Nothing,
    /// Known to be dangerous.
    Hazard,
    /// Something could not be seen.
    Unseen,
}
