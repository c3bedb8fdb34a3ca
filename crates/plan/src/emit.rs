//! The same changes for those who roll out by other means, each with its inverse. Text only: nothing here runs it.
//!
//! Names come from hosts. Those that no service manager or package manager could have are not emitted but told of in
//! a comment; the others stand in quotes that they cannot leave, and where they could be taken for patterns or
//! templates they are not.

mod ansible;
mod changes;
mod preset;
mod shell;

use doorward_model::Snapshot;

use crate::Plan;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An Ansible playbook.
    Ansible,
    /// A preset file of systemd: says what is not enabled, and stops nothing by itself.
    SystemdPreset,
    /// A script for any POSIX shell.
    Shell,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Make the changes.
    Apply,
    /// Take them back, in reverse order, to what the snapshot shows.
    Undo,
}

/// The plan's changes, or their inverse, as text. The snapshot is the one that the plan was made from: it knows what
/// ran and what was enabled. Doing it twice does no more than doing it once.
pub fn emit(plan: &Plan, snapshot: &Snapshot, form: Form, direction: Direction) -> String {
    let steps = changes::of(plan, snapshot, direction);
    match form {
        Form::Ansible => ansible::text(&steps, snapshot, direction),
        Form::SystemdPreset => preset::text(&steps, direction),
        Form::Shell => shell::text(&steps, snapshot, direction),
    }
}
