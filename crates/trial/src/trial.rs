//! Leads the search over the lanes.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use doorward_plan::{Plan, StepId};
use doorward_search::{
    Found, Log, Noise, Outcome, Problem, ProblemError, Progress, Purpose, Rates, Round, Search, Settings,
    StartError,
};
use doorward_site::{Baseline, Verdict};

use crate::lane::{Attempt, Lane, LaneError};
use crate::proof::removing;
use crate::record::WHOLE;
use crate::rehearse::Rehearsal;
use crate::{Candidates, Failure, Kept, Manner, Proof, Proved, Record, Tried};

/// Confirmations that fail by flaky tests alone are tried again so often.
const AGAIN: usize = 3;
/// Searches after a reboot showed something that stopping did not.
const MOST_SEARCHES: usize = 3;

/// Is told how far a trial is.
pub trait Observer {
    /// A round begins: these steps are shut, each set in a lane of its own. No progress is known while confirming.
    fn round(&mut self, manner: Manner, progress: Option<Progress>, lanes: &[Rehearsal]);
    /// A trial was made; it is the last in the record, which is to be saved.
    fn tried(&mut self, record: &Record);
    /// Results contradict each other: from now on tests are taken to flake.
    fn unsteady(&mut self, tests: &[String]);
}

/// Why a trial proved nothing.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// A lane cannot go on.
    #[error(transparent)]
    Lane(#[from] LaneError),
    /// The search's problem is none.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The record does not fit.
    #[error("the record of earlier trials: {0}")]
    Start(#[from] StartError),
    /// The same was shut and passed, then failed, though that was allowed for.
    #[error(
        "the tests contradict each other too often to prove anything: look at them with doorward site check --repeat 20"
    )]
    Unsteady,
    /// With all shut that can be stopped, a reboot breaks the site whatever is tried.
    #[error(
        "after a reboot the site fails even with nothing shut: the lane cannot be used to prove anything"
    )]
    Reboot,
}

/// A trial of a plan.
pub struct Trial<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Those of its steps that are tried.
    pub candidates: &'a Candidates,
    /// The untouched site's tests.
    pub baseline: &'a Baseline,
    /// Places to try, at least one.
    pub lanes: &'a mut [Box<dyn Lane>],
    /// Whether they can be rebooted and thrown away, so that what was found can be tried as it will be applied.
    pub disposable: bool,
    /// What is known already.
    pub record: &'a mut Record,
    /// Is told how far it is.
    pub observer: &'a mut dyn Observer,
}

/// A set of tests and how they err.
struct Tests {
    names: Vec<String>,
    noise: Noise,
}

impl Trial<'_> {
    /// Finds the largest part of the plan that the site's tests allow, and proves it. Whatever comes, the record holds
    /// what was learned.
    pub fn run(mut self) -> Result<Proof, TrialError> {
        let names = std::iter::once(WHOLE.to_owned());
        let names: Vec<String> =
            names.chain(self.baseline.tests.iter().map(|t| t.test().0.clone())).collect();
        let noise = if self.baseline.flaky().next().is_some() { self.flaky(&[]) } else { Noise::None };
        let mut tests = Tests { names, noise };
        let problem = self.candidates.problem(&tests.names)?;
        let (log, mut numbers) =
            self.record.carried(&problem, self.plan, Manner::Disabled).map_err(StartError::from)?;
        let carried = log.trials.len();
        let began = self.record.trials.len();
        let plain = |steps: BTreeSet<StepId>| Rehearsal::disabled(steps);
        let found = self.search(&mut tests, &problem, &log, &mut numbers, Manner::Disabled, plain)?;
        let mut proof = self.proof(&found, &numbers);
        if self.disposable && !proof.proved.is_empty() {
            self.confirm(&mut proof, &mut tests)?;
        }
        proof.trials = carried + self.record.trials.len() - began;
        Ok(proof)
    }

    fn proof(&self, found: &Found, numbers: &[usize]) -> Proof {
        let report = found.report();
        let number = |trial: usize| numbers.get(trial.wrapping_sub(1)).copied().unwrap_or(trial);
        let step = |item: doorward_search::Item| self.candidates.steps()[item.index()].clone();
        let passed = report.passed.map(number);
        let kept = |kept: &doorward_search::Kept| {
            let trial = number(kept.trial);
            let tried = self.record.trials.get(trial - 1);
            let failures = tried.map(|tried| Failure::of(tried, self.baseline)).unwrap_or_default();
            Kept { step: step(kept.item), needed: step(kept.needed), trial, failures }
        };
        Proof {
            proved: report
                .shut
                .iter()
                .map(|item| Proved { step: step(*item), trial: passed.unwrap_or(0), only_disabled: false })
                .collect(),
            kept: report.kept.iter().map(kept).collect(),
            passed,
            as_applied: false,
            trials: 0,
            bound_bits: report.bound.bits(),
        }
    }

    /// Tries what was found as it will be applied, over a reboot. What does not hold then is searched for, and kept.
    fn confirm(&mut self, proof: &mut Proof, tests: &mut Tests) -> Result<(), TrialError> {
        for _ in 0..MOST_SEARCHES {
            let shut = proof.steps();
            let removed = removing(self.plan, &shut);
            let whole = Rehearsal { shut: shut.clone(), removed: removed.clone() };
            if let Some(trial) = self.passes(&whole, Manner::Applied, tests)? {
                proof.confirmed(trial, &removed, true);
                return Ok(());
            }
            let disabled = Rehearsal::disabled(shut.clone());
            let still =
                if removed.is_empty() { None } else { self.passes(&disabled, Manner::Rebooted, tests)? };
            if let Some(trial) = still {
                // A package brings something else that the site misses.
                let (problem, steps) = among(self.plan, &removed, &tests.names)?;
                let first = self.record.trials.len();
                let with = |steps: BTreeSet<StepId>| Rehearsal { shut: shut.clone(), removed: steps };
                let found = self.among(tests, &problem, Manner::Applied, with)?;
                let good: BTreeSet<StepId> =
                    found.report().shut.iter().map(|item| steps[item.index()].clone()).collect();
                let last = found.report().passed.map_or(trial, |passed| first + passed);
                proof.confirmed(last, &good, true);
                return Ok(());
            }
            // The reboot shows what stopping did not.
            let (problem, steps) = among(self.plan, &shut, &tests.names)?;
            let found = self.among(tests, &problem, Manner::Rebooted, Rehearsal::disabled)?;
            let good: BTreeSet<StepId> =
                found.report().shut.iter().map(|item| steps[item.index()].clone()).collect();
            if good.is_empty() && self.passes(&Rehearsal::default(), Manner::Rebooted, tests)?.is_none() {
                return Err(TrialError::Reboot);
            }
            self.keep(proof, &found, &steps);
            proof.proved.retain(|proved| good.contains(&proved.step));
            if proof.proved.is_empty() {
                return Ok(());
            }
        }
        Err(TrialError::Unsteady)
    }

    /// What a search after a reboot showed to be needed.
    fn keep(&self, proof: &mut Proof, found: &Found, steps: &[StepId]) {
        let first = self.record.trials.len() - found.report().trials;
        for kept in &found.report().kept {
            let trial = first + kept.trial;
            let tried = self.record.trials.get(trial.wrapping_sub(1));
            let failures = tried.map(|tried| Failure::of(tried, self.baseline)).unwrap_or_default();
            let step = |item: doorward_search::Item| steps[item.index()].clone();
            proof.kept.push(Kept { step: step(kept.item), needed: step(kept.needed), trial, failures });
        }
    }

    /// A search among some steps, from nothing.
    fn among(
        &mut self,
        tests: &mut Tests,
        problem: &Problem,
        manner: Manner,
        rehearsal: impl Fn(BTreeSet<StepId>) -> Rehearsal,
    ) -> Result<Found, TrialError> {
        self.search(tests, problem, &Log::default(), &mut Vec::new(), manner, rehearsal)
    }

    /// Whether all tests pass, and the number of the trial that shows it. Flaky ones get more than one try: that they
    /// pass by chance is rare, that they fail by chance is not.
    fn passes(
        &mut self,
        rehearsal: &Rehearsal,
        manner: Manner,
        tests: &Tests,
    ) -> Result<Option<usize>, TrialError> {
        let flaky: BTreeSet<&str> = self.baseline.flaky().map(|t| t.test().0.as_str()).collect();
        let tries = if tests.noise == Noise::None { 1 } else { AGAIN };
        for _ in 0..tries {
            self.observer.round(manner, None, std::slice::from_ref(rehearsal));
            let attempt = self.lanes[0].attempt(&rehearsal.of(self.plan), manner != Manner::Disabled)?;
            let round = self.next_round();
            self.note(rehearsal, manner, Purpose::Confirm, round, &attempt);
            let Some(last) = self.record.trials.last() else { continue };
            if last.is_sound() {
                return Ok(Some(self.record.trials.len()));
            }
            if last.failures().any(|test| !flaky.contains(test)) {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn search(
        &mut self,
        tests: &mut Tests,
        problem: &Problem,
        log: &Log,
        numbers: &mut Vec<usize>,
        manner: Manner,
        rehearsal: impl Fn(BTreeSet<StepId>) -> Rehearsal,
    ) -> Result<Found, TrialError> {
        let lanes = NonZeroUsize::new(self.lanes.len()).unwrap_or(NonZeroUsize::MIN);
        let settings = |noise: &Noise| Settings { lanes, noise: noise.clone(), minimum: false };
        let mut search = Search::resume(problem, &settings(&tests.noise), log)?;
        loop {
            search = match search {
                Search::Done(found) => return Ok(found),
                Search::Unsteady(unsteady) if tests.noise == Noise::None => {
                    let trial = unsteady.trials.and_then(|(_, failed)| unsteady.log().trials.get(failed - 1));
                    let flaky: Vec<usize> =
                        trial.map(|t| t.failed.iter().map(|at| *at as usize).collect()).unwrap_or_default();
                    let named: Vec<String> =
                        flaky.iter().filter_map(|at| tests.names.get(*at).cloned()).collect();
                    self.observer.unsteady(&named);
                    tests.noise = self.flaky(&flaky);
                    Search::resume(problem, &settings(&tests.noise), unsteady.log())?
                }
                Search::Unsteady(_) => return Err(TrialError::Unsteady),
                Search::Asks(round) => self.round(round, problem, tests, numbers, manner, &rehearsal)?,
            };
        }
    }

    fn round(
        &mut self,
        round: Round,
        problem: &Problem,
        tests: &Tests,
        numbers: &mut Vec<usize>,
        manner: Manner,
        rehearsal: &impl Fn(BTreeSet<StepId>) -> Rehearsal,
    ) -> Result<Search, TrialError> {
        let name = |item: &doorward_search::Item| StepId(problem.candidate(*item).name.clone());
        let sets: Vec<Rehearsal> =
            round.lanes().iter().map(|lane| rehearsal(lane.shut.iter().map(name).collect())).collect();
        self.observer.round(manner, Some(round.progress()), &sets);
        let plans: Vec<Plan> = sets.iter().map(|set| set.of(self.plan)).collect();
        let reboot = manner != Manner::Disabled;
        let attempts: Vec<Result<Attempt, LaneError>> = std::thread::scope(|scope| {
            let lanes = self.lanes.iter_mut().zip(&plans);
            let running: Vec<_> =
                lanes.map(|(lane, plan)| scope.spawn(move || lane.attempt(plan, reboot))).collect();
            let join = |one: std::thread::ScopedJoinHandle<'_, _>| {
                one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().map(join).collect()
        });
        let number = self.next_round();
        let mut answers = Vec::with_capacity(attempts.len());
        let mut failure = None;
        for ((attempt, set), lane) in attempts.into_iter().zip(&sets).zip(round.lanes()) {
            match attempt {
                Ok(attempt) => {
                    answers.push(self.answer(&attempt));
                    self.note(set, manner, lane.purpose, number, &attempt);
                    numbers.push(self.record.trials.len());
                }
                Err(error) => {
                    failure = Some(failure.map_or(error.clone(), |worst: LaneError| worst.max(error)));
                }
            }
        }
        if let Some(error) = failure {
            return Err(error.into());
        }
        debug_assert!(answers.iter().all(|outcomes| outcomes.len() == tests.names.len()));
        round.answer(&answers).map_err(|refused| unreachable!("as many answers as questions: {refused}"))
    }

    fn next_round(&self) -> u32 {
        self.record.trials.last().map_or(1, |last| last.round.saturating_add(1))
    }

    fn answer(&self, attempt: &Attempt) -> Vec<Outcome> {
        let ran = !attempt.outcomes.tests.is_empty();
        let whole = if attempt.problem.is_some() { Outcome::Failed } else { Outcome::Passed };
        let of = |passed: bool| match (ran, passed) {
            (false, _) => Outcome::Unknown,
            (true, true) => Outcome::Passed,
            (true, false) => Outcome::Failed,
        };
        let judged = self.baseline.judge(&attempt.outcomes);
        std::iter::once(whole).chain(judged.into_iter().map(of)).collect()
    }

    fn note(&mut self, set: &Rehearsal, manner: Manner, purpose: Purpose, round: u32, attempt: &Attempt) {
        let mut passed = Vec::new();
        let mut failed = Vec::new();
        let ran = !attempt.outcomes.tests.is_empty();
        for measured in self.baseline.tests.iter().filter(|_| ran) {
            match attempt.outcomes.get(measured.test()) {
                Some(outcome) if outcome.verdict == Verdict::Passed => passed.push(measured.test().0.clone()),
                Some(outcome) => failed.push(outcome.clone()),
                // A suite that ended early does not tell of it.
                None => failed.push(doorward_site::Outcome::missing(measured.test())),
            }
        }
        if attempt.problem.is_none() {
            passed.push(WHOLE.to_owned());
        }
        self.record.trials.push(Tried {
            round,
            purpose,
            manner,
            shut: set.shut.clone(),
            removed: set.removed.clone(),
            problem: attempt.problem.clone(),
            passed,
            failed,
            took: attempt.took,
        });
        self.observer.tried(self.record);
    }

    /// How often each test errs, the one that tells of shutting first; `known` ones did, beyond what was measured.
    fn flaky(&self, known: &[usize]) -> Noise {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let runs = count(self.baseline.runs);
        let measured = std::iter::once(0).chain(self.baseline.tests.iter().map(|test| test.failed));
        let rate = |(at, failed): (usize, usize)| {
            let more = u32::from(known.contains(&at));
            Rates::estimate(runs.saturating_add(more), count(failed).saturating_add(more))
        };
        let worst = || Rates::estimate(3, 1).expect("a third");
        Noise::Flaky(measured.enumerate().map(|one| rate(one).unwrap_or_else(worst)).collect())
    }
}

impl Proof {
    fn confirmed(&mut self, trial: usize, removed: &BTreeSet<StepId>, as_applied: bool) {
        for proved in &mut self.proved {
            proved.trial = trial;
            proved.only_disabled = !removed.contains(&proved.step);
        }
        self.passed = Some(trial);
        self.as_applied = as_applied;
    }
}

/// The problem of some steps, with what they require of each other.
fn among(
    plan: &Plan,
    steps: &BTreeSet<StepId>,
    tests: &[String],
) -> Result<(Problem, Vec<StepId>), ProblemError> {
    let candidates = Candidates::among(plan, steps);
    Ok((candidates.problem(tests)?, candidates.steps().to_vec()))
}
