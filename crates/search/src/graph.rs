//! The problem's graph without cycles: nodes (items that require each other are one), and their closures.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fixedbitset::FixedBitSet;

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
        let count = problem.candidates().len();
        let mut requires = vec![Vec::new(); count];
        for (dependent, dependency) in problem.edges() {
            requires[dependent.index()].push(dependency.index());
        }
        // Components come with what they require before them.
        let (node_of, nodes) = components(&requires);
        let mut members = vec![Vec::new(); nodes];
        for item in problem.items() {
            members[node_of[item.index()]].push(item);
        }
        let mut down: Vec<Set> = Vec::with_capacity(nodes);
        for (node, items) in members.iter().enumerate() {
            let mut below = Set::with_capacity(nodes);
            below.insert(node);
            for on in items.iter().flat_map(|item| &requires[item.index()]).map(|&item| node_of[item]) {
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

/// The strongly connected components (Tarjan 1972, without recursion): the component of each item, numbered so that
/// what a component requires has a lower number.
fn components(requires: &[Vec<usize>]) -> (Vec<usize>, usize) {
    const NONE: usize = usize::MAX;
    let count = requires.len();
    let (mut index, mut low) = (vec![NONE; count], vec![0; count]);
    let (mut component, mut found, mut clock) = (vec![NONE; count], 0, 0);
    let mut open = Vec::new();
    for root in 0..count {
        if index[root] != NONE {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((item, edge)) = path.last_mut() {
            let item = *item;
            if *edge == 0 {
                (index[item], low[item]) = (clock, clock);
                clock += 1;
                open.push(item);
            }
            if let Some(&next) = requires[item].get(*edge) {
                *edge += 1;
                if index[next] == NONE {
                    path.push((next, 0));
                } else if component[next] == NONE {
                    low[item] = low[item].min(index[next]);
                }
                continue;
            }
            path.pop();
            if let Some((above, _)) = path.last() {
                low[*above] = low[*above].min(low[item]);
            }
            if low[item] == index[item] {
                while let Some(member) = open.pop() {
                    component[member] = found;
                    if member == item {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    (component, found)
}
