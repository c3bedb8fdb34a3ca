//! What a trial proved.

use std::collections::BTreeSet;

use doorward_plan::{Plan, Step, StepId};
use doorward_site::{Baseline, Outcome};

use crate::record::WHOLE;
use crate::rehearse::disabled;
use crate::{Record, Tried};

/// What was proved of a plan's steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// What can be done, all together.
    pub proved: Vec<Proved>,
    /// What has to stay as it is, each with the trial that shows it.
    pub kept: Vec<Kept>,
    /// The trial in which all of [`Self::proved`] was done and every test passed; the last and farthest of them.
    pub passed: Option<usize>,
    /// Whether that trial went as far as applying does, packages removed, and over a reboot.
    pub as_applied: bool,
    /// Trials that were made, those of earlier runs that were still of use included.
    pub trials: usize,
    /// Bits that had to be found out: a search with one test needs no fewer trials.
    pub bound_bits: f64,
}

/// A step that the site does not miss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The step.
    pub step: StepId,
    /// The trial in which it was done and every test passed.
    pub trial: usize,
    /// The site does miss something that the packages bring: they stay, and the service is disabled.
    pub only_disabled: bool,
}

/// A step that is not done, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The step.
    pub step: StepId,
    /// The step that the site misses: this one, or one that needs what it shuts.
    pub needed: StepId,
    /// The trial that did it on top of what is done in the end, or of a part of that; a step that no plan had then was as
    /// good as done.
    pub trial: usize,
    /// What failed in it.
    pub failures: Vec<Failure>,
}

/// A test that fails without what a step shuts.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The test.
    pub test: String,
    /// In words, what was expected and seen; or why it could not be shut.
    pub how: String,
    /// The test on the untouched site, and in the trial.
    pub outcomes: Option<(Outcome, Outcome)>,
}

impl Failure {
    /// Those of a trial, held against the baseline; of tests that fail by themselves last.
    pub(crate) fn of(tried: &Tried, baseline: &Baseline) -> Vec<Self> {
        let whole =
            tried.problem.iter().map(|how| Self { test: WHOLE.to_owned(), how: how.clone(), outcomes: None });
        let measured = |bad: &Outcome| baseline.tests.iter().find(|measured| *measured.test() == bad.test);
        let mut failed: Vec<_> = tried.failed.iter().filter_map(|bad| Some((measured(bad)?, bad))).collect();
        failed.sort_by_key(|(measured, _)| measured.failed);
        let failed = failed.into_iter().map(|(measured, bad)| Self {
            test: bad.test.0.clone(),
            how: bad.mismatches.first().map_or_else(|| "it was not run".to_owned(), ToString::to_string),
            outcomes: Some((measured.good.clone(), bad.clone())),
        });
        whole.chain(failed).collect()
    }
}

impl Proof {
    /// Writes what was proved into the plan, as it is when nothing of it is doubted: each step says what came of it, and those that
    /// it misses, or that could not be tried, are off.
    #[must_use]
    pub fn mark(&self, plan: &Plan, record: &Record) -> Plan {
        let mut plan = plan.clone();
        for step in &mut plan.steps {
            if let Some(proved) = self.proved.iter().find(|proved| proved.step == step.id) {
                if step.action.is_change() {
                    Self::unneeded(step, proved, record);
                } else {
                    step.trial = Some(format!("no test of the site misses it (trial {})", proved.trial));
                }
            } else if let Some(kept) = self.kept.iter().find(|kept| kept.step == step.id) {
                // What was kept and doubted stays kept.
                step.on = !step.action.is_change();
                step.trial = Some(needed(kept));
            } else if step.changes() {
                step.on = false;
                step.trial = Some("not tried, so nothing is proved of it".to_owned());
            }
        }
        plan
    }

    fn unneeded(step: &mut Step, proved: &Proved, record: &Record) {
        let far = match record.trials.get(proved.trial.wrapping_sub(1)).map(|tried| tried.manner) {
            Some(crate::Manner::Applied) => ", applied as planned, and after a reboot",
            Some(crate::Manner::Rebooted) => ", after a reboot",
            _ => "",
        };
        let mut said = format!(
            "proved unneeded (trial {} of {}): every test of the site passes without it{far}",
            proved.trial,
            record.trials.len()
        );
        if proved.only_disabled {
            said.push_str("; its package stays, for the site misses something of it");
            *step = disabled(step);
        }
        step.trial = Some(said);
    }

    /// Steps that can be done.
    pub fn steps(&self) -> BTreeSet<StepId> {
        self.proved.iter().map(|proved| proved.step.clone()).collect()
    }
}

fn needed(kept: &Kept) -> String {
    let what = match kept.failures.first() {
        Some(failure) if failure.test == WHOLE => format!("it cannot be shut: {}", failure.how),
        Some(failure) => format!("without it {:?} fails: {}", failure.test, failure.how),
        None => "a test fails without it".to_owned(),
    };
    let whose = if kept.needed == kept.step { String::new() } else { format!(" for {}", kept.needed) };
    format!("needed{whose} (trial {}): {what}", kept.trial)
}
