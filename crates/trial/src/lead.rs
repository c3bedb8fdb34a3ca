//! Leads a search over the lanes, and writes down what comes of it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use doorward_plan::{Plan, StepId};
use doorward_search::{Found, Noise, Outcome, Problem, Purpose, Round, Search, Settings, StartError};
use doorward_site::Verdict;

use crate::carry::{Aim, Carry};
use crate::lane::{Attempt, LaneError};
use crate::noise::{contradicting, rates};
use crate::record::WHOLE;
use crate::trial::{Trial, TrialError};
use crate::{Candidates, Manner, Proof, Rehearsal, Tried};

/// What fails by flaky tests alone is tried again so often in all.
const TRIES: usize = 3;

/// A trial that runs.
pub(crate) struct Lead<'a> {
    pub(crate) trial: Trial<'a>,
    /// The tests' names; the first tells of the shutting itself.
    tests: Vec<String>,
    noise: Noise,
    /// Tests that err, by place.
    flaky: BTreeSet<usize>,
    /// Numbers of trials that told something.
    used: BTreeSet<usize>,
    /// The number of the last trial of earlier runs.
    began: usize,
}

impl<'a> Lead<'a> {
    pub(crate) fn new(trial: Trial<'a>) -> Self {
        let names = trial.baseline.tests.iter().map(|test| test.test().0.clone());
        let tests: Vec<String> = std::iter::once(WHOLE.to_owned()).chain(names).collect();
        let known = (0..tests.len()).filter(|at| trial.record.unsteady.contains(&tests[*at])).collect();
        let flaky = (1..).zip(&trial.baseline.tests).filter(|(_, test)| test.failed > 0).map(|(at, _)| at);
        let flaky: BTreeSet<usize> = flaky.collect();
        let (noise, began) = (Noise::None, trial.record.trials.len());
        let mut lead = Self { trial, tests, noise, flaky, used: BTreeSet::new(), began };
        if !lead.flaky.is_empty() {
            lead.noise = rates(lead.trial.baseline, &BTreeSet::new());
        }
        lead.doubt(known);
        lead
    }

    /// How many trials told something, those of earlier runs included.
    pub(crate) fn trials(&self) -> usize {
        self.used.len()
    }

    /// What has to be seen once more, where an earlier run alone saw that it passes.
    pub(crate) fn is_of_earlier_runs(&self, proof: &Proof) -> Option<Rehearsal> {
        let is_old = proof.passed.is_some_and(|trial| trial <= self.began);
        (self.trial.again && is_old).then(|| Rehearsal::disabled(proof.steps()))
    }

    /// Searches among candidates, going on from the record. The numbers of the report's trials come with it.
    pub(crate) fn search(
        &mut self,
        among: &Candidates,
        aim: &Aim,
    ) -> Result<(Found, Vec<usize>), TrialError> {
        let problem = among.problem(&self.tests)?;
        loop {
            let (log, mut numbers) = self.carry().log(aim, &problem).map_err(StartError::from)?;
            let lanes = NonZeroUsize::new(self.trial.lanes.len()).unwrap_or(NonZeroUsize::MIN);
            let settings = Settings { lanes, noise: self.noise.clone(), minimum: false };
            let mut search = Search::resume(&problem, &settings, &log)?;
            let unsteady = loop {
                search = match search {
                    Search::Asks(round) => self.round(round, &problem, aim, &mut numbers)?,
                    Search::Unsteady(unsteady) => break unsteady,
                    Search::Done(found) => {
                        self.used.extend(&numbers);
                        return Ok((found, numbers));
                    }
                };
            };
            if self.is_noisy() {
                return Err(TrialError::Unsteady);
            }
            let known = contradicting(&unsteady);
            self.doubt(known);
            if !self.is_noisy() {
                self.noise = rates(self.trial.baseline, &BTreeSet::new());
            }
        }
    }

    /// The number of a trial that shows that all tests pass, or none. Flaky ones get more than one try: that they pass by
    /// chance is rare, that they fail by chance is not.
    pub(crate) fn passes(
        &mut self,
        rehearsal: &Rehearsal,
        manner: Manner,
    ) -> Result<Option<usize>, TrialError> {
        loop {
            let (passed, failed) = self.carry().shown(rehearsal, manner, &self.tests);
            // The first of them is the one that was seen when this was asked before.
            let since = if self.trial.again { self.began } else { 0 };
            if let Some(&trial) = passed.iter().find(|trial| **trial > since) {
                self.used.extend(failed.iter().take_while(|failed| **failed < trial).chain([&trial]));
                return Ok(Some(trial));
            }
            let by_chance = |number: &usize| {
                let names = self.trial.record.trials[number - 1].failures();
                names
                    .filter_map(|name| self.tests.iter().position(|test| test == name))
                    .all(|at| self.flaky.contains(&at))
            };
            let tries = if self.is_noisy() { TRIES } else { 1 };
            if failed.len() >= tries || !failed.iter().all(by_chance) {
                self.used.extend(failed.iter().take(tries));
                return Ok(None);
            }
            self.trial.observer.round(manner, None, std::slice::from_ref(rehearsal));
            let plan = rehearsal.of(self.trial.plan);
            let attempt = self.trial.lanes[0].attempt(&plan, manner != Manner::Disabled)?;
            let round = self.next_round();
            self.note(rehearsal, manner, Purpose::Confirm, round, &attempt);
        }
    }

    fn carry(&self) -> Carry<'_> {
        Carry {
            record: self.trial.record,
            plan: self.trial.plan,
            candidates: self.trial.candidates,
            is_exact: self.is_noisy(),
        }
    }

    fn round(
        &mut self,
        round: Round,
        problem: &Problem,
        aim: &Aim,
        numbers: &mut Vec<usize>,
    ) -> Result<Search, TrialError> {
        let name = |item: &doorward_search::Item| StepId(problem.candidate(*item).name.clone());
        let set = |lane: &doorward_search::Lane| aim.rehearsal(lane.shut.iter().map(name).collect());
        let sets: Vec<Rehearsal> = round.lanes().iter().map(set).collect();
        let manner = aim.manner();
        self.trial.observer.round(manner, Some(round.progress()), &sets);
        let attempts = self.attempts(&sets, manner != Manner::Disabled);
        let number = self.next_round();
        let mut answers = Vec::with_capacity(attempts.len());
        let mut failure: Option<LaneError> = None;
        for ((attempt, set), lane) in attempts.into_iter().zip(&sets).zip(round.lanes()) {
            match attempt {
                Ok(attempt) => {
                    self.note(set, manner, lane.purpose, number, &attempt);
                    answers.push(self.answer());
                    numbers.push(self.trial.record.trials.len());
                }
                Err(error) => failure = failure.max(Some(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error.into());
        }
        round.answer(&answers).map_err(|refused| unreachable!("as many answers as questions: {refused}"))
    }

    /// Each set in a lane of its own, at the same time.
    fn attempts(&mut self, sets: &[Rehearsal], reboot: bool) -> Vec<Result<Attempt, LaneError>> {
        let plans: Vec<Plan> = sets.iter().map(|set| set.of(self.trial.plan)).collect();
        std::thread::scope(|scope| {
            let lanes = self.trial.lanes.iter_mut().zip(&plans);
            let running: Vec<_> =
                lanes.map(|(lane, plan)| scope.spawn(move || lane.attempt(plan, reboot))).collect();
            let join = |one: std::thread::ScopedJoinHandle<'_, _>| {
                one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().map(join).collect()
        })
    }

    fn next_round(&self) -> u32 {
        self.trial.record.trials.last().map_or(1, |last| last.round.saturating_add(1))
    }

    fn note(&mut self, set: &Rehearsal, manner: Manner, purpose: Purpose, round: u32, attempt: &Attempt) {
        let mut passed = Vec::new();
        let mut failed = Vec::new();
        // What could not be shut may not have been tested. What could, was, though nothing may have come of it.
        let ran = attempt.problem.is_none() || !attempt.outcomes.tests.is_empty();
        for measured in self.trial.baseline.tests.iter().filter(|_| ran) {
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
        let record = &mut *self.trial.record;
        record.trials.push(Tried {
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
        self.used.insert(record.trials.len());
        self.trial.observer.tried(record);
    }

    /// What the last trial tells the search.
    fn answer(&self) -> Vec<Outcome> {
        let last = self.trial.record.trials.last();
        let passed: BTreeSet<&str> = last.into_iter().flat_map(|last| last.passes_in(&self.tests)).collect();
        let of = |test: &String| {
            if passed.contains(test.as_str()) { Outcome::Passed } else { Outcome::Failed }
        };
        self.tests.iter().map(of).collect()
    }

    fn is_noisy(&self) -> bool {
        self.noise != Noise::None
    }

    /// From now on tests are taken to flake, these above all; in later trials, too.
    fn doubt(&mut self, known: BTreeSet<usize>) {
        if known.is_empty() {
            return;
        }
        let names: Vec<String> = known.iter().map(|at| self.tests[*at].clone()).collect();
        self.trial.observer.unsteady(&names);
        self.trial.record.unsteady.extend(names);
        // What cannot be shut now and then fails everything then.
        let known = if known.contains(&0) { (0..self.tests.len()).collect() } else { known };
        self.noise = rates(self.trial.baseline, &known);
        self.flaky.extend(known);
    }
}
