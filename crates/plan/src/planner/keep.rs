//! What is left as it is, so that the reader sees it: what somebody must look at first, then what is needed.

use std::collections::BTreeSet;

use doorward_model::{AuditService, Evidence, EvidenceKind, Exposure, Verdict};

use super::candidates::{Candidates, by_hand};
use super::facts::Facts;
use super::groups::Groups;
use super::rebind;
use super::words::{evidence, said};
use crate::fingerprint::is_for_one_boot;
use crate::{Action, ClosedDoor, KeepReason, Saves, Step, StepId};

/// Settings to change, then what is kept.
pub(super) fn steps(facts: &Facts<'_>, candidates: &Candidates, groups: &Groups) -> Vec<Step> {
    let (mut rebinds, mut keeps) = (Vec::new(), Vec::new());
    for service in facts.assessment.audit.services.iter().filter(|s| s.lives()) {
        let Some(node) = facts.graph().node(&service.name) else { continue };
        let gone = service.verdict.is_candidate() && !facts.lives(node);
        if gone || groups.of(node).is_some() || is_for_one_boot(&service.name) {
            continue;
        }
        match service.verdict {
            Verdict::Dangerous | Verdict::Unneeded => keeps.push(left_over(facts, candidates, node, service)),
            Verdict::Unknown => {
                let why = format!("look again as root: {}", evidence(&service.evidence));
                keeps.push(keep(&service.name, KeepReason::Unknown, why, Vec::new()));
            }
            Verdict::Needed | Verdict::Required if candidates.is_way_in(node) => {
                let why = format!("a remote way in for administrators; {}", evidence(&service.evidence));
                keeps.push(keep(&service.name, KeepReason::Admin, why, Vec::new()));
            }
            Verdict::Needed | Verdict::Required => match rebind::step(facts, node, service) {
                Some(step) if step.action.is_change() => rebinds.push(step),
                Some(step) => keeps.push(step),
                None => {
                    let reason = reason(&service.evidence);
                    keeps.push(keep(&service.name, reason, evidence(&service.evidence), Vec::new()));
                }
            },
        }
    }
    keeps.extend(strangers(facts));
    keeps.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id)));
    let worst = |s: &Step| std::cmp::Reverse(s.closes.iter().map(|d| d.exposure).max());
    rebinds.sort_by(|a, b| worst(a).cmp(&worst(b)).then_with(|| a.id.cmp(&b.id)));
    rebinds.extend(keeps);
    rebinds
}

fn rank(step: &Step) -> Option<KeepReason> {
    match step.action {
        Action::Keep { reason, .. } => Some(reason),
        _ => None,
    }
}

/// A step that leaves a service alone.
pub(super) fn keep(service: &str, reason: KeepReason, why: String, needed_by: Vec<String>) -> Step {
    Step {
        id: StepId(format!("keep:{service}")),
        on: true,
        action: Action::Keep { service: service.to_owned(), reason },
        why,
        danger: None,
        undo: String::new(),
        closes: Vec::new(),
        needed_by,
        takes_along: Vec::new(),
        cycle: None,
        saves: Saves::default(),
        trial: None,
    }
}

/// A candidate that no step shuts.
fn left_over(facts: &Facts<'_>, candidates: &Candidates, node: usize, service: &AuditService) -> Step {
    if let Some(by) = candidates.needed_by(node) {
        let by = facts.name(by);
        let why = format!("{by} stays and needs it: look again as root, and at that one first");
        return keep(&service.name, KeepReason::Needed, why, vec![by.to_owned()]);
    }
    if candidates.is_needed(node) {
        let why = "a remote way in for the host's administrators".to_owned();
        return keep(&service.name, KeepReason::Admin, why, Vec::new());
    }
    let how = by_hand(facts, node).unwrap_or("look at it");
    let why =
        format!("{} ({}), and to be shut by hand: {how}", said(service.verdict), evidence(&service.evidence));
    keep(&service.name, KeepReason::ByHand, why, Vec::new())
}

fn reason(evidence: &[Evidence]) -> KeepReason {
    match evidence.first().map(|e| e.kind) {
        Some(EvidenceKind::Role) => KeepReason::Role,
        Some(EvidenceKind::Base) => KeepReason::Base,
        Some(EvidenceKind::Admin) => KeepReason::Admin,
        Some(EvidenceKind::Configured) => KeepReason::Configured,
        _ => KeepReason::Needed,
    }
}

/// Doors that nothing needs and that belong to no service of the snapshot: the kernel's own, a process that went.
fn strangers(facts: &Facts<'_>) -> Vec<Step> {
    let mut seen = BTreeSet::new();
    let doors = facts.assessment.audit.doors.iter().filter(|d| d.verdict.is_candidate());
    let mut steps = Vec::new();
    for door in doors.filter(|d| d.exposure != Exposure::Closed) {
        let Some(name) = door.service.as_deref() else { continue };
        if facts.graph().node(name).is_none() && seen.insert(name) {
            let how = if name.starts_with("kernel:") {
                "the kernel itself answers: bring its configuration down, and unload the module"
            } else {
                "it is no service that was seen: find out who opens it"
            };
            let why =
                format!("{} at {}, and to be shut by hand: {how}", said(door.verdict), ClosedDoor::of(door));
            steps.push(keep(name, KeepReason::ByHand, why, Vec::new()));
        }
    }
    steps
}
