//! What is to be done, step by step, whatever it is written in.

use std::collections::HashMap;

use doorward_model::{Service, Snapshot, Start, State};

use super::Direction;
use crate::{Action, ContainerName, Plan, ScriptManager, Step};

/// A step with what it does, in order.
pub(super) struct Changes<'p> {
    pub(super) step: &'p Step,
    pub(super) list: Vec<Change<'p>>,
}

/// One thing to do.
pub(super) enum Change<'p> {
    /// Stop units.
    Stop(Vec<&'p str>),
    /// Stop and disable units, whose package goes.
    Disable(Vec<&'p str>),
    /// Stop, disable and mask units.
    Mask(Vec<&'p str>),
    /// Undo a mask.
    Unmask(Vec<&'p str>),
    /// Enable units.
    Enable(Vec<&'p str>),
    /// Start units.
    Start(Vec<&'p str>),
    /// Remove packages.
    Remove(Vec<&'p str>),
    /// Install packages at their exact versions.
    Install(Vec<(&'p str, &'p str)>),
    /// Stop a container, and keep Docker from starting it again.
    StopContainer(&'p str),
    /// Start a container.
    StartContainer(&'p str),
    /// Stop an init script and take it out of the runlevels.
    StopScript(&'p str, ScriptManager),
    /// Put an init script back into the runlevels, and start it if it ran.
    StartScript(&'p str, ScriptManager, bool),
    /// What this form cannot say.
    ByHand(String),
}

/// The steps that are done, in the order of the direction.
pub(super) fn of<'p>(plan: &'p Plan, snapshot: &Snapshot, direction: Direction) -> Vec<Changes<'p>> {
    let services: HashMap<&str, &Service> = snapshot.services.iter().map(|s| (s.name.as_str(), s)).collect();
    let steps = plan.changes().map(|step| Changes { step, list: changes(step, &services, direction) });
    let mut steps: Vec<Changes<'_>> = steps.collect();
    if direction == Direction::Undo {
        steps.reverse();
    }
    steps
}

fn changes<'p>(step: &'p Step, services: &HashMap<&str, &Service>, direction: Direction) -> Vec<Change<'p>> {
    let mut list = Vec::new();
    if let Action::Rebind(rebind) = &step.action {
        list.push(Change::ByHand(match direction {
            Direction::Apply => {
                let check = rebind.check.as_ref().map(|c| format!(", check it with {c}")).unwrap_or_default();
                format!(
                    "set {} to {} in {}{check}, and restart {}",
                    rebind.setting, rebind.to, rebind.file, rebind.service
                )
            }
            Direction::Undo => format!("put {} in {} back as it was", rebind.setting, rebind.file),
        }));
    }
    if let Action::Filter(filter) = &step.action {
        let doors: Vec<String> = filter.policy.doors().map(|door| door.to_string()).collect();
        list.push(Change::ByHand(match direction {
            Direction::Apply => format!(
                "let the packet filter pass new connections to {} alone, from the clients that the plan names",
                doors.join(", ")
            ),
            Direction::Undo => "take the rules of the packet filter away again".to_owned(),
        }));
    }
    let all: Vec<_> = step.action.packages().collect();
    let (good, odd): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|p| is_package(&p.name) && is_package(&p.version));
    let install = good.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect::<Vec<_>>();
    if direction == Direction::Undo && !install.is_empty() {
        list.push(Change::Install(install));
    }
    units(&mut list, step, services, direction);
    if direction == Direction::Apply && !good.is_empty() {
        list.push(Change::Remove(good.iter().map(|p| p.name.as_str()).collect()));
    }
    list.extend(
        odd.iter().map(|p| Change::ByHand(format!("no package can be called {} {}", p.name, p.version))),
    );
    list
}

fn units<'p>(
    list: &mut Vec<Change<'p>>,
    step: &'p Step,
    services: &HashMap<&str, &Service>,
    direction: Direction,
) {
    let Some(parts) = step.action.units().map(crate::Units::parts) else { return };
    let names = parts.systemd.iter().map(String::as_str);
    let (mut good, odd): (Vec<&str>, Vec<&str>) = names.partition(|n| is_unit(n));
    let before = |name: &str| services.get(name).copied();
    let ran = |name: &str| {
        before(name).is_some_and(|s| matches!(s.state, State::Running | State::Changing | State::Exited))
    };
    match (direction, &step.action) {
        _ if good.is_empty() => {}
        (Direction::Apply, Action::Stop { .. }) => list.push(Change::Stop(good)),
        (Direction::Apply, Action::Uninstall { .. }) => list.push(Change::Disable(good)),
        (Direction::Apply, _) => list.push(Change::Mask(good)),
        (Direction::Undo, action) => {
            good.reverse();
            let of =
                |test: &dyn Fn(&str) -> bool| good.iter().copied().filter(|n| test(n)).collect::<Vec<_>>();
            if matches!(action, Action::Disable { .. }) {
                let was_masked = |n: &str| before(n).is_some_and(|s| s.start == Start::Masked);
                list.push(Change::Unmask(of(&|n| !was_masked(n))));
            }
            if !matches!(action, Action::Stop { .. }) {
                list.push(Change::Enable(of(&|n| before(n).is_some_and(|s| s.start.at_boot()))));
            }
            list.push(Change::Start(of(&|n| ran(n) && !is_template(n))));
        }
    }
    for script in &parts.scripts {
        list.push(match direction {
            _ if !is_package(&script.name) => {
                Change::ByHand(format!("no init script can be called {}", script.name))
            }
            Direction::Apply => Change::StopScript(&script.name, script.manager),
            Direction::Undo => Change::StartScript(&script.name, script.manager, ran(&script.name)),
        });
    }
    for entry in &parts.entries {
        let (what, file) = (if direction == Direction::Apply { "off" } else { "on again" }, &entry.file);
        list.push(Change::ByHand(format!("switch the entry {} in {file} {what}", entry.name)));
    }
    for container in &parts.containers {
        list.extend(containers(container, ran(&format!("container:{}", container.name)), direction));
    }
    list.extend(odd.iter().map(|n| Change::ByHand(format!("no unit can be called {n}"))));
}

fn containers(container: &ContainerName, ran: bool, direction: Direction) -> Vec<Change<'_>> {
    let (name, engine) = (&container.name, &container.engine);
    if engine != "docker" || !is_package(name) {
        let what = if direction == Direction::Apply { "stop" } else { "start" };
        return vec![Change::ByHand(format!(
            "{what} the container {name} of {engine}, and see to its restarting"
        ))];
    }
    match direction {
        Direction::Apply => vec![Change::StopContainer(name)],
        Direction::Undo => {
            let policy = format!("give the container {name} its own restart policy back");
            let start = ran.then_some(Change::StartContainer(name));
            start.into_iter().chain([Change::ByHand(policy)]).collect()
        }
    }
}

/// Whether systemd could have a unit of this name, and nothing takes it for a pattern or an option.
pub(super) fn is_unit(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '.' | '@' | '\\' | '-');
    !name.is_empty() && name.len() < 256 && name.chars().all(letter)
}

/// Whether a unit is the pattern of others, and never runs itself.
pub(super) fn is_template(name: &str) -> bool {
    name.contains("@.")
}

/// Whether it can be the name or version of a package, or the name of a container or init script.
fn is_package(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | ':' | '~' | '^');
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() < 256 && name.chars().all(letter)
}
