//! Who is needed, by whom, on what evidence: roots first, then along the graph.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use doorward_knowledge::{BaseEntry, Classification, Condition, Need, RoleRequirement};
use doorward_model::{Application, DependencyKind, Evidence, EvidenceKind, Service, WindowsService};

use crate::graph::{Edge, Origin, is_boot_target};
use crate::roles::{Roles, lives};
use crate::{Facts, family, ways_in};

/// The evidence of need for every service, in the snapshot's order; empty where nothing needs it.
#[derive(Debug)]
pub(crate) struct Needs {
    of: Vec<Vec<Evidence>>,
}

impl Needs {
    /// The evidence that a service is needed, strongest first.
    pub(crate) fn of(&self, node: usize) -> &[Evidence] {
        &self.of[node]
    }
}

/// Finds all needs.
pub(crate) fn find(facts: &Facts<'_, '_, '_>, roles: &Roles<'_>) -> Needs {
    let mut search =
        Search { facts, needs: vec![Vec::new(); facts.snapshot.services.len()], queue: VecDeque::new() };
    search.add_roles(roles);
    search.add_base();
    for (node, why) in ways_in::find(facts) {
        search.add(node, EvidenceKind::Admin, None, why);
    }
    for (name, why) in &facts.options.keep {
        if let Some(node) = facts.graph.node(name) {
            search.add(node, EvidenceKind::Configured, None, why.clone());
        }
    }
    search.add_applications(|component| component.is_none());
    search.follow();
    search.follow_components();
    let mut of = search.needs;
    for evidence in &mut of {
        evidence.sort_by_key(|e| e.kind); // stable: of one kind, the nearest to the site comes first
        evidence.dedup();
    }
    Needs { of }
}

struct Search<'f, 'a, 's, 'k> {
    facts: &'f Facts<'a, 's, 'k>,
    needs: Vec<Vec<Evidence>>,
    queue: VecDeque<usize>,
}

impl Search<'_, '_, '_, '_> {
    fn add(&mut self, node: usize, kind: EvidenceKind, by: Option<String>, detail: String) {
        if self.needs[node].is_empty() {
            self.queue.push_back(node);
        }
        self.needs[node].push(Evidence { kind, by, detail });
    }

    fn add_roles(&mut self, roles: &Roles<'_>) {
        let facts = self.facts;
        let family = family(&facts.snapshot.host);
        for playing in &roles.playing {
            if let Some(node) = facts.graph.node(&playing.service) {
                self.add(node, EvidenceKind::Role, Some(playing.id.clone()), playing.why.clone());
            }
            let required = |r: &&RoleRequirement| r.classification == Classification::Required;
            for requirement in playing.role.iter().flat_map(|r| &r.requires).filter(required) {
                let here = requirement.families.is_empty()
                    || family.is_some_and(|f| requirement.families.contains(&f));
                if !here {
                    continue;
                }
                for (node, service) in facts.snapshot.services.iter().enumerate() {
                    if facts.index.matches(&requirement.unit, service) {
                        self.add(node, EvidenceKind::Role, Some(playing.id.clone()), requirement.why.clone());
                    }
                }
            }
        }
    }

    fn add_base(&mut self) {
        let facts = self.facts;
        // What groups others runs nothing: it is needed only for what needs it, or all that it wants would be.
        let services = facts.snapshot.services.iter().enumerate();
        for (node, service) in services.filter(|(node, _)| !facts.graph.is_group(*node)) {
            let is_plain_driver = service.windows.as_ref().is_some_and(WindowsService::is_driver)
                && facts.entries[node].is_none();
            if is_plain_driver {
                let why = "a driver that is not known to open a door: hardware and the kernel need theirs";
                self.add(node, EvidenceKind::Base, None, why.to_owned());
            }
            if facts.entries[node].is_some_and(|e| e.firewall) && lives(service) {
                let why = "the packet filter, which is never switched off";
                self.add(node, EvidenceKind::Base, None, why.to_owned());
            }
            let names = std::iter::once(&service.name).chain(&service.aliases);
            let Some(base) = names.map(String::as_str).find_map(|n| facts.index.base(n)) else { continue };
            if base_holds(facts, base, service) {
                self.add(node, EvidenceKind::Base, None, base.why.clone());
            }
        }
    }

    /// Components of Windows that are needed by now need in turn what is known of them; until nothing new is needed.
    fn follow_components(&mut self) {
        let mut done: BTreeSet<usize> = BTreeSet::new();
        loop {
            let components = self.facts.applications.iter().filter_map(|found| found.component);
            let new: BTreeSet<usize> =
                components.filter(|node| !self.needs[*node].is_empty() && !done.contains(node)).collect();
            if new.is_empty() {
                return;
            }
            self.add_applications(|component| component.is_some_and(|node| new.contains(&node)));
            self.follow();
            done.extend(new);
        }
    }

    fn add_applications(&mut self, counts: impl Fn(Option<usize>) -> bool) {
        let facts = self.facts;
        let found = facts.applications.iter().filter(|found| counts(found.component));
        for application in found.map(|found| &found.application) {
            let Some(entry) = facts.index.applications().find(|k| k.id == application.id) else { continue };
            for need in entry.needs.iter().filter(|n| need_holds(facts, n, application)) {
                for (node, service) in facts.snapshot.services.iter().enumerate() {
                    let fits = facts.entries[node].is_some_and(|e| need.any.contains(&e.id));
                    if fits && lives(service) {
                        let detail = format!("{} ({})", need.why, application.evidence);
                        self.add(node, EvidenceKind::Requirement, Some(entry.title.clone()), detail);
                    }
                }
            }
        }
    }

    /// Carries need along the graph until nothing new is needed.
    fn follow(&mut self) {
        let facts = self.facts;
        while let Some(node) = self.queue.pop_front() {
            let service = &facts.graph.services()[node];
            if is_boot_target(&service.name) {
                continue;
            }
            for edge in facts.graph.out(node).iter().filter(|e| e.origin.carries_need()) {
                self.carry(service, edge);
            }
            // What starts a needed service is needed with it: its socket, timer or path.
            for edge in facts.graph.into(node) {
                if edge.origin == Origin::Unit(DependencyKind::Triggers) {
                    let detail = format!("starts {}", service.name);
                    self.add_once(edge.other, EvidenceKind::Declared, &service.name, detail);
                }
            }
        }
    }

    fn carry(&mut self, from: &Service, edge: &Edge) {
        let target = &self.facts.graph.services()[edge.other];
        // What is wanted but never comes up (absent, condition not met) is not kept for a wish.
        let wish = matches!(edge.origin, Origin::Unit(DependencyKind::Wants | DependencyKind::Upholds));
        if wish && !lives(target) && !self.facts.graph.is_group(edge.other) {
            return;
        }
        // A socket that is needed for what it starts is no reason to need that.
        let name = target.name.as_str();
        let is_circular = edge.origin == Origin::Unit(DependencyKind::Triggers)
            && self
                .facts
                .graph
                .node(&from.name)
                .is_some_and(|from| self.needs[from].iter().all(|e| e.by.as_deref() == Some(name)));
        if !is_circular {
            self.add_once(edge.other, edge.origin.evidence(), &from.name, edge.detail.clone());
        }
    }

    fn add_once(&mut self, node: usize, kind: EvidenceKind, by: &str, detail: String) {
        let known = self.needs[node].iter().any(|e| e.kind == kind && e.by.as_deref() == Some(by));
        if !known {
            self.add(node, kind, Some(by.to_owned()), detail);
        }
    }
}

/// Whether the host needs a base service, as it is now.
fn base_holds(facts: &Facts<'_, '_, '_>, base: &BaseEntry, service: &Service) -> bool {
    let host = &facts.snapshot.host;
    match base.needed {
        Condition::Always => true,
        Condition::Never => false,
        Condition::Network => {
            let windows = facts.snapshot.windows.as_ref();
            stays(service) && windows.is_none_or(|w| w.dynamic_addresses != Some(false))
        }
        Condition::Clock | Condition::Active | Condition::Domain => stays(service),
        Condition::Ipsec => stays(service) && has_ipsec_policy(facts),
        Condition::LocalResolver => host.resolvers.iter().any(IpAddr::is_loopback) && lives(service),
        Condition::Guest => host
            .virtualization
            .as_ref()
            .is_some_and(|v| base.guest_of.iter().any(|g| g.eq_ignore_ascii_case(v))),
    }
}

/// Whether a service runs, or will again by itself.
fn stays(service: &Service) -> bool {
    lives(service) || service.comes_up()
}

/// Whether an `IPsec` policy is assigned, so that its agent has something to do.
fn has_ipsec_policy(facts: &Facts<'_, '_, '_>) -> bool {
    let windows = facts.snapshot.windows.as_ref();
    windows.is_some_and(|w| w.settings.iter().any(|s| s.topic == "IPsec" && s.name == "ActivePolicy"))
}

/// Whether an application's need holds with the settings that were found.
fn need_holds(facts: &Facts<'_, '_, '_>, need: &Need, application: &Application) -> bool {
    let value = |name: &str| application.settings.get(name).map(String::as_str);
    let begins = |value: &str, options: &[String]| {
        options.iter().any(|o| value.get(..o.len()).is_some_and(|v| v.eq_ignore_ascii_case(o)))
    };
    let when = need.when.as_ref().is_none_or(|c| {
        value(&c.setting)
            .is_some_and(|v| if c.is.is_empty() { names_this_host(facts, v) } else { begins(v, &c.is) })
    });
    let unless = need.unless.as_ref().is_some_and(|c| {
        value(&c.setting)
            .is_some_and(|v| if c.is.is_empty() { !names_this_host(facts, v) } else { begins(v, &c.is) })
    });
    when && !unless
}

/// Whether a setting's value points at the host itself: a path, a loopback name, an own address.
fn names_this_host(facts: &Facts<'_, '_, '_>, value: &str) -> bool {
    let value = value.rsplit_once("://").map_or(value, |(_, rest)| rest);
    let value = value.rsplit_once('@').map_or(value, |(_, rest)| rest);
    if value.is_empty() || value.starts_with('/') || value.starts_with("unix:") {
        return true;
    }
    let host = match value.strip_prefix('[').and_then(|v| v.split_once(']')) {
        Some((inside, _)) => inside,
        None if value.matches(':').count() > 1 => value,
        None => value.split([':', '/', '?']).next().unwrap_or(value),
    };
    // The last three are what ASP.NET's session state and SQL Server's clients call the host itself.
    ["localhost", "loopback", "(local)", "."].iter().any(|own| host.eq_ignore_ascii_case(own))
        || host.eq_ignore_ascii_case(&facts.snapshot.host.name)
        || host.parse::<IpAddr>().is_ok_and(|ip| facts.snapshot.host.has_address(ip))
}
