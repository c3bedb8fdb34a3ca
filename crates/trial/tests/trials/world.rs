//! Small plans by chance, and hosts for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use doorward_plan::{
    Action, PLAN_VERSION, PackageVersion, Parts, Plan, PlanHost, Prefer, Rebind, Recorded, RecordedService,
    Saves, Step, StepId, Units,
};
use doorward_search::Probability;
use doorward_site::{Baseline, Site};
use doorward_trial::{Expectation, Lane, LaneError};

use crate::host::{Broken, FakeLane, FakeTest, Need, Shows, Truth};

/// A plan, what is so of its host, and what is expected of it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) truth: Truth,
    /// A step, and one that has to be shut with it.
    pub(crate) edges: BTreeSet<(StepId, StepId)>,
    pub(crate) left_out: BTreeSet<StepId>,
    pub(crate) baseline_runs: usize,
    /// What all of its tests have in common.
    pub(crate) site: Site,
}

/// A world by chance.
pub(crate) fn random(seed: u64) -> World {
    let mut random = fastrand::Rng::with_seed(seed);
    let count = random.usize(1..12);
    let mut world = world(seed, (0..count).map(|at| random_step(at, &mut random)).collect());
    for _ in 0..random.usize(0..=count / 2) {
        link(&mut world, random.usize(0..count), random.usize(0..count), random.u8(0..4));
    }
    let tests = random.usize(1..4);
    world.truth.tests = (0..tests)
        .map(|at| FakeTest { name: format!("test {at}"), is_silent: random.u8(0..5) == 0, errs: 0.0 })
        .collect();
    for _ in 0..random.usize(0..5) {
        let need = random_need(&world, &mut random);
        world.truth.needs.extend(need);
    }
    if random.u8(0..4) == 0 {
        world.left_out.insert(world.plan.steps[random.usize(0..count)].id.clone());
    }
    world
}

pub(crate) fn random_need(world: &World, random: &mut fastrand::Rng) -> Option<Need> {
    let shows = match random.u8(0..6) {
        0 => Shows::Rebooted,
        1 | 2 => Shows::Removed,
        _ => Shows::Stopped,
    };
    let steps = world
        .plan
        .steps
        .iter()
        .filter(|step| shows != Shows::Removed || matches!(step.action, Action::Uninstall { .. }));
    let ids: Vec<&StepId> = steps.map(|step| &step.id).collect();
    // "A", "A or B", "A or B or C".
    let any: BTreeSet<StepId> =
        (0..random.usize(1..4)).filter_map(|_| random.choice(&ids)).map(|id| (*id).clone()).collect();
    let test = (random.u8(0..6) > 0).then(|| random.usize(0..world.truth.tests.len()));
    (!any.is_empty()).then_some(Need { any, shows, test })
}

pub(crate) fn random_step(at: usize, random: &mut fastrand::Rng) -> Step {
    match random.u8(0..10) {
        0..5 => uninstall(at),
        5..9 => disable(at),
        _ => rebind(at),
    }
}

/// Says that the first cannot be left when the other is shut, in one of the plan's ways.
fn link(world: &mut World, dependent: usize, on: usize, way: u8) {
    let steps = &mut world.plan.steps;
    let ids = (steps[on].id.clone(), steps[dependent].id.clone());
    let package = steps[dependent].action.packages().next().cloned();
    let shuts = |step: &Step| step.action.units().is_some();
    if dependent == on || !shuts(&steps[on]) || !shuts(&steps[dependent]) {
        return;
    }
    let is_free = steps[on].cycle.is_none() && steps[dependent].cycle.is_none();
    match (way, package, &mut steps[on].action) {
        (0, Some(package), Action::Uninstall { along, .. }) if !along.contains(&package) => {
            along.push(package);
            along.sort();
        }
        (1, ..) if is_free => {
            let first = steps[on.min(dependent)].id.clone();
            steps[on].cycle = Some(first.clone());
            steps[dependent].cycle = Some(first);
            world.edges.insert((ids.1.clone(), ids.0.clone()));
        }
        _ => {
            steps[on].needed_by.push(service(dependent));
            steps[on].needed_by.sort();
            steps[on].needed_by.dedup();
        }
    }
    world.edges.insert(ids);
}

pub(crate) fn world(seed: u64, steps: Vec<Step>) -> World {
    let service = |name: String| (name, RecordedService::default());
    let names = steps.iter().flat_map(|step| step.action.units().into_iter().flat_map(Units::names));
    let services = names.map(|name| service(name.into_owned())).collect();
    let plan = Plan {
        schema_version: PLAN_VERSION,
        doorward: "0.1.0".to_owned(),
        host: PlanHost { name: "web".to_owned(), os: "Debian".to_owned() },
        snapshot: "00".repeat(32),
        prefer: Prefer::Uninstall,
        steps,
        recorded: Recorded { services, ..Recorded::default() },
    };
    let tests = vec![FakeTest { name: "the shop".to_owned(), is_silent: false, errs: 0.0 }];
    let truth = Truth { tests, needs: Vec::new(), gone: BTreeSet::new() };
    World {
        seed,
        plan,
        truth,
        edges: BTreeSet::new(),
        left_out: BTreeSet::new(),
        baseline_runs: 5,
        site: Site::new("http://shop.example/".parse().unwrap()),
    }
}

impl World {
    /// What is expected of a step has little to do with the truth.
    pub(crate) fn expect(&self, step: &Step) -> Expectation {
        let mut random = fastrand::Rng::with_seed(self.seed ^ step.id.0.bytes().map(u64::from).sum::<u64>());
        let needed = *random.choice(&[0.01, 0.02, 0.15, 0.5]).unwrap();
        Expectation { needed: Probability::new(needed).unwrap(), risky: random.u8(0..5) == 0 }
    }

    pub(crate) fn baseline(&self) -> Baseline {
        // By chance a test may fail in half of the runs, and is no test then.
        let mut random = fastrand::Rng::with_seed(self.seed);
        let run = |random: &mut fastrand::Rng| self.truth.outcomes(&Broken::new(), random);
        let mut runs =
            || Baseline::of(&(0..self.baseline_runs).map(|_| run(&mut random)).collect::<Vec<_>>());
        (0..10).find_map(|_| runs().ok()).expect("a baseline")
    }

    pub(crate) fn lanes(&self, count: usize, stop_at: Option<usize>) -> Vec<Box<dyn Lane>> {
        let attempts = Arc::default();
        let lane = |at: u64| FakeLane {
            truth: self.truth.clone(),
            random: fastrand::Rng::with_seed(self.seed.wrapping_mul(31) + at + 1),
            attempts: Arc::clone(&attempts),
            stop_at,
            error: LaneError::Stopped,
        };
        (0..count as u64).map(|at| Box::new(lane(at)) as Box<dyn Lane>).collect()
    }

    /// Steps with all that has to be shut with them.
    pub(crate) fn closed(&self, steps: impl IntoIterator<Item = StepId>) -> BTreeSet<StepId> {
        let mut closed: BTreeSet<StepId> = steps.into_iter().collect();
        loop {
            let more =
                self.edges.iter().filter(|(step, with)| closed.contains(step) && !closed.contains(with));
            let more: Vec<StepId> = more.map(|(_, with)| with.clone()).collect();
            if more.is_empty() {
                return closed;
            }
            closed.extend(more);
        }
    }

    pub(crate) fn needs(&mut self, shows: Shows, any: &[&str], test: Option<usize>) {
        self.truth.needs.push(Need { any: ids(any), shows, test });
    }
}

pub(crate) fn ids(of: &[&str]) -> BTreeSet<StepId> {
    of.iter().map(|id| StepId::from(*id)).collect()
}

pub(crate) fn service(at: usize) -> String {
    format!("s{at}.service")
}

pub(crate) fn step(id: String, action: Action) -> Step {
    Step {
        id: StepId(id),
        on: true,
        action,
        why: "nobody needs it".to_owned(),
        danger: None,
        undo: "start it".to_owned(),
        closes: Vec::new(),
        needed_by: Vec::new(),
        takes_along: Vec::new(),
        cycle: None,
        saves: Saves::default(),
        trial: None,
    }
}

fn units(at: usize) -> Units {
    Units::new(Parts { systemd: vec![service(at)], ..Parts::default() }).unwrap()
}

pub(crate) fn uninstall(at: usize) -> Step {
    let package = PackageVersion { name: format!("p{at}"), version: "1".to_owned() };
    step(format!("uninstall:p{at}"), Action::Uninstall { package, along: Vec::new(), units: units(at) })
}

pub(crate) fn disable(at: usize) -> Step {
    step(format!("disable:s{at}.service"), Action::Disable { units: units(at) })
}

/// What it rebinds is needed by everybody, and goes on for them.
pub(crate) fn rebind(at: usize) -> Step {
    let to = Rebind {
        service: service(at),
        file: "/etc/db.conf".to_owned(),
        setting: "bind".to_owned(),
        from: "0.0.0.0:1".to_owned(),
        to: "127.0.0.1".to_owned(),
        check: None,
    };
    Step {
        needed_by: (0..12).filter(|other| *other != at).map(service).collect(),
        ..step(format!("rebind:s{at}.service"), Action::Rebind(to))
    }
}
