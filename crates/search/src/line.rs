//! Where along an order the site breaks.
//!
//! Nodes lie on a line, and every prefix of it can be shut. For each test there is a *first needed* node: the prefix
//! before it passes, the prefix with it fails. Since shutting more never mends a site, there is one for any predicate,
//! "A or B must run" included; no model of who is needed together is asked for. Each trial of a prefix halves where it
//! can be. When it is found, it is taken off the line with all that it requires, and the search goes on for the next;
//! what was learned of the line is kept.
//!
//! The belief is exact: hypothesis `h` says that `order[h]` is the first needed node, `h = len` that there is none. Its
//! weight is `p[h] * product of (1 - p[i]) for i < h`, times the likelihood of the results. Without noise likelihoods
//! are 0 and 1, and this is binary splitting on top of a verified base. With noise it is a noisy binary search
//! (Horstein 1963), which doubts and retests by itself whatever its results contradict, the base included.

use crate::graph::{Graph, Set};
use crate::noise::Rates;

/// Place of a node that is not on the line.
const OFF: usize = usize::MAX;

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) order: Vec<usize>,
    place: Vec<usize>,
    /// Likelihood of the results, by test and hypothesis; the greatest of a test is 1.
    likelihood: Vec<Vec<f64>>,
}

/// What a trial says about a line.
pub(crate) struct Seen<'s> {
    /// What was shut.
    pub(crate) shut: &'s Set,
    pub(crate) test: usize,
    pub(crate) failed: bool,
    /// None: results are always right.
    pub(crate) rates: Option<Rates>,
    /// Of a failure: nodes that are kept were shut as well, though none that this test is known to need. What broke it
    /// is then very likely, not surely, on the line.
    pub(crate) likely: bool,
}

/// How likely what one needed node would explain is explained by two that stand in for each other. However often it
/// would have to be, it never becomes impossible.
const TOGETHER: f64 = 1e-9;

impl Line {
    pub(crate) fn new(nodes: usize, order: Vec<usize>, tests: usize) -> Self {
        let mut line = Self { order, place: vec![OFF; nodes], likelihood: Vec::new() };
        line.likelihood = vec![vec![1.0; line.order.len() + 1]; tests];
        line.renumber();
        line
    }

    fn renumber(&mut self) {
        self.place.fill(OFF);
        for (place, &node) in self.order.iter().enumerate() {
            self.place[node] = place;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The first so many nodes.
    pub(crate) fn prefix(&self, length: usize) -> Set {
        let mut set = Set::with_capacity(self.place.len());
        self.order[..length].iter().for_each(|&node| set.insert(node));
        set
    }

    /// Forgets all results, and lies in another order.
    pub(crate) fn begin_anew(&mut self, order: Vec<usize>) {
        self.order = order;
        for likelihood in &mut self.likelihood {
            likelihood.clear();
            likelihood.resize(self.order.len() + 1, 1.0);
        }
        self.renumber();
    }

    /// Learns a result. False if it contradicts what is known without noise: nothing is learned then.
    pub(crate) fn learn(&mut self, seen: &Seen) -> bool {
        let inside = self.order.iter().take_while(|&&node| seen.shut.contains(node)).count();
        let end = self.order.iter().rposition(|&node| seen.shut.contains(node)).map_or(0, |last| last + 1);
        let (false_fail, false_pass) =
            seen.rates.map_or((0.0, 0.0), |rates| (rates.false_fail(), rates.false_pass()));
        let (broken, sound) =
            if seen.failed { (1.0 - false_pass, false_fail) } else { (false_pass, 1.0 - false_fail) };
        let old = &self.likelihood[seen.test];
        let mut new: Vec<f64> = old
            .iter()
            .enumerate()
            .map(|(hypothesis, old)| {
                let within = self.order.get(hypothesis).is_some_and(|&node| seen.shut.contains(node));
                let (now, sure) = if hypothesis < inside {
                    (broken, true)
                } else if hypothesis >= end {
                    (sound, !seen.likely)
                } else if within {
                    // It was shut, but not all before it.
                    (broken, false)
                } else {
                    // What comes after the first needed node may break it as well.
                    (f64::midpoint(broken, sound), false)
                };
                if now > 0.0 || sure { old * now } else { old.min(TOGETHER) }
            })
            .collect();
        let greatest = new.iter().copied().fold(0.0, f64::max);
        if greatest <= 0.0 {
            return false;
        }
        for likelihood in &mut new {
            *likelihood /= greatest;
        }
        self.likelihood[seen.test] = new;
        true
    }

    /// How likely each hypothesis is for the test, from the belief about each node. Sums up to 1, or is all 0 if the
    /// results contradict each other.
    pub(crate) fn posterior(&self, test: usize, belief: &[f64], relevance: f64) -> Vec<f64> {
        let mut before = 1.0;
        let mut posterior: Vec<f64> = self.likelihood[test]
            .iter()
            .enumerate()
            .map(|(hypothesis, likelihood)| {
                let own = self.order.get(hypothesis).map_or(1.0, |&node| belief[node] * relevance);
                let weight = before * own * likelihood;
                before *= 1.0 - own;
                weight
            })
            .collect();
        let sum: f64 = posterior.iter().sum();
        if sum > 0.0 {
            for weight in &mut posterior {
                *weight /= sum;
            }
        }
        posterior
    }

    /// Takes a node and all that it requires off the line. What is behind it is then as likely as the results were with
    /// it needed and not.
    pub(crate) fn take_off(&mut self, graph: &Graph, node: usize, belief: &[f64], relevance: f64) {
        let mut places: Vec<usize> =
            graph.down[node].ones().map(|below| self.place[below]).filter(|&place| place != OFF).collect();
        places.sort_unstable();
        for &place in places.iter().rev() {
            let own = belief[self.order[place]] * relevance;
            for likelihood in &mut self.likelihood {
                let with = likelihood.remove(place);
                for behind in &mut likelihood[place..] {
                    *behind = own * with + (1.0 - own) * *behind;
                }
            }
            self.order.remove(place);
        }
        for likelihood in &mut self.likelihood {
            let greatest = likelihood.iter().copied().fold(0.0, f64::max);
            for value in likelihood {
                *value /= greatest;
            }
        }
        self.renumber();
    }

    /// Puts a node at the end of the line, of which no result tells more than how likely each test's results are with
    /// it needed, against not.
    pub(crate) fn put_behind(&mut self, node: usize, ratios: impl Fn(usize) -> f64) {
        self.place[node] = self.order.len();
        self.order.push(node);
        for (test, likelihood) in self.likelihood.iter_mut().enumerate() {
            let none = likelihood.last().copied().unwrap_or(1.0);
            likelihood.insert(likelihood.len() - 1, none * ratios(test));
        }
    }
}
