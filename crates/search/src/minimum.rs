//! A maximal set is not the greatest: of two that stand in for each other it may keep the one that requires more.
//!
//! For each kept node that has others kept for it alone, it is tried whether the site runs without it when nothing else
//! is shut. If so, something else does as well: the line is laid with the node first, so that it is shut and whatever
//! stands in for it found, and what comes of that is taken if less is kept then.

use crate::engine::{Decision, Engine};
use crate::graph::{Graph, Set};
use crate::log::{Entry, Purpose};

/// A search, with another one beside it for each node that may be replaced.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) best: Engine,
    /// To look for less to keep, once something is found.
    pub(crate) minimum: bool,
    /// With a node's replacement.
    trying: Option<Box<Engine>>,
    tried: Set,
}

impl Course {
    pub(crate) fn new(best: Engine, minimum: bool) -> Self {
        Self { tried: best.graph.empty(), minimum, trying: None, best }
    }

    pub(crate) fn learn(&mut self, entries: &[Entry]) {
        if let Some(trying) = &mut self.trying {
            trying.learn(entries.to_vec());
        }
        self.best.learn(entries.to_vec());
    }

    pub(crate) fn decide(&mut self) -> Decision {
        let decision = self.best.decide();
        if !self.minimum || self.best.noisy() || !matches!(decision, Decision::Finished) {
            return decision;
        }
        loop {
            if let Some(trying) = &mut self.trying {
                let decision = trying.decide();
                let less = kept(trying) < kept(&self.best);
                match decision {
                    // What is kept only grows on the way.
                    Decision::Ask(asks) if less => return Decision::Ask(asks),
                    Decision::Unsteady => return Decision::Unsteady,
                    Decision::Finished if less => {
                        let better = self.trying.take().map(|engine| *engine);
                        self.best = better.unwrap_or_else(|| unreachable!("it is being tried"));
                    }
                    Decision::Ask(_) | Decision::Finished => self.trying = None,
                }
                continue;
            }
            let best = &self.best;
            let Some(node) = best.needed.iter().copied().find(|&node| {
                !self.tried.contains(node) && private(&best.graph, &best.needed, node).count_ones(..) > 1
            }) else {
                return Decision::Finished;
            };
            let alone = &best.graph.up[node];
            if best.log.iter().any(|entry| entry.sound(best.tests) && alone.is_subset(&entry.shut)) {
                self.tried.insert(node);
                self.trying = Some(Box::new(best.without(node)));
            } else if best.log.iter().any(|entry| entry.broken() && entry.shut.is_subset(alone)) {
                self.tried.insert(node);
            } else {
                return Decision::Ask(vec![(Purpose::Minimum, alone.clone())]);
            }
        }
    }
}

impl Engine {
    /// A search that goes on from the same log and shuts that node first.
    fn without(&self, node: usize) -> Self {
        let graph = self.graph.clone();
        let first = graph.up[node].clone();
        let mut other = Self::new(graph, self.tests, self.noise.clone(), self.lanes);
        other.first = first;
        other.confirm_from = self.confirm_from;
        other.learn(self.log.clone());
        other
    }
}

/// What is kept for this node alone.
fn private(graph: &Graph, needed: &[usize], node: usize) -> Set {
    let mut own = graph.down[node].clone();
    needed.iter().filter(|&&other| other != node).for_each(|&other| own.difference_with(&graph.down[other]));
    own
}

fn kept(engine: &Engine) -> usize {
    engine.kept.ones().map(|node| engine.graph.members[node].len()).sum()
}
