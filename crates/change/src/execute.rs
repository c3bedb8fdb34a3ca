//! Makes prepared changes, one after another: announced in the journal, made, verified, noted as done.
//!
//! The first one that does not go as wanted ends it. What was done until then is in the journal, and [`undo`] takes it
//! back: whether it does is the caller's decision.
//!
//! [`undo`]: crate::undo

mod bystanders;
pub(crate) mod suspects;
mod verify;

pub(crate) use suspects::settings;

use std::time::Duration;

use doorward_plan::{PackageVersion, StepId};

use crate::change::OUR_TABLE;
use crate::journal::{Journal, JournalError, Record};
use crate::system::{Activity, SavedPackage, System, SystemError};
use crate::{Change, PreparedStep};

/// How long a unit may take to stop or start: longer than the service manager itself waits by default (90 s).
pub(crate) const STOP_LIMIT: Duration = Duration::from_mins(2);

/// How long a daemon may take to check its configuration.
const CHECK_LIMIT: Duration = Duration::from_mins(1);

/// Told of what goes on. All methods do nothing by themselves.
pub trait Observer {
    /// A step begins: the how many-th, from 0, of how many.
    fn step(&mut self, at: usize, of: usize, step: &PreparedStep) {
        let _ = (at, of, step);
    }

    /// A change is about to be made.
    fn change(&mut self, step: &StepId, change: &Change) {
        let _ = (step, change);
    }

    /// A step was done and verified.
    fn done(&mut self, step: &PreparedStep) {
        let _ = step;
    }

    /// A change is about to be undone.
    fn undoing(&mut self, step: &StepId, change: &Change) {
        let _ = (step, change);
    }
}

/// Nobody looks.
impl Observer for () {}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Steps.
    pub steps: usize,
    /// Changes in them.
    pub changes: usize,
}

/// Why not all was done.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The journal has changes already: each plan has a journal of its own.
    #[error("the journal tells of other changes already")]
    Used,
    /// Before anything was changed.
    #[error("nothing was changed: {step}: {problem}")]
    Before {
        /// The step that could not be carried out.
        step: StepId,
        /// Why.
        problem: Problem,
    },
    /// In the midst.
    #[error("{step}: {problem}")]
    Stopped {
        /// The step that went wrong.
        step: StepId,
        /// Why.
        problem: Problem,
    },
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The host said no.
    #[error(transparent)]
    System(#[from] SystemError),
    /// The journal could not be written, so that nothing may be changed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The host is not as it was when the changes were prepared.
    #[error("{what} was changed meanwhile: prepare the plan again")]
    Moved {
        /// The path or package.
        what: String,
    },
    /// It does not stay as it was put.
    #[error("{what} does not stay as it was put")]
    NotKept {
        /// The path or package.
        what: String,
    },
    /// It was started or restarted, and did not come up.
    #[error("{unit} does not run after it was started")]
    Down {
        /// The unit.
        unit: String,
    },
    /// Something starts it again.
    #[error("{unit} runs again: {}", named(.by, "nothing that was seen starts it"))]
    RunsAgain {
        /// The unit.
        unit: String,
        /// Running units that can start it.
        by: Vec<String>,
    },
    /// The door is not shut.
    #[error("{protocol} port {port} still answers: {}", named(.by, "who answers was not seen"))]
    Answers {
        /// Transport.
        protocol: &'static str,
        /// Port.
        port: u16,
        /// Running units that listen there.
        by: Vec<String>,
    },
}

fn named(names: &[String], nobody: &str) -> String {
    if names.is_empty() { nobody.to_owned() } else { format!("see {}", names.join(", ")) }
}

/// Makes the changes. The journal must be a new one.
pub fn apply(
    system: &mut dyn System,
    journal: &mut Journal,
    steps: &[PreparedStep],
    observer: &mut dyn Observer,
) -> Result<Applied, ApplyError> {
    if journal.records().len() > 1 {
        return Err(ApplyError::Used);
    }
    let saved = before(system, journal, steps)?;
    let mut applied = Applied::default();
    for (at, (step, saved)) in steps.iter().zip(&saved).enumerate() {
        observer.step(at, steps.len(), step);
        let stopped = |problem| ApplyError::Stopped { step: step.id.clone(), problem };
        for change in &step.changes {
            observer.change(&step.id, change);
            let number = applied.changes;
            one(system, journal, number, step, change, saved).map_err(stopped)?;
            applied.changes += 1;
        }
        verify::step(system, step, &steps[..=at]).map_err(stopped)?;
        applied.steps += 1;
        observer.done(step);
    }
    // What something starts again after a while shows now.
    for step in steps {
        verify::step(system, step, steps)
            .map_err(|problem| ApplyError::Stopped { step: step.id.clone(), problem })?;
    }
    Ok(applied)
}

/// Keeps what is needed to come back, for all steps, and writes down what runs.
fn before(
    system: &mut dyn System,
    journal: &mut Journal,
    steps: &[PreparedStep],
) -> Result<Vec<Vec<SavedPackage>>, ApplyError> {
    let mut saved = Vec::new();
    let (mut active, mut inactive) = (Vec::new(), Vec::new());
    for step in steps {
        let failed = |problem| ApplyError::Before { step: step.id.clone(), problem };
        let removed = step.changes.iter().flat_map(|c| match c {
            Change::Remove { packages, .. } => packages.as_slice(),
            _ => &[],
        });
        let kept: Result<_, Problem> = removed.map(|p| save(system, p)).collect();
        saved.push(kept.map_err(failed)?);
        for unit in step.changes.iter().filter_map(Change::unit) {
            let list = match system.activity(unit).map_err(|e| failed(e.into()))? {
                Activity::Active => &mut active,
                _ => &mut inactive,
            };
            if !list.iter().any(|known| known == unit) {
                list.push(unit.to_owned());
            }
        }
    }
    if let Some(first) = steps.first() {
        let failed = |problem| ApplyError::Before { step: first.id.clone(), problem };
        bystanders::add(system, &mut active, &mut inactive).map_err(|e| failed(e.into()))?;
        let goals = steps.iter().map(PreparedStep::goal).collect();
        journal.append(Record::Begun { active, inactive, goals }).map_err(|e| failed(e.into()))?;
    }
    Ok(saved)
}

fn save(system: &mut dyn System, package: &PackageVersion) -> Result<SavedPackage, Problem> {
    if system.package(&package.name)?.as_deref() != Some(package.version.as_str()) {
        return Err(Problem::Moved { what: package.name.clone() });
    }
    Ok(system.save_package(&package.name)?)
}

/// One change, from its announcement to its outcome.
fn one(
    system: &mut dyn System,
    journal: &mut Journal,
    number: usize,
    step: &PreparedStep,
    change: &Change,
    saved: &[SavedPackage],
) -> Result<(), Problem> {
    check(system, change)?;
    let saved = if matches!(change, Change::Remove { .. }) { saved.to_vec() } else { Vec::new() };
    let (id, change) = (step.id.clone(), change.clone());
    journal.append(Record::Intent { number, step: id, change: change.clone(), saved })?;
    let made = make(system, &change).and_then(|()| verify::change(system, &change));
    match made {
        Ok(()) => Ok(journal.append(Record::Done { number })?),
        Err(problem) => {
            // The failure counts, whether it can be written down or not.
            let _ = journal.append(Record::Failed { number, why: problem.to_string() });
            Err(problem)
        }
    }
}

/// What is not as it was prepared is not touched.
fn check(system: &dyn System, change: &Change) -> Result<(), Problem> {
    match change {
        Change::Put { path, before, .. } if system.node(path)? != *before => {
            Err(Problem::Moved { what: path.display().to_string() })
        }
        Change::Load { before, .. } if system.table()? != *before => {
            Err(Problem::Moved { what: OUR_TABLE.to_owned() })
        }
        Change::Remove { packages, .. } => {
            for package in packages {
                if system.package(&package.name)?.as_deref() != Some(package.version.as_str()) {
                    return Err(Problem::Moved { what: package.name.clone() });
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn make(system: &mut dyn System, change: &Change) -> Result<(), Problem> {
    match change {
        Change::Stop { unit, .. } => {
            if system.activity(unit)? == Activity::Active {
                system.stop(unit, STOP_LIMIT)?;
            }
        }
        Change::Put { path, after, .. } => system.put(path, after)?,
        Change::Remove { packages, .. } => {
            let names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
            system.remove_packages(&names)?;
        }
        Change::Reload => system.reload()?,
        Change::Check { program, arguments } => system.check(program, arguments, CHECK_LIMIT)?,
        Change::Load { after, .. } => system.load_table(after.as_deref())?,
        Change::Start { unit } => {
            if system.activity(unit)? != Activity::Active {
                system.start(unit, STOP_LIMIT)?;
            }
        }
        Change::Restart { unit } => {
            if system.activity(unit)? == Activity::Active {
                system.stop(unit, STOP_LIMIT)?;
            }
            system.start(unit, STOP_LIMIT)?;
        }
    }
    Ok(())
}
