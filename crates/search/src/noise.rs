//! How far a test's result can be trusted.

use serde::{Deserialize, Serialize};

use crate::problem::{Probability, ProblemError};

/// How often a test errs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Rates {
    false_fail: Probability,
    false_pass: Probability,
}

#[derive(Deserialize)]
struct Unchecked {
    false_fail: Probability,
    false_pass: Probability,
}

impl TryFrom<Unchecked> for Rates {
    type Error = ProblemError;

    fn try_from(of: Unchecked) -> Result<Self, ProblemError> {
        Self::new(of.false_fail, of.false_pass).ok_or(ProblemError::Probability)
    }
}

/// A test that never fails on a sound site is still taken to, that often: nothing shorter than the number of its runs
/// could tell. Also what is taken for false passes, which runs of a sound site cannot tell.
const RARE: f64 = 0.002;

impl Rates {
    /// How often it fails though all that it needs runs, and passes though something is missing. None where a result
    /// would tell nothing, or little: either at least a half.
    pub fn new(false_fail: Probability, false_pass: Probability) -> Option<Self> {
        (false_fail.get() < 0.5 && false_pass.get() < 0.5).then_some(Self { false_fail, false_pass })
    }

    /// From repeated runs of the untouched site, of which so many failed. None where at least about half did: such a
    /// test is of no use. False passes cannot be told from these runs and are taken to be rare (0.2 %).
    pub fn estimate(runs: u32, failures: u32) -> Option<Self> {
        // Jeffreys' prior for a rate.
        let mean = (f64::from(failures.min(runs)) + 0.5) / (f64::from(runs) + 1.0);
        // One run without a failure says no more than that; many say that failures are rare.
        let rate = if failures == 0 { (mean / 2.0).clamp(RARE, 0.05) } else { mean };
        Self::new(Probability::new(rate)?, Probability::new(RARE)?)
    }

    /// How often it fails though all that it needs runs.
    pub fn false_fail(self) -> f64 {
        self.false_fail.get()
    }

    /// How often it passes though something is missing.
    pub fn false_pass(self) -> f64 {
        self.false_pass.get()
    }

    /// What a failure adds to the log-odds that something is missing.
    pub(crate) fn of_failure(self) -> f64 {
        ((1.0 - self.false_pass()) / self.false_fail()).ln()
    }

    /// What a pass takes from them.
    pub(crate) fn of_pass(self) -> f64 {
        ((1.0 - self.false_fail()) / self.false_pass()).ln()
    }
}

/// Whether results can be trusted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Noise {
    /// Each test always gives the same result for the same set. Where that turns out to be wrong, the search says so
    /// ([`Search::Unsteady`](crate::Search::Unsteady)) rather than to give a wrong answer.
    #[default]
    None,
    /// Tests flake, each as often as said, one entry a test. Results are repeated until what they say is certain
    /// enough.
    Flaky(Vec<Rates>),
}
