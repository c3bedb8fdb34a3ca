//! The plan as a value.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Recorded, Step, StepId};

/// The version of the plan's file. It grows when a name changes its meaning or goes, or when an older program must
/// not read it.
pub const PLAN_VERSION: u32 = 1;

/// An ordered list of steps for one host, and what it rests on. Immutable to all but its reader's editor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Version of the form.
    pub schema_version: u32,
    /// Version of the program that made it.
    pub doorward: String,
    /// The host that it is for.
    pub host: PlanHost,
    /// Fingerprint of the snapshot's part that it rests on: of [`Plan::recorded`].
    pub snapshot: String,
    /// What was preferred.
    pub prefer: Prefer,
    /// Steps, in the order in which they are done; what is kept at the end.
    pub steps: Vec<Step>,
    /// What it rests on, to tell what has changed since.
    pub recorded: Recorded,
}

impl Plan {
    /// The steps that change the host, in their order.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| s.changes())
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    /// The step of that name.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|s| s.id == *id)
    }
}

/// The host that a plan is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHost {
    /// Host name.
    pub name: String,
    /// Operating system's full name.
    pub os: String,
}

/// What the planner does where it has the choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// Remove what nobody needs: what is not installed cannot be enabled by accident and needs no patches.
    #[default]
    Uninstall,
    /// Disable it, for those who keep everything patched in sequence.
    Disable,
    /// Stop it until the next boot.
    Stop,
}

impl Prefer {
    /// The word in the file and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uninstall => "uninstall",
            Self::Disable => "disable",
            Self::Stop => "stop",
        }
    }
}

impl fmt::Display for Prefer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
