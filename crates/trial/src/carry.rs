//! What of earlier trials still tells something, now that the plan or the tests may have changed.

use std::collections::BTreeSet;

use doorward_model::Start;
use doorward_plan::{Plan, StepId};
use doorward_search::{Item, Log, LogError, Problem, Trial};

use crate::record::Known;
use crate::{Candidates, Manner, Record, Rehearsal, Tried};

/// What a search looks for the most of.
#[derive(Debug, Clone)]
pub(crate) enum Aim {
    /// Steps that can be carried out with nothing removed.
    Shut(Manner),
    /// Steps that can remove packages, with all of these carried out.
    Removed(BTreeSet<StepId>),
}

impl Aim {
    pub(crate) fn manner(&self) -> Manner {
        match self {
            Self::Shut(manner) => *manner,
            Self::Removed(_) => Manner::Applied,
        }
    }

    pub(crate) fn rehearsal(&self, steps: BTreeSet<StepId>) -> Rehearsal {
        match self {
            Self::Shut(_) => Rehearsal::disabled(steps),
            Self::Removed(shut) => Rehearsal { shut: shut.clone(), removed: steps },
        }
    }
}

/// A record, seen from a plan.
pub(crate) struct Carry<'r> {
    pub(crate) record: &'r Record,
    pub(crate) plan: &'r Plan,
    pub(crate) candidates: &'r Candidates,
    /// Tests flake. Then trials of this very question alone count: failures that others lend it, without the passes that
    /// they cannot lend, would be picked by what came out.
    pub(crate) is_exact: bool,
}

/// Whether what passed in a trial, and what failed, tells something.
#[derive(Debug, Clone, Copy)]
struct Holds {
    passed: bool,
    failed: bool,
}

impl Carry<'_> {
    /// The trials that tell something about the aim, each with its number in the record.
    pub(crate) fn log(&self, aim: &Aim, problem: &Problem) -> Result<(Log, Vec<usize>), LogError> {
        let names: Vec<String> =
            problem.candidates().iter().map(|candidate| candidate.name.clone()).collect();
        let tests = problem.tests();
        let step = |item: &Item| StepId(problem.candidate(*item).name.clone());
        let mut log = Log { candidates: names.clone(), tests: tests.to_vec(), trials: Vec::new() };
        let mut numbers = Vec::new();
        for (at, tried) in self.record.trials.iter().enumerate() {
            let holds = self.holds(at, tried, aim);
            let set = if matches!(aim, Aim::Shut(_)) { &tried.shut } else { &tried.removed };
            let shut: BTreeSet<Item> = problem.items().filter(|item| set.contains(&step(item))).collect();
            let changed: Vec<Item> =
                problem.items().filter(|item| self.is_changed(at, &step(item))).collect();
            let trial = Trial {
                round: tried.round,
                purpose: tried.purpose,
                shut: numbered(shut.iter().map(|item| item.index())),
                failed: places(tests, tried.fails_in(tests), holds.failed),
                passed: places(tests, tried.passes_in(tests), holds.passed),
            };
            let absent: Vec<Item> = problem.items().filter(|item| self.was_absent(at, &step(item))).collect();
            let parts = if absent.is_empty() || trial.failed.is_empty() {
                vec![(trial, changed)]
            } else {
                // What was not there was as good as shut.
                let with = closed(problem, shut.iter().copied().chain(absent));
                let failed = Trial {
                    shut: numbered(with.iter().map(|i| i.index())),
                    passed: Vec::new(),
                    ..trial.clone()
                };
                let changed_too = changed.iter().copied().filter(|item| shut.contains(item)).collect();
                vec![(Trial { failed: Vec::new(), ..trial }, changed), (failed, changed_too)]
            };
            for (trial, changed) in parts {
                let alone = Log { candidates: names.clone(), tests: tests.to_vec(), trials: vec![trial] };
                for kept in alone.carried(problem, &changed)?.trials {
                    log.trials.push(kept);
                    numbers.push(at + 1);
                }
            }
        }
        Ok((log, numbers))
    }

    /// Trials that show that all these tests pass in a rehearsal, and trials that show that not, by number.
    pub(crate) fn shown(
        &self,
        whole: &Rehearsal,
        manner: Manner,
        tests: &[String],
    ) -> (Vec<usize>, Vec<usize>) {
        let (mut passed, mut failed) = (Vec::new(), Vec::new());
        for (at, tried) in self.record.trials.iter().enumerate() {
            let same = tried.manner == manner && tried.shut == whole.shut && tried.removed == whole.removed;
            let more = tried.manner >= manner && whole.is_part_of(tried);
            let less = tried.manner <= manner
                && tried.shut.is_subset(&whole.shut)
                && tried.removed.is_subset(&whole.removed);
            let others = self.others(at, tried);
            let is_as_it_was = |steps: &BTreeSet<StepId>| steps.iter().all(|step| !self.is_changed(at, step));
            let counts = |implied: bool| if self.is_exact { same } else { implied };
            if counts(more)
                && others.passed
                && is_as_it_was(&whole.shut)
                && tried.passes_in(tests).count() == tests.len()
            {
                passed.push(at + 1);
            }
            if counts(less)
                && others.failed
                && is_as_it_was(&tried.shut)
                && tried.fails_in(tests).next().is_some()
            {
                failed.push(at + 1);
            }
        }
        (passed, failed)
    }

    /// To go farther, or over a reboot, never mends a site; nor does it to do more.
    fn holds(&self, at: usize, tried: &Tried, aim: &Aim) -> Holds {
        let holds = match aim {
            Aim::Shut(manner) => {
                let same = tried.manner == *manner;
                Holds { passed: same, failed: same || !self.is_exact && tried.manner < *manner }
            }
            Aim::Removed(shut) => {
                let applied = tried.manner == Manner::Applied;
                let all_were_there = !self.candidates.steps().iter().any(|step| self.was_absent(at, step));
                let (more, less) = (shut.is_subset(&tried.shut), tried.shut.is_subset(shut));
                let is_as_it_was =
                    |steps: &BTreeSet<StepId>| steps.iter().all(|step| !self.is_changed(at, step));
                let counts = |implied: bool| applied && implied && (!self.is_exact || more && less);
                Holds {
                    passed: counts(more) && is_as_it_was(shut),
                    failed: counts(less) && is_as_it_was(&tried.shut) && all_were_there,
                }
            }
        };
        let others = self.others(at, tried);
        Holds { passed: holds.passed && others.passed, failed: holds.failed && others.failed }
    }

    /// Whether results hold with steps that were there and are tried no more. What was off, or could not be tried, runs.
    /// What no plan has any more is shut for good, or is needed now; where neither is sure, both may be.
    fn others(&self, at: usize, tried: &Tried) -> Holds {
        let mut holds = Holds { passed: true, failed: true };
        for (step, known) in &self.record.steps {
            let was_away = known.until.is_some_and(|until| until <= at);
            if was_away || self.candidates.steps().contains(step) {
                continue;
            }
            let is_same = known.since <= at;
            let was_shut = tried.shut.contains(step);
            let was_all_done = was_shut && (!known.removes || tried.removed.contains(step));
            holds.passed &= self.plan.step(step).is_some() || is_same && was_all_done;
            holds.failed &= self.is_gone(step, known) && is_same || !was_shut && known.there <= at;
        }
        holds
    }

    /// Whether what a step shut is there no more, or cannot be started.
    fn is_gone(&self, step: &StepId, known: &Known) -> bool {
        let recorded = &self.plan.recorded.services;
        let gone = |name: &String| recorded.get(name).is_none_or(|service| service.start == Start::Masked);
        self.plan.step(step).is_none() && !known.services.is_empty() && known.services.iter().all(gone)
    }

    /// Whether no plan had a step then: it may not have been there, which is as good as shut.
    fn was_absent(&self, at: usize, step: &StepId) -> bool {
        self.record.steps.get(step).is_none_or(|known| known.there > at)
    }

    /// Whether a step was another one then, or is known of later trials alone.
    fn is_changed(&self, at: usize, step: &StepId) -> bool {
        self.record.steps.get(step).is_none_or(|known| known.since > at)
    }
}

/// The items with all that requires them.
fn closed(problem: &Problem, items: impl Iterator<Item = Item>) -> BTreeSet<Item> {
    let mut closed: BTreeSet<Item> = items.collect();
    let mut open: Vec<Item> = closed.iter().copied().collect();
    while let Some(item) = open.pop() {
        let dependents = problem.edges().iter().filter(|(_, required)| *required == item);
        open.extend(
            dependents.map(|(dependent, _)| *dependent).filter(|dependent| closed.insert(*dependent)),
        );
    }
    closed
}

fn places<'n>(all: &[String], names: impl Iterator<Item = &'n str>, counts: bool) -> Vec<u32> {
    numbered(names.filter(|_| counts).filter_map(|name| all.iter().position(|other| other == name)))
}

fn numbered(places: impl Iterator<Item = usize>) -> Vec<u32> {
    places.filter_map(|at| u32::try_from(at).ok()).collect()
}
