//! What commands that plan, make, verify and undo changes say as JSON: `--format json`.
//!
//! One form a command, each with the version of all: their names are a contract, published in `schema/`. Texts are the
//! host's own, as JSON strings: whoever shows them escapes them.

mod kept;
mod plan;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use kept::{
    ChangingProcess, LogReport, LoggedChanges, LoggedRecord, StatusReport, StepDifference, VerifiedChanges,
    VerifyReport, WaitingChanges,
};
pub use plan::{
    AllowedDoor, ChangedSetting, NamedVersion, PlanReport, PlannedDoor, PlannedFilter, PlannedStep,
};

/// The version of these forms. It grows when a name changes its meaning or goes; new names may come without it.
pub const CHANGES_VERSION: u32 = 1;

/// `doorward apply`: what was done, or with `--dry-run` would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApplyReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Number of the changes, by which they are confirmed or undone; none where nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// How it ended.
    pub outcome: ApplyOutcome,
    /// What went wrong, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Each exact change, step by step.
    pub steps: Vec<PreparedChanges>,
    /// Seconds within which the changes are to be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_within_seconds: Option<u64>,
    /// What was put back after something went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_back: Option<PutBack>,
    /// Steps that another plan would do now, without those that this one has off.
    pub left: Vec<String>,
}

/// How an apply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApplyOutcome {
    /// The plan asks for nothing that is not so.
    NothingToDo,
    /// It was only looked at.
    DryRun,
    /// The user said no.
    Declined,
    /// The changes are made, and wait to be confirmed.
    Applied,
    /// Something went wrong, and everything was put back.
    TakenBack,
    /// Something went wrong, and not everything could be put back.
    NotRestored,
}

/// The changes of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreparedChanges {
    /// The step.
    pub id: String,
    /// Its changes, in order.
    pub changes: Vec<SingleChange>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SingleChange {
    /// What is done: stop, put, remove, reload, check, restart, load or start.
    pub kind: String,
    /// The unit, path, packages or program, if it is about any.
    pub what: Vec<String>,
    /// The change in words.
    pub text: String,
}

/// What an undoing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PutBack {
    /// Paths, units and packages that were changed back now.
    pub restored: Vec<String>,
    /// What somebody has changed since, and was therefore left.
    pub kept: Vec<Noted>,
    /// What could not be put back.
    pub failed: Vec<Noted>,
}

/// Something that was found, with what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Noted {
    /// The path, unit or package.
    pub what: String,
    /// What was found, or went wrong.
    pub text: String,
}

/// `doorward confirm`: these changes stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfirmReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Number of the changes.
    pub id: u64,
    /// Whether they were confirmed before.
    pub already: bool,
    /// Whether they will be verified after the next boot.
    pub to_be_verified: bool,
    /// What is not as it was left by now, and stays so.
    pub differences: Vec<StepDifference>,
}

/// `doorward extend`: these changes wait longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExtendReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Number of the changes.
    pub id: u64,
    /// Seconds from now within which they are to be confirmed.
    pub confirm_within_seconds: u64,
}

/// `doorward undo`: what was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UndoReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Number of the changes.
    pub id: u64,
    /// The step that was put back alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was done. Nothing kept and nothing failed: the host is as it was.
    pub put_back: PutBack,
}
