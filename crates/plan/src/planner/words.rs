//! Groups in their order as steps, in the words that the reader sees.

use std::collections::BTreeSet;

use doorward_model::{Evidence, EvidenceKind, Verdict};

use super::facts::Facts;
use super::groups::{Group, Groups, at_boot, units};
use super::order::Place;
use super::packages::Removable;
use crate::{Action, ClosedDoor, PackageVersion, Prefer, Saves, Step, StepId};

/// Numbers in the file are signed.
const MOST: u64 = i64::MAX as u64;

pub(super) fn steps(
    facts: &Facts<'_>,
    groups: &Groups,
    order: &[Place],
    removable: &Removable<'_>,
    prefer: Prefer,
) -> Vec<Step> {
    let mut gone = BTreeSet::new();
    let mut steps = Vec::new();
    for place in order {
        let first = place.groups.first().map(|g| id(facts, &groups.all[*g], prefer));
        let cycle = first.filter(|_| place.groups.len() > 1);
        for &at in &place.groups {
            steps.extend(step(facts, groups, at, removable, prefer, &mut gone, cycle.clone()));
        }
    }
    steps
}

fn id(facts: &Facts<'_>, group: &Group, prefer: Prefer) -> StepId {
    let name = facts.name(group.first);
    StepId(match (group.uninstall, prefer) {
        (true, _) => format!("uninstall:{}", facts.service(group.first).package.as_deref().unwrap_or(name)),
        (false, Prefer::Stop) => format!("stop:{name}"),
        (false, _) => format!("disable:{name}"),
    })
}

fn step<'a>(
    facts: &Facts<'a>,
    groups: &Groups,
    at: usize,
    removable: &Removable<'_>,
    prefer: Prefer,
    gone: &mut BTreeSet<&'a str>,
    cycle: Option<StepId>,
) -> Option<Step> {
    let group = &groups.all[at];
    let units = units(facts, group)?;
    let own: BTreeSet<&str> =
        group.members.iter().filter_map(|n| facts.service(*n).package.as_deref()).collect();
    let action = if group.uninstall {
        let main = facts.service(group.first).package.as_deref()?;
        let packages = own.iter().filter_map(|name| facts.package(name));
        let taken = packages.flat_map(|p| p.removal_takes.iter().chain(&p.required_by)).map(String::as_str);
        let all: BTreeSet<&str> =
            taken.chain(own.iter().copied()).filter(|name| !gone.contains(name)).collect();
        gone.extend(all.iter().filter_map(|name| facts.installed(name)));
        let version = |name: &str| PackageVersion {
            name: name.to_owned(),
            version: facts.version(name).unwrap_or_default().to_owned(),
        };
        let along = all.into_iter().filter(|name| *name != main).map(version).collect();
        Action::Uninstall { package: version(main), along, units }
    } else if prefer == Prefer::Stop {
        Action::Stop { units }
    } else {
        Action::Disable { units }
    };
    let blocked = own.iter().find_map(|name| removable.why_not(name));
    let mut along: Vec<String> = action.packages().skip(1).map(|p| p.name.clone()).collect();
    along.extend(group.members.iter().filter(|n| **n != group.first).map(|n| facts.name(*n).to_owned()));
    along.sort();
    along.dedup();
    Some(Step {
        id: id(facts, group, prefer),
        on: true,
        why: why(facts, group, blocked, cycle.as_ref()),
        danger: danger(facts, group),
        undo: undo(facts, group, &action),
        closes: closes(facts, group),
        needed_by: needed_by(facts, groups, at),
        takes_along: along,
        cycle,
        saves: saves(facts, group, &action),
        trial: None,
        action,
    })
}

/// The evidence of the worst member, and why it is done this way.
fn why(facts: &Facts<'_>, group: &Group, blocked: Option<&str>, cycle: Option<&StepId>) -> String {
    let living = group.members.iter().copied().filter(|n| facts.lives(*n));
    let worst = living.min_by_key(|n| (facts.verdict(*n), *n != group.first)).unwrap_or(group.first);
    let mut why = evidence(facts.judged(worst).map_or(&[], |j| &j.evidence));
    if worst != group.first {
        why = format!("{}: {why}", facts.name(worst));
    }
    if let Some(blocked) = blocked.filter(|_| !group.uninstall) {
        why = format!("{why}. Not uninstalled: {blocked}");
    }
    if let Some(first) = cycle {
        why = format!(
            "{why}. It is one of the steps from {first} on that need each other, so that no order is right"
        );
    }
    why
}

/// Evidence in one sentence.
pub(super) fn evidence(evidence: &[Evidence]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for piece in evidence.iter().take(3) {
        let text = match (&piece.by, piece.kind) {
            (Some(by), EvidenceKind::Role) => format!("role {by}: {}", piece.detail),
            (Some(by), _) => format!("{by}: {}", piece.detail),
            (None, _) => piece.detail.clone(),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join("; ")
}

fn danger(facts: &Facts<'_>, group: &Group) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for entry in group.members.iter().filter_map(|n| facts.entry(*n)) {
        let class = entry.class.as_deref();
        let class = class.and_then(|id| facts.index.knowledge().classes.iter().find(|c| c.id == id));
        let gives = entry.gives.clone().or_else(|| class.map(|c| c.gives.clone()));
        let text = gives.map(|gives| format!("{} gives an intruder: {gives}", entry.title));
        let lost = entry.removal.as_ref().filter(|_| group.uninstall);
        for text in text.into_iter().chain(lost.map(|lost| format!("when removed: {lost}"))) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    (!texts.is_empty()).then(|| texts.join(". "))
}

fn undo(facts: &Facts<'_>, group: &Group, action: &Action) -> String {
    let back = if at_boot(facts, group) { "enable and start what was" } else { "start what ran" };
    match action {
        Action::Uninstall { .. } => {
            let packages: Vec<String> =
                action.packages().map(|p| format!("{} {}", p.name, p.version)).collect();
            format!("install {} again, with the configuration kept, then {back}", packages.join(", "))
        }
        Action::Stop { .. } => "start what ran; a reboot does so too".to_owned(),
        _ => format!("allow it to start again, then {back}"),
    }
}

/// The doors of what a step shuts, each once, worst first.
fn closes(facts: &Facts<'_>, group: &Group) -> Vec<ClosedDoor> {
    let mut doors: Vec<ClosedDoor> =
        group.members.iter().flat_map(|n| facts.doors(*n)).map(|d| ClosedDoor::of(d)).collect();
    doors.sort_by(|a, b| b.exposure.cmp(&a.exposure).then_with(|| a.cmp(b)));
    doors.dedup();
    doors
}

/// Services outside of the step that need what it shuts.
fn needed_by(facts: &Facts<'_>, groups: &Groups, at: usize) -> Vec<String> {
    let graph = facts.graph();
    let into = groups.all[at].members.iter().flat_map(|n| graph.into(*n));
    let telling = into.filter(|e| e.origin.carries_need() && !graph.is_group(e.other));
    let outside = telling.filter(|e| groups.of(e.other) != Some(at));
    let names: BTreeSet<&str> = outside.map(|e| facts.name(e.other)).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn saves(facts: &Facts<'_>, group: &Group, action: &Action) -> Saves {
    let sum = |of: &dyn Fn(usize) -> Option<u64>| {
        let known = group.members.iter().filter_map(|n| of(*n));
        known.reduce(u64::saturating_add).map(|sum| sum.min(MOST))
    };
    let judged = |n: usize| facts.judged(n);
    let updates =
        action.packages().filter(|p| facts.package(&p.name).is_some_and(|p| p.update.is_some())).count();
    let entries = group.members.iter().filter(|n| facts.lives(**n)).filter_map(|n| facts.entry(*n));
    let exploited: BTreeSet<&str> = entries
        .flat_map(|e| &e.history)
        .filter(|v| v.exploited && facts.index.holds(&v.systems))
        .map(|v| v.id.as_str())
        .collect();
    Saves {
        memory_bytes: sum(&|n| judged(n)?.memory_bytes),
        cpu_usec: sum(&|n| judged(n)?.cpu_usec),
        pending_updates: u32::try_from(updates).unwrap_or(u32::MAX),
        known_exploited: exploited.into_iter().map(str::to_owned).collect(),
    }
}

/// The verdict in a sentence's beginning.
pub(super) fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Dangerous => "dangerous",
        _ => "not needed",
    }
}
