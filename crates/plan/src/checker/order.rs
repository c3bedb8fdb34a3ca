//! Dependents are shut before what they depend on; steps that need each other say so.

use super::targets::Targets;
use super::{Found, Rule};

pub(super) fn check(targets: &Targets<'_>, found: &mut Found<'_>) {
    let edges = edges(targets);
    let place = components(targets.plan.steps.len(), &edges);
    let cycle = |step: usize| targets.plan.steps[step].cycle.as_ref();
    for (first, later, why) in edges {
        if first < later {
            continue;
        }
        let other = &targets.plan.steps[later].id;
        if place[first] != place[later] {
            let text = format!("it comes after {other}, but {why}");
            found.add(first, Rule::Order, text, format!("move it before {other}"));
        } else if cycle(first).is_none() || cycle(first) != cycle(later) {
            let text = format!("it and {other} need each other in a cycle: {why}");
            let way_out = format!("give both `cycle = {other:?}`, or switch one off", other = other.0);
            found.add(first, Rule::Cycle, text, way_out);
        }
    }
}

/// Which step must come before which, and why.
fn edges(targets: &Targets<'_>) -> Vec<(usize, usize, String)> {
    let graph = targets.graph();
    let mut edges = Vec::new();
    for node in 0..targets.judged.len() {
        let Some(first) = targets.shut_by[node].filter(|f| targets.named_by[node] == Some(*f)) else {
            continue;
        };
        for edge in graph.out(node).iter().filter(|e| e.origin.carries_need()) {
            let later = targets.shut_by[edge.other].filter(|l| targets.named_by[edge.other] == Some(*l));
            if let Some(later) = later.filter(|later| *later != first) {
                let why =
                    format!("{} needs {}: {}", targets.name(node), targets.name(edge.other), edge.detail);
                edges.push((first, later, why));
            }
        }
    }
    edges
}

/// A number for each step, the same for those that need each other: Kosaraju's algorithm without recursion.
fn components(count: usize, edges: &[(usize, usize, String)]) -> Vec<usize> {
    let (mut out, mut into) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for (from, to, _) in edges {
        out[*from].push(*to);
        into[*to].push(*from);
    }
    let mut finished = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    for start in 0..count {
        let mut path = if seen[start] { Vec::new() } else { vec![(start, 0)] };
        seen[start] = true;
        while let Some((node, at)) = path.pop() {
            match out[node].get(at) {
                Some(&to) => {
                    path.push((node, at + 1));
                    if !seen[to] {
                        seen[to] = true;
                        path.push((to, 0));
                    }
                }
                None => finished.push(node),
            }
        }
    }
    let mut place = vec![usize::MAX; count];
    for &start in finished.iter().rev() {
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            if place[node] == usize::MAX {
                place[node] = start;
                open.extend(&into[node]);
            }
        }
    }
    place
}
