//! The plan as a commented file.

use std::fmt::Write as _;

use super::text::{in_comment, inline, list, quoted, wrapped};
use crate::{Action, ClosedDoor, KeepReason, PackageVersion, Plan, Recorded, Saves, Step, Units};

/// What the file begins with.
const HEADER: &str = "\
# What Doorward would do about this host, in this order. Nothing has been done yet.
#
# Read each step, then:
#   - on = false      leaves everything as it is; steps that need this one are then refused, by name
#   - take out a step to the same effect, or move it: dependents come before what they depend on
#   - `doorward apply plan.toml --dry-run` shows each exact change; `doorward apply plan.toml` makes them,
#     and takes them back by itself unless they are confirmed
#
# Whatever you change is checked before anything is done: the site's own doors, the way you came in, what the host
# needs to live and whatever those need are refused, with the place and the reason. If the host changes meanwhile,
# the plan is refused with the difference: make a new one.
#
# Actions: uninstall a package, disable a service with all that would start it, stop it until the next boot,
# rebind what is needed on the host alone to loopback, filter from which addresses the rest is reached, keep.
";

/// The plan's file.
pub fn print(plan: &Plan) -> String {
    let mut out = HEADER.to_owned();
    let _ = write!(
        out,
        "\nschema_version = {}\ndoorward = {}\nprefer = {}\nsnapshot = {}\n\n[host]\nname = {}\nos = {}\n",
        plan.schema_version,
        quoted(&plan.doorward),
        quoted(plan.prefer.as_str()),
        quoted(&plan.snapshot),
        quoted(&plan.host.name),
        quoted(&plan.host.os)
    );
    for (at, one) in plan.steps.iter().enumerate() {
        step(&mut out, one, at + 1, plan.steps.len());
    }
    recorded(&mut out, &plan.recorded);
    out
}

fn step(out: &mut String, step: &Step, number: usize, of: usize) {
    let _ = writeln!(out, "\n# Step {number} of {of}: {}", in_comment(&sentence(step)));
    let _ = writeln!(out, "[[step]]\nid = {}\non = {}", quoted(&step.id.0), step.on);
    let _ = writeln!(out, "action = {}", quoted(step.action.word()));
    action(out, &step.action);
    line(out, "why", &step.why, true);
    if let Some(trial) = &step.trial {
        line(out, "trial", trial, true);
    }
    if let Some(danger) = &step.danger {
        line(out, "danger", danger, true);
    }
    line(out, "undo", &step.undo, false);
    if !step.closes.is_empty() {
        let _ = writeln!(out, "closes = {}", wrapped(&step.closes.iter().map(door).collect::<Vec<_>>()));
    }
    strings(out, "needed_by", step.needed_by.iter().map(String::as_str));
    strings(out, "takes_along", step.takes_along.iter().map(String::as_str));
    if let Some(cycle) = &step.cycle {
        line(out, "cycle", &cycle.0, true);
    }
    if !step.saves.is_nothing() {
        let _ = writeln!(out, "saves = {}", saves(&step.saves));
    }
}

/// A step in one sentence, for its comment.
fn sentence(step: &Step) -> String {
    let what = match &step.action {
        Action::Uninstall { package, along, .. } if along.is_empty() => format!("uninstall {}", package.name),
        Action::Uninstall { package, along, .. } => {
            format!("uninstall {}, and {} that go with it", package.name, along.len())
        }
        Action::Disable { units } => format!("disable {}", names(units)),
        Action::Stop { units } => format!("stop {} until the next boot", names(units)),
        Action::Rebind(rebind) => format!("bind {} to {}", rebind.service, rebind.to),
        Action::Filter(filter) => super::filter::sentence(filter),
        Action::Keep { service, reason: KeepReason::ByHand } => format!("look at {service}, and act by hand"),
        Action::Keep { service, .. } => format!("keep {service}"),
    };
    match step.closes.as_slice() {
        [] => what,
        [door] => format!("{what}; closes {door}"),
        [door, rest @ ..] => format!("{what}; closes {door} and {} more", rest.len()),
    }
}

fn names(units: &Units) -> String {
    units.names().collect::<Vec<_>>().join(", ")
}

fn action(out: &mut String, action: &Action) {
    match action {
        Action::Uninstall { package: main, along, units: stopped } => {
            let _ = writeln!(out, "package = {}", package(main));
            if !along.is_empty() {
                let _ = writeln!(out, "along = {}", wrapped(&along.iter().map(package).collect::<Vec<_>>()));
            }
            units(out, stopped);
        }
        Action::Disable { units: shut } | Action::Stop { units: shut } => units(out, shut),
        Action::Rebind(rebind) => {
            line(out, "service", &rebind.service, true);
            line(out, "file", &rebind.file, true);
            line(out, "setting", &rebind.setting, true);
            line(out, "from", &rebind.from, true);
            line(out, "to", &rebind.to, true);
            if let Some(check) = &rebind.check {
                line(out, "check", check, true);
            }
        }
        Action::Filter(filter) => super::filter::print(out, filter),
        Action::Keep { service, reason } => {
            line(out, "service", service, true);
            line(out, "reason", reason.as_str(), true);
        }
    }
}

fn units(out: &mut String, units: &Units) {
    let parts = units.parts();
    strings(out, "units", parts.systemd.iter().map(String::as_str));
    strings(out, "bus_names", parts.bus_names.iter().map(String::as_str));
    let mut tables = |name: &str, items: Vec<String>| {
        if !items.is_empty() {
            let _ = writeln!(out, "{name} = {}", wrapped(&items));
        }
    };
    let manager = |m: crate::ScriptManager| match m {
        crate::ScriptManager::Sysv => "sysv",
        crate::ScriptManager::Openrc => "openrc",
    };
    let server = |m: crate::SuperServer| match m {
        crate::SuperServer::Inetd => "inetd",
        crate::SuperServer::Xinetd => "xinetd",
    };
    let scripts = parts.scripts.iter();
    tables(
        "scripts",
        scripts.map(|s| pairs(&[("name", &s.name), ("manager", manager(s.manager))])).collect(),
    );
    let entries = parts.entries.iter();
    let entry =
        |e: &crate::Entry| pairs(&[("name", &e.name), ("manager", server(e.manager)), ("file", &e.file)]);
    tables("entries", entries.map(entry).collect());
    let containers = parts.containers.iter();
    tables("containers", containers.map(|c| pairs(&[("name", &c.name), ("engine", &c.engine)])).collect());
}

fn pairs(fields: &[(&str, &str)]) -> String {
    inline(&fields.iter().map(|(name, value)| (*name, Some(quoted(value)))).collect::<Vec<_>>())
}

fn package(package: &PackageVersion) -> String {
    pairs(&[("name", &package.name), ("version", &package.version)])
}

fn door(door: &ClosedDoor) -> String {
    let exposure = match door.exposure {
        doorward_model::Exposure::Closed => "closed",
        doorward_model::Exposure::Loopback => "loopback",
        doorward_model::Exposure::Link => "link",
        doorward_model::Exposure::Limited => "limited",
        doorward_model::Exposure::Unknown => "unknown",
        doorward_model::Exposure::Everyone => "everyone",
    };
    inline(&[
        ("protocol", Some(quoted(door.protocol.as_str()))),
        ("address", Some(quoted(&door.address))),
        ("port", door.port.map(|p| p.to_string())),
        ("interface", door.interface.as_deref().map(quoted)),
        ("namespace", door.namespace.as_deref().map(quoted)),
        ("exposure", Some(quoted(exposure))),
    ])
}

fn saves(saves: &Saves) -> String {
    // Numbers of TOML are signed.
    let number = |n: u64| n.min(i64::MAX as u64).to_string();
    let exploited = &saves.known_exploited;
    let listed: Vec<String> = exploited.iter().map(|id| quoted(id)).collect();
    inline(&[
        ("memory_bytes", saves.memory_bytes.map(number)),
        ("cpu_usec", saves.cpu_usec.map(number)),
        ("pending_updates", (saves.pending_updates > 0).then(|| saves.pending_updates.to_string())),
        ("known_exploited", (!exploited.is_empty()).then(|| format!("[{}]", listed.join(", ")))),
    ])
}

fn line(out: &mut String, name: &str, value: &str, even_empty: bool) {
    if even_empty || !value.is_empty() {
        let _ = writeln!(out, "{name} = {}", quoted(value));
    }
}

fn strings<'t>(out: &mut String, name: &str, items: impl Iterator<Item = &'t str>) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        let _ = writeln!(out, "{name} = {}", list(items));
    }
}

fn recorded(out: &mut String, recorded: &Recorded) {
    out.push_str("\n# What the plan rests on, to tell whether the host has changed since. Not to be edited.\n[recorded]\n");
    strings(out, "listeners", recorded.listeners.iter().map(String::as_str));
    strings(out, "applications", recorded.applications.iter().map(String::as_str));
    out.push_str("\n[recorded.packages]\n");
    for (name, package) in &recorded.packages {
        let takes = (!package.takes.is_empty()).then(|| quoted(&package.takes));
        let value = inline(&[("version", Some(quoted(&package.version))), ("takes", takes)]);
        let _ = writeln!(out, "{} = {value}", quoted(name));
    }
    out.push_str("\n[recorded.services]\n");
    for (name, service) in &recorded.services {
        let start = match service.start {
            doorward_model::Start::Enabled => "enabled",
            doorward_model::Start::Disabled => "disabled",
            doorward_model::Start::Static => "static",
            doorward_model::Start::Masked => "masked",
            doorward_model::Start::Generated => "generated",
            doorward_model::Start::Manual => "manual",
            doorward_model::Start::Unknown => "unknown",
        };
        let value = inline(&[
            ("start", Some(quoted(start))),
            ("package", service.package.as_deref().map(quoted)),
            ("definition", Some(quoted(&service.definition))),
        ]);
        let _ = writeln!(out, "{} = {value}", quoted(name));
    }
}
