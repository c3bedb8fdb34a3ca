//! What is searched: candidates, who requires whom, and the tests.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// A candidate of one [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Item(pub(crate) u32);

impl Item {
    /// Its number in the order of [`Problem::add`], from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How likely something is, above 0 and below 1: nothing is certain before it was tried.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

impl Probability {
    /// None outside of (0, 1).
    pub fn new(value: f64) -> Option<Self> {
        (value > 0.0 && value < 1.0).then_some(Self(value))
    }

    /// As a number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = ProblemError;

    fn try_from(value: f64) -> Result<Self, ProblemError> {
        Self::new(value).ok_or(ProblemError::Probability)
    }
}

impl From<Probability> for f64 {
    fn from(value: Probability) -> Self {
        value.0
    }
}

/// A service, or whatever else can be shut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// What a log calls it: unique in its problem.
    pub name: String,
    /// How likely the site is to need it, itself or by what requires it; none: nothing is known.
    pub prior: Option<Probability>,
    /// Risky to stop or to start again: tried late, and not together with others that are not.
    pub risky: bool,
}

impl Candidate {
    /// One of which nothing is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), prior: None, risky: false }
    }

    /// The same with a prior.
    #[must_use]
    pub fn with_prior(self, prior: Probability) -> Self {
        Self { prior: Some(prior), ..self }
    }

    /// The same, risky to restart.
    #[must_use]
    pub fn risky(self) -> Self {
        Self { risky: true, ..self }
    }
}

/// Why a problem is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemError {
    /// Without tests anything could be shut.
    #[error("there are no tests, so anything could be shut")]
    NoTests,
    /// A name is given twice.
    #[error("{0:?} is there twice")]
    Twice(String),
    /// An item of another problem.
    #[error("there is no candidate {0}")]
    Unknown(usize),
    /// Not between 0 and 1.
    #[error("a probability lies above 0 and below 1")]
    Probability,
    /// More than [`Problem::LIMIT`].
    #[error("more than {} candidates", Problem::LIMIT)]
    TooMany,
}

/// Candidates, who requires whom, and the tests that tell whether the site works.
///
/// Cycles of "requires" are allowed: their members are shut and kept together.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    tests: Vec<String>,
    candidates: Vec<Candidate>,
    requires: Vec<(Item, Item)>,
    names: HashSet<String>,
}

impl Problem {
    /// The most candidates: the closures of all take its square in bits, twice.
    pub const LIMIT: usize = 10_000;

    /// A problem with these tests, and no candidates yet.
    pub fn new<T: Into<String>>(tests: impl IntoIterator<Item = T>) -> Result<Self, ProblemError> {
        let tests: Vec<String> = tests.into_iter().map(Into::into).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = tests.iter().find(|test| !seen.insert(test.as_str())) {
            return Err(ProblemError::Twice(twice.clone()));
        }
        if tests.is_empty() {
            return Err(ProblemError::NoTests);
        }
        Ok(Self { tests, candidates: Vec::new(), requires: Vec::new(), names: HashSet::new() })
    }

    /// Adds a candidate.
    pub fn add(&mut self, candidate: Candidate) -> Result<Item, ProblemError> {
        if self.candidates.len() >= Self::LIMIT {
            return Err(ProblemError::TooMany);
        }
        if !self.names.insert(candidate.name.clone()) {
            return Err(ProblemError::Twice(candidate.name));
        }
        let item = Item(u32::try_from(self.candidates.len()).map_err(|_| ProblemError::TooMany)?);
        self.candidates.push(candidate);
        Ok(item)
    }

    /// Says that `dependent` cannot run without `dependency`: whoever shuts the latter shuts the former.
    pub fn requires(&mut self, dependent: Item, dependency: Item) -> Result<(), ProblemError> {
        if let Some(unknown) =
            [dependent, dependency].iter().find(|item| item.index() >= self.candidates.len())
        {
            return Err(ProblemError::Unknown(unknown.index()));
        }
        self.requires.push((dependent, dependency));
        Ok(())
    }

    /// The tests' names.
    pub fn tests(&self) -> &[String] {
        &self.tests
    }

    /// All candidates, by [`Item::index`].
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// All items.
    pub fn items(&self) -> impl Iterator<Item = Item> + use<> {
        (0..u32::try_from(self.candidates.len()).unwrap_or(u32::MAX)).map(Item)
    }

    /// Pairs of a dependent and what it requires.
    pub fn edges(&self) -> &[(Item, Item)] {
        &self.requires
    }

    /// The candidate.
    ///
    /// # Panics
    /// If the item is of another, larger problem.
    pub fn candidate(&self, item: Item) -> &Candidate {
        &self.candidates[item.index()]
    }
}
