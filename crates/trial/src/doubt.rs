//! Doubts what a plan keeps for the site, so that the trial shows for each such service a test that fails without it.

use std::collections::BTreeSet;

use doorward_assess::Assessment;
use doorward_assess::graph::Origin;
use doorward_model::{DependencyKind, State};
use doorward_plan::{Action, KeepReason, Parts, Plan, Step, Units};

/// The plan in which running services that are kept for the role, or for something that is kept, are disabled instead,
/// under the names of their steps. What the host needs to live, its administrators or its owner want, and what those need,
/// is not doubted.
#[must_use]
pub fn doubted(plan: &Plan, assessment: &Assessment<'_>) -> Plan {
    let spared = spared(plan, assessment);
    let doubt = |step: &Step| match &step.action {
        Action::Keep { service, reason: KeepReason::Role | KeepReason::Needed } => {
            disabled(step, service, assessment, &spared).unwrap_or_else(|| step.clone())
        }
        _ => step.clone(),
    };
    let (changes, kept): (Vec<Step>, Vec<Step>) = plan.steps.iter().cloned().partition(Step::changes);
    let doubts: Vec<Step> = kept.iter().map(doubt).collect();
    Plan { steps: changes.into_iter().chain(doubts).collect(), ..plan.clone() }
}

/// Services that stay whatever the site needs.
fn spared(plan: &Plan, assessment: &Assessment<'_>) -> BTreeSet<usize> {
    let graph = &assessment.graph;
    let firm = |step: &Step| match &step.action {
        Action::Keep { service, reason } => {
            let of_site = matches!(reason, KeepReason::Role | KeepReason::Needed);
            graph.node(service).filter(|_| !of_site)
        }
        _ => None,
    };
    let mut found: Vec<usize> = plan.steps.iter().filter_map(firm).collect();
    let mut seen: BTreeSet<usize> = found.iter().copied().collect();
    while let Some(node) = found.pop() {
        let needs = graph.out(node).iter().filter(|edge| edge.origin.carries_need());
        found.extend(needs.map(|edge| edge.other).filter(|other| seen.insert(*other)));
    }
    seen
}

fn disabled(
    step: &Step,
    service: &str,
    assessment: &Assessment<'_>,
    spared: &BTreeSet<usize>,
) -> Option<Step> {
    let graph = &assessment.graph;
    let node = graph.node(service).filter(|node| !spared.contains(node))?;
    if graph.services()[node].state != State::Running || !service.ends_with(".service") {
        return None;
    }
    let into = |wanted: fn(DependencyKind) -> bool| {
        let edges = graph.into(node).iter().filter(move |edge| match edge.origin {
            Origin::Unit(kind) => wanted(kind),
            // That one asks the other is what the tests are to tell.
            Origin::Upstream | Origin::Connection => false,
        });
        edges.map(|edge| graph.services()[edge.other].name.clone()).collect::<Vec<String>>()
    };
    let starters = into(|kind| kind == DependencyKind::Triggers);
    let systemd = starters.into_iter().chain([service.to_owned()]).collect();
    let units = Units::new(Parts { systemd, ..Parts::default() })?;
    let needed_by = into(DependencyKind::is_hard);
    Some(Step { action: Action::Disable { units }, needed_by, ..step.clone() })
}
