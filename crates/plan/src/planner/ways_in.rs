//! The administrators' remote ways in, which are never planned away, whatever the verdicts say of them: a server that
//! sleeps behind its socket is one as well.

use std::collections::BTreeSet;

use doorward_model::Source;

use super::facts::Facts;

/// Knowledge ids of proper ways in.
const PROPER: [&str; 3] = ["openssh-server", "dropbear", "tinysshd"];
/// Hazard classes that let somebody in, where nothing proper does.
const CLASSES: [&str; 2] = ["remote-shell", "remote-administration"];

/// Services that let administrators in, with what holds their doors.
pub(super) fn find(facts: &Facts<'_>) -> BTreeSet<usize> {
    let graph = facts.graph();
    let mut listening = BTreeSet::new();
    let mut held = Vec::new();
    for listener in &facts.snapshot.listeners {
        let outside = listener.namespace.is_host() && listener.address.is_some_and(|a| !a.is_loopback());
        let node = listener.service.as_deref().and_then(|s| graph.node(s));
        let Some(node) = node else { continue };
        if outside {
            listening.insert(node);
        }
        held.extend(listener.via.as_deref().and_then(|v| graph.node(v)).map(|holder| (node, holder)));
    }
    // What does not run listens nowhere yet: there, what starts at boot counts.
    let is_live = matches!(facts.snapshot.source, Source::Live { .. });
    let answers = |node: &usize| if is_live { listening.contains(node) } else { facts.lives(*node) };
    let known = |node: &usize| facts.judged(*node).and_then(|j| j.knowledge.as_deref());
    let class = |node: &usize| facts.judged(*node).and_then(|j| j.hazard.as_deref());
    let is_proper = |node: &usize| known(node).is_some_and(|k| PROPER.contains(&k));
    let mut ways: BTreeSet<usize> = (0..facts.len()).filter(is_proper).filter(answers).collect();
    let path = facts.snapshot.admin_path.as_ref().and_then(|p| p.service.as_deref());
    ways.extend(path.and_then(|s| graph.node(s)));
    if ways.is_empty() {
        let lets_in = |node: &usize| class(node).is_some_and(|c| CLASSES.contains(&c));
        ways = (0..facts.len()).filter(lets_in).filter(answers).collect();
    }
    let holders: Vec<usize> =
        held.iter().filter(|(n, _)| ways.contains(n)).map(|(_, holder)| *holder).collect();
    ways.extend(holders);
    ways
}
