//! One change, or one thing that is kept: what the plan's file says between two `[[step]]`.

use std::collections::BTreeMap;
use std::fmt;

use doorward_filter::Policy;
use doorward_model::{Door, Exposure, Protocol};
use serde::{Deserialize, Serialize};

use crate::Units;

/// A step's name: readable, the same in each plan of the same host (`uninstall:telnetd`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for StepId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// Whether it is to be done. A step that is off leaves everything as it is.
    pub on: bool,
    /// What is done.
    pub action: Action,
    /// Why, in a sentence.
    pub why: String,
    /// What the service gives an intruder, or what else can go wrong.
    pub danger: Option<String>,
    /// How it is undone, in a sentence.
    pub undo: String,
    /// Doors that it closes.
    pub closes: Vec<ClosedDoor>,
    /// Services that need what it touches, sorted.
    pub needed_by: Vec<String>,
    /// Packages and services that go with it, sorted.
    pub takes_along: Vec<String>,
    /// For steps that need each other, so that no order among them is right: the first of them, which stands for all.
    pub cycle: Option<StepId>,
    /// What is gained.
    pub saves: Saves,
    /// What came of trying it out, in a sentence.
    pub trial: Option<String>,
}

impl Step {
    /// Whether it changes the host: it is on, and does more than keep.
    pub fn changes(&self) -> bool {
        self.on && self.action.is_change()
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Remove a package, after stopping what it runs.
    Uninstall {
        /// The package.
        package: PackageVersion,
        /// Packages that go with it, sorted by name.
        along: Vec<PackageVersion>,
        /// What is stopped first.
        units: Units,
    },
    /// Stop, and make it impossible to start.
    Disable {
        /// The service with all that would start it.
        units: Units,
    },
    /// Stop until the next boot.
    Stop {
        /// The service with all that would start it.
        units: Units,
    },
    /// Bind a service that stays to an address that others do not reach.
    Rebind(Rebind),
    /// Let named clients alone come in by doors, everyone by the site's, and nobody by any other.
    Filter(Filter),
    /// Leave a service alone.
    Keep {
        /// The service.
        service: String,
        /// Why, for programs; the sentence is [`Step::why`].
        reason: KeepReason,
    },
}

impl Action {
    /// Whether it changes anything.
    pub fn is_change(&self) -> bool {
        !matches!(self, Self::Keep { .. })
    }

    /// What it shuts, for those that shut.
    pub fn units(&self) -> Option<&Units> {
        match self {
            Self::Uninstall { units, .. } | Self::Disable { units } | Self::Stop { units } => Some(units),
            Self::Rebind(_) | Self::Filter(_) | Self::Keep { .. } => None,
        }
    }

    /// Packages that it removes, the named one first.
    pub fn packages(&self) -> impl Iterator<Item = &PackageVersion> {
        let (package, along) = match self {
            Self::Uninstall { package, along, .. } => (Some(package), along.as_slice()),
            _ => (None, [].as_slice()),
        };
        package.into_iter().chain(along)
    }

    /// The word in the file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Uninstall { .. } => "uninstall",
            Self::Disable { .. } => "disable",
            Self::Stop { .. } => "stop",
            Self::Rebind(_) => "rebind",
            Self::Filter(_) => "filter",
            Self::Keep { .. } => "keep",
        }
    }
}

/// A package with the version that is installed now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageVersion {
    /// Its name.
    pub name: String,
    /// Its exact version.
    pub version: String,
}

/// A changed setting that takes a needed service's door from the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebind {
    /// The service.
    pub service: String,
    /// Absolute path of the file that holds the setting.
    pub file: String,
    /// The setting's name.
    pub setting: String,
    /// Where it is bound now, as seen: `0.0.0.0:6379`.
    pub from: String,
    /// The setting's new value.
    pub to: String,
    /// Command by which the daemon checks its configuration: an absolute path and its arguments.
    pub check: Option<String>,
}

/// From which addresses doors may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The policy, which is whole and without contradiction.
    pub policy: Policy,
    /// For doors that were named by their service, the service.
    pub services: BTreeMap<doorward_filter::Door, String>,
}

/// Why something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepReason {
    /// Nothing needs it, but no step can shut it safely: somebody must look, and act.
    ByHand,
    /// Not enough was seen to say.
    Unknown,
    /// The host's role requires it.
    Role,
    /// The host needs it to live.
    Base,
    /// The administrators come in by it.
    Admin,
    /// The user's configuration keeps it.
    Configured,
    /// Something that is kept needs it.
    Needed,
}

impl KeepReason {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByHand => "by-hand",
            Self::Unknown => "unknown",
            Self::Role => "role",
            Self::Base => "base",
            Self::Admin => "admin",
            Self::Configured => "configured",
            Self::Needed => "needed",
        }
    }
}

/// A door that a step closes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedDoor {
    /// Transport.
    pub protocol: Protocol,
    /// Address that it is bound to; `*` for all of both families.
    pub address: String,
    /// Port, where the protocol has one.
    #[serde(default)]
    pub port: Option<u16>,
    /// Interface that it is bound to, if to one.
    #[serde(default)]
    pub interface: Option<String>,
    /// Whose network namespace it is in, if not the host's own; empty when that is not known.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Who could reach it.
    pub exposure: Exposure,
}

impl ClosedDoor {
    /// The door of an audit.
    pub fn of(door: &Door) -> Self {
        let namespace = match &door.namespace {
            doorward_model::Namespace::Host => None,
            doorward_model::Namespace::Other { label, .. } => Some(label.clone().unwrap_or_default()),
        };
        Self {
            protocol: door.protocol,
            address: door.address.clone(),
            port: door.port,
            interface: door.interface.clone(),
            namespace,
            exposure: door.exposure,
        }
    }
}

impl fmt::Display for ClosedDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = self.address.contains(':');
        let (open, close) = if brackets { ("[", "]") } else { ("", "") };
        write!(f, "{} {open}{}{close}", self.protocol.as_str(), self.address)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// What a step gains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saves {
    /// Memory held now, in bytes, where it was measured.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// CPU time used since the services' start, in microseconds, where it was measured.
    #[serde(default)]
    pub cpu_usec: Option<u64>,
    /// Updates that wait for packages that go.
    #[serde(default)]
    pub pending_updates: u32,
    /// Vulnerabilities in what is shut that are known to be exploited, sorted.
    #[serde(default)]
    pub known_exploited: Vec<String>,
}

impl Saves {
    /// Whether nothing is gained that can be counted.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
