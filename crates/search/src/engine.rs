//! From a log to what is to be tried next.

use crate::belief::{self, Settled};
use crate::choose;
use crate::graph::{Graph, Set};
use crate::line::{Line, Seen};
use crate::log::{Entry, Purpose};
use crate::noise::{Noise, Rates};
use crate::pool::Pool;

/// A node is kept for the time being, and the rest taken to be shut, at these probabilities, without noise and with.
/// Both are checked before the search ends, so they trade trials of one kind for another, and decide nothing.
const SURE: f64 = 0.999;
const LIKELY: f64 = 0.9;
/// A place is settled when the line breaks before it at most that likely.
const SETTLED: f64 = 0.02;

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Decision {
    Ask(Vec<(Purpose, Set)>),
    Finished,
    /// Results contradict each other, though there is said to be no noise.
    Unsteady,
}

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) graph: Graph,
    pub(crate) tests: usize,
    pub(crate) noise: Noise,
    pub(crate) lanes: usize,
    pub(crate) log: Vec<Entry>,
    /// The final set has to be seen to pass in an entry from here on.
    pub(crate) confirm_from: usize,
    pub(crate) line: Line,
    /// Nodes that are needed themselves, in the order found.
    pub(crate) needed: Vec<usize>,
    /// They and all that they require.
    pub(crate) kept: Set,
    /// The tests that need each node.
    by: Vec<Set>,
    /// Shut before all others, where something else is to be found to keep in its place.
    pub(crate) first: Set,
    contradicted: bool,
}

impl Engine {
    pub(crate) fn new(graph: Graph, tests: usize, noise: Noise, lanes: usize) -> Self {
        let order = graph.order(|node| u8::from(graph.late[node]));
        Self {
            line: Line::new(graph.len(), order, tests),
            kept: graph.empty(),
            first: graph.empty(),
            by: vec![Set::with_capacity(tests); graph.len()],
            needed: Vec::new(),
            log: Vec::new(),
            confirm_from: 0,
            contradicted: false,
            graph,
            tests,
            noise,
            lanes,
        }
    }

    pub(crate) fn rates(&self, test: usize) -> Option<Rates> {
        match &self.noise {
            Noise::None => None,
            Noise::Flaky(rates) => rates.get(test).copied(),
        }
    }

    pub(crate) fn noisy(&self) -> bool {
        matches!(self.noise, Noise::Flaky(_))
    }

    /// Takes the results of a round in.
    pub(crate) fn learn(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.log.push(entry);
            if self.noisy() {
                self.take_in(self.log.len() - 1, &[]);
            }
        }
        self.relearn();
    }

    /// Without noise all of the log holds for every line, so the line is laid anew: first the greatest set that passed,
    /// then what passed in parts.
    pub(crate) fn relearn(&mut self) {
        if self.noisy() {
            return;
        }
        let pool = Pool::new(self);
        let graph = &self.graph;
        let sound = self.log.iter().filter(|entry| entry.sound(self.tests));
        let greatest = sound.max_by_key(|entry| entry.shut.count_ones(..));
        let class = |node: usize| {
            if self.first.contains(node) {
                0
            } else if greatest.is_some_and(|entry| entry.shut.contains(node)) {
                1
            } else if pool.cleared.contains(node) {
                2
            } else if pool.certain.contains(node) {
                3
            } else {
                4 + u8::from(graph.late[node])
            }
        };
        let order = graph.order(class).into_iter().filter(|&node| !self.kept.contains(node)).collect();
        self.line.begin_anew(order);
        (0..self.log.len()).for_each(|at| self.take_in(at, &pool.irrelevant));
    }

    fn take_in(&mut self, at: usize, irrelevant: &[Set]) {
        let entry = &self.log[at];
        for test in 0..self.tests {
            let failed = entry.failed.contains(test);
            if !failed && !entry.passed.contains(test) {
                continue;
            }
            let likely = failed && !entry.shut.is_disjoint(&self.kept);
            // A kept node that was shut explains the failure, unless this test is known not to need it.
            if likely && explained(&entry.shut, &self.kept, irrelevant.get(test)) {
                continue;
            }
            let seen = Seen { shut: &entry.shut, test, failed, rates: self.rates(test), likely };
            self.contradicted |= !self.line.learn(&seen);
        }
    }

    /// How likely each node is needed, for all that is known besides single trials.
    pub(crate) fn belief(&self) -> Vec<f64> {
        let shut = &self.line.order[..self.settled()];
        belief::belief(&self.graph, &Settled { needed: &self.needed, shut })
    }

    /// How much of the line is as good as verified.
    pub(crate) fn settled(&self) -> usize {
        // A rough belief is enough: places are settled by results.
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let rough = vec![1.0 / (1.0 + self.graph.len() as f64); self.graph.len()];
        let settled = |test: usize| {
            let posterior = self.line.posterior(test, &rough, 1.0);
            let sums = posterior.iter().take(self.line.len()).scan(0.0, |sum, p| {
                *sum += p;
                Some(*sum)
            });
            sums.take_while(|&sum: &f64| sum <= SETTLED).count()
        };
        (0..self.tests).map(settled).min().unwrap_or(0)
    }

    pub(crate) fn decide(&mut self) -> Decision {
        loop {
            if self.contradicted {
                return Decision::Unsteady;
            }
            let belief = self.belief();
            let relevance = belief::relevance(self.tests, &self.needed, &self.by);
            let posteriors: Vec<Vec<f64>> =
                (0..self.tests).map(|test| self.line.posterior(test, &belief, relevance)).collect();
            if self.keep_found(&posteriors, &belief, relevance) {
                continue;
            }
            let done = if self.noisy() { LIKELY } else { SURE };
            if posteriors.iter().any(|posterior| posterior.last().is_none_or(|&none| none < done)) {
                return Decision::Ask(self.choose(&posteriors, &belief));
            }
            let asks = self.certify();
            if !asks.is_empty() {
                return Decision::Ask(asks);
            }
            if !self.release_harmless() {
                return Decision::Finished;
            }
        }
    }

    fn choose(&self, posteriors: &[Vec<f64>], belief: &[f64]) -> Vec<(Purpose, Set)> {
        let sets =
            if self.lanes > 1 && !self.noisy() { Pool::new(self).lanes(self, belief) } else { Vec::new() };
        let sets = if sets.is_empty() {
            choose::lengths(&self.line, posteriors, &|test| self.rates(test), &self.graph.late, self.lanes)
                .into_iter()
                .map(|length| self.line.prefix(length))
                .collect()
        } else {
            sets
        };
        let mut asks: Vec<(Purpose, Set)> = Vec::new();
        for set in sets {
            // With noise it tells something to try the same twice.
            if self.noisy() || asks.iter().all(|(_, other)| *other != set) {
                asks.push((Purpose::Search, set));
            }
        }
        asks
    }

    /// Keeps a node that is the first needed one of some test.
    fn keep_found(&mut self, posteriors: &[Vec<f64>], belief: &[f64], relevance: f64) -> bool {
        let sure = if self.noisy() { LIKELY } else { SURE };
        let found = |posterior: &Vec<f64>| posterior[..self.line.len()].iter().position(|&p| p >= sure);
        let Some(place) = posteriors.iter().filter_map(found).min() else { return false };
        let node = self.line.order[place];
        for (test, posterior) in posteriors.iter().enumerate() {
            self.by[node].set(test, posterior[place] >= sure);
        }
        // What was needed for itself may turn out to be required by this one.
        let below = &self.graph.down[node];
        self.needed.retain(|&other| !below.contains(other));
        self.needed.push(node);
        self.kept.union_with(below);
        if self.noisy() {
            self.line.take_off(&self.graph, node, belief, relevance);
        }
        self.relearn();
        true
    }

    /// Takes back to the line a kept node whose absence was seen to be harmless.
    fn release_harmless(&mut self) -> bool {
        let Some(node) = self.needed.iter().copied().find(|&node| self.harmless(node)) else { return false };
        let with = self.with(node);
        self.needed.retain(|&other| other != node);
        let mut kept = self.graph.empty();
        self.needed.iter().for_each(|&other| kept.union_with(&self.graph.down[other]));
        let back: Vec<usize> = self.graph.order(|other| u8::from(self.graph.late[other]));
        let back = back.into_iter().filter(|&other| self.kept.contains(other) && !kept.contains(other));
        for other in back {
            let ratios: Vec<f64> = (0..self.tests)
                .map(
                    |test| {
                        if other == node { self.log_odds(&self.log, &with, None, test).exp() } else { 1.0 }
                    },
                )
                .collect();
            self.line.put_behind(other, |test| ratios[test]);
        }
        self.kept = kept;
        self.relearn();
        true
    }
}

/// Whether a kept node that was shut explains a failure.
pub(crate) fn explained(shut: &Set, kept: &Set, irrelevant: Option<&Set>) -> bool {
    shut.intersection(kept).any(|node| irrelevant.is_none_or(|set| !set.contains(node)))
}
