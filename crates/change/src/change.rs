//! What is done to a host, one thing at a time, each with what is needed to take it back.

use std::fmt;
use std::path::PathBuf;

use doorward_model::Protocol;
use doorward_plan::{PackageVersion, StepId};
use serde::{Deserialize, Serialize};

use crate::system::{Activity, Node};

/// File contents longer than this are not changed: they would have to be kept.
pub const LONGEST_CONTENT: usize = 16 << 20;

/// What the packet filter's table is called where people read of it.
pub(crate) const OUR_TABLE: &str = "the packet filter's table inet doorward";

/// One change. It holds the host's own prior value, and decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change", deny_unknown_fields)]
pub enum Change {
    /// Stop a unit.
    Stop {
        /// The unit.
        unit: String,
        /// Whether it ran before.
        was: Activity,
    },
    /// Bring a path into another state.
    Put {
        /// The path.
        path: PathBuf,
        /// What was there.
        before: Node,
        /// What is to be there.
        after: Node,
        /// Directories on the way to it that were not there, the deepest first.
        made: Vec<PathBuf>,
    },
    /// Remove packages.
    Remove {
        /// The packages, with their versions.
        packages: Vec<PackageVersion>,
        /// What packages' own scripts may touch, with its state before the removal.
        held: Vec<Held>,
        /// Their units, which do not run any more.
        units: Vec<String>,
    },
    /// Make the service manager read its files anew.
    Reload,
    /// Let a daemon look at its changed configuration, and go no further when it objects.
    Check {
        /// The program, without a shell.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Put a table of the packet filter in the place of this program's own, or take that away.
    Load {
        /// The one that was loaded.
        before: Option<String>,
        /// The one that is to be.
        after: Option<String>,
    },
    /// Start a unit of this program's own.
    Start {
        /// The unit.
        unit: String,
    },
    /// Restart a unit that runs, so that it reads its configuration anew.
    Restart {
        /// The unit.
        unit: String,
    },
}

/// A path that is to be as it was after a package came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The path.
    pub path: PathBuf,
    /// What was there.
    pub node: Node,
    /// Directories on the way to it that were not there, the deepest first.
    pub made: Vec<PathBuf>,
}

/// A plan's step as changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedStep {
    /// The plan's name for it.
    pub id: StepId,
    /// What is done, in order; never empty.
    pub changes: Vec<Change>,
    /// The services that it shuts, by the plan's names.
    pub shuts: Vec<String>,
    /// What no longer answers afterwards.
    pub doors: Vec<ShutDoor>,
    /// What the packet filter still lets somebody come in by, where it was changed: `tcp/80`.
    pub opens: Vec<String>,
}

/// What is true once a step is done, beyond its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// The step.
    pub step: StepId,
    /// The services that it shuts, by the plan's names.
    pub shuts: Vec<String>,
    /// What no longer answers.
    pub doors: Vec<ShutDoor>,
    /// What the packet filter still lets somebody come in by, where it was changed: `tcp/80`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opens: Vec<String>,
}

/// A port of the host itself that is shut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShutDoor {
    /// Transport.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Who else listens at this port, at another address, by what the plan recorded. While any of them does, the
    /// port answers, and nothing can be told from that.
    pub others: Vec<String>,
}

impl PreparedStep {
    /// What is true once it is done.
    pub fn goal(&self) -> Goal {
        Goal {
            step: self.id.clone(),
            shuts: self.shuts.clone(),
            doors: self.doors.clone(),
            opens: self.opens.clone(),
        }
    }
}

impl Change {
    /// Whether what it does outlives a boot.
    pub(crate) fn lasts(&self) -> bool {
        matches!(self, Self::Put { .. } | Self::Remove { .. })
    }

    /// Units that do not run after it.
    pub(crate) fn stops(&self) -> Vec<&str> {
        match self {
            Self::Stop { unit, .. } => vec![unit],
            Self::Remove { units, .. } => units.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The unit that it stops, starts or restarts.
    pub fn unit(&self) -> Option<&str> {
        match self {
            Self::Stop { unit, .. } | Self::Start { unit } | Self::Restart { unit } => Some(unit),
            _ => None,
        }
    }

    /// What both touch: a path, a unit or a package.
    pub(crate) fn touches_with(&self, other: &Self) -> Option<String> {
        let theirs = other.touched();
        self.touched().into_iter().find(|mine| theirs.contains(mine))
    }

    fn touched(&self) -> Vec<String> {
        match self {
            Self::Stop { unit, .. } | Self::Start { unit } | Self::Restart { unit } => vec![unit.clone()],
            Self::Load { .. } => vec![OUR_TABLE.to_owned()],
            Self::Put { path, .. } => vec![path.display().to_string()],
            Self::Remove { packages, held, units } => {
                let packages = packages.iter().map(|p| format!("package {}", p.name));
                let paths = held.iter().map(|h| h.path.display().to_string());
                packages.chain(paths).chain(units.iter().cloned()).collect()
            }
            Self::Reload | Self::Check { .. } => Vec::new(),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop { unit, was: Activity::Active } => write!(f, "stop {unit}"),
            Self::Stop { unit, .. } => write!(f, "stop {unit}, which does not run"),
            Self::Put { path, after, before, .. } => match (before, after) {
                (_, Node::Absent) => write!(f, "remove {}", path.display()),
                (_, Node::Link { target }) => write!(f, "link {} to {}", path.display(), target.display()),
                (Node::File { .. }, Node::File { .. }) => write!(f, "edit {}", path.display()),
                (_, Node::File { .. }) => write!(f, "write {}", path.display()),
            },
            Self::Remove { packages, .. } => {
                let names: Vec<String> =
                    packages.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
                write!(f, "remove the packages {}", names.join(", "))
            }
            Self::Reload => f.write_str("make the service manager read its files anew"),
            Self::Check { program, arguments } => {
                write!(f, "check with {}", program.display())?;
                arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
            }
            Self::Load { after: Some(_), before: None } => write!(f, "load {OUR_TABLE}"),
            Self::Load { after: Some(_), .. } => {
                write!(f, "load {OUR_TABLE} in the place of the one that is loaded")
            }
            Self::Load { after: None, .. } => write!(f, "take away {OUR_TABLE}"),
            Self::Start { unit } => write!(f, "start {unit}"),
            Self::Restart { unit } => write!(f, "restart {unit}"),
        }
    }
}
