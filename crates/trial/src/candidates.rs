//! What can be tried: the plan's steps, as a problem of the search.

use std::collections::{BTreeMap, BTreeSet};

use doorward_plan::{Plan, Step, StepId};
use doorward_search::{Candidate, Problem, ProblemError};

use crate::Expectation;

/// The steps of a plan that can be tried.
#[derive(Debug, Clone)]
pub struct Candidates {
    steps: Vec<StepId>,
    /// Nothing is expected of those of a narrower search.
    expected: Vec<Option<Expectation>>,
    /// Places of a step and of what it requires.
    edges: Vec<(usize, usize)>,
}

impl Candidates {
    /// Those that change the host, but for what is `left_out`: steps that cannot be tried here, with all that cannot be
    /// shut because of them.
    pub fn of(plan: &Plan, left_out: &BTreeSet<StepId>, expect: impl Fn(&Step) -> Expectation) -> Self {
        let all: Vec<&Step> = plan.changes().collect();
        let edges = edges(&all);
        let mut out: BTreeSet<usize> = (0..all.len()).filter(|at| left_out.contains(&all[*at].id)).collect();
        // What stays keeps what it requires.
        let mut grows = true;
        while grows {
            let kept = edges.iter().filter(|(dependent, _)| out.contains(dependent));
            let more: Vec<usize> =
                kept.map(|(_, required)| *required).filter(|at| !out.contains(at)).collect();
            grows = !more.is_empty();
            out.extend(more);
        }
        let places: Vec<usize> = (0..all.len()).filter(|at| !out.contains(at)).collect();
        let new: BTreeMap<usize, usize> = places.iter().copied().zip(0..).collect();
        Self {
            steps: places.iter().map(|at| all[*at].id.clone()).collect(),
            expected: places.iter().map(|at| Some(expect(all[*at]))).collect(),
            edges: edges.iter().filter_map(|(a, b)| Some((*new.get(a)?, *new.get(b)?))).collect(),
        }
    }

    /// These steps alone, of which nothing is expected.
    pub(crate) fn among(plan: &Plan, steps: &BTreeSet<StepId>) -> Self {
        let chosen: Vec<&Step> = plan.changes().filter(|step| steps.contains(&step.id)).collect();
        Self {
            steps: chosen.iter().map(|step| step.id.clone()).collect(),
            expected: vec![None; chosen.len()],
            edges: edges(&chosen),
        }
    }

    /// Their names, in the plan's order.
    pub fn steps(&self) -> &[StepId] {
        &self.steps
    }

    /// Whether there is nothing to try.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The search's problem, with these tests.
    pub(crate) fn problem(&self, tests: &[String]) -> Result<Problem, ProblemError> {
        let mut problem = Problem::new(tests.iter().cloned())?;
        let mut items = Vec::with_capacity(self.steps.len());
        for (step, expected) in self.steps.iter().zip(&self.expected) {
            let candidate = Candidate::new(step.to_string());
            let candidate = match expected {
                Some(Expectation { needed, risky: true }) => candidate.with_prior(*needed).risky(),
                Some(Expectation { needed, risky: false }) => candidate.with_prior(*needed),
                None => candidate,
            };
            items.push(problem.add(candidate)?);
        }
        for (dependent, required) in &self.edges {
            problem.requires(items[*dependent], items[*required])?;
        }
        Ok(problem)
    }
}

/// Who cannot be left when what it requires is shut: services that need others, packages that go with others, steps of
/// one cycle. The checker of plans holds the same.
fn edges(steps: &[&Step]) -> Vec<(usize, usize)> {
    let mut of_service: BTreeMap<String, usize> = BTreeMap::new();
    let mut of_package: BTreeMap<&str, usize> = BTreeMap::new();
    let mut cycles: BTreeMap<&StepId, usize> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        for name in step.action.units().into_iter().flat_map(doorward_plan::Units::names) {
            of_service.insert(name.into_owned(), at);
        }
        if let Some(package) = step.action.packages().next() {
            of_package.insert(&package.name, at);
        }
    }
    let mut edges = BTreeSet::new();
    for (at, step) in steps.iter().enumerate() {
        // What is bound to another address goes on for who needs it.
        let shuts = step.action.units().is_some();
        let dependents = step.needed_by.iter().filter(|_| shuts).filter_map(|name| of_service.get(name));
        let along =
            step.action.packages().skip(1).filter_map(|package| of_package.get(package.name.as_str()));
        edges.extend(dependents.chain(along).map(|dependent| (*dependent, at)));
        if let Some(cycle) = &step.cycle {
            let first = *cycles.entry(cycle).or_insert(at);
            edges.extend([(first, at), (at, first)]);
        }
    }
    edges.into_iter().filter(|(dependent, required)| dependent != required).collect()
}
