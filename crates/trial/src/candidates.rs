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

#[cfg(test)]
mod tests {
    use doorward_plan::{
        Action, PLAN_VERSION, PackageVersion, Parts, PlanHost, Prefer, Recorded, Saves, Units,
    };
    use doorward_search::Probability;

    use super::*;

    /// A step that shuts a service, and removes packages if any are named.
    fn step(id: &str, packages: &[&str], needed_by: &[&str], cycle: Option<&str>) -> Step {
        let units = Units::new(Parts { systemd: vec![format!("{id}.service")], ..Parts::default() }).unwrap();
        let version = |name: &&str| PackageVersion { name: (*name).to_owned(), version: "1".to_owned() };
        let action = match packages.split_first() {
            Some((first, along)) => Action::Uninstall {
                package: version(first),
                along: along.iter().map(version).collect(),
                units,
            },
            None => Action::Disable { units },
        };
        Step {
            id: StepId::from(id),
            on: true,
            action,
            why: String::new(),
            danger: None,
            undo: String::new(),
            closes: Vec::new(),
            needed_by: needed_by.iter().map(|name| format!("{name}.service")).collect(),
            takes_along: Vec::new(),
            cycle: cycle.map(StepId::from),
            saves: Saves::default(),
            trial: None,
        }
    }

    fn plan(steps: Vec<Step>) -> Plan {
        Plan {
            schema_version: PLAN_VERSION,
            doorward: String::new(),
            host: PlanHost { name: "web".to_owned(), os: "Debian".to_owned() },
            snapshot: String::new(),
            prefer: Prefer::Uninstall,
            steps,
            recorded: Recorded::default(),
        }
    }

    fn of(plan: &Plan, left_out: &[&str]) -> Candidates {
        let needed = Probability::new(0.1).unwrap();
        let left_out = left_out.iter().map(|id| StepId::from(*id)).collect();
        Candidates::of(plan, &left_out, |_| Expectation { needed, risky: false })
    }

    /// Pairs of a dependent and what it requires, by name.
    fn pairs(candidates: &Candidates) -> Vec<(&str, &str)> {
        let name = |at: usize| candidates.steps[at].0.as_str();
        candidates.edges.iter().map(|(dependent, required)| (name(*dependent), name(*required))).collect()
    }

    #[test]
    fn services_that_need_others_require_them() {
        let plan = plan(vec![
            step("web", &[], &[], None),
            step("db", &[], &["web", "own", "db"], None),
            step("log", &[], &["db"], None),
        ]);
        assert_eq!(pairs(&of(&plan, &[])), [("web", "db"), ("db", "log")]);
    }

    #[test]
    fn packages_that_are_taken_along_have_to_go() {
        let plan =
            plan(vec![step("tool", &["tool", "lib", "own"], &[], None), step("lib", &["lib"], &[], None)]);
        assert_eq!(pairs(&of(&plan, &[])), [("lib", "tool")]);
    }

    #[test]
    fn steps_of_a_cycle_require_each_other() {
        let cycle = |id| step(id, &[], &[], Some("a"));
        let plan = plan(vec![cycle("a"), cycle("b"), step("x", &[], &[], None), cycle("c")]);
        assert_eq!(pairs(&of(&plan, &[])), [("a", "b"), ("a", "c"), ("b", "a"), ("c", "a")]);
    }

    #[test]
    fn what_is_bound_elsewhere_needs_nobody_shut() {
        let rebind = doorward_plan::Rebind {
            service: "db.service".to_owned(),
            file: "/etc/db".to_owned(),
            setting: "bind".to_owned(),
            from: "0.0.0.0:1".to_owned(),
            to: "127.0.0.1".to_owned(),
            check: None,
        };
        let bound = Step { action: Action::Rebind(rebind), ..step("db", &[], &["web"], None) };
        assert_eq!(pairs(&of(&plan(vec![step("web", &[], &[], None), bound]), &[])), []);
    }

    #[test]
    fn what_is_left_out_keeps_all_that_it_requires_and_nothing_else() {
        let off = Step { on: false, ..step("off", &[], &[], None) };
        let plan = plan(vec![
            step("top", &[], &[], None),
            step("web", &[], &["top"], None),
            step("db", &[], &["web"], None),
            step("log", &["log", "db"], &["db"], None),
            step("other", &[], &["top"], None),
            off,
        ]);
        let names = |candidates: &Candidates| -> Vec<String> {
            candidates.steps().iter().map(|step| step.0.clone()).collect()
        };
        assert_eq!(names(&of(&plan, &[])), ["top", "web", "db", "log", "other"]);
        let out = of(&plan, &["web", "unknown"]);
        assert_eq!(names(&out), ["top", "other"]);
        assert_eq!(pairs(&out), [("top", "other")]);
        assert!(of(&plan, &["top"]).is_empty());
    }

    #[test]
    fn among_some_steps_only_their_own_edges_count_and_nothing_is_expected() {
        let plan = plan(vec![
            step("web", &["web"], &[], None),
            step("db", &[], &["web"], None),
            step("log", &["log"], &["db", "web"], None),
        ]);
        let some = Candidates::among(&plan, &BTreeSet::from([StepId::from("web"), StepId::from("log")]));
        assert_eq!(pairs(&some), [("web", "log")]);
        assert_eq!(some.expected, [None, None]);
    }

    #[test]
    fn the_search_is_told_what_is_expected() {
        let plan = plan(vec![step("web", &[], &[], None), step("db", &[], &["web"], None)]);
        let needed = Probability::new(0.3).unwrap();
        let expect = |step: &Step| Expectation { needed, risky: step.id.0 == "db" };
        let candidates = Candidates::of(&plan, &BTreeSet::new(), expect);
        let problem = candidates.problem(&["a".to_owned()]).unwrap();
        let told: Vec<_> = problem.candidates().iter().map(|c| (c.name.as_str(), c.prior, c.risky)).collect();
        assert_eq!(told, [("web", Some(needed), false), ("db", Some(needed), true)]);
        assert_eq!(problem.edges().len(), 1);
    }
}
