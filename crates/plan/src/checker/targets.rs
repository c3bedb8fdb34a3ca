//! What each step touches, looked up in the snapshot; what names nothing of this host, or something twice.

use std::collections::{HashMap, HashSet};

use doorward_assess::Assessment;
use doorward_assess::graph::Graph;
use doorward_model::{AuditService, Door, Manager, Service, Snapshot, State};

use super::{Found, Rule};
use crate::{Action, Plan, Prefer, ScriptManager, Step, SuperServer, Units};

/// The plan beside the host that it is for.
pub(super) struct Targets<'a> {
    pub(super) plan: &'a Plan,
    pub(super) snapshot: &'a Snapshot,
    pub(super) assessment: &'a Assessment<'a>,
    /// For each service, what is said of it; `None` for groups.
    pub(super) judged: Vec<Option<&'a AuditService>>,
    /// For each service, the step that names it and is done.
    pub(super) named_by: Vec<Option<usize>>,
    /// For each service, a step that is done and shuts it, by name or with its package.
    pub(super) shut_by: Vec<Option<usize>>,
    /// For each service, a step that would shut it and is off.
    pub(super) off_by: Vec<Option<usize>>,
    /// For each package that a step would remove and that is off, the step.
    pub(super) off_removes: HashMap<&'a str, usize>,
    containers: HashSet<(&'a str, &'a str)>,
    /// Candidates that are left for somebody's hand.
    pub(super) by_hand: Vec<bool>,
    /// For each removed package, the step.
    pub(super) removed_by: HashMap<&'a str, usize>,
    doors: HashMap<&'a str, Vec<&'a Door>>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        snapshot: &'a Snapshot,
        assessment: &'a Assessment<'_>,
        found: &mut Found<'_>,
    ) -> Self {
        let count = assessment.graph.services().len();
        let mut judged = vec![None; count];
        for service in &assessment.audit.services {
            if let Some(node) = assessment.graph.node(&service.name) {
                judged[node] = Some(service);
            }
        }
        let mut doors: HashMap<&str, Vec<&Door>> = HashMap::new();
        for door in &assessment.audit.doors {
            doors.entry(door.service.as_deref().unwrap_or_default()).or_default().push(door);
        }
        let mut targets = Self {
            plan,
            snapshot,
            assessment,
            judged,
            named_by: vec![None; count],
            shut_by: vec![None; count],
            off_by: vec![None; count],
            off_removes: HashMap::new(),
            containers: snapshot.containers.iter().map(|c| (c.name.as_str(), c.engine.as_str())).collect(),
            by_hand: vec![false; count],
            removed_by: HashMap::new(),
            doors,
        };
        let mut ids = HashSet::new();
        for (at, step) in plan.steps.iter().enumerate() {
            if !ids.insert(&step.id) {
                let text = "another step has this id";
                found.add(at, Rule::Twice, text, "give it one of its own, or take one of the two out");
            }
            targets.add(at, step, found);
        }
        for (at, step) in plan.steps.iter().enumerate() {
            if let Some(other) = step.cycle.as_ref().filter(|c| !ids.contains(c)) {
                let text = format!("its cycle names {other}, which is no step of the plan");
                found.add(at, Rule::NoSuch, text, "take it out of `cycle`");
            }
        }
        targets.add_package_services();
        targets
    }

    pub(super) fn graph(&self) -> &'a Graph<'a> {
        &self.assessment.graph
    }

    pub(super) fn name(&self, node: usize) -> &'a str {
        &self.graph().services()[node].name
    }

    /// Whether there is something to shut: for a plan that lasts until the next boot, only what runs.
    pub(super) fn lives(&self, node: usize) -> bool {
        self.judged[node]
            .is_some_and(|j| j.lives() && (self.plan.prefer != Prefer::Stop || j.state != State::Stopped))
    }

    pub(super) fn doors(&self, node: usize) -> &[&'a Door] {
        self.doors.get(self.name(node)).map_or(&[], Vec::as_slice)
    }

    /// Steps that are done and change something.
    pub(super) fn changes(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        self.plan.steps.iter().enumerate().filter(|(_, s)| s.changes())
    }

    fn add(&mut self, at: usize, step: &'a Step, found: &mut Found<'_>) {
        match &step.action {
            Action::Uninstall { units, .. } | Action::Disable { units } | Action::Stop { units } => {
                self.add_units(at, step, units, found);
            }
            Action::Rebind(rebind) => drop(self.add_service(at, step, &rebind.service, found)),
            Action::Filter(_) => {}
            Action::Keep { service, reason } => {
                let known = self.graph().node(service).is_some();
                // A door may belong to what is no service: the kernel, a process that is gone.
                if known || !self.doors.contains_key(service.as_str()) {
                    let node = self.add_service(at, step, service, found);
                    let candidate = |n: &usize| self.judged[*n].is_some_and(|j| j.verdict.is_candidate());
                    let by_hand = step.on && *reason == crate::KeepReason::ByHand;
                    if let Some(node) = node.filter(candidate).filter(|_| by_hand) {
                        self.by_hand[node] = true;
                    }
                }
            }
        }
        for package in step.action.packages() {
            self.add_package(at, step, package, found);
        }
    }

    fn add_units(&mut self, at: usize, step: &Step, units: &Units, found: &mut Found<'_>) {
        let parts = units.parts();
        let mut bus_names: HashSet<&str> = HashSet::new();
        for name in &parts.systemd {
            let node = self.add_shut(at, step, name, |m| m == Manager::Systemd, found);
            bus_names.extend(node.iter().flat_map(|n| &self.service(*n).bus_names).map(String::as_str));
        }
        for name in parts.bus_names.iter().filter(|n| !bus_names.contains(n.as_str())) {
            let text = format!("the bus name {name} is not one of its units'");
            found.add(at, Rule::NoSuch, text, "take it out of `bus_names`");
        }
        for script in &parts.scripts {
            let manager = match script.manager {
                ScriptManager::Sysv => Manager::Sysv,
                ScriptManager::Openrc => Manager::Openrc,
            };
            self.add_shut(at, step, &script.name, |m| m == manager, found);
        }
        for entry in &parts.entries {
            let manager = match entry.manager {
                SuperServer::Inetd => Manager::Inetd,
                SuperServer::Xinetd => Manager::Xinetd,
            };
            let node = self.add_shut(at, step, &entry.name, |m| m == manager, found);
            let file = node.and_then(|n| self.service(n).definition.as_deref());
            if node.is_some() && file != Some(entry.file.as_str()) {
                let text = format!("the entry {} is not in {}", entry.name, entry.file);
                found.add(at, Rule::NoSuch, text, "put the file back that `doorward plan` names");
            }
        }
        for container in &parts.containers {
            let name = format!("container:{}", container.name);
            let node = self.add_shut(at, step, &name, |m| m == Manager::Container, found);
            let known = self.containers.contains(&(container.name.as_str(), container.engine.as_str()));
            if node.is_some() && !known {
                let text = format!("{} knows no container {}", container.engine, container.name);
                found.add(at, Rule::NoSuch, text, "put the engine back that `doorward plan` names");
            }
        }
    }

    fn service(&self, node: usize) -> &'a Service {
        &self.graph().services()[node]
    }

    fn add_shut(
        &mut self,
        at: usize,
        step: &Step,
        name: &str,
        is_manager: impl Fn(Manager) -> bool,
        found: &mut Found<'_>,
    ) -> Option<usize> {
        let node = self.add_service(at, step, name, found)?;
        if !is_manager(self.service(node).manager) {
            let text = format!("{name} is started by another manager than the step says");
            found.add(at, Rule::NoSuch, text, "make a new plan, and edit only what it says of this service");
        }
        let by = if step.on { &mut self.shut_by } else { &mut self.off_by };
        by[node].get_or_insert(at);
        Some(node)
    }

    fn add_service(&mut self, at: usize, step: &Step, name: &str, found: &mut Found<'_>) -> Option<usize> {
        let Some(node) = self.graph().node(name).filter(|n| self.name(*n) == name) else {
            let text = match self.graph().node(name) {
                Some(node) => format!("{name} is another name of {}", self.name(node)),
                None => format!("this host has no service {name}"),
            };
            found.add(at, Rule::NoSuch, text, "correct the name, or take the step out");
            return None;
        };
        match self.named_by[node] {
            Some(other) if step.on => {
                let text = format!("{name} is named by {} as well", self.plan.steps[other].id);
                found.add(at, Rule::Twice, text, "name it in one of them, or switch one off");
            }
            None if step.on => self.named_by[node] = Some(at),
            _ => {}
        }
        Some(node)
    }

    fn add_package(
        &mut self,
        at: usize,
        step: &Step,
        package: &'a crate::PackageVersion,
        found: &mut Found<'_>,
    ) {
        let packages = &self.snapshot.packages;
        let known = packages.packages.get(&package.name).map(|p| p.version.as_str());
        match known.or_else(|| packages.versions.get(&package.name).map(String::as_str)) {
            Some(version) if version == package.version => {}
            Some(version) => {
                let text = format!("{} is installed as {version}, not {}", package.name, package.version);
                found.add(at, Rule::NoSuch, text, "make a new plan");
            }
            None => {
                let text = format!("this host has no package {}", package.name);
                found.add(at, Rule::NoSuch, text, "correct the name, or take the step out");
            }
        }
        if !step.on {
            self.off_removes.insert(&package.name, at);
            return;
        }
        if let Some(other) = self.removed_by.insert(&package.name, at) {
            let text = format!("{} is removed by {} as well", package.name, self.plan.steps[other].id);
            found.add(at, Rule::Twice, text, "name it in one of them, or switch one off");
        }
    }

    /// What a removed package brings goes with it.
    fn add_package_services(&mut self) {
        for (node, service) in self.graph().services().iter().enumerate() {
            let package = service.package.as_deref();
            if let Some(&at) = package.and_then(|p| self.removed_by.get(p)) {
                self.shut_by[node].get_or_insert(at);
            }
        }
    }
}
