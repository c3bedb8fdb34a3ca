//! From a plan's steps to single changes.
//!
//! All prior values are read from the host. Nothing is changed, and what these changes cannot carry out is refused,
//! every step that is meant being named, before anything happens.

mod bus;
mod filter;
mod settings;
mod tables;
#[cfg(test)]
mod tests;
mod units;
mod view;

use std::fmt;

use doorward_model::Protocol;
use doorward_plan::{Action, Plan, Rebind, Step, StepId, Units};

use crate::system::{Activity, System};
use crate::{Change, Held, PreparedStep, ShutDoor};
use view::View;

/// Why a step cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The step.
    pub step: StepId,
    /// Why, in a sentence.
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.why)
    }
}

/// The changes of a plan on a host, step by step; what is kept gives none. The plan has been checked.
pub fn prepare(plan: &Plan, system: &dyn System) -> Result<Vec<PreparedStep>, Vec<Refusal>> {
    let mut view = View::new(system);
    let mut steps = Vec::new();
    let mut refusals = Vec::new();
    let mut shut: Vec<String> = Vec::new();
    for step in plan.changes() {
        if let Some(units) = step.action.units() {
            shut.extend(units.names().map(std::borrow::Cow::into_owned));
        }
        match changes(&mut view, step) {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => {
                let doors = doors(plan, step, &shut);
                let shuts = step.action.units().into_iter().flat_map(Units::names);
                let shuts = shuts.map(std::borrow::Cow::into_owned).collect();
                let opens = match &step.action {
                    Action::Filter(filter) => filter.policy.doors().map(|d| d.to_string()).collect(),
                    _ => Vec::new(),
                };
                steps.push(PreparedStep { id: step.id.clone(), changes, shuts, doors, opens });
            }
            Err(why) => refusals.push(Refusal { step: step.id.clone(), why }),
        }
    }
    if refusals.is_empty() { Ok(steps) } else { Err(refusals) }
}

fn changes(view: &mut View<'_>, step: &Step) -> Result<Vec<Change>, String> {
    match &step.action {
        Action::Keep { .. } => Ok(Vec::new()),
        Action::Stop { units } => {
            supported(units)?;
            if !units.parts().entries.is_empty() {
                return Err(
                    "an entry of a super-server can be switched off, but not until the next boot alone"
                        .into(),
                );
            }
            units::stops(view, &units.parts().systemd)
        }
        Action::Disable { units } => disable(view, units),
        Action::Uninstall { units, .. } => uninstall(view, step, units),
        Action::Rebind(rebind) => self::rebind(view, rebind),
        Action::Filter(filter) => filter::changes(view, filter),
    }
}

fn disable(view: &mut View<'_>, units: &Units) -> Result<Vec<Change>, String> {
    supported(units)?;
    let parts = units.parts();
    let mut changes = units::stops(view, &parts.systemd)?;
    let mut puts = units::disable(view, &parts.systemd)?;
    puts.extend(units::mask(view, &parts.systemd)?);
    puts.extend(bus::override_all(view, &parts.bus_names, &parts.systemd)?);
    if !puts.is_empty() {
        puts.push(Change::Reload);
    }
    changes.extend(puts);
    changes.extend(tables::switch_off(view, &parts.entries, &parts.systemd)?);
    Ok(changes)
}

fn uninstall(view: &mut View<'_>, step: &Step, units: &Units) -> Result<Vec<Change>, String> {
    supported(units)?;
    let parts = units.parts();
    let mut changes = units::stops(view, &parts.systemd)?;
    let held_units = units::places(view, &parts.systemd)?;
    changes.extend(units::disable(view, &parts.systemd)?);
    changes.extend(units::mask_own(view, &parts.systemd)?);
    changes.extend(tables::switch_off(view, &parts.entries, &parts.systemd)?);
    let packages: Vec<_> = step.action.packages().cloned().collect();
    for package in &packages {
        let installed = view.package(&package.name)?;
        if installed.as_deref() != Some(package.version.as_str()) {
            let now = installed.map_or_else(|| "not installed".to_owned(), |v| format!("installed as {v}"));
            return Err(format!("{} is {now}, and the plan is about {}", package.name, package.version));
        }
    }
    let files = parts.entries.iter().map(|e| e.file.clone().into());
    let mut held = Vec::new();
    for path in held_units.into_iter().chain(files) {
        let node = view.node(&path)?;
        let made = view.missing_directories(&path)?;
        held.push(Held { path, node, made });
    }
    let units = parts.systemd.iter().filter(|u| !units::is_template(u)).cloned().collect();
    changes.push(Change::Remove { packages, held, units });
    changes.push(Change::Reload);
    Ok(changes)
}

fn rebind(view: &mut View<'_>, rebind: &Rebind) -> Result<Vec<Change>, String> {
    let edit = settings::set(view, rebind)?;
    let Some(edit) = edit else { return Ok(Vec::new()) };
    let is_unit = units::is_unit(&rebind.service);
    if !is_unit {
        return Err(format!("{} is no unit of systemd, and cannot be restarted", rebind.service));
    }
    let mut changes = vec![edit];
    if let Some(check) = &rebind.check {
        changes.push(settings::check(view, check)?);
    }
    if rebind.file.starts_with("/etc/systemd/") {
        changes.push(Change::Reload);
    }
    if view.activity(&rebind.service)? == Activity::Active {
        changes.push(Change::Restart { unit: rebind.service.clone() });
    }
    Ok(changes)
}

/// What can be carried out so far.
fn supported(units: &Units) -> Result<(), String> {
    let parts = units.parts();
    if let Some(script) = parts.scripts.first() {
        return Err(format!(
            "{} is an init script, which cannot be shut by this program so far",
            script.name
        ));
    }
    if let Some(container) = parts.containers.first() {
        return Err(format!(
            "{} is a container, which cannot be shut by this program so far",
            container.name
        ));
    }
    if let Some(odd) = parts.systemd.iter().find(|u| !units::is_unit(u)) {
        return Err(format!("no unit can be called {odd:?}"));
    }
    Ok(())
}

/// Ports of the host itself that the step shuts. A rebound or filtered service still answers at loopback.
fn doors(plan: &Plan, step: &Step, shut: &[String]) -> Vec<ShutDoor> {
    if matches!(step.action, Action::Rebind(_) | Action::Filter(_)) {
        return Vec::new();
    }
    let mut doors: Vec<ShutDoor> = Vec::new();
    for door in step.closes.iter().filter(|d| d.namespace.is_none()) {
        let Some(port) = door.port.filter(|_| matches!(door.protocol, Protocol::Tcp | Protocol::Udp)) else {
            continue;
        };
        if doors.iter().any(|d| d.protocol == door.protocol && d.port == port) {
            continue;
        }
        let others = others(plan, door.protocol, port, shut);
        doors.push(ShutDoor { protocol: door.protocol, port, others });
    }
    doors
}

/// Who else listens at a port, by what the plan recorded: `tcp 127.0.0.53:53 systemd-resolved.service`.
fn others(plan: &Plan, protocol: Protocol, port: u16, shut: &[String]) -> Vec<String> {
    let end = format!(":{port}");
    let of = |line: &String| {
        let mut words = line.splitn(3, ' ');
        let (transport, at, rest) = (words.next()?, words.next()?, words.next()?);
        let here = transport == protocol.as_str() && at.ends_with(&end) && !rest.starts_with("in ");
        let owner = rest.rsplit(' ').next().unwrap_or(rest);
        (here && !shut.iter().any(|s| s == owner)).then(|| owner.to_owned())
    };
    let mut others: Vec<String> = plan.recorded.listeners.iter().filter_map(of).collect();
    others.dedup();
    others
}
