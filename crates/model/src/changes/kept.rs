//! What was changed before, and whether it holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `doorward verify`: whether what was applied still holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// Version of this form.
    pub schema_version: u32,
    /// All changes that were verified, the oldest first.
    pub changes: Vec<VerifiedChanges>,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedChanges {
    /// Number of the changes.
    pub id: u64,
    /// The kernel's id of the boot in which they were verified.
    pub boot_id: String,
    /// When, in seconds since the epoch.
    pub time: u64,
    /// What does not hold; empty when everything does.
    pub differences: Vec<StepDifference>,
}

/// One thing that is not as a step left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepDifference {
    /// The step.
    pub step: String,
    /// How it differs: back (shut, and there again), changed (a file), down (a daemon that was restarted does not run),
    /// unknown (it could not be told).
    pub kind: String,
    /// The unit, path, package or door.
    pub what: String,
    /// What was found, in words.
    pub text: String,
}

/// `doorward log`: what was applied here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Applied plans, the oldest first; the one that was asked for.
    pub changes: Vec<LoggedChanges>,
}

/// The changes of one applied plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoggedChanges {
    /// Their number.
    pub id: u64,
    /// What became of them: open, confirmed, undoing or undone; none when the journal cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why the journal cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When they were begun, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// How many changes were announced.
    pub count: usize,
    /// What verifications after later boots found.
    pub verified: Vec<VerifiedChanges>,
    /// The journal's records, when one journal was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<LoggedRecord>,
}

/// One record of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoggedRecord {
    /// What it tells of: header, begun, intent, done, failed, confirmed, verified, undoing, restoring, restored, undone.
    pub record: String,
    /// The number of the change that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<usize>,
    /// The step that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// When, in seconds since the epoch, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// The record in words.
    pub text: String,
}

/// `doorward status`: whether changes wait, and who changes the host now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusReport {
    /// Version of this form.
    pub schema_version: u32,
    /// The changes that wait to be confirmed or undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingChanges>,
    /// Who changes the host now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ChangingProcess>,
    /// Changes that will be verified after the next boot.
    pub to_be_verified: Vec<u64>,
    /// What verifications after later boots found of changes that stay, each's last one.
    pub verified: Vec<VerifiedChanges>,
}

/// Changes that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingChanges {
    /// Their number.
    pub id: u64,
    /// What became of them: open or undoing; none when the journal cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why the journal cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A process that changes the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangingProcess {
    /// Its process id.
    pub pid: u32,
    /// What it does, as it was called.
    pub command: String,
    /// Since when, in seconds since the epoch.
    pub since: u64,
}
