//! systemd's unit files: services, sockets, timers, paths and targets of a tree that does not run.
//!
//! What the manager would make of the files at boot is worked out from the files alone (`systemd.unit(5)`): search
//! path, aliases, masks, templates and their instances, drop-ins, links that enable, dependencies declared and
//! implicit, units generated from init scripts, names on the bus that activate. Conditions are not evaluated.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use doorward_model::{Dependency, DependencyKind, Facts, Listener, LocalSocket, Service, Start, Unseen};

use crate::Tree;
use load::Loader;
use name::UnitType;
use unit::Unit;

mod boot;
mod bus;
mod generated;
mod install;
mod load;
mod name;
mod search;
mod sockets;
mod syntax;
mod unit;

#[cfg(test)]
mod tests;

/// What the unit files of a tree say.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct UnitFacts {
    /// Units, sorted by name. Their state is not known.
    pub services: Vec<Service>,
    /// What the sockets that start at boot would listen on, in the network.
    pub listeners: Vec<Listener>,
    /// The same on the host itself.
    pub local_sockets: Vec<LocalSocket>,
}

/// Every unit that is defined, masked or pulled in, with how it starts; and the listeners of those sockets that a
/// boot would open.
pub fn collect(tree: &Tree) -> Facts<UnitFacts> {
    let mut loader = Loader::new(tree);
    let (mut services, units) = loader.load_all();
    add_triggers_of_sockets(&mut services, &units, &loader);
    let default_target = loader.canonical("default.target");
    let at_boot = boot::starts(&services, default_target.as_deref());
    let mut facts = UnitFacts::default();
    let mut unseen = std::mem::take(&mut loader.unseen);
    unseen.extend(generated::unknown(tree).filter(|_| is_present(tree)));
    let by_name: HashMap<&str, &Service> = services.iter().map(|s| (s.name.as_str(), s)).collect();
    for unit in units.iter().filter(|u| UnitType::of(&u.name) == Some(UnitType::Socket)) {
        if !at_boot.contains(&unit.name) || name::is_template(&unit.name) {
            continue;
        }
        // A socket whose service cannot be loaded is refused by the manager.
        let triggers = by_name.get(unit.name.as_str()).into_iter().flat_map(|s| &s.dependencies);
        let mut started = triggers.filter(|d| d.kind == DependencyKind::Triggers).map(|d| d.on.as_str());
        let loads = |name: &&str| by_name.get(name).is_some_and(|s| s.start != Start::Masked);
        if let Some(service) = started.find(loads) {
            sockets::listeners(unit, service, &mut facts.listeners, &mut facts.local_sockets, &mut unseen);
        }
    }
    facts.services = services;
    facts.listeners.sort();
    facts.local_sockets.sort();
    Facts { value: facts, unseen }
}

/// One unit as its files define it, for units that the manager has not loaded. What other units' files say of it
/// (`Sockets=`) is left out. For several units, [`Units`] reads the search path once.
pub fn load(tree: &Tree, name: &str) -> Facts<Option<Service>> {
    let mut units = Units::of(tree);
    let value = units.load(name);
    Facts { value, unseen: units.into_unseen() }
}

/// The units of a tree, loaded one by one.
#[derive(Debug)]
pub struct Units<'t>(Loader<'t>);

impl<'t> Units<'t> {
    /// Reads the search path, no unit yet.
    pub fn of(tree: &'t Tree) -> Self {
        Self(Loader::new(tree))
    }

    /// One unit, by any of its names, as its files define it; `None` when there is none.
    pub fn load(&mut self, name: &str) -> Option<Service> {
        self.0.load(name).map(|(service, _)| service)
    }

    /// What could not be read until now.
    pub fn into_unseen(self) -> Vec<Unseen> {
        self.0.unseen
    }
}

/// Whether this tree boots systemd: it runs (on the live host), or `/sbin/init` leads to it.
pub fn is_present(tree: &Tree) -> bool {
    if tree.is_live() {
        return tree.exists("/run/systemd/system");
    }
    match tree.resolve("/sbin/init") {
        Ok(init) if tree.exists(&init) => init.file_name() == Some("systemd".as_ref()),
        // An image without an init of its own, started by whoever boots it.
        _ => ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"].iter().any(|p| tree.exists(Path::new(p))),
    }
}

/// `Sockets=` of a service says the same as `Service=` of those sockets.
fn add_triggers_of_sockets(services: &mut [Service], units: &[Unit], loader: &Loader<'_>) {
    let mut started: HashMap<String, BTreeSet<&str>> = HashMap::new();
    for unit in units {
        for socket in &unit.sockets {
            let socket = loader.canonical(socket).unwrap_or_else(|| socket.clone());
            started.entry(socket).or_default().insert(&unit.name);
        }
    }
    for socket in services {
        for service in started.remove(&socket.name).into_iter().flatten() {
            let dependency = Dependency { kind: DependencyKind::Triggers, on: service.to_owned() };
            if !socket.dependencies.contains(&dependency) {
                socket.dependencies.push(dependency);
            }
        }
    }
}
