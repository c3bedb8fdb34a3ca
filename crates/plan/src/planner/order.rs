//! The order of steps: dependents before what they depend on, worst first where that leaves a choice.
//!
//! Steps that need each other are taken as one place in the order (the graph's condensation): packages among them go
//! together in one step, the rest says so.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use doorward_model::{Exposure, Verdict};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use super::facts::Facts;
use super::groups::{Group, Groups};

/// One place in the order: a group, or several that need each other.
pub(super) struct Place {
    pub(super) groups: Vec<usize>,
}

type Rank<'a> = (Option<Verdict>, Reverse<Option<Exposure>>, &'a str);

/// The order; packages that need each other are put into one group.
pub(super) fn sorted(facts: &Facts<'_>, groups: &mut Groups) -> Vec<Place> {
    let mut places = condensed(facts, groups);
    for place in &mut places {
        let going: Vec<usize> = place.groups.iter().copied().filter(|g| groups.all[*g].uninstall).collect();
        if let Some((&into, rest)) = going.split_first() {
            for &other in rest {
                groups.merge(into, other);
            }
            place.groups.retain(|g| !rest.contains(g));
        }
    }
    places
}

fn condensed(facts: &Facts<'_>, groups: &Groups) -> Vec<Place> {
    let after = edges(facts, groups);
    let ranks: Vec<Rank<'_>> = groups.all.iter().map(|g| rank(facts, g)).collect();
    let (place_of, count) = components(&after);
    let mut places: Vec<Place> = (0..count).map(|_| Place { groups: Vec::new() }).collect();
    for (group, &place) in place_of.iter().enumerate() {
        places[place].groups.push(group);
    }
    for place in &mut places {
        place.groups.sort_by_key(|g| ranks[*g]);
    }
    let mut waits_for = vec![0_usize; count];
    for (group, list) in after.iter().enumerate() {
        for &later in list.iter().filter(|l| place_of[**l] != place_of[group]) {
            waits_for[place_of[later]] += 1;
        }
    }
    let key = |place: usize| Reverse((ranks[places[place].groups[0]], place));
    let mut ready: BinaryHeap<_> = (0..count).filter(|p| waits_for[*p] == 0).map(key).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse((_, place))) = ready.pop() {
        order.push(place);
        for &group in &places[place].groups {
            for &later in after[group].iter().filter(|l| place_of[**l] != place) {
                let later = place_of[later];
                waits_for[later] -= 1;
                if waits_for[later] == 0 {
                    ready.push(key(later));
                }
            }
        }
    }
    let mut places: Vec<Option<Place>> = places.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| places[at].take()).collect()
}

fn rank<'a>(facts: &Facts<'a>, group: &Group) -> Rank<'a> {
    let living = || group.members.iter().filter(|n| facts.lives(**n));
    let worst = living().filter_map(|n| facts.verdict(*n)).min();
    let exposure = living().flat_map(|n| facts.doors(*n)).map(|d| d.exposure).max();
    (worst, Reverse(exposure), facts.name(group.first))
}

/// For each group, the groups that come later: what it needs.
fn edges(facts: &Facts<'_>, groups: &Groups) -> Vec<Vec<usize>> {
    let graph = facts.graph();
    let mut after: Vec<Vec<usize>> = groups.all.iter().map(|_| Vec::new()).collect();
    let mut remover: HashMap<&str, usize> = HashMap::new();
    for (at, group) in groups.all.iter().enumerate() {
        for &node in &group.members {
            let needs = graph.out(node).iter().filter(|e| e.origin.carries_need());
            after[at].extend(needs.filter_map(|e| groups.of(e.other)).filter(|other| *other != at));
            if group.uninstall
                && let Some(package) = &facts.service(node).package
            {
                remover.insert(package, at);
            }
        }
    }
    for (&package, &at) in &remover {
        for taken in facts.package(package).into_iter().flat_map(|p| &p.removal_takes) {
            if let Some(&first) = remover.get(taken.as_str()).filter(|first| **first != at) {
                after[first].push(at);
            }
        }
    }
    for list in &mut after {
        list.sort_unstable();
        list.dedup();
    }
    after
}

/// The strongly connected component of each node, and their number.
fn components(after: &[Vec<usize>]) -> (Vec<usize>, usize) {
    let mut graph = DiGraph::<(), ()>::with_capacity(after.len(), 0);
    let nodes: Vec<_> = after.iter().map(|_| graph.add_node(())).collect();
    for (from, list) in after.iter().enumerate() {
        for &to in list {
            graph.add_edge(nodes[from], nodes[to], ());
        }
    }
    let found = kosaraju_scc(&graph); // without recursion: chains are as long as a hostile host makes them
    let mut component = vec![0; after.len()];
    for (at, members) in found.iter().enumerate() {
        for node in members {
            component[node.index()] = at;
        }
    }
    (component, found.len())
}
