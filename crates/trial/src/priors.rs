//! How likely a site needs what a step shuts, before anything is tried. It changes how many trials there are, and nothing
//! else.

use doorward_assess::Assessment;
use doorward_knowledge::Index;
use doorward_model::EvidenceKind;
use doorward_plan::{Action, KeepReason, Plan, Step};
use doorward_search::Probability;

/// What is expected of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// That the site needs what it shuts.
    pub needed: Probability,
    /// That to stop and to start it again may do harm: it is tried late.
    pub risky: bool,
}

/// What kinds of services do for sites: a web application often keeps its data in a store, mails, or searches; it seldom
/// prints. The kinds are the knowledge's classes of hazards.
const BY_CLASS: [(&str, f64); 8] = [
    ("data-store", 0.25),
    ("messaging", 0.2),
    ("mail-relay", 0.2),
    ("indexing-search", 0.15),
    ("name-directory", 0.1),
    ("file-access", 0.05),
    ("sharing-forwarding", 0.05),
    ("rpc", 0.03),
];
/// Known, and of another kind or none.
const KNOWN: f64 = 0.02;
/// Nobody knows what it is for.
const UNKNOWN: f64 = 0.15;
/// Something was seen to talk to it, though nothing that is needed.
const SPOKEN_TO: f64 = 2.0;
/// A needed service that is bound to loopback.
const REBOUND: f64 = 0.05;
const MOST: f64 = 0.5;
/// What the plan keeps for the role, or for something that is kept, and is doubted.
const OF_THE_ROLE: f64 = 0.95;
const KEPT: f64 = 0.8;

/// Classes on which other services, or the way in, may hang without saying so.
const RISKY: [&str; 3] = ["name-directory", "remote-administration", "remote-shell"];

/// What is expected of a step of the assessment's host, or of a doubt of what the plan keeps.
///
/// # Panics
/// Never: what is expected lies between 0 and 1.
pub fn expect(step: &Step, plan: &Plan, assessment: &Assessment<'_>, index: &Index<'_>) -> Expectation {
    let probability = |p: f64| Probability::new(p).expect("between 0 and 1");
    match plan.step(&step.id).map(|planned| &planned.action) {
        Some(Action::Keep { reason: KeepReason::Role, .. }) => {
            return Expectation { needed: probability(OF_THE_ROLE), risky: false };
        }
        Some(Action::Keep { .. }) => return Expectation { needed: probability(KEPT), risky: false },
        _ => {}
    }
    let graph = &assessment.graph;
    let (mut known, mut risky, mut is_spoken_to) = (None, false, false);
    for name in step.action.units().into_iter().flat_map(doorward_plan::Units::names) {
        let Some(node) = graph.node(&name) else { continue };
        is_spoken_to |= graph.into(node).iter().any(|e| e.origin.evidence() == EvidenceKind::Observed);
        let Some(entry) = index.service(&graph.services()[node]) else { continue };
        let class = entry.class.as_deref();
        risky |= class.is_some_and(|class| RISKY.contains(&class));
        let of_class = BY_CLASS.iter().find(|(name, _)| class == Some(*name)).map_or(KNOWN, |(_, p)| *p);
        known = Some(known.map_or(of_class, |p: f64| p.max(of_class)));
    }
    let alone = match step.action {
        Action::Rebind(_) => REBOUND,
        _ => known.unwrap_or(UNKNOWN),
    };
    let needed = if is_spoken_to { alone * SPOKEN_TO } else { alone };
    Expectation { needed: probability(needed.min(MOST)), risky }
}

#[cfg(test)]
mod tests {
    use doorward_knowledge::Knowledge;

    use super::*;

    #[test]
    fn the_kinds_are_classes_of_the_knowledge() {
        let knowledge = Knowledge::built_in();
        for class in BY_CLASS.iter().map(|(class, _)| class).chain(&RISKY) {
            assert!(knowledge.classes.iter().any(|known| known.id == *class), "{class}");
        }
    }
}
