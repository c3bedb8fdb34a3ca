//! Each service with all that is known of it, by its node in the graph.

use std::collections::HashMap;

use doorward_assess::Assessment;
use doorward_assess::graph::Graph;
use doorward_knowledge::{Index, ServiceEntry};
use doorward_model::{AuditService, Container, Door, Package, Service, Snapshot, State, Verdict};

use crate::Prefer;

pub(super) struct Facts<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) assessment: &'a Assessment<'a>,
    pub(super) index: &'a Index<'a>,
    /// What is said of each service; `None` for groups.
    judged: Vec<Option<&'a AuditService>>,
    doors: HashMap<&'a str, Vec<&'a Door>>,
    /// The services of each package.
    of_package: HashMap<&'a str, Vec<usize>>,
    containers: HashMap<&'a str, &'a Container>,
    prefer: Prefer,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        assessment: &'a Assessment<'_>,
        snapshot: &'a Snapshot,
        index: &'a Index<'_>,
        prefer: Prefer,
    ) -> Self {
        let graph = &assessment.graph;
        let mut judged = vec![None; graph.services().len()];
        for service in &assessment.audit.services {
            if let Some(node) = graph.node(&service.name) {
                judged[node] = Some(service);
            }
        }
        let mut doors: HashMap<&str, Vec<&Door>> = HashMap::new();
        for door in &assessment.audit.doors {
            if let Some(service) = &door.service {
                doors.entry(service).or_default().push(door);
            }
        }
        let mut of_package: HashMap<&str, Vec<usize>> = HashMap::new();
        for (node, service) in graph.services().iter().enumerate() {
            if let Some(package) = &service.package {
                of_package.entry(package).or_default().push(node);
            }
        }
        let containers = snapshot.containers.iter().map(|c| (c.name.as_str(), c)).collect();
        Self { snapshot, assessment, index, judged, doors, of_package, containers, prefer }
    }

    pub(super) fn graph(&self) -> &'a Graph<'a> {
        &self.assessment.graph
    }

    pub(super) fn len(&self) -> usize {
        self.judged.len()
    }

    pub(super) fn service(&self, node: usize) -> &'a Service {
        &self.graph().services()[node]
    }

    pub(super) fn name(&self, node: usize) -> &'a str {
        &self.service(node).name
    }

    pub(super) fn judged(&self, node: usize) -> Option<&'a AuditService> {
        self.judged[node]
    }

    pub(super) fn verdict(&self, node: usize) -> Option<Verdict> {
        self.judged[node].map(|j| j.verdict)
    }

    /// Whether there is something to shut: until the next boot, what does not run now has nothing.
    pub(super) fn lives(&self, node: usize) -> bool {
        self.judged[node]
            .is_some_and(|j| j.lives() && (self.prefer != Prefer::Stop || j.state != State::Stopped))
    }

    pub(super) fn doors(&self, node: usize) -> &[&'a Door] {
        self.doors.get(self.name(node)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn of_package(&self, package: &str) -> &[usize] {
        self.of_package.get(package).map_or(&[], Vec::as_slice)
    }

    pub(super) fn package(&self, name: &str) -> Option<&'a Package> {
        self.snapshot.packages.packages.get(name)
    }

    /// The exact version of an installed package.
    pub(super) fn version(&self, package: &str) -> Option<&'a str> {
        let known = self.package(package).map(|p| p.version.as_str());
        let version = known.or_else(|| self.snapshot.packages.versions.get(package).map(String::as_str));
        version.filter(|v| !v.is_empty())
    }

    /// A package's name as the snapshot holds it.
    pub(super) fn installed(&self, package: &str) -> Option<&'a str> {
        let packages = &self.snapshot.packages;
        let known = packages.packages.get_key_value(package).map(|(name, _)| name);
        known.or_else(|| packages.versions.get_key_value(package).map(|(name, _)| name)).map(String::as_str)
    }

    pub(super) fn container(&self, name: &str) -> Option<&'a Container> {
        self.containers.get(name).copied()
    }

    pub(super) fn entry(&self, node: usize) -> Option<&'a ServiceEntry> {
        self.index.service(self.service(node))
    }
}
