//! Which packages may go as a whole: where nothing that stays goes along, and nothing that cannot be put back.

use std::collections::{HashMap, HashSet, VecDeque};

use doorward_assess::graph::Origin;
use doorward_model::{DependencyKind, Verdict};

use super::candidates::Candidates;
use super::facts::Facts;

/// Packages that may be uninstalled, and why others may not.
#[derive(Default)]
pub(super) struct Removable<'a> {
    may: HashSet<&'a str>,
    not: HashMap<&'a str, String>,
}

impl<'a> Removable<'a> {
    pub(super) fn may(&self, package: &str) -> bool {
        self.may.contains(package)
    }

    /// Why a package stays, if it was looked at.
    pub(super) fn why_not(&self, package: &str) -> Option<&str> {
        self.not.get(package).map(String::as_str)
    }

    fn block(&mut self, package: &'a str, why: impl FnOnce() -> String) -> bool {
        let was = self.may.remove(package);
        if was {
            self.not.insert(package, why());
        }
        was
    }
}

/// All packages with something to shut that may be uninstalled.
pub(super) fn removable<'a>(facts: &Facts<'a>, candidates: &Candidates) -> Removable<'a> {
    let mut found = Removable::default();
    let applications: HashSet<&str> = facts.snapshot.applications.iter().map(|a| a.place.as_str()).collect();
    let shut = |node: &usize| candidates.may_shut(*node) && facts.lives(*node);
    for name in (0..facts.len()).filter(shut).filter_map(|n| facts.service(n).package.as_deref()) {
        if found.may.contains(name) || found.not.contains_key(name) {
            continue;
        }
        match reason_to_stay(facts, candidates, &applications, name) {
            None => drop(found.may.insert(name)),
            Some(why) => drop(found.not.insert(name, why)),
        }
    }
    settle(facts, candidates, &mut found);
    found
}

/// Why a package must stay, looking at it and at what goes along.
fn reason_to_stay(
    facts: &Facts<'_>,
    candidates: &Candidates,
    applications: &HashSet<&str>,
    name: &str,
) -> Option<String> {
    let Some(package) = facts.package(name) else {
        return Some("the package database does not tell what goes along".to_owned());
    };
    let along = package.removal_takes.iter().chain(&package.required_by).map(String::as_str);
    for goes in std::iter::once(name).chain(along) {
        if facts.package(goes).is_some_and(|p| p.essential) {
            return Some(format!("the distribution calls {goes} essential"));
        }
        if applications.contains(goes) {
            return Some(format!("the application {goes} would go with it"));
        }
        if facts.version(goes).is_none() {
            return Some(format!("the version of {goes} is not known, so that it could not be put back"));
        }
        if let Some(stays) = facts.of_package(goes).iter().find(|n| stays(facts, candidates, **n)) {
            let stays = facts.name(*stays);
            return Some(if goes == name {
                format!("its package also brings {stays}, which stays")
            } else {
                format!("its removal would take along {goes} with {stays}, which stays")
            });
        }
    }
    None
}

/// Whether a service stays whatever is planned.
fn stays(facts: &Facts<'_>, candidates: &Candidates, node: usize) -> bool {
    let judged_to = facts.verdict(node).is_some_and(|v| !Verdict::is_candidate(v));
    let cannot = facts.lives(node) && !candidates.may_shut(node);
    candidates.is_needed(node) || judged_to || cannot
}

/// What is shut together is uninstalled together or not at all; nothing goes along that is only disabled.
fn settle<'a>(facts: &Facts<'a>, candidates: &Candidates, found: &mut Removable<'a>) {
    let mut takers: HashMap<&str, Vec<&'a str>> = HashMap::new();
    for &taker in &found.may {
        for taken in facts.package(taker).into_iter().flat_map(|p| &p.removal_takes) {
            takers.entry(taken).or_default().push(taker);
        }
    }
    let mut queue: VecDeque<&'a str> = VecDeque::new();
    // Names as they stand in the snapshot, so that the outcome does not rest on the order of hashing.
    let mut stay: Vec<&'a str> = found.not.keys().copied().collect();
    stay.sort_unstable();
    queue.extend(stay);
    for node in (0..facts.len()).filter(|n| candidates.may_shut(*n)) {
        if facts.service(node).package.is_none() {
            for other in partners(facts, candidates, node) {
                let name = facts.name(node);
                block(facts, found, &mut queue, other, || {
                    format!("{name} is shut with it, which came with no package")
                });
            }
        } else if facts.service(node).package.as_deref().is_some_and(|p| !found.may(p)) {
            for other in partners(facts, candidates, node) {
                let name = facts.name(node);
                block(facts, found, &mut queue, other, || {
                    format!("{name} is shut with it, whose package stays")
                });
            }
        }
    }
    while let Some(package) = queue.pop_front() {
        let mut list = takers.remove(package).unwrap_or_default();
        list.sort_unstable();
        let only_disabled =
            facts.of_package(package).iter().any(|n| candidates.may_shut(*n) && facts.lives(*n));
        for taker in list.into_iter().filter(|_| only_disabled) {
            if found
                .block(taker, || format!("its removal would take along {package}, which is only disabled"))
            {
                queue.push_back(taker);
            }
        }
        for &node in facts.of_package(package).iter().filter(|n| candidates.may_shut(**n)) {
            for other in partners(facts, candidates, node) {
                let name = facts.name(node);
                block(facts, found, &mut queue, other, || {
                    format!("{name} is shut with it, whose package stays")
                });
            }
        }
    }
}

fn block<'a>(
    facts: &Facts<'a>,
    found: &mut Removable<'a>,
    queue: &mut VecDeque<&'a str>,
    node: usize,
    why: impl FnOnce() -> String,
) {
    if let Some(package) = facts.service(node).package.as_deref()
        && found.block(package, why)
    {
        queue.push_back(package);
    }
}

/// What starts a service, and what it starts, among those that may be shut.
pub(super) fn partners(facts: &Facts<'_>, candidates: &Candidates, node: usize) -> Vec<usize> {
    let graph = facts.graph();
    let edges = graph.out(node).iter().chain(graph.into(node));
    let triggers = edges.filter(|e| e.origin == Origin::Unit(DependencyKind::Triggers));
    triggers.map(|e| e.other).filter(|other| candidates.may_shut(*other)).collect()
}
