//! Puts a host back, from a journal alone.
//!
//! Whether an announced change happened does not matter: what is there now decides. A path that is as some change
//! found or left it is brought back to what the first one found; any other state is somebody's edit, which is kept
//! and told. Packages come back first, since their scripts touch files and units; then files and the packet filter's
//! table, then the manager reads them, then units start. Nothing is raised above what it was.

mod files;
mod packages;
mod tables;
mod units;

use std::fmt;

use doorward_plan::StepId;

use crate::journal::{Journal, JournalError, Record, State};
use crate::system::{SavedPackage, System};
use crate::{Change, Observer};

/// How much is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'s> {
    /// Everything.
    All,
    /// One step, if no later one touched the same.
    Step(&'s StepId),
}

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The path, unit or package.
    pub what: String,
    /// What was found, or what went wrong.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.text)
    }
}

/// What the undoing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// Paths, units and packages that were changed back now.
    pub restored: Vec<String>,
    /// What somebody has changed since, and was therefore left.
    pub conflicts: Vec<Note>,
    /// What could not be put back: try again.
    pub failures: Vec<Note>,
}

impl Undone {
    /// Whether the host is as it was.
    pub fn is_complete(&self) -> bool {
        self.conflicts.is_empty() && self.failures.is_empty()
    }

    /// Each is told once.
    fn restored(&mut self, what: &str) {
        if !self.restored.iter().any(|known| known == what) {
            self.restored.push(what.to_owned());
        }
    }

    fn conflict(&mut self, what: impl Into<String>, text: impl Into<String>) {
        self.conflicts.push(Note { what: what.into(), text: text.into() });
    }

    fn failure(&mut self, what: impl Into<String>, text: impl fmt::Display) {
        self.failures.push(Note { what: what.into(), text: text.to_string() });
    }

    /// A journal that cannot be written on hinders nothing, but is told.
    fn journal(&mut self, written: Result<(), JournalError>) {
        if let Err(e) = written {
            let note = Note { what: "journal".to_owned(), text: e.to_string() };
            if !self.failures.contains(&note) {
                self.failures.push(note);
            }
        }
    }
}

/// Why nothing was undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUndone {
    /// The journal has no such step.
    #[error("the journal tells of no step {0}")]
    NoSuchStep(StepId),
    /// A later step rests on this one.
    #[error("{later} touched {what} after {step}: undo {later} first, or everything")]
    Touched {
        /// The step.
        step: StepId,
        /// The later one.
        later: StepId,
        /// What both touched.
        what: String,
    },
}

/// A change that was announced.
pub(crate) struct Announced<'j> {
    pub(crate) number: usize,
    pub(crate) step: &'j StepId,
    pub(crate) change: &'j Change,
    pub(crate) saved: &'j [SavedPackage],
}

/// Puts back what a journal tells of, also what was confirmed: whether it should is the caller's decision. It may be done again at any time, also after it died itself; when all was put
/// back, doing it again only looks.
pub fn undo(
    system: &mut dyn System,
    journal: &mut Journal,
    scope: Scope<'_>,
    observer: &mut dyn Observer,
) -> Result<Undone, NotUndone> {
    let records = journal.records().to_vec();
    let all = announced(&records);
    let (changes, left) = scoped(&all, scope, &records)?;
    let mut result = Undone::default();
    let step = match scope {
        Scope::All => None,
        Scope::Step(step) => Some(step.clone()),
    };
    if is_undone(&records, step.as_ref()) {
        look(system, &changes, &left, &mut result);
        return Ok(result);
    }
    let prior = units::prior(&changes, step.is_none().then_some(&records));
    let ran = match begun(&records, step.as_ref()) {
        Some(active) => active.to_vec(),
        None => {
            let active = prior.active_now(system, &mut result);
            let record = Record::Undoing { step: step.clone(), active: active.clone() };
            result.journal(journal.append_surely(&record));
            active
        }
    };
    units::end_started(system, &changes, observer, &mut result);
    let mut reload = false;
    for change in changes.iter().rev() {
        if matches!(change.change, Change::Remove { .. }) {
            observer.undoing(change.step, change.change);
            reload |= packages::restore(system, journal, &records, change, &mut result);
        }
    }
    reload |= files::restore(system, &changes, &left, observer, &mut result);
    tables::restore(system, &changes, &left, observer, &mut result);
    // A manager that died between the files and the reload has not read them.
    reload |= changes
        .iter()
        .any(|c| matches!(c.change, Change::Reload | Change::Put { .. } | Change::Remove { .. }));
    if reload && let Err(e) = system.reload() {
        result.failure("service manager", e);
    }
    units::restore(system, &changes, &prior, &ran, observer, &mut result);
    if result.failures.is_empty() {
        result.journal(journal.append(Record::Undone { step, conflicts: result.conflicts.len() }));
    }
    Ok(result)
}

/// What the journal announced, in order.
fn announced(records: &[Record]) -> Vec<Announced<'_>> {
    let of = |record| match record {
        &Record::Intent { number, ref step, ref change, ref saved } => {
            Some(Announced { number, step, change, saved })
        }
        _ => None,
    };
    records.iter().filter_map(of).collect()
}

/// Whether this was undone before, with nothing left to do.
fn is_undone(records: &[Record], step: Option<&StepId>) -> bool {
    State::of(records) == State::Undone
        || step.is_some()
            && records.iter().any(|r| matches!(r, Record::Undone { step: of, .. } if of.as_ref() == step))
}

/// The units that ran when the undoing that did not end began.
fn begun<'r>(records: &'r [Record], step: Option<&StepId>) -> Option<&'r [String]> {
    records.iter().find_map(|r| match r {
        Record::Undoing { step: of, active } if of.as_ref() == step => Some(active.as_slice()),
        _ => None,
    })
}

/// The changes to undo, and those of earlier undone steps, which only tell what states are known.
fn scoped<'a>(
    all: &'a [Announced<'a>],
    scope: Scope<'_>,
    records: &[Record],
) -> Result<(Vec<&'a Announced<'a>>, Vec<&'a Announced<'a>>), NotUndone> {
    let Scope::Step(step) = scope else {
        // What was undone by itself may have been used since.
        return Ok((all.iter().collect(), Vec::new()));
    };
    let Some(last) = all.iter().rposition(|a| a.step == step) else {
        return Err(NotUndone::NoSuchStep(step.clone()));
    };
    let (mine, others): (Vec<_>, Vec<_>) = all.iter().partition(|a| a.step == step);
    for later in all[last..].iter().filter(|a| a.step != step && !is_undone(records, Some(a.step))) {
        let touched = mine.iter().find_map(|a| a.change.touches_with(later.change));
        if let Some(what) = touched {
            return Err(NotUndone::Touched { step: step.clone(), later: later.step.clone(), what });
        }
    }
    let known = others.into_iter().filter(|a| is_undone(records, Some(a.step))).collect();
    Ok((mine, known))
}

/// Tells what is not as it was, and changes nothing.
fn look(system: &dyn System, changes: &[&Announced<'_>], left: &[&Announced<'_>], result: &mut Undone) {
    for (path, chain) in files::chains(changes, left) {
        match system.node(path) {
            Ok(node) if node == *chain.first => {}
            Ok(_) => result.conflict(path.display().to_string(), "it was changed after it was put back"),
            Err(e) => result.failure(path.display().to_string(), e),
        }
    }
    tables::look(system, changes, result);
    for change in changes {
        packages::look(system, change, result);
    }
}
