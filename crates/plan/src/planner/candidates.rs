//! What may be shut: a candidate by its verdict, needed by nothing that stays, with a mechanism that is clear.

use std::collections::{BTreeSet, VecDeque};

use doorward_assess::graph::{Origin, is_boot_target};
use doorward_model::{DependencyKind, Manager, Start, Verdict};

use super::facts::Facts;
use super::ways_in;

/// What was found of each service, by its node.
pub(super) struct Candidates {
    may: Vec<bool>,
    /// For what is needed: by whom.
    needed_by: Vec<Option<usize>>,
    needed: Vec<bool>,
    ways_in: BTreeSet<usize>,
}

impl Candidates {
    /// Whether a step may shut it.
    pub(super) fn may_shut(&self, node: usize) -> bool {
        self.may[node]
    }

    /// Whether something that stays needs it, or it stays itself.
    pub(super) fn is_needed(&self, node: usize) -> bool {
        self.needed[node]
    }

    /// Whether administrators come in by it.
    pub(super) fn is_way_in(&self, node: usize) -> bool {
        self.ways_in.contains(&node)
    }

    /// Who needs it.
    pub(super) fn needed_by(&self, node: usize) -> Option<usize> {
        self.needed_by[node]
    }
}

pub(super) fn find(facts: &Facts<'_>) -> Candidates {
    let mut found = Candidates {
        may: vec![false; facts.len()],
        needed_by: vec![None; facts.len()],
        needed: vec![false; facts.len()],
        ways_in: ways_in::find(facts),
    };
    let mut queue = VecDeque::new();
    for node in 0..facts.len() {
        // What could not be judged stays, and with it what it needs.
        let stays = match facts.verdict(node) {
            Some(Verdict::Required | Verdict::Needed) => true,
            Some(Verdict::Unknown) => facts.lives(node),
            _ => false,
        };
        if stays || found.ways_in.contains(&node) {
            found.needed[node] = true;
            queue.push_back(node);
        }
    }
    while let Some(node) = queue.pop_front() {
        for next in needs(facts, node) {
            if !found.needed[next] {
                found.needed[next] = true;
                found.needed_by[next] = Some(node);
                queue.push_back(next);
            }
        }
    }
    for node in 0..facts.len() {
        let candidate = facts.verdict(node).is_some_and(Verdict::is_candidate);
        found.may[node] = candidate && !found.needed[node] && by_hand(facts, node).is_none();
    }
    found
}

/// What a service needs, and what starts it. Targets that start everything at boot need nothing by that.
fn needs(facts: &Facts<'_>, node: usize) -> Vec<usize> {
    let graph = facts.graph();
    let is_start_of_all = is_boot_target(facts.name(node));
    let wish = |origin| matches!(origin, Origin::Unit(DependencyKind::Wants | DependencyKind::Upholds));
    let out = graph.out(node).iter().filter(|e| {
        !is_start_of_all
            && e.origin.carries_need()
            && (!wish(e.origin) || facts.lives(e.other) || graph.is_group(e.other))
    });
    let triggers = graph.into(node).iter().filter(|e| e.origin == Origin::Unit(DependencyKind::Triggers));
    out.chain(triggers).map(|e| e.other).collect()
}

/// Why no step can shut a service, for those that none can.
pub(super) fn by_hand(facts: &Facts<'_>, node: usize) -> Option<&'static str> {
    let service = facts.service(node);
    let kind = service.name.rsplit_once('.').map_or("", |(_, kind)| kind);
    match service.manager {
        Manager::Systemd if service.start == Start::Manual => {
            Some("a program made this unit while the host ran: find out which one, and stop it there")
        }
        Manager::Systemd if matches!(kind, "service" | "socket" | "timer" | "path") => None,
        Manager::Systemd => {
            Some("it is no service, socket, timer or path: stop it with systemctl after a look")
        }
        Manager::Sysv | Manager::Openrc => None,
        Manager::Inetd | Manager::Xinetd => match &service.definition {
            Some(file) if file.starts_with('/') => None,
            _ => {
                Some("the file that holds its entry is not known: switch it off in the super-server's table")
            }
        },
        Manager::Container => {
            let name = service.name.strip_prefix("container:").unwrap_or(&service.name);
            match facts.container(name).map(|c| c.engine.as_str()) {
                Some("docker" | "podman") => None,
                _ => {
                    Some("stop the container with its own engine, and keep the engine from starting it again")
                }
            }
        }
        Manager::Kernel => Some("bring its configuration down, and unload the module"),
        Manager::Nobody => {
            Some("no service manager owns the process: find out who starts it, and stop it there")
        }
        Manager::Scm => Some("it is a service of Windows"),
    }
}
