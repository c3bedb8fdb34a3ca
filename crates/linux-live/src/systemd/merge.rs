//! What files, the manager and the process table say of a unit, in one value. The manager wins over files.

use std::collections::{BTreeMap, HashMap};

use doorward_model::{Dependency, DependencyKind, Manager, Memory, MemoryMethod, Service, Start, State};

use super::unit::{Definition, Unit, is_service_to_us};
use super::words;
use crate::process::{Process, Processes};

/// A unit that only its name is known of.
pub(super) fn service(name: &str) -> Service {
    let start = if name.strip_suffix(".scope").is_some() { Start::Manual } else { Start::Unknown };
    Service { name: name.to_owned(), manager: Manager::Systemd, start, ..Service::default() }
}

/// Adds what the manager says.
pub(super) fn unit(service: &mut Service, unit: &Unit) {
    service.state = unit.state;
    // A unit without a description of its own is described by its name.
    if unit.description != unit.name && !unit.description.is_empty() {
        service.description = Some(unit.description.clone());
    }
    service.active_since = unit.vitals.active_since;
    if let Some(definition) = &unit.definition {
        define(service, definition);
    }
}

fn define(service: &mut Service, definition: &Definition) {
    if !definition.names.is_empty() {
        service.aliases = definition.names.iter().filter(|name| **name != service.name).cloned().collect();
        service.aliases.sort();
    }
    if let Some(file) = &definition.file {
        service.definition = Some(file.clone());
    }
    if service.start == Start::Unknown {
        service.start = words::start(definition.file_state.as_deref().unwrap_or_default());
    }
    for (kind, on) in &definition.dependencies {
        replace(&mut service.dependencies, *kind, on);
    }
    service.bus_names.extend(definition.bus_name.clone());
    if let Some(program) = &definition.program {
        // One that is named without its directory is looked for by the reader of files.
        if program.starts_with('/') {
            service.executable = Some(program.clone());
        }
        let of_unit = || definition.dynamic_user.then(|| prefix(&service.name).to_owned());
        service.user = definition.user.clone().or_else(of_unit).or_else(|| Some("root".to_owned()));
    }
}

/// Dependencies of one kind as the manager has them.
///
/// It adds slices and mounts of its own accord, which are no services; what files say of units other than services
/// stays. So does what a socket starts for each connection, which the manager does not name.
fn replace(dependencies: &mut Vec<Dependency>, kind: DependencyKind, on: &[String]) {
    dependencies.retain(|d| d.kind != kind || kind == DependencyKind::Triggers || !is_service_to_us(&d.on));
    let on = on.iter().filter(|on| is_service_to_us(on));
    dependencies.extend(on.map(|on| Dependency { kind, on: on.clone() }));
    dependencies.sort();
    dependencies.dedup();
}

/// Adds processes and what they cost. Without the manager's word (`units`), a unit with processes runs.
pub(super) fn processes(
    services: &mut BTreeMap<String, Service>,
    units: Option<&[Unit]>,
    pids: &HashMap<&str, Vec<u32>>,
    processes: &Processes,
) {
    let vitals: HashMap<&str, _> =
        units.unwrap_or_default().iter().map(|unit| (unit.name.as_str(), &unit.vitals)).collect();
    for (name, pids) in pids {
        let service = match services.get_mut(*name) {
            Some(service) => service,
            None if units.is_none() => services.entry((*name).to_owned()).or_insert_with(|| service(name)),
            None => continue, // gone by the time that the manager was asked
        };
        let vitals = vitals.get(name);
        let main = vitals.and_then(|v| processes.get(v.main_pid?)).or_else(|| first(pids, processes));
        if units.is_none() {
            service.state = State::Running;
            service.active_since = main.map(|p| p.started);
        }
        service.capabilities = main.map(Process::capability_names).unwrap_or_default();
        let of_group =
            vitals.and_then(|v| v.memory).map(|bytes| Memory { bytes, method: MemoryMethod::Cgroup });
        service.memory = of_group.or_else(|| processes.memory(pids));
        let used = || pids.iter().filter_map(|pid| processes.get(*pid)).map(|p| p.cpu_usec).sum();
        service.cpu_usec = Some(vitals.and_then(|v| v.cpu_usec).unwrap_or_else(used));
        service.processes.clone_from(pids);
    }
}

/// The process that the others descend from.
fn first<'p>(pids: &[u32], processes: &'p Processes) -> Option<&'p Process> {
    let own = pids.iter().filter_map(|pid| processes.get(*pid));
    own.min_by_key(|p| (pids.contains(&p.parent), p.started, p.pid))
}

/// Adds the names that each unit's processes own.
pub(super) fn bus_names(
    services: &mut BTreeMap<String, Service>,
    owners: &[(String, u32)],
    processes: &Processes,
) {
    for (name, pid) in owners {
        if let Some(service) = processes.unit(*pid).and_then(|unit| services.get_mut(unit)) {
            service.bus_names.push(name.clone());
        }
    }
    for service in services.values_mut() {
        service.bus_names.sort();
        service.bus_names.dedup();
    }
}

/// What stands before `@`, or before the type.
fn prefix(name: &str) -> &str {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.split_once('@').map_or(stem, |(prefix, _)| prefix)
}
