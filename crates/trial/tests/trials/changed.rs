//! What becomes of a host, its plan and its site between two trials.

use doorward_plan::{Action, RecordedService, Step, Units};

use crate::host::{FakeTest, Need};
use crate::world::{World, random_need, random_step};

/// One change by chance. Of steps that are away one may return; one may leave, and is given.
pub(crate) fn change(world: &mut World, away: &mut Vec<Step>, random: &mut fastrand::Rng) -> Option<Step> {
    let steps = world.plan.steps.len();
    let at = if steps > 0 { random.usize(0..steps) } else { 0 };
    match random.u8(0..9) {
        0 | 1 if steps > 0 => update(world, at, random),
        2 if steps > 0 => return Some(leave(world, at, random)),
        3 if !away.is_empty() => {
            let step = away.swap_remove(random.usize(0..away.len()));
            come(world, step, random);
        }
        4 => {
            // Numbers are not given twice.
            let new = random.usize(100..1000);
            come(world, random_step(new, random), random);
        }
        5 => rename(world, random),
        6 => {
            let name = format!("new {}", random.u32(..));
            world.truth.tests.push(FakeTest { name, is_silent: false, errs: 0.0 });
            let test = Some(world.truth.tests.len() - 1);
            world.truth.needs.extend(random_need(world, random).map(|need| Need { test, ..need }));
        }
        7 if steps > 0 => {
            let id = world.plan.steps[at].id.clone();
            if !world.left_out.remove(&id) {
                world.left_out.insert(id);
            }
        }
        8 if steps > 0 => {
            let step = &mut world.plan.steps[at];
            step.on = !step.on;
            let id = step.id.clone();
            world.edges.retain(|(a, b)| *a != id && *b != id);
            forget(world, at);
        }
        _ => {}
    }
    None
}

/// Another version, which may be needed by other tests than the one before.
fn update(world: &mut World, at: usize, random: &mut fastrand::Rng) {
    let step = &mut world.plan.steps[at];
    match &mut step.action {
        Action::Uninstall { package, .. } => package.version.push('1'),
        Action::Disable { units } => {
            let mut parts = units.parts().clone();
            parts.systemd.push(format!("more-{}", parts.systemd[0]));
            *units = Units::new(parts).unwrap();
        }
        Action::Rebind(to) => to.to.push('1'),
        _ => {}
    }
    let id = step.id.clone();
    world.truth.needs.retain(|need| !need.any.contains(&id) || random.bool());
    if random.bool()
        && let Some(mut need) = random_need(world, random)
    {
        if need.shows != crate::host::Shows::Removed {
            need.any.insert(id);
        }
        if need.any.contains(&world.plan.steps[at].id) {
            world.truth.needs.push(need);
        }
    }
}

/// It was applied, or is needed by something now and no step any more.
fn leave(world: &mut World, at: usize, random: &mut fastrand::Rng) -> Step {
    forget(world, at);
    let step = world.plan.steps.remove(at);
    world.edges.retain(|(a, b)| *a != step.id && *b != step.id);
    let truth = &mut world.truth;
    let mut gone = truth.gone.clone();
    gone.insert(step.id.clone());
    let is_missed = truth.needs.iter().any(|need| need.any.is_subset(&gone));
    if random.bool() && !is_missed && step.action.units().is_some() {
        truth.gone = gone;
        for name in step.action.units().into_iter().flat_map(Units::names) {
            world.plan.recorded.services.remove(name.as_ref());
        }
    } else {
        truth.needs.retain(|need| !need.any.contains(&step.id));
    }
    step
}

/// A step that is new, or there again.
fn come(world: &mut World, step: Step, random: &mut fastrand::Rng) {
    world.truth.gone.remove(&step.id);
    for name in step.action.units().into_iter().flat_map(Units::names) {
        world.plan.recorded.services.insert(name.into_owned(), RecordedService::default());
    }
    let id = step.id.clone();
    world.plan.steps.push(step);
    if let Some(need) = random_need(world, random)
        && need.any.contains(&id)
    {
        world.truth.needs.push(need);
    }
}

/// A test has another name, or goes if it is not the only one.
fn rename(world: &mut World, random: &mut fastrand::Rng) {
    let truth = &mut world.truth;
    let at = random.usize(0..truth.tests.len());
    if truth.tests.len() == 1 || random.bool() {
        truth.tests[at].name.push('\'');
        return;
    }
    truth.tests.remove(at);
    truth.needs.retain(|need| need.test != Some(at));
    for need in &mut truth.needs {
        need.test = need.test.map(|test| test - usize::from(test > at));
    }
}

/// Nobody says any more that a step needs another, or the other way round.
fn forget(world: &mut World, at: usize) {
    let step = &mut world.plan.steps[at];
    step.cycle = None;
    let units = step.action.units().into_iter().flat_map(Units::names);
    let names: Vec<String> = units.map(std::borrow::Cow::into_owned).collect();
    let package = step.action.packages().next().map(|package| package.name.clone());
    if step.action.units().is_some() {
        step.needed_by.clear();
    }
    for step in &mut world.plan.steps {
        step.needed_by.retain(|name| !names.contains(name));
        if let Action::Uninstall { along, .. } = &mut step.action {
            along.retain(|other| Some(&other.name) != package.as_ref());
        }
    }
    if let Action::Uninstall { along, .. } = &mut world.plan.steps[at].action {
        along.clear();
    }
}
