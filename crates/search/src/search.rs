//! The state machine.

use std::num::NonZeroUsize;

use crate::engine::{Decision, Engine};
use crate::graph::{Graph, Set};
use crate::log::{Entry, Log, LogError, Outcome, Purpose};
use crate::minimum::Course;
use crate::noise::Noise;
use crate::problem::{Item, Problem};
use crate::report::{Progress, Report};

/// How to search.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Trials that can be made at the same time.
    pub lanes: NonZeroUsize,
    /// Whether tests flake, and how often.
    pub noise: Noise,
    /// Whether to look for a replacement that requires less for each item that is kept with others. Not done with noise.
    pub minimum: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lanes: NonZeroUsize::MIN, noise: Noise::None, minimum: false }
    }
}

/// Why a search cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// [`Noise::Flaky`] has an entry for each test.
    #[error("rates of {rates} tests for {tests}")]
    Rates {
        /// How many entries there are.
        rates: usize,
        /// How many tests there are.
        tests: usize,
    },
    /// The log is of no use.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A search at one point of its way. It does nothing itself: it says what is to be tried, and is told what came out.
#[derive(Debug)]
pub enum Search {
    /// Wants trials.
    Asks(Round),
    /// Has found and proved what can be shut.
    Done(Found),
    /// Results contradict each other, though [`Noise::None`] was set.
    Unsteady(Unsteady),
}

/// Trials that are wanted, to be made at the same time or one after another.
#[derive(Debug)]
pub struct Round {
    state: State,
    asked: Vec<(Purpose, Set)>,
    lanes: Vec<Lane>,
}

/// A trial that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// What to shut, sorted; all else runs.
    pub shut: Vec<Item>,
    /// Why.
    pub purpose: Purpose,
}

/// The end of a search.
#[derive(Debug)]
pub struct Found {
    state: State,
    report: Report,
}

/// A search that cannot go on: the same, or more, passed and failed. Either tests flake, and the search can be resumed
/// from the log with [`Noise::Flaky`]; or the site changed, and the trials before that have to be left out of the log.
#[derive(Debug)]
pub struct Unsteady {
    log: Log,
    /// The trial that passed, and the one that failed, from 1.
    pub trials: Option<(usize, usize)>,
}

/// Answers that do not fit the question. The round is as before.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// The round, to be answered again.
    pub round: Round,
    /// What was wrong.
    pub reason: Mismatch,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Not one answer for each lane.
    #[error("{answers} answers for {lanes} trials")]
    Lanes {
        /// Answers that were given.
        answers: usize,
        /// Trials that were asked for.
        lanes: usize,
    },
    /// Not one outcome for each test.
    #[error("{outcomes} outcomes of {tests} tests in lane {lane}")]
    Tests {
        /// The lane, from 0.
        lane: usize,
        /// Outcomes that were given.
        outcomes: usize,
        /// How many tests there are.
        tests: usize,
    },
}

#[derive(Debug)]
struct State {
    course: Course,
    candidates: Vec<String>,
    tests: Vec<String>,
}

impl Search {
    /// Begins. With nothing known, the first trials are asked for; without candidates, it is done.
    pub fn start(problem: &Problem, settings: &Settings) -> Result<Self, StartError> {
        Self::resume(problem, settings, &Log::default())
    }

    /// Goes on from a log: of the same problem, cut where it may. [`Log::carried`] makes one of an earlier problem's.
    pub fn resume(problem: &Problem, settings: &Settings, log: &Log) -> Result<Self, StartError> {
        let tests = problem.tests().len();
        if let Noise::Flaky(rates) = &settings.noise
            && rates.len() != tests
        {
            return Err(StartError::Rates { rates: rates.len(), tests });
        }
        let graph = Graph::new(problem);
        let entries = log.entries(problem, &graph)?;
        let engine = Engine::new(graph, tests, settings.noise.clone(), settings.lanes.get());
        let mut course = Course::new(engine, settings.minimum);
        // Decisions were made after each round, and with noise they count.
        for round in entries.chunk_by(|a, b| a.round == b.round) {
            course.learn(round);
            if course.best.noisy() {
                course.decide();
            }
        }
        let candidates = problem.candidates().iter().map(|candidate| candidate.name.clone()).collect();
        Ok(State { course, candidates, tests: problem.tests().to_vec() }.go_on())
    }
}

impl State {
    fn go_on(mut self) -> Search {
        match self.course.decide() {
            Decision::Ask(asked) => {
                let graph = &self.course.best.graph;
                let lane =
                    |(purpose, set): &(Purpose, Set)| Lane { shut: graph.items(set), purpose: *purpose };
                let lanes = asked.iter().map(lane).collect();
                Search::Asks(Round { state: self, asked, lanes })
            }
            Decision::Finished => Search::Done(Found { report: self.course.best.report(), state: self }),
            Decision::Unsteady => {
                Search::Unsteady(Unsteady { trials: self.contradiction(), log: self.log() })
            }
        }
    }

    fn log(&self) -> Log {
        let engine = &self.course.best;
        let trials = engine.log.iter().map(|entry| entry.to_trial(&engine.graph)).collect();
        Log { candidates: self.candidates.clone(), tests: self.tests.clone(), trials }
    }

    /// The entries of which one passed a test that the other, with no more shut, failed.
    fn contradiction(&self) -> Option<(usize, usize)> {
        let log = &self.course.best.log;
        let against = |pass: &Entry, fail: &Entry| {
            !pass.passed.is_disjoint(&fail.failed) && fail.shut.is_subset(&pass.shut)
        };
        (0..log.len()).find_map(|pass| {
            (0..log.len()).find(|&fail| against(&log[pass], &log[fail])).map(|fail| (pass + 1, fail + 1))
        })
    }
}

impl Round {
    /// The trials, at most as many as there are lanes.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// How far the search is.
    pub fn progress(&self) -> Progress {
        self.state.course.best.progress()
    }

    /// All trials so far, to be saved: nothing is lost if the search ends here.
    pub fn log(&self) -> Log {
        self.state.log()
    }

    /// Tells what came out: for each lane the outcome of each test. A lane whose outcomes are all [`Outcome::Unknown`]
    /// was not run; if none was, the same is asked for again.
    pub fn answer(self, answers: &[Vec<Outcome>]) -> Result<Search, Box<Refused>> {
        if let Some(reason) = self.mismatch(answers) {
            return Err(Box::new(Refused { round: self, reason }));
        }
        let Self { mut state, asked, .. } = self;
        let round = state.course.best.log.last().map_or(1, |last| last.round.saturating_add(1));
        let entries: Vec<Entry> = asked
            .into_iter()
            .zip(answers)
            .map(|((purpose, shut), outcomes)| {
                let with = |what: Outcome| {
                    let mut set = Set::with_capacity(outcomes.len());
                    let tests = outcomes.iter().enumerate().filter(|(_, outcome)| **outcome == what);
                    tests.for_each(|(test, _)| set.insert(test));
                    set
                };
                let (failed, passed) = (with(Outcome::Failed), with(Outcome::Passed));
                Entry { purpose, round, shut, failed, passed }
            })
            .filter(|entry| entry.broken() || !entry.passed.is_clear())
            .collect();
        state.course.learn(&entries);
        Ok(state.go_on())
    }

    fn mismatch(&self, answers: &[Vec<Outcome>]) -> Option<Mismatch> {
        if answers.len() != self.lanes.len() {
            return Some(Mismatch::Lanes { answers: answers.len(), lanes: self.lanes.len() });
        }
        let tests = self.state.tests.len();
        let lane = answers.iter().position(|outcomes| outcomes.len() != tests)?;
        Some(Mismatch::Tests { lane, outcomes: answers[lane].len(), tests })
    }
}

impl Found {
    /// The answer.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// All trials, to be saved.
    pub fn log(&self) -> Log {
        self.state.log()
    }

    /// Wants to see what is shut pass once more: after a reboot, say. Where it fails, the search goes on with noise, and
    /// is [`Search::Unsteady`] without.
    pub fn retest(self) -> Search {
        let mut state = self.state;
        state.course.best.confirm_from = state.course.best.log.len();
        state.go_on()
    }
}

impl Unsteady {
    /// All trials, those that contradict each other included.
    pub fn log(&self) -> &Log {
        &self.log
    }
}
