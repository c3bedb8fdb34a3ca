//! Whether what was applied still holds, now or after a later boot. It only looks.
//!
//! Unlike the verification while changes are made, which ends at the first thing that is not as wanted and stops once
//! more what runs, this one tells everything and touches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use doorward_plan::StepId;
use serde::{Deserialize, Serialize};

use crate::Change;
use crate::change::{Goal, OUR_TABLE};
use crate::execute::suspects;
use crate::journal::{Journal, Record};
use crate::system::{Activity, Node, System, SystemError};

/// One thing that is not as a step left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The step that left it otherwise.
    pub step: StepId,
    /// How it differs.
    pub kind: DifferenceKind,
    /// The unit, path, package or door.
    pub what: String,
    /// What was found, in words.
    pub text: String,
}

/// How something differs from what a step left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// It was shut, and is there again: a unit runs, a package is installed, a port answers.
    Back,
    /// A file or link was changed since.
    Changed,
    /// A daemon that was restarted does not run.
    Down,
    /// It could not be told.
    Unknown,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.step, self.what, self.text)
    }
}

/// Why nothing can be verified.
#[derive(Debug, thiserror::Error)]
pub enum NotVerified {
    /// The changes are undone, or being undone.
    #[error("they are undone, or are being undone: nothing of them is to hold")]
    Undone,
    /// The journal was written by an older program.
    #[error(
        "the journal has the older form {0}, which does not tell what is to hold; it can still be undone"
    )]
    OldForm(u32),
    /// The host did not say which boot this is.
    #[error(transparent)]
    System(#[from] SystemError),
}

/// All that is not as the journal's steps left it, in their order; empty when everything holds. What a `later` journal
/// of the host changed once more is as that one left it. Steps that stop something until the next boot are over then,
/// and those that were undone are none.
pub fn verify(
    system: &dyn System,
    journal: &Journal,
    later: &[&Journal],
) -> Result<Vec<Difference>, NotVerified> {
    if !journal.holds() {
        return Err(NotVerified::Undone);
    }
    if journal.header().version < FIRST_WITH_GOALS {
        return Err(NotVerified::OldForm(journal.header().version));
    }
    let boot = system.boot_id()?;
    let mine = Kept::of(journal, &boot);
    let later = later.iter().filter(|j| j.holds());
    let all: Vec<Kept<'_>> = std::iter::once(mine).chain(later.map(|j| Kept::of(j, &boot))).collect();
    let mut look = Look { system, found: Vec::new() };
    let last = last_states(&all);
    let table = all.iter().flat_map(|k| &k.changes).rev().find_map(|(_, change)| match change {
        Change::Load { after, .. } => Some(after),
        _ => None,
    });
    // What was restarted may have been stopped for good by another step.
    let stopped: BTreeSet<&str> = all.iter().flat_map(|k| &k.changes).flat_map(|(_, c)| c.stops()).collect();
    for (step, change) in &all[0].changes {
        match change {
            Change::Start { unit } | Change::Restart { unit } if stopped.contains(unit.as_str()) => {}
            Change::Load { after, .. } => look.table(step, table.unwrap_or(after).as_deref()),
            _ => look.change(step, change, &last),
        }
    }
    let shut: BTreeSet<&str> =
        all.iter().flat_map(|k| &k.goals).flat_map(|g| &g.shuts).map(String::as_str).collect();
    for goal in &all[0].goals {
        look.doors(goal, &shut);
    }
    Ok(look.found)
}

/// Journals of older forms have no goals.
const FIRST_WITH_GOALS: u32 = 2;

/// What of a journal is to hold.
struct Kept<'j> {
    goals: Vec<&'j Goal>,
    changes: Vec<(&'j StepId, &'j Change)>,
}

impl<'j> Kept<'j> {
    fn of(journal: &'j Journal, boot: &str) -> Self {
        let records = journal.records();
        let is_undone = |step: &StepId| {
            records.iter().any(|r| matches!(r, Record::Undone { step: Some(undone), .. } if undone == step))
        };
        let announced = records.iter().filter_map(|r| match r {
            Record::Intent { step, change, .. } => Some((step, change)),
            _ => None,
        });
        let announced: Vec<_> = announced.filter(|(step, _)| !is_undone(step)).collect();
        let lasts = |step: &StepId| announced.iter().any(|(s, c)| *s == step && c.lasts());
        let holds = |step: &StepId| boot == journal.header().boot_id || lasts(step);
        let goals = records.iter().filter_map(|r| match r {
            Record::Begun { goals, .. } => Some(goals),
            _ => None,
        });
        let goals = goals.flatten().filter(|g| !is_undone(&g.step) && holds(&g.step)).collect();
        let changes = announced.iter().copied().filter(|(step, _)| holds(step)).collect();
        Self { goals, changes }
    }
}

/// What the last change of each path left there; none where the scripts of a package that went may have had a hand in
/// it since.
fn last_states<'j>(all: &[Kept<'j>]) -> BTreeMap<&'j Path, Option<&'j Node>> {
    let mut last = BTreeMap::new();
    for (_, change) in all.iter().flat_map(|kept| &kept.changes) {
        match change {
            Change::Put { path, after, .. } => {
                last.insert(path.as_path(), Some(after));
            }
            Change::Remove { held, .. } => last.extend(held.iter().map(|h| (h.path.as_path(), None))),
            _ => {}
        }
    }
    last
}

struct Look<'s> {
    system: &'s dyn System,
    found: Vec<Difference>,
}

impl Look<'_> {
    fn change(&mut self, step: &StepId, change: &Change, last: &BTreeMap<&Path, Option<&Node>>) {
        match change {
            Change::Stop { unit, .. } => match self.system.activity(unit) {
                Ok(Activity::Active) => {
                    let text = format!("runs again{}", by(&suspects::starting(self.system, unit)));
                    self.add(step, DifferenceKind::Back, unit, text);
                }
                other => self.told(step, unit, other),
            },
            Change::Start { unit } | Change::Restart { unit } => match self.system.activity(unit) {
                Ok(Activity::Active) => {}
                Ok(_) => self.add(step, DifferenceKind::Down, unit, "does not run"),
                Err(e) => {
                    self.add(step, DifferenceKind::Unknown, unit, format!("could not be looked at: {e}"));
                }
            },
            Change::Put { path, .. } => {
                if let Some(Some(wanted)) = last.get(path.as_path()) {
                    self.path(step, path, wanted);
                }
            }
            Change::Remove { packages, .. } => {
                for package in packages {
                    match self.system.package(&package.name) {
                        Ok(Some(version)) => {
                            let text = format!("is installed again, as {version}");
                            self.add(step, DifferenceKind::Back, &package.name, text);
                        }
                        other => self.told(step, &package.name, other),
                    }
                }
            }
            Change::Reload | Change::Check { .. } | Change::Load { .. } => {}
        }
    }

    fn path(&mut self, step: &StepId, path: &Path, wanted: &Node) {
        let what = path.display().to_string();
        match self.system.node(path) {
            Ok(now) if now == *wanted => {}
            Ok(Node::Absent) => self.add(step, DifferenceKind::Changed, &what, "is gone"),
            Ok(_) if *wanted == Node::Absent => {
                self.add(step, DifferenceKind::Changed, &what, "is there again");
            }
            Ok(_) => self.add(step, DifferenceKind::Changed, &what, "was changed since"),
            Err(SystemError::Unsuitable { why, .. }) => {
                self.add(step, DifferenceKind::Changed, &what, format!("was changed since: {why}"));
            }
            Err(e) => self.add(step, DifferenceKind::Unknown, &what, format!("could not be looked at: {e}")),
        }
    }

    fn table(&mut self, step: &StepId, wanted: Option<&str>) {
        match self.system.table() {
            Ok(now) if now.as_deref() == wanted => {}
            Ok(None) => self.add(step, DifferenceKind::Changed, OUR_TABLE, "is gone: what it closed is open"),
            Ok(Some(_)) => self.add(step, DifferenceKind::Changed, OUR_TABLE, "was changed since"),
            Err(e) => {
                self.add(step, DifferenceKind::Unknown, OUR_TABLE, format!("could not be looked at: {e}"));
            }
        }
    }

    /// What somebody else answers at another address tells nothing of a door.
    fn doors(&mut self, goal: &Goal, shut: &BTreeSet<&str>) {
        for door in goal.doors.iter().filter(|d| d.others.iter().all(|o| shut.contains(o.as_str()))) {
            let what = format!("{} port {}", door.protocol.as_str(), door.port);
            match self.system.answers(door.protocol, door.port) {
                Ok(true) => {
                    let text = format!("answers again{}", by(&suspects::listening(self.system, door.port)));
                    self.add(&goal.step, DifferenceKind::Back, &what, text);
                }
                other => self.told(&goal.step, &what, other),
            }
        }
    }

    /// A question whose answer was good, or that was not answered.
    fn told<T>(&mut self, step: &StepId, what: &str, answer: Result<T, SystemError>) {
        if let Err(e) = answer {
            self.add(step, DifferenceKind::Unknown, what, format!("could not be looked at: {e}"));
        }
    }

    /// Each thing is told once, though several changes touch it.
    fn add(&mut self, step: &StepId, kind: DifferenceKind, what: &str, text: impl Into<String>) {
        if !self.found.iter().any(|d| d.kind == kind && d.what == what) {
            let (step, what, text) = (step.clone(), what.to_owned(), text.into());
            self.found.push(Difference { step, kind, what, text });
        }
    }
}

fn by(units: &[String]) -> String {
    if units.is_empty() { String::new() } else { format!(": see {}", units.join(", ")) }
}
