//! A removed package takes along what the plan names, and nothing else.

use std::collections::HashSet;

use super::targets::Targets;
use super::{Found, Rule};

pub(super) fn check(targets: &Targets<'_>, found: &mut Found<'_>) {
    for (at, step) in targets.changes() {
        let listed: HashSet<&str> = step.action.packages().map(|p| p.name.as_str()).collect();
        let mut covered: HashSet<&str> = HashSet::new();
        for package in step.action.packages() {
            let Some(known) = targets.snapshot.packages.packages.get(&package.name) else { continue };
            covered.insert(&package.name);
            for taken in known.removal_takes.iter().chain(&known.required_by) {
                covered.insert(taken);
                let before = targets.removed_by.get(taken.as_str()).is_some_and(|other| *other < at);
                if !before && !listed.contains(taken.as_str()) {
                    let text = format!("{taken} needs {}, and would go with it", package.name);
                    let way_out = way_out(targets, taken);
                    found.add(at, Rule::TakesAlong, text, way_out);
                }
            }
        }
        for unknown in step.action.packages().filter(|p| !covered.contains(p.name.as_str())) {
            let text = format!("what would go with {} is not known: it brings no service", unknown.name);
            found.add(at, Rule::TakesAlong, text, "take it out of the plan, and remove it by hand");
        }
    }
    for node in 0..targets.judged.len() {
        let Some(at) = targets.shut_by[node].filter(|_| targets.named_by[node].is_none()) else { continue };
        if targets.lives(node) {
            let text = format!("{} lives, and would go unstopped with its package", targets.name(node));
            found.add(at, Rule::TakesAlong, text, "name it in `units`, or make a new plan");
        }
    }
}

fn way_out(targets: &Targets<'_>, package: &str) -> String {
    match targets.off_removes.get(package).map(|at| &targets.plan.steps[*at].id) {
        Some(off) => format!("switch {off} on again, or this one off"),
        None => "name it in `along`, remove it in a step before, or switch this one off".to_owned(),
    }
}
