//! From a snapshot and the knowledge to doors, services and their verdicts.
//!
//! Pure and deterministic: the same snapshot, knowledge and options give the same [`Audit`], anywhere. The order of
//! thought is the order of the modules:
//!
//! 1. `graph`: who needs whom, declared and observed, both directions;
//! 2. `roles`: what the host is for;
//! 3. `needs`: from the role, the base, the admin's way in, applications and the user's word along the graph;
//! 4. `exposure`: who can reach each listener;
//! 5. `verdict`: what nothing needs is a candidate, known to be dangerous or not;
//! 6. `findings`: settings that let in more than they should;
//! 7. `explain`: one service on one card; `reach`: one client and one port, through the packet filter.
#![forbid(unsafe_code)]

mod applications;
mod doors;
pub mod explain;
mod exposure;
mod findings;
pub mod graph;
mod needs;
pub mod reach;
mod roles;
mod verdict;
mod ways_in;

use std::collections::BTreeMap;

use doorward_knowledge::{Family, Index};
use doorward_model::{Audit, AuditHost, Host, SCHEMA_VERSION, Snapshot, Source};

pub use exposure::rules_interface;
pub use roles::OTHER_SERVER;

/// What the user decides beyond the snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Roles in the place of the detected ones.
    pub roles: Option<Vec<String>>,
    /// Services that the user declares as needed, with the reason.
    pub keep: BTreeMap<String, String>,
    /// How the host is patched.
    pub patches: Patches,
}

/// The two schools of patching.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patches {
    /// What is not installed needs no patch.
    #[default]
    SkipNotInstalled,
    /// Every patch is applied in its sequence, whatever is installed.
    AllInSequence,
}

/// Everything said of one host, and the graph that it rests on.
#[derive(Debug)]
pub struct Assessment<'s> {
    /// The doors, services and what was not seen.
    pub audit: Audit,
    /// Who needs whom.
    pub graph: graph::Graph<'s>,
}

/// Judges a snapshot.
pub fn assess<'s>(snapshot: &'s Snapshot, index: &Index<'_>, options: &Options) -> Assessment<'s> {
    let graph = graph::Graph::new(snapshot);
    let applications = applications::all(snapshot, index);
    let entries = entries(snapshot, index);
    let facts = Facts { snapshot, index, options, graph: &graph, entries, applications };
    let roles = roles::detect(&facts);
    let needs = needs::find(&facts, &roles);
    let mut doors = doors::open(&facts, &roles);
    verdict::judge_doors(&facts, &roles, &needs, &mut doors);
    let services = verdict::judge_services(&facts, &needs, &doors);
    let findings = findings::find(&facts, &doors);
    let host = AuditHost {
        name: snapshot.host.name.clone(),
        os: snapshot.host.os.clone(),
        version: snapshot.host.version.clone(),
        source: match &snapshot.source {
            Source::Live { .. } => None,
            Source::Tree { path } => Some(path.clone()),
        },
        roles: roles.ids(),
    };
    let mut unseen = snapshot.unseen.clone();
    unseen.extend(exposure::Reach::new(snapshot).problem());
    unseen.sort();
    let audit = Audit { schema_version: SCHEMA_VERSION, host, doors, services, findings, unseen };
    Assessment { audit, graph }
}

/// What every step reads.
pub(crate) struct Facts<'a, 's, 'k> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) index: &'a Index<'k>,
    pub(crate) options: &'a Options,
    pub(crate) graph: &'a graph::Graph<'s>,
    /// The knowledge entry of each service, in the snapshot's order.
    pub(crate) entries: Vec<Option<&'k doorward_knowledge::ServiceEntry>>,
    /// Installed applications.
    pub(crate) applications: Vec<applications::Found>,
}

impl<'k> Facts<'_, '_, 'k> {
    /// The knowledge entry of a service by its name.
    pub(crate) fn entry(&self, name: &str) -> Option<&'k doorward_knowledge::ServiceEntry> {
        match self.graph.node(name) {
            Some(at) => self.entries[at],
            None => self.index.by_name(name),
        }
    }
}

/// The family of distributions that a host's belongs to.
pub(crate) fn family(host: &Host) -> Option<Family> {
    Family::of(std::iter::once(&host.os_id).chain(&host.os_like).map(String::as_str))
}

fn entries<'k>(snapshot: &Snapshot, index: &Index<'k>) -> Vec<Option<&'k doorward_knowledge::ServiceEntry>> {
    snapshot.services.iter().map(|s| index.service(s)).collect()
}
