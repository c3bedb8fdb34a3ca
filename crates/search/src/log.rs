//! What was tried and what came out.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Set};
use crate::problem::{Item, Problem};

/// Why a trial was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To find what is needed.
    Search,
    /// To see the final set pass.
    Confirm,
    /// To see a kept item's absence fail, on top of the final set.
    Witness,
    /// To see whether something else could be kept in an item's place.
    Minimum,
}

/// What became of one test in one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It did not run, or nobody knows.
    Unknown,
}

/// One trial. Items and tests are places in the [`Log`]'s names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Trials of one round were asked for together; counts up.
    pub round: u32,
    /// Why it was made.
    pub purpose: Purpose,
    /// What was shut.
    pub shut: Vec<u32>,
    /// Tests that failed.
    pub failed: Vec<u32>,
    /// Tests that passed.
    pub passed: Vec<u32>,
}

/// All trials of a search, in their order, by names: made to be saved. A search goes on from it
/// ([`Search::resume`](crate::Search::resume)), from any part of its beginning as well.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Log {
    /// The candidates' names.
    pub candidates: Vec<String>,
    /// The tests' names.
    pub tests: Vec<String>,
    /// What was tried.
    pub trials: Vec<Trial>,
}

/// Why a search cannot go on from a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It tells of something that the problem does not have; [`Log::carried`] leaves that out.
    #[error("the log tells of {0:?}, which is not there any more")]
    Gone(String),
    /// It shuts an item without what requires it; [`Log::carried`] leaves such trials out.
    #[error("trial {trial} shuts {item:?}, but not all that requires it")]
    Open {
        /// The trial's number, from 1.
        trial: usize,
        /// The item's name.
        item: String,
    },
    /// A name is there twice.
    #[error("the log names {0:?} twice")]
    Twice(String),
    /// It is damaged: a trial tells of what has no name, of an item twice, or of a test that passed and failed.
    #[error("the log is damaged in trial {0}")]
    Damaged(usize),
}

fn by_name(problem: &Problem) -> HashMap<&str, Item> {
    problem.candidates().iter().map(|candidate| candidate.name.as_str()).zip(problem.items()).collect()
}

impl Log {
    /// What still holds for a problem that has changed since: a log that a search of that problem can go on from.
    ///
    /// `changed` are items of the problem that are not what they were. Taken for granted is that the others do not need
    /// anything else because of them.
    /// - A new item was not there when a trial passed or failed; of it nothing is known.
    /// - A trial that passed still tells of what it shut and has not changed.
    /// - A trial that failed still does if nothing that it shut has changed.
    /// - An item that is gone is shut for good: a trial that passed with it running tells nothing.
    /// - Results of tests that are gone are left out; of new tests nothing is known.
    pub fn carried(&self, problem: &Problem, changed: &[Item]) -> Result<Self, LogError> {
        self.check()?;
        let graph = Graph::new(problem);
        let item_of = by_name(problem);
        let here: Vec<Option<Item>> =
            self.candidates.iter().map(|name| item_of.get(name.as_str()).copied()).collect();
        let tests: Vec<Option<u32>> = self
            .tests
            .iter()
            .map(|name| {
                problem.tests().iter().position(|other| other == name).and_then(|at| u32::try_from(at).ok())
            })
            .collect();
        let mut moved = graph.empty();
        changed
            .iter()
            .filter_map(|item| graph.node_of.get(item.index()))
            .for_each(|&node| moved.insert(node));
        let mut trials = Vec::new();
        for trial in &self.trials {
            let shut: Vec<Item> = trial.shut.iter().filter_map(|&at| here[at as usize]).collect();
            let stopped: HashSet<u32> = trial.shut.iter().copied().collect();
            let still_ran = (0..).zip(&here).any(|(at, item)| item.is_none() && !stopped.contains(&at));
            let whole = graph.closed_within(&shut, &graph.empty());
            let unmoved = graph.closed_within(&shut, &moved);
            let on = |of: &[u32]| -> Vec<u32> { of.iter().filter_map(|&at| tests[at as usize]).collect() };
            let mut add = |set: &Set, failed: Vec<u32>, passed: Vec<u32>| {
                if !(set.is_clear() || failed.is_empty() && passed.is_empty()) {
                    let shut = graph.items(set).into_iter().map(|item| item.0).collect();
                    trials.push(Trial { round: trial.round, purpose: trial.purpose, shut, failed, passed });
                }
            };
            // Everything that was shut has to be shut again for a failure to be one.
            let same = graph.items(&whole).len() == shut.len() && whole == unmoved;
            let failed = if same { on(&trial.failed) } else { Vec::new() };
            let passed = if still_ran { Vec::new() } else { on(&trial.passed) };
            add(&unmoved, failed, passed);
        }
        let candidates = problem.candidates().iter().map(|candidate| candidate.name.clone()).collect();
        Ok(Self { candidates, tests: problem.tests().to_vec(), trials })
    }

    fn check(&self) -> Result<(), LogError> {
        for names in [&self.candidates, &self.tests] {
            let mut seen = HashSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
                return Err(LogError::Twice(twice.clone()));
            }
        }
        for (at, trial) in self.trials.iter().enumerate() {
            let known = |of: &[u32], names: &[String]| of.iter().all(|&place| (place as usize) < names.len());
            let sound = known(&trial.shut, &self.candidates)
                && known(&trial.failed, &self.tests)
                && known(&trial.passed, &self.tests)
                && trial.failed.iter().all(|test| !trial.passed.contains(test))
                && trial.shut.iter().collect::<HashSet<_>>().len() == trial.shut.len();
            if !sound {
                return Err(LogError::Damaged(at + 1));
            }
        }
        Ok(())
    }

    /// Its trials among the nodes of a problem that has not changed.
    pub(crate) fn entries(&self, problem: &Problem, graph: &Graph) -> Result<Vec<Entry>, LogError> {
        self.check()?;
        let item_of = by_name(problem);
        let test_of: HashMap<&str, usize> = problem.tests().iter().map(String::as_str).zip(0..).collect();
        let mut entries = Vec::with_capacity(self.trials.len());
        for (at, trial) in self.trials.iter().enumerate() {
            let mut items = Vec::with_capacity(trial.shut.len());
            for &place in &trial.shut {
                let name = &self.candidates[place as usize];
                items.push(*item_of.get(name.as_str()).ok_or_else(|| LogError::Gone(name.clone()))?);
            }
            let shut = graph.closed_within(&items, &graph.empty());
            if let Some(item) = items.iter().find(|item| !shut.contains(graph.node_of[item.index()])) {
                let item = problem.candidate(*item).name.clone();
                return Err(LogError::Open { trial: at + 1, item });
            }
            let set = |of: &[u32]| -> Result<Set, LogError> {
                let mut set = Set::with_capacity(problem.tests().len());
                for &place in of {
                    let name = &self.tests[place as usize];
                    set.insert(*test_of.get(name.as_str()).ok_or_else(|| LogError::Gone(name.clone()))?);
                }
                Ok(set)
            };
            let (failed, passed) = (set(&trial.failed)?, set(&trial.passed)?);
            entries.push(Entry { purpose: trial.purpose, round: trial.round, shut, failed, passed });
        }
        Ok(entries)
    }
}

/// A trial among nodes.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) purpose: Purpose,
    pub(crate) round: u32,
    pub(crate) shut: Set,
    pub(crate) failed: Set,
    pub(crate) passed: Set,
}

impl Entry {
    /// All tests passed.
    pub(crate) fn sound(&self, tests: usize) -> bool {
        self.passed.count_ones(..) == tests
    }

    /// Some test failed.
    pub(crate) fn broken(&self) -> bool {
        !self.failed.is_clear()
    }

    pub(crate) fn to_trial(&self, graph: &Graph) -> Trial {
        let places = |set: &Set| set.ones().filter_map(|at| u32::try_from(at).ok()).collect();
        Trial {
            round: self.round,
            purpose: self.purpose,
            shut: graph.items(&self.shut).into_iter().map(|item| item.0).collect(),
            failed: places(&self.failed),
            passed: places(&self.passed),
        }
    }
}
