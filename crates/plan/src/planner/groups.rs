//! What is shut together, in one step: a service with all that starts it, and all of a package that goes.

use doorward_model::{Manager, Start, Verdict};

use super::candidates::Candidates;
use super::facts::Facts;
use super::packages::{Removable, partners};
use crate::{ContainerName, Entry, Parts, Script, ScriptManager, SuperServer, Units};

/// The members of each step, and the step of each service.
pub(super) struct Groups {
    pub(super) all: Vec<Group>,
    of: Vec<Option<usize>>,
}

/// What one step shuts.
pub(super) struct Group {
    /// Nodes, in the snapshot's order.
    pub(super) members: Vec<usize>,
    /// The member that the step is named after.
    pub(super) first: usize,
    /// Whether its packages go.
    pub(super) uninstall: bool,
}

impl Groups {
    /// The step that shuts a service.
    pub(super) fn of(&self, node: usize) -> Option<usize> {
        self.of[node]
    }

    /// Moves the members of one group into another.
    pub(super) fn merge(&mut self, into: usize, other: usize) {
        let members = std::mem::take(&mut self.all[other].members);
        for &node in &members {
            self.of[node] = Some(into);
        }
        let group = &mut self.all[into].members;
        group.extend(members);
        group.sort_unstable();
    }
}

pub(super) fn form(facts: &Facts<'_>, candidates: &Candidates, removable: &Removable<'_>) -> Groups {
    let mut sets = Sets((0..facts.len()).collect());
    for node in (0..facts.len()).filter(|n| candidates.may_shut(*n)) {
        for other in partners(facts, candidates, node) {
            sets.join(node, other);
        }
    }
    // Of a package that goes, only what lives is worth a word, with what would start it.
    let mut lives = vec![false; facts.len()];
    for node in (0..facts.len()).filter(|n| candidates.may_shut(*n) && facts.lives(*n)) {
        lives[sets.root(node)] = true;
    }
    let worth: Vec<bool> = (0..facts.len()).map(|n| candidates.may_shut(n) && lives[sets.root(n)]).collect();
    let package = |node: usize| facts.service(node).package.as_deref().filter(|p| removable.may(p));
    let mut first_of = std::collections::HashMap::new();
    for node in (0..facts.len()).filter(|n| worth[*n]) {
        if let Some(package) = package(node) {
            let first = *first_of.entry(package).or_insert(node);
            sets.join(first, node);
        }
    }
    let mut groups = Groups { all: Vec::new(), of: vec![None; facts.len()] };
    let mut group_of_root = vec![None; facts.len()];
    for node in (0..facts.len()).filter(|n| worth[*n]) {
        let at = *group_of_root[sets.root(node)].get_or_insert_with(|| {
            groups.all.push(Group { members: Vec::new(), first: node, uninstall: false });
            groups.all.len() - 1
        });
        groups.all[at].members.push(node);
        groups.of[node] = Some(at);
    }
    for group in &mut groups.all {
        group.uninstall = group.members.iter().all(|n| package(*n).is_some());
        group.first =
            group.members.iter().copied().min_by_key(|n| name_rank(facts, *n)).unwrap_or(group.first);
    }
    groups
}

/// A step is named after a service that lives, worst first, rather than after what starts it.
fn name_rank<'a>(facts: &Facts<'a>, node: usize) -> (bool, bool, Option<Verdict>, &'a str) {
    let name = facts.name(node);
    (kind_rank(name) != 1 || name.contains("@."), !facts.lives(node), facts.verdict(node), name)
}

/// What starts others is stopped before them.
fn kind_rank(name: &str) -> u8 {
    u8::from(!matches!(name.rsplit_once('.'), Some((_, "socket" | "timer" | "path"))))
}

/// The members as a step shuts them.
pub(super) fn units(facts: &Facts<'_>, group: &Group) -> Option<Units> {
    let mut parts = Parts::default();
    for &node in &group.members {
        let service = facts.service(node);
        let name = service.name.clone();
        let file = || service.definition.clone().unwrap_or_default();
        match service.manager {
            Manager::Systemd => {
                parts.systemd.push(name);
                parts.bus_names.extend(service.bus_names.iter().cloned());
            }
            Manager::Sysv => parts.scripts.push(Script { name, manager: ScriptManager::Sysv }),
            Manager::Openrc => parts.scripts.push(Script { name, manager: ScriptManager::Openrc }),
            Manager::Inetd => parts.entries.push(Entry { name, manager: SuperServer::Inetd, file: file() }),
            Manager::Xinetd => parts.entries.push(Entry { name, manager: SuperServer::Xinetd, file: file() }),
            Manager::Container => {
                let name = name.strip_prefix("container:").unwrap_or(&name).to_owned();
                let engine = facts.container(&name).map(|c| c.engine.clone()).unwrap_or_default();
                parts.containers.push(ContainerName { name, engine });
            }
            Manager::Kernel | Manager::Nobody | Manager::Scm => {}
        }
    }
    parts.systemd.sort_by(|a, b| kind_rank(a).cmp(&kind_rank(b)).then_with(|| a.cmp(b)));
    parts.bus_names.sort();
    parts.bus_names.dedup();
    Units::new(parts)
}

/// Whether one of the members would come up at the next boot.
pub(super) fn at_boot(facts: &Facts<'_>, group: &Group) -> bool {
    group
        .members
        .iter()
        .any(|n| facts.service(*n).start.at_boot() || facts.service(*n).start == Start::Unknown)
}

/// Disjoint sets with halved paths.
struct Sets(Vec<usize>);

impl Sets {
    fn root(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller one stays the root, so that groups stand in the snapshot's order.
        self.0[a.max(b)] = a.min(b);
    }
}
