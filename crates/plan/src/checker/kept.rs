//! What stays alive needs what it needs: nothing that it reaches along the graph is shut.

use std::collections::VecDeque;

use doorward_assess::graph::{Edge, Origin, is_boot_target, is_group};
use doorward_model::{DependencyKind, EvidenceKind};

use super::targets::Targets;
use super::{Found, Rule};

pub(super) fn check(targets: &Targets<'_>, found: &mut Found<'_>) {
    let count = targets.judged.len();
    let mut reached: Vec<Option<(usize, String)>> = vec![None; count];
    let mut seen = vec![false; count];
    let mut queue: VecDeque<usize> = VecDeque::new();
    for node in (0..count).filter(|n| stays(targets, *n)) {
        seen[node] = true;
        queue.push_back(node);
    }
    while let Some(node) = queue.pop_front() {
        for (next, how) in needs(targets, node) {
            if !seen[next] {
                seen[next] = true;
                reached[next] = Some((node, how));
                queue.push_back(next);
            }
        }
    }
    for (node, reached) in reached.iter().enumerate() {
        if let (Some(at), Some((by, how))) = (targets.shut_by[node], reached) {
            let (name, by_name) = (targets.name(node), targets.name(*by));
            let stays = if targets.shut_by[*by].is_some() { "what stays needs it" } else { "which stays" };
            let text = format!("{by_name} ({stays}) needs {name}: {how}");
            found.add(at, Rule::Dependency, text, way_out(targets, *by));
        }
    }
}

fn way_out(targets: &Targets<'_>, by: usize) -> String {
    match targets.off_by[by].map(|at| &targets.plan.steps[at].id) {
        Some(off) => format!("switch {off} on again, switch this one off, or name it with --override"),
        None => "switch the step off, or name it with --override".to_owned(),
    }
}

/// Whether a service is there when all steps are done: it lives, or is a root of need, and no step shuts it. What is
/// left for somebody's hand is no reason to keep anything else.
fn stays(targets: &Targets<'_>, node: usize) -> bool {
    let Some(judged) = targets.judged[node] else { return false };
    let is_root = judged.evidence.iter().any(|e| {
        use EvidenceKind::{Admin, Base, Configured, Requirement, Role};
        matches!(e.kind, Role | Base | Admin | Configured | Requirement)
            || e.by.as_deref().is_some_and(is_group)
    });
    targets.shut_by[node].is_none() && !targets.by_hand[node] && (is_root || targets.lives(node))
}

/// What a service needs, and what starts it, with the evidence.
fn needs(targets: &Targets<'_>, node: usize) -> Vec<(usize, String)> {
    let graph = targets.graph();
    if is_boot_target(targets.name(node)) {
        return Vec::new();
    }
    let is_idle_wish = |e: &Edge| {
        let wish = matches!(e.origin, Origin::Unit(DependencyKind::Wants | DependencyKind::Upholds));
        wish && !targets.lives(e.other) && !graph.is_group(e.other)
    };
    let out = graph.out(node).iter().filter(|e| e.origin.carries_need() && !is_idle_wish(e));
    let starts = graph.into(node).iter().filter(|e| e.origin == Origin::Unit(DependencyKind::Triggers));
    let out = out.map(|e| (e.other, e.detail.clone()));
    out.chain(starts.map(|e| (e.other, format!("{} starts it", targets.name(e.other))))).collect()
}
