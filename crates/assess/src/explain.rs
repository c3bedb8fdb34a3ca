//! One service on one card: what it is, what it gives an intruder, who needs it, what to do.

use doorward_knowledge::{Index, Restriction, Systems, Vulnerability};
use doorward_model::{AuditService, Door, Link, Manager, Memory, Package, Service, Snapshot};
use serde::Serialize;

use crate::{Assessment, Options};

mod actions;
mod windows;

pub use windows::WindowsCard;

/// Everything known of one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// The service with its verdict and evidence.
    pub service: AuditService,
    /// Name as people say it.
    pub title: String,
    /// What it is.
    pub what: Option<String>,
    /// Its own or its package's description.
    pub description: Option<String>,
    /// Program, account, definition.
    pub runs: Runs,
    /// Its doors.
    pub doors: Vec<Door>,
    /// What it gives an intruder, and how that is misused.
    pub gives: Option<String>,
    /// How it was attacked.
    pub history: Vec<Vulnerability>,
    /// Services that it needs, with the evidence.
    pub needs: Vec<Link>,
    /// Services that need it, with the evidence.
    pub needed_by: Vec<Link>,
    /// How it came here.
    pub package: Option<PackageCard>,
    /// What it costs.
    pub cost: Cost,
    /// What is lost without it.
    pub loses: Option<String>,
    /// What only Windows has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowsCard>,
    /// What Doorward would do, then the alternatives.
    pub actions: Vec<Action>,
    /// How it is restricted when it must stay.
    pub restrict: Vec<Restriction>,
    /// Benchmarks that name it.
    pub benchmarks: Vec<String>,
    /// Where the facts were looked up.
    pub sources: Vec<String>,
}

/// How a service runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Runs {
    /// Who starts it.
    pub manager: Manager,
    /// Absolute path of its program.
    pub executable: Option<String>,
    /// Account.
    pub user: Option<String>,
    /// Capabilities of its main process.
    pub capabilities: Vec<String>,
    /// The file that defines it.
    pub definition: Option<String>,
    /// Number of processes.
    pub processes: usize,
}

/// How a service came to the host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PackageCard {
    /// Package name.
    pub name: String,
    /// The package.
    #[serde(flatten)]
    pub package: Package,
}

/// What a service costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Memory held.
    pub memory: Option<Memory>,
    /// CPU time since its start, in microseconds.
    pub cpu_usec: Option<u64>,
    /// Whether a security update waits for its package, if that is known.
    pub security_update: Option<bool>,
}

/// Something that can be done about a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    /// `uninstall`, `disable`, `rebind`, `filter`, `stop`, `keep`, `look`.
    pub kind: &'static str,
    /// What it means here.
    pub text: String,
}

/// The cards of all services that a name or a port leads to, in the audit's order.
///
/// A name is the manager's own, an alias, the name without its suffix (`ssh`), the knowledge's id, or a package.
pub fn cards(
    assessment: &Assessment<'_>,
    snapshot: &Snapshot,
    index: &Index<'_>,
    options: &Options,
    what: &str,
) -> Vec<Card> {
    let names = names(assessment, snapshot, what);
    let audit = &assessment.audit;
    let found = audit.services.iter().filter(|s| names.contains(&s.name));
    found.map(|s| card(assessment, snapshot, index, options, s)).collect()
}

fn names(assessment: &Assessment<'_>, snapshot: &Snapshot, what: &str) -> Vec<String> {
    if let Ok(port) = what.parse::<u16>() {
        let doors = assessment.audit.doors.iter().filter(|d| d.port == Some(port) && d.protocol.has_port());
        return doors.flat_map(|d| [d.service.clone(), d.via.clone()]).flatten().collect();
    }
    let services = &assessment.audit.services;
    if let Some(exact) = snapshot.service(what) {
        return vec![exact.name.clone()];
    }
    let by_stem: Vec<String> =
        snapshot.services.iter().filter(|s| stem_is(s, what)).map(|s| s.name.clone()).collect();
    let by_knowledge = || {
        services
            .iter()
            .filter(|s| s.knowledge.as_deref() == Some(what) || s.package.as_deref() == Some(what))
            .map(|s| s.name.clone())
            .collect()
    };
    if by_stem.is_empty() { by_knowledge() } else { by_stem }
}

/// Whether `what` is a service's name or alias without the manager's prefix or the unit's suffix.
fn stem_is(service: &Service, what: &str) -> bool {
    std::iter::once(&service.name).chain(&service.aliases).any(|name| {
        let bare = name.split_once(':').map_or(name.as_str(), |(_, rest)| rest);
        bare == what
            || (service.windows.is_some() && bare.eq_ignore_ascii_case(what))
            || name.strip_suffix(".service") == Some(what)
    })
}

fn card(
    assessment: &Assessment<'_>,
    snapshot: &Snapshot,
    index: &Index<'_>,
    options: &Options,
    judged: &AuditService,
) -> Card {
    let service = snapshot.service(&judged.name);
    let entry = service.and_then(|s| index.service(s)).or_else(|| index.by_name(&judged.name));
    let class = entry
        .and_then(|e| e.class.as_deref())
        .and_then(|id| index.knowledge().classes.iter().find(|c| c.id == id));
    let package = judged.package.as_ref().and_then(|name| {
        let package = snapshot.packages.packages.get(name)?.clone();
        Some(PackageCard { name: name.clone(), package })
    });
    let doors: Vec<Door> = assessment
        .audit
        .doors
        .iter()
        .filter(|d| d.service.as_ref() == Some(&judged.name) || d.via.as_ref() == Some(&judged.name))
        .cloned()
        .collect();
    let known_lists = snapshot.packages.lists_updated.is_some();
    let update = package.as_ref().map(|p| p.package.update.as_ref().is_some_and(|u| u.security));
    Card {
        title: entry.map_or_else(|| judged.name.clone(), |e| e.title.clone()),
        what: entry.map(|e| e.what.clone()),
        description: service.and_then(|s| s.description.clone()),
        runs: Runs {
            manager: service.map_or(Manager::Nobody, |s| s.manager),
            executable: service.and_then(|s| s.executable.clone()),
            user: service.and_then(|s| s.user.clone()),
            capabilities: service.map(|s| s.capabilities.clone()).unwrap_or_default(),
            definition: service.and_then(|s| s.definition.clone()),
            processes: service.map_or(0, |s| s.processes.len()),
        },
        gives: entry
            .and_then(|e| e.gives.clone())
            .or_else(|| class.map(|c| format!("{}. Misused for {}", c.gives, c.misuse))),
        history: of_system(index, entry.map(|e| e.history.as_slice()), |v| &v.systems),
        needs: judged.links.iter().filter(|l| l.from == judged.name).cloned().collect(),
        needed_by: judged.links.iter().filter(|l| l.to == judged.name).cloned().collect(),
        cost: Cost {
            memory: service.and_then(|s| s.memory),
            cpu_usec: judged.cpu_usec,
            security_update: update.filter(|_| known_lists),
        },
        loses: entry.and_then(|e| e.removal.clone()),
        windows: windows::card(assessment, snapshot, index, service, entry, options),
        actions: actions::best_first(&actions::About {
            assessment,
            snapshot,
            index,
            options,
            judged,
            entry,
            package: package.as_ref(),
            doors: &doors,
        }),
        restrict: of_system(index, entry.map(|e| e.restrict.as_slice()), |r| &r.systems),
        benchmarks: entry.map(|e| e.benchmarks.clone()).unwrap_or_default(),
        sources: entry.map(|e| e.sources.clone()).unwrap_or_default(),
        service: judged.clone(),
        package,
        doors,
    }
}

/// The facts that hold on the host's system.
fn of_system<T: Clone>(index: &Index<'_>, all: Option<&[T]>, systems: fn(&T) -> &[Systems]) -> Vec<T> {
    all.unwrap_or_default().iter().filter(|fact| index.holds(systems(fact))).cloned().collect()
}
