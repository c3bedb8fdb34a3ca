//! The administrators' last remote way in is never shut, whatever the verdicts say and whoever runs the command.

use std::collections::HashSet;

use doorward_assess::graph::{Origin, is_boot_target};
use doorward_model::{DependencyKind, Source};

use super::targets::Targets;
use super::{Found, Rule};
use crate::Action;

/// Knowledge ids of what administrators properly come in by.
const PROPER: &[&str] = &["openssh-server", "dropbear", "tinysshd"];
/// Hazard classes that let somebody in, where nothing proper does.
const CLASSES: &[&str] = &["remote-shell", "remote-administration"];

pub(super) fn check(targets: &Targets<'_>, found: &mut Found<'_>) {
    let ways = ways(targets);
    let closed: Vec<Option<usize>> = ways.iter().map(|way| closed_by(targets, *way)).collect();
    let all = !ways.is_empty() && closed.iter().all(Option::is_some);
    for (way, at) in ways.iter().zip(&closed).filter_map(|(way, at)| Some((*way, (*at)?))) {
        let name = targets.name(way);
        if all {
            let text = format!("it shuts {name}, the last remote way in for the host's administrators");
            found.add(
                at,
                Rule::LastWayIn,
                text,
                "switch the step off: no override allows it; restrict it instead",
            );
        } else {
            let text = format!("it shuts {name}, a remote way in for the host's administrators");
            found.add(at, Rule::Admin, text, "switch the step off, or name it with --override");
        }
    }
}

/// The ways in that there are now: proper ones; else the one that the admin uses; else whatever lets somebody in.
fn ways(targets: &Targets<'_>) -> Vec<usize> {
    let is_live = matches!(targets.snapshot.source, Source::Live { .. });
    let listeners = &targets.snapshot.listeners;
    let answers = |node: &usize| {
        // A server that sleeps behind its socket lets in as well.
        let mut own = listeners.iter().filter(|l| l.service.as_deref() == Some(targets.name(*node)));
        let mut open = || own.any(|l| l.namespace.is_host() && l.address.is_some_and(|a| !a.is_loopback()));
        if is_live { open() } else { targets.lives(*node) }
    };
    let of = |test: &dyn Fn(&doorward_model::AuditService) -> bool| -> Vec<usize> {
        (0..targets.judged.len()).filter(|n| targets.judged[*n].is_some_and(test)).filter(answers).collect()
    };
    let proper = of(&|s| s.knowledge.as_deref().is_some_and(|k| PROPER.contains(&k)));
    if !proper.is_empty() {
        return proper;
    }
    let path = targets.snapshot.admin_path.as_ref().and_then(|p| p.service.as_deref());
    match path.and_then(|s| targets.graph().node(s)) {
        Some(own) => vec![own],
        None => of(&|s| s.hazard.as_deref().is_some_and(|h| CLASSES.contains(&h))),
    }
}

/// The step that closes a way in: it shuts the service, what starts it, what it cannot run without, or its doors.
fn closed_by(targets: &Targets<'_>, way: usize) -> Option<usize> {
    let graph = targets.graph();
    let rebound = || {
        let is_it = |action: &Action| matches!(action, Action::Rebind(r) if r.service == targets.name(way));
        targets.changes().find(|(_, s)| is_it(&s.action)).map(|(at, _)| at)
    };
    let holders = targets.doors(way).iter().filter_map(|d| graph.node(d.via.as_deref()?));
    let mut seen: HashSet<usize> = holders.chain([way]).collect();
    let mut queue: Vec<usize> = seen.iter().copied().collect();
    let starts = graph.into(way).iter().filter(|e| e.origin == Origin::Unit(DependencyKind::Triggers));
    queue.extend(starts.map(|e| e.other).filter(|n| targets.lives(*n) && seen.insert(*n)));
    queue.sort_unstable();
    while let Some(node) = queue.pop() {
        if let Some(at) = targets.shut_by[node] {
            return Some(at);
        }
        if is_boot_target(targets.name(node)) {
            continue;
        }
        let hard =
            graph.out(node).iter().filter(|e| matches!(e.origin, Origin::Unit(kind) if kind.is_hard()));
        queue.extend(hard.map(|e| e.other).filter(|n| seen.insert(*n)));
    }
    rebound().or_else(|| super::filter::closing(targets, targets.doors(way)))
}
