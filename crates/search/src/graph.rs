//! The problem's graph without cycles: nodes (items that require each other are one), and their closures.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fixedbitset::FixedBitSet;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::problem::{Item, Problem};

/// A set of nodes, or of tests.
pub(crate) type Set = FixedBitSet;

#[derive(Debug, Clone)]
pub(crate) struct Graph {
    /// Items of each node.
    pub(crate) members: Vec<Vec<Item>>,
    /// The node of each item.
    pub(crate) node_of: Vec<usize>,
    /// The node and all that requires it: shut together.
    pub(crate) up: Vec<Set>,
    /// The node and all that it requires: kept together.
    pub(crate) down: Vec<Set>,
    /// How likely each node is needed itself; none where no item has a prior.
    pub(crate) priors: Option<Vec<f64>>,
    /// It, or what is shut with it, is risky to restart.
    pub(crate) late: Vec<bool>,
}

impl Graph {
    pub(crate) fn new(problem: &Problem) -> Self {
        let mut requires = DiGraph::<Item, ()>::new();
        // The last item first: then components that do not require each other come in the items' order.
        let items: Vec<Item> = problem.items().collect();
        for &item in items.iter().rev() {
            requires.add_node(item);
        }
        let place = |item: Item| NodeIndex::new(items.len() - 1 - item.index());
        for &(dependent, dependency) in problem.edges() {
            requires.add_edge(place(dependent), place(dependency), ());
        }
        // Components come with what they require before them. Found without recursion: a chain may be long.
        let components = kosaraju_scc(&requires);
        let nodes = components.len();
        let mut node_of = vec![0; items.len()];
        for (node, component) in components.iter().enumerate() {
            for &at in component {
                node_of[requires[at].index()] = node;
            }
        }
        let mut members = vec![Vec::new(); nodes];
        for item in problem.items() {
            members[node_of[item.index()]].push(item);
        }
        let mut down: Vec<Set> = Vec::with_capacity(nodes);
        for (node, component) in components.iter().enumerate() {
            let mut below = Set::with_capacity(nodes);
            below.insert(node);
            for on in component
                .iter()
                .flat_map(|&at| requires.neighbors(at))
                .map(|on| node_of[requires[on].index()])
            {
                if on != node && !below.contains(on) {
                    below.union_with(&down[on]);
                }
            }
            down.push(below);
        }
        let mut up = vec![Set::with_capacity(nodes); nodes];
        for (node, below) in down.iter().enumerate() {
            below.ones().for_each(|on| up[on].insert(node));
        }
        let risky: Vec<bool> =
            members.iter().map(|items| items.iter().any(|&item| problem.candidate(item).risky)).collect();
        let late = up.iter().map(|above| above.ones().any(|node| risky[node])).collect();
        Self { priors: priors(problem, &members), members, node_of, up, down, late }
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn empty(&self) -> Set {
        Set::with_capacity(self.len())
    }

    pub(crate) fn prior(&self, node: usize) -> f64 {
        self.priors.as_ref().map_or(0.0, |priors| priors[node])
    }

    /// All nodes: what requires a node before it, else by class and then by prior, the least likely needed first. Every
    /// prefix can be shut as it is.
    pub(crate) fn order(&self, class: impl Fn(usize) -> u8) -> Vec<usize> {
        let mut waits: Vec<usize> = self.up.iter().map(|above| above.count_ones(..) - 1).collect();
        let rank = |node: usize| Reverse((class(node), Key(self.prior(node)), node));
        let mut ready: BinaryHeap<_> = (0..self.len()).filter(|&node| waits[node] == 0).map(rank).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(Reverse((_, _, node))) = ready.pop() {
            order.push(node);
            for below in self.down[node].ones().filter(|&below| below != node) {
                waits[below] -= 1;
                if waits[below] == 0 {
                    ready.push(rank(below));
                }
            }
        }
        order
    }

    /// The greatest set of nodes within these items that can be shut as it is, without any of `not`.
    pub(crate) fn closed_within(&self, items: &[Item], not: &Set) -> Set {
        let mut count = vec![0; self.len()];
        for item in items {
            count[self.node_of[item.index()]] += 1;
        }
        let whole = |node: usize| count[node] == self.members[node].len() && !not.contains(node);
        let mut closed = self.empty();
        for node in (0..self.len()).filter(|&node| self.up[node].ones().all(whole)) {
            closed.insert(node);
        }
        closed
    }

    /// The items of a set of nodes, sorted.
    pub(crate) fn items(&self, nodes: &Set) -> Vec<Item> {
        let mut items: Vec<Item> = nodes.ones().flat_map(|node| &self.members[node]).copied().collect();
        items.sort_unstable();
        items
    }
}

/// A number that can be sorted.
#[derive(PartialEq)]
struct Key(f64);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A node is needed if any of its items is. Items without a prior get the mean of those that have one.
fn priors(problem: &Problem, members: &[Vec<Item>]) -> Option<Vec<f64>> {
    let known: Vec<f64> = problem.candidates().iter().filter_map(|c| c.prior).map(f64::from).collect();
    #[expect(clippy::cast_precision_loss, reason = "few")]
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let prior = |item: &Item| problem.candidate(*item).prior.map_or(mean, f64::from);
    let of = |items: &Vec<Item>| 1.0 - items.iter().map(|item| 1.0 - prior(item)).product::<f64>();
    // Products of many are kept off the ends, where logarithms are infinite.
    (!known.is_empty()).then(|| members.iter().map(|items| of(items).clamp(1e-9, 1.0 - 1e-9)).collect())
}
