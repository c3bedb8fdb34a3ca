//! What must not be touched, whatever needs it: the site, the administrators, the host itself, the user's word.

use doorward_assess::graph::is_group;
use doorward_model::{EvidenceKind, Verdict};

use super::targets::Targets;
use super::{Found, Rule};

const SWITCH_OFF: &str = "switch the step off, or name it with --override";

pub(super) fn check(targets: &Targets<'_>, found: &mut Found<'_>) {
    for node in 0..targets.judged.len() {
        if let Some(at) = targets.shut_by[node] {
            service(targets, at, node, found);
        }
    }
}

fn service(targets: &Targets<'_>, at: usize, node: usize, found: &mut Found<'_>) {
    let name = targets.name(node);
    let Some(judged) = targets.judged[node] else {
        if targets.named_by[node] == Some(at) {
            let text = format!("{name} groups other units, which would stop with it");
            found.add(at, Rule::Base, text, "name the services themselves");
        }
        return;
    };
    for piece in &judged.evidence {
        let (rule, what) = match piece.kind {
            EvidenceKind::Role => (Rule::Role, "the host's role requires"),
            EvidenceKind::Base => (Rule::Base, "the host needs"),
            EvidenceKind::Admin => (Rule::Admin, "the administrators need"),
            EvidenceKind::Configured => (Rule::Needed, "your configuration keeps"),
            EvidenceKind::Requirement => (Rule::Needed, "an application needs"),
            // A group is judged by nobody: what it needs is taken for needed.
            EvidenceKind::Declared | EvidenceKind::Observed if piece.by.as_deref().is_some_and(is_group) => {
                (Rule::Dependency, "a group needs")
            }
            _ => continue,
        };
        let by = piece.by.as_ref().map(|by| format!("{by}: ")).unwrap_or_default();
        found.add(at, rule, format!("{what} {name}: {by}{}", piece.detail), SWITCH_OFF);
    }
    if targets.doors(node).iter().any(|d| d.http) {
        found.add(at, Rule::Role, format!("the site's clients are answered by {name}"), SWITCH_OFF);
    }
    let path = targets.snapshot.admin_path.as_ref();
    if path.and_then(|p| p.service.as_deref()).and_then(|s| targets.graph().node(s)) == Some(node) {
        found.add(at, Rule::Admin, format!("you came in by {name}"), SWITCH_OFF);
    }
    if judged.verdict == Verdict::Unknown && targets.lives(node) {
        let text = format!("not enough was seen of {name} to say whether something needs it");
        found.add(
            at,
            Rule::Unknown,
            text,
            "look again as root, switch the step off, or name it with --override",
        );
    }
    let essential = targets.graph().services()[node].package.as_ref().filter(|p| {
        let essential = targets.snapshot.packages.packages.get(*p).is_some_and(|p| p.essential);
        essential && targets.removed_by.contains_key(p.as_str())
    });
    if let Some(package) = essential {
        found.add(at, Rule::Base, format!("the distribution calls {package} essential"), SWITCH_OFF);
    }
}
