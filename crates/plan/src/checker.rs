//! Refuses plans that would cut off the site, the administrators or the host, whoever wrote them.
//!
//! Shares nothing with the planner but the values, and trusts no verdict that it can find out by itself: what is
//! needed is what the roots of need (the role, the base, the administrators, applications, the user's word) and
//! everything that stays alive reach along the graph.
//!
//! 1. `targets`: what each step touches, and what in it names nothing of this host;
//! 2. `protected`: what must not be touched;
//! 3. `kept`: what those that stay need;
//! 4. `ways_in`: the administrators' last remote way in;
//! 5. `packages`: what goes along;
//! 6. `order`: dependents first, no cycles;
//! 7. `settings`: changed settings;
//! 8. `filter`: who may still come in.

mod filter;
mod kept;
mod order;
mod packages;
mod protected;
mod settings;
mod targets;
mod ways_in;

use std::fmt;

use doorward_assess::Assessment;
use doorward_knowledge::Index;
use doorward_model::Snapshot;

use crate::{Plan, StepId};
use targets::Targets;

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The step.
    pub step: StepId,
    /// The rule that it breaks.
    pub rule: Rule,
    /// What is wrong, in a sentence.
    pub text: String,
    /// What to do instead.
    pub way_out: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.step, self.text, self.way_out)
    }
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The site's own servers and doors are not touched.
    Role,
    /// The administrators' ways in are not touched.
    Admin,
    /// The last remote way in for administrators is never shut; no override helps.
    LastWayIn,
    /// What the host needs to live is not touched.
    Base,
    /// What an application or the user's word needs is not touched.
    Needed,
    /// What could not be judged is not touched.
    Unknown,
    /// What those that stay need, declared or seen, is not touched.
    Dependency,
    /// A removed package takes along only what the plan names.
    TakesAlong,
    /// Steps name services and packages of this host, as they are.
    NoSuch,
    /// Each service and package is named by one step.
    Twice,
    /// Dependents come before what they depend on.
    Order,
    /// Steps that need each other say so.
    Cycle,
    /// A changed setting is one, and takes a door from the network.
    Setting,
    /// An override names a step that breaks a rule which can be overridden.
    UselessOverride,
}

impl Rule {
    /// Whether an override, named for the step, lets it pass.
    pub fn can_be_overridden(self) -> bool {
        matches!(
            self,
            Self::Role | Self::Admin | Self::Base | Self::Needed | Self::Unknown | Self::Dependency
        )
    }
}

/// Everything that is wrong with a plan, in the plan's order; empty when it may be applied. The assessment must be of
/// this snapshot. `overrides` names, one by one, the steps whose breaking of a rule the user takes upon himself.
pub fn check(
    plan: &Plan,
    snapshot: &Snapshot,
    assessment: &Assessment<'_>,
    overrides: &[StepId],
) -> Vec<Violation> {
    let mut found = Found { plan, list: Vec::new() };
    let targets = Targets::new(plan, snapshot, assessment, &mut found);
    protected::check(&targets, &mut found);
    kept::check(&targets, &mut found);
    ways_in::check(&targets, &mut found);
    packages::check(&targets, &mut found);
    order::check(&targets, &mut found);
    settings::check(&targets, &mut found);
    filter::check(&targets, &mut found);
    found.list.sort();
    found.list.dedup();
    let mut left: Vec<(usize, Violation)> = Vec::new();
    let mut used = vec![false; overrides.len()];
    for (at, violation) in found.list {
        let named = overrides.iter().position(|o| *o == violation.step);
        match named.filter(|_| violation.rule.can_be_overridden()) {
            Some(named) => used[named] = true,
            None => left.push((at, violation)),
        }
    }
    let mut left: Vec<Violation> = left.into_iter().map(|(_, violation)| violation).collect();
    left.extend(overrides.iter().zip(used).filter(|(_, used)| !used).map(|(id, _)| useless(plan, id)));
    left
}

/// Commands of a plan that nobody but the plan vouches for. None of them may be run.
pub fn check_commands(plan: &Plan, index: &Index<'_>) -> Vec<Violation> {
    settings::foreign(plan, index)
}

fn useless(plan: &Plan, id: &StepId) -> Violation {
    let text = match plan.step(id) {
        None => "the override names no step of the plan",
        Some(_) => "the override is not needed, or names what no override allows",
    };
    let way_out = "leave the override out".to_owned();
    Violation { step: id.clone(), rule: Rule::UselessOverride, text: text.to_owned(), way_out }
}

/// Violations, with the place of their step.
struct Found<'p> {
    plan: &'p Plan,
    list: Vec<(usize, Violation)>,
}

impl Found<'_> {
    fn add(&mut self, step: usize, rule: Rule, text: impl Into<String>, way_out: impl Into<String>) {
        let id = self.plan.steps[step].id.clone();
        self.list.push((step, Violation { step: id, rule, text: text.into(), way_out: way_out.into() }));
    }
}
