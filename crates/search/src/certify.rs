//! The certificate: the final set passed, and on top of it each kept node's absence fails.

use crate::engine::Engine;
use crate::graph::Set;
use crate::log::{Entry, Purpose};

/// Log-odds that the final set breaks the site, below which it is accepted. They count from even odds, and from passes
/// made for this alone: those that led to the set were picked by what came out.
const ACCEPTED: f64 = -12.0;
/// Log-odds that it breaks with a kept node shut as well: above the first it is kept for good, below the second it
/// is shut after all.
const WITNESSED: f64 = 6.9;
const HARMLESS: f64 = -2.5;

impl Engine {
    /// What is shut in the end, once nothing is left to be asked.
    pub(crate) fn shut(&self) -> Set {
        self.line.prefix(self.line.len())
    }

    /// It, with a kept node shut as well.
    pub(crate) fn with(&self, node: usize) -> Set {
        let mut with = self.shut();
        with.union_with(&self.graph.up[node]);
        with
    }

    /// The trials that the certificate lacks; at most as many as there are lanes.
    pub(crate) fn certify(&self) -> Vec<(Purpose, Set)> {
        let shut = self.shut();
        let mut asks = Vec::new();
        if self.confirmed(&shut).is_none() {
            asks.push((Purpose::Confirm, shut));
            if self.noisy() {
                // Its passes tell of the others as well: it comes first.
                return (0..self.lanes.min(2)).map(|_| asks[0].clone()).collect();
            }
        }
        for &node in &self.needed {
            if self.witness(node).is_none() && !self.harmless(node) {
                asks.push((Purpose::Witness, self.with(node)));
            }
        }
        asks.truncate(self.lanes);
        asks
    }

    /// What shows that this set passes, if anything does.
    pub(crate) fn confirmed(&self, shut: &Set) -> Option<Confirmed> {
        let fresh = self.confirm_from.min(self.log.len());
        if shut.is_clear() && fresh == 0 {
            return Some(Confirmed::Untouched);
        }
        let covers = |entry: &Entry| entry.sound(self.tests) && shut.is_subset(&entry.shut);
        if self.noisy() {
            let accepted = |test: usize| {
                self.log_odds(&self.log[fresh..], shut, Some(Purpose::Confirm), test) < ACCEPTED
            };
            if !(0..self.tests).all(accepted) {
                return None;
            }
        }
        self.log[fresh..].iter().rposition(covers).map(|at| Confirmed::By(fresh + at))
    }

    /// The entry that shows that this kept node is needed, on top of what is shut.
    pub(crate) fn witness(&self, node: usize) -> Option<usize> {
        let with = self.with(node);
        if self.noisy() {
            let odds: Vec<f64> = (0..self.tests)
                .map(|test| self.log_odds(&self.log, &with, Some(Purpose::Witness), test))
                .collect();
            // Of many tests one errs more often; a second that fails as well makes up for that.
            let seconded = odds.iter().filter(|&&odds| odds > WITNESSED / 2.0).count() > 1;
            #[expect(clippy::cast_precision_loss, reason = "a count of tests")]
            let least = WITNESSED + if seconded { 0.0 } else { (self.tests as f64).ln() };
            let test = odds.iter().position(|&odds| odds > least)?;
            return self.log.iter().rposition(|e| e.shut == with && e.failed.contains(test));
        }
        let shows = |entry: &Entry| entry.broken() && entry.shut.is_subset(&with);
        // The greatest, which is the nearest to what is claimed.
        let all = self.log.iter().enumerate().filter(|(_, entry)| shows(entry));
        all.max_by_key(|(_, entry)| entry.shut.count_ones(..)).map(|(at, _)| at)
    }

    /// Whether the node's absence was seen to do no harm: by all trials of it, whatever they were made for. A pass that
    /// errs would otherwise be believed over any number of failures.
    pub(crate) fn harmless(&self, node: usize) -> bool {
        let with = self.with(node);
        if self.noisy() {
            return (0..self.tests).all(|test| self.log_odds(&self.log, &with, None, test) < HARMLESS);
        }
        self.log.iter().any(|entry| entry.sound(self.tests) && with.is_subset(&entry.shut))
    }

    /// Log-odds that this very set breaks the test, from trials made for that purpose, or for any; from even odds.
    pub(crate) fn log_odds(&self, log: &[Entry], shut: &Set, purpose: Option<Purpose>, test: usize) -> f64 {
        let Some(rates) = self.rates(test) else { return 0.0 };
        log.iter()
            .filter(|entry| purpose.is_none_or(|purpose| entry.purpose == purpose) && entry.shut == *shut)
            .map(|entry| match (entry.failed.contains(test), entry.passed.contains(test)) {
                (true, _) => rates.of_failure(),
                (_, true) => -rates.of_pass(),
                _ => 0.0,
            })
            .sum()
    }
}

/// Why a set is known to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// Nothing is shut.
    Untouched,
    /// The entry at this place in the log.
    By(usize),
}
