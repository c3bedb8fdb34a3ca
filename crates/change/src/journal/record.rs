//! What a journal holds.

use doorward_plan::StepId;
use serde::{Deserialize, Serialize};

use crate::system::SavedPackage;
use crate::{Change, Difference, Goal};

/// The version of the journal's form. It grows when an older program must not read it.
pub const JOURNAL_VERSION: u32 = 3;

/// What a journal begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the form.
    pub version: u32,
    /// Version of the program that wrote it.
    pub doorward: String,
    /// The host's name.
    pub host: String,
    /// The plan's fingerprint.
    pub plan: String,
    /// The kernel's id of the boot in which it was begun.
    pub boot_id: String,
    /// When, in seconds since the epoch.
    pub time: u64,
    /// Whether what stays is to be verified once more after the next boot.
    #[serde(default)]
    pub reboot_proof: bool,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub enum Record {
    /// The first one.
    Header(Header),
    /// The changes are about to begin.
    Begun {
        /// Units of the plan that run, in the order in which they are stopped; before them, what stops along.
        active: Vec<String>,
        /// Its units that do not, and those that its units would start and that do not run.
        inactive: Vec<String>,
        /// What is to be true once the steps are done, each one's.
        #[serde(default)]
        goals: Vec<Goal>,
    },
    /// A change is about to be made.
    Intent {
        /// Its number, from 0.
        number: usize,
        /// The step that it belongs to.
        step: StepId,
        /// The change, with the prior value.
        change: Change,
        /// For a removal: how the packages come back.
        saved: Vec<SavedPackage>,
    },
    /// A change was made and verified.
    Done {
        /// Its number.
        number: usize,
    },
    /// A change was not made, or not as wanted.
    Failed {
        /// Its number.
        number: usize,
        /// Why.
        why: String,
    },
    /// Somebody said that all is well.
    Confirmed {
        /// When, in seconds since the epoch.
        time: u64,
    },
    /// What was confirmed was verified after a later boot.
    Verified {
        /// The kernel's id of that boot.
        boot_id: String,
        /// When, in seconds since the epoch.
        time: u64,
        /// What did not hold.
        differences: Vec<Difference>,
    },
    /// The undoing begins.
    Undoing {
        /// The step that is undone; none for all.
        step: Option<StepId>,
        /// Units of the plan that run now.
        active: Vec<String>,
    },
    /// Packages are about to come back.
    Restoring {
        /// The number of their removal.
        number: usize,
    },
    /// Packages are back, and what their scripts did is undone.
    Restored {
        /// The number of their removal.
        number: usize,
    },
    /// The undoing has ended, and left nothing to do.
    Undone {
        /// The step that is undone; none for all.
        step: Option<StepId>,
        /// What was left as somebody had changed it since.
        conflicts: usize,
    },
}

/// What became of a journal's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They are on trial, or the program died while it made them.
    Open,
    /// They stay.
    Confirmed,
    /// They are being undone, or the undoing did not end well.
    Undoing,
    /// They are undone.
    Undone,
}

impl State {
    /// What the records say.
    pub(crate) fn of(records: &[Record]) -> Self {
        records.iter().fold(Self::Open, |state, record| match record {
            Record::Confirmed { .. } => Self::Confirmed,
            Record::Undoing { step: None, .. } => Self::Undoing,
            Record::Undone { step: None, .. } => Self::Undone,
            _ => state,
        })
    }
}
