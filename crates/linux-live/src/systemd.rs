//! Services of a host that systemd runs, asked over the system bus.
//!
//! Unit files say what is defined, and their reader works out what the manager would make of them; the manager says
//! what it has loaded and how that fares. As long as no file has changed since the manager read them, both tell the
//! same of a unit, so the manager is asked for the rest only: states, main processes, costs, sockets. Units that
//! files do not tell of, and all of them when files have changed, are asked for as the manager has them.
//!
//! A bus that is absent, silent or broken costs a bounded time and leaves what files and processes tell.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use doorward_linux_files::{Tree, systemd as files};
use doorward_model::{Facts, Listener, LocalSocket, Service, Start, State, Subject, Unseen};

use crate::process::Processes;
use crate::sockets::attribute::is_managed;
use bus::Refusal;
use manager::Manager;
use unit::Unit;

mod bus;
mod changed;
mod listens;
mod manager;
mod merge;
mod unit;
mod words;

#[cfg(test)]
mod tests;

/// Where the system bus listens (`dbus.socket`).
const SOCKET: &str = "/run/dbus/system_bus_socket";

/// How long the bus and the manager may take for all of their answers.
const LIMIT: Duration = Duration::from_secs(4);

/// What systemd says.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SystemdFacts {
    /// Units, loaded or only defined by files, sorted by name.
    pub services: Vec<Service>,
    /// What socket units are set to listen on, in the network.
    pub listeners: Vec<Listener>,
    /// The same on the host itself: of the socket units that are active, or that a boot would start when the
    /// manager does not say.
    pub local_sockets: Vec<LocalSocket>,
    /// Well-known names on the system bus, each with the process that owns it, sorted.
    pub bus_owners: Vec<(String, u32)>,
}

/// Whether systemd is this host's init (`sd_booted(3)`).
pub fn is_running() -> bool {
    rustix::fs::stat("/run/systemd/system").is_ok()
}

/// Every unit of the running host that is loaded, defined or masked.
pub fn collect(processes: &Processes, tree: &Tree) -> Facts<SystemdFacts> {
    collect_from(Path::new(SOCKET), LIMIT, processes, tree)
}

fn collect_from(socket: &Path, limit: Duration, processes: &Processes, tree: &Tree) -> Facts<SystemdFacts> {
    let pids = by_unit(processes);
    let (defined, mut manager, are_current) = std::thread::scope(|scope| {
        let defined = scope.spawn(|| files::collect(tree));
        let manager = Manager::ask(socket, limit, &pids);
        let are_current =
            manager.loaded_at.is_some_and(|time| !changed::since(tree, &manager.search_path, time));
        let defined = defined.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (defined, manager, are_current)
    });
    let Facts { value: files::UnitFacts { services, listeners, local_sockets }, mut unseen } = defined;
    let mut services: BTreeMap<String, Service> = services.into_iter().map(|s| (s.name.clone(), s)).collect();
    let files_tell_all = are_current && unseen.is_empty();
    if let Some(units) = &mut manager.units {
        units.retain(|unit| unit.exists() && (!unit.is(".scope") || pids.contains_key(unit.name.as_str())));
    }
    manager.define(|unit| {
        let is_known = services.contains_key(&unit.name);
        let is_told = files_tell_all && is_told(unit, services.get(&unit.name));
        (!is_told).then_some(is_known)
    });

    let mut facts = SystemdFacts { listeners, local_sockets, ..SystemdFacts::default() };
    let units = manager.units.take();
    if let Some(units) = &units {
        // What is not loaded does not run.
        for service in services.values_mut() {
            service.state = State::Stopped;
        }
        if manager.failure.is_none() {
            facts.local_sockets.clear();
        }
        for unit in units {
            let service = services.entry(unit.name.clone()).or_insert_with(|| merge::service(&unit.name));
            merge::unit(service, unit);
            listens::add(unit, service, &mut facts.listeners, &mut facts.local_sockets);
        }
    }
    merge::processes(&mut services, units.as_deref(), &pids, processes);
    unseen.extend(unanswered(&manager, units.is_some(), socket));
    facts.bus_owners = manager.owners.unwrap_or_default();
    merge::bus_names(&mut services, &facts.bus_owners, processes);
    facts.services = services.into_values().collect();
    facts.listeners.sort();
    facts.local_sockets.sort();
    facts.local_sockets.dedup();
    Facts { value: facts, unseen }
}

/// The processes of each unit that stands for them, but for those in containers of their own.
fn by_unit(processes: &Processes) -> HashMap<&str, Vec<u32>> {
    let mut pids: HashMap<&str, Vec<u32>> = HashMap::new();
    for process in processes.iter() {
        if let Some(unit) = processes.unit(process.pid).filter(|unit| is_managed(unit)) {
            pids.entry(unit).or_default().push(process.pid);
        }
    }
    // A container's scope is the container.
    pids.retain(|unit, pids| {
        let first = pids.first().and_then(|pid| processes.container(*pid));
        unit.strip_suffix(".scope").is_none() || first.is_none()
    });
    pids
}

/// Whether files tell how the unit is defined. They do not, for a running service, when its program is missing from
/// them: we may not read them.
fn is_told(unit: &Unit, by_files: Option<&Service>) -> bool {
    by_files.is_some_and(|service| {
        let has_program = service.executable.is_some() || service.start == Start::Masked;
        has_program || !unit.is(".service") || !unit.is_active()
    })
}

/// What the bus or the manager did not say, and what would show it.
fn unanswered(manager: &Manager, has_units: bool, socket: &Path) -> Vec<Unseen> {
    let mut unseen = Vec::new();
    let (why, remedy) = match (&manager.failure, &manager.denied) {
        (Some(failure), _) => (format!("system bus at {}: {failure}", socket.display()), failure.remedy()),
        (None, Some(Refusal(name))) => (format!("process 1 answers {name}"), "run as root"),
        (None, None) if !has_units => ("process 1 gives no list of units".to_owned(), bus::IS_IT_WELL),
        (None, None) => return unseen,
    };
    let what = if has_units {
        "main processes, memory, CPU time or definitions of some systemd units"
    } else {
        "states of systemd units that have no process"
    };
    unseen.push(Unseen::new(Subject::Services, what, why.clone()).with_remedy(remedy));
    if manager.owners.is_none() {
        let what = "owners of names on the system bus";
        unseen.push(Unseen::new(Subject::Connections, what, why).with_remedy(remedy));
    }
    unseen
}
