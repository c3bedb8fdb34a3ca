//! What a search comes to, and how far it has come.

use serde::{Deserialize, Serialize};

use crate::certify::Confirmed;
use crate::choose::entropy;
use crate::engine::Engine;
use crate::problem::Item;

/// The answer, and what proves it. Trials are numbered from 1, in the order of [`Log::trials`](crate::Log::trials).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What can be shut together: nothing can be added.
    pub shut: Vec<Item>,
    /// What has to be kept, with the proof.
    pub kept: Vec<Kept>,
    /// The trial in which all that is shut was shut, with or without more, and every test passed. None: nothing is
    /// shut, and that the untouched site passes was taken for granted.
    pub passed: Option<usize>,
    /// Trials, those of the log that the search began with included.
    pub trials: usize,
    /// Rounds, likewise.
    pub rounds: usize,
    /// How many trials any search needs.
    pub bound: Bound,
}

/// An item that has to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The item.
    pub item: Item,
    /// Why: itself, or an item that requires it.
    pub needed: Item,
    /// The trial that shut `needed` on top of what is shut in the end, or of a part of that, and failed.
    pub trial: usize,
    /// The tests that failed in it, by place.
    pub tests: Vec<usize>,
}

/// Bits that have to be found out, of which a trial with one test tells one at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// With priors, the entropy of who is needed.
    Entropy(f64),
    /// Without, the logarithm of the number of ways to choose as many as were found.
    Choices(f64),
}

impl Bound {
    /// The bits.
    pub fn bits(self) -> f64 {
        match self {
            Self::Entropy(bits) | Self::Choices(bits) => bits,
        }
    }
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The number of the first trial that is asked for now, from 1.
    pub trial: usize,
    /// About how many there will be in the end. An estimate; it may grow.
    pub about: usize,
    /// Items that are as good as known to be needless.
    pub shut: usize,
    /// Items that are kept for the time being.
    pub kept: usize,
}

/// Trials for each bit that is left, without noise and with, as measured.
const TRIALS_A_BIT: f64 = 1.1;
const NOISY_TRIALS_A_BIT: f64 = 1.3;
/// With noise, further trials for the final set and for each that is kept.
const REPEATS: f64 = 2.0;

impl Engine {
    pub(crate) fn report(&self) -> Report {
        let shut = self.shut();
        let passed = match self.confirmed(&shut) {
            Some(Confirmed::By(entry)) => Some(entry + 1),
            Some(Confirmed::Untouched) | None => None,
        };
        let mut kept: Vec<Kept> = Vec::new();
        for &node in &self.needed {
            let Some(entry) = self.witness(node) else { continue };
            let Some(&needed) = self.graph.members[node].first() else { continue };
            let tests: Vec<usize> = self.log[entry].failed.ones().collect();
            for item in self.graph.items(&self.graph.down[node]) {
                // What is needed itself is its own reason, and another's at most one.
                if kept.iter().all(|known| known.item != item) {
                    kept.push(Kept { item, needed, trial: entry + 1, tests: tests.clone() });
                }
            }
        }
        kept.sort_by_key(|kept| kept.item);
        Report {
            shut: self.graph.items(&shut),
            kept,
            passed,
            trials: self.log.len(),
            rounds: self.rounds(),
            bound: self.bound(),
        }
    }

    fn rounds(&self) -> usize {
        let changes = self.log.windows(2).filter(|pair| pair[0].round != pair[1].round).count();
        changes + usize::from(!self.log.is_empty())
    }

    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    fn bound(&self) -> Bound {
        match &self.graph.priors {
            Some(priors) => Bound::Entropy(priors.iter().map(|&p| entropy(p)).sum()),
            None => {
                let (nodes, needed) = (self.graph.len(), self.needed.len());
                Bound::Choices((0..needed).map(|i| ((nodes - i) as f64 / (needed - i) as f64).log2()).sum())
            }
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts"
    )]
    pub(crate) fn progress(&self) -> Progress {
        let belief = self.belief();
        let settled = self.settled();
        let open = &self.line.order[settled..];
        let bits: f64 = open.iter().map(|&node| entropy(belief[node])).sum();
        let left = if self.noisy() {
            let more: f64 = open.iter().map(|&node| belief[node]).sum();
            bits * NOISY_TRIALS_A_BIT + REPEATS * (1.0 + more + self.needed.len() as f64)
        } else {
            bits * TRIALS_A_BIT
        };
        let items = |nodes: &[usize]| nodes.iter().map(|&node| self.graph.members[node].len()).sum();
        Progress {
            trial: self.log.len() + 1,
            about: self.log.len() + (left.ceil() as usize).max(1),
            shut: items(&self.line.order[..settled]),
            kept: self.graph.items(&self.kept).len(),
        }
    }
}
