//! What the host is for: which web servers face the clients, and which application servers stand behind them.

use doorward_knowledge::{RoleEntry, RoleKind, ServiceEntry};
use doorward_model::{Listener, Protocol, Service, Snapshot, State};

use crate::{Facts, graph::Origin};

/// The role of a host whose ports 80 or 443 are held by a program that the knowledge does not name.
pub const OTHER_SERVER: &str = "other";
/// The role that is added when a front serves files and passes nothing on.
const STATIC: &str = "static";
/// Ports that are the web's by definition.
const WEB_PORTS: [u16; 2] = [80, 443];

/// The roles of a host, and the services that play them.
#[derive(Debug, Default)]
pub(crate) struct Roles<'k> {
    pub(crate) playing: Vec<Playing<'k>>,
    /// Whether a front passes nothing on.
    is_static: bool,
    /// Roles that the user named in the place of those found.
    chosen: Option<Vec<String>>,
}

/// One role and one service that plays it.
#[derive(Debug)]
pub(crate) struct Playing<'k> {
    pub(crate) id: String,
    pub(crate) role: Option<&'k RoleEntry>,
    pub(crate) service: String,
    /// Whether its TCP doors are the site's own.
    pub(crate) faces_clients: bool,
    pub(crate) why: String,
}

impl Roles<'_> {
    /// Role ids, fronts first, each once.
    pub(crate) fn ids(&self) -> Vec<String> {
        if let Some(chosen) = &self.chosen {
            return chosen.clone();
        }
        let mut ids: Vec<String> = Vec::new();
        let fronts = self.playing.iter().filter(|p| p.faces_clients);
        for p in fronts.chain(self.playing.iter().filter(|p| !p.faces_clients)) {
            if !ids.contains(&p.id) {
                ids.push(p.id.clone());
            }
        }
        if self.is_static {
            ids.push(STATIC.to_owned());
        }
        ids
    }

    /// Whether a listener is one of the site's own doors.
    pub(crate) fn is_site_door(&self, listener: &Listener) -> bool {
        let web = listener.protocol == Protocol::Tcp
            || (listener.protocol == Protocol::Udp && listener.port.is_some_and(|p| WEB_PORTS.contains(&p)));
        web && listener.service.as_deref().is_some_and(|s| self.faces_clients(s))
    }

    /// Whether a service is one of the servers that face the clients.
    pub(crate) fn faces_clients(&self, service: &str) -> bool {
        self.playing.iter().any(|p| p.faces_clients && p.service == service)
    }
}

/// Finds the roles from who runs, who listens and who is passed requests to; the user's choice overrides.
pub(crate) fn detect<'k>(facts: &Facts<'_, '_, 'k>) -> Roles<'k> {
    let chosen = facts.options.roles.clone();
    let wanted = |id: &str| chosen.as_ref().is_none_or(|c| c.iter().any(|c| c == id));
    let mut roles = Roles::default();
    let mut candidates = Vec::new();
    for (service, entry) in facts.snapshot.services.iter().zip(&facts.entries) {
        let Some(entry) = entry.filter(|_| lives(service)) else { continue };
        let plays = |r: &&RoleEntry| wanted(&r.id) && r.services.contains(&entry.id);
        let fits = |r: &&RoleEntry| chosen.is_some() || has_marks(facts, r);
        for role in facts.index.roles().filter(plays).filter(fits) {
            candidates.push((service, entry, role));
        }
    }
    for &(service, _, role) in candidates.iter().filter(|c| c.2.kind == RoleKind::Front) {
        roles.playing.push(Playing {
            id: role.id.clone(),
            role: Some(role),
            service: service.name.clone(),
            faces_clients: true,
            why: format!("the {} web server", role.title),
        });
    }
    add_unknown_servers(facts, &mut roles, &wanted);
    let has_front = roles.playing.iter().any(|p| p.faces_clients);
    let no_upstream = facts.snapshot.web.iter().all(|w| w.upstreams.is_empty());
    let configs_complete = !facts.snapshot.web.is_empty() && facts.snapshot.web.iter().all(|w| w.complete);
    for &(service, entry, role) in candidates.iter().filter(|c| c.2.kind == RoleKind::Runtime) {
        if let Some(why) = runtime_reason(facts, &roles, service, entry, role, has_front, configs_complete) {
            roles.playing.push(Playing {
                id: role.id.clone(),
                role: Some(role),
                service: service.name.clone(),
                faces_clients: !has_front,
                why,
            });
        }
    }
    let has_runtime = roles.playing.iter().any(|p| p.role.is_some_and(|r| r.kind == RoleKind::Runtime));
    roles.is_static = wanted(STATIC) && has_front && !has_runtime && configs_complete && no_upstream;
    roles.chosen = chosen;
    roles
}

/// Whether the services are there, or absent, that tell a role from others that the same server plays.
fn has_marks(facts: &Facts<'_, '_, '_>, role: &RoleEntry) -> bool {
    let is_there = |unit: &String| facts.snapshot.services.iter().any(|s| facts.index.matches(unit, s));
    role.present.iter().all(is_there) && !role.absent.iter().any(is_there)
}

/// Whether a service runs, or will after the next boot.
pub(crate) fn lives(service: &Service) -> bool {
    matches!(service.state, State::Running | State::Changing | State::Failed)
        || (matches!(service.state, State::Exited | State::Unknown) && service.comes_up())
}

/// Why an application server has a part in the site, if it has.
fn runtime_reason(
    facts: &Facts<'_, '_, '_>,
    roles: &Roles<'_>,
    service: &Service,
    entry: &ServiceEntry,
    role: &RoleEntry,
    has_front: bool,
    configs_complete: bool,
) -> Option<String> {
    let title = &role.title;
    if facts.options.roles.is_some() {
        return Some(format!("the role {} as chosen", role.id));
    }
    let node = facts.graph.node(&service.name)?;
    let fronts = |origin: Origin| {
        facts
            .graph
            .into(node)
            .iter()
            .find(|e| e.origin == origin && roles.faces_clients(&facts.graph.services()[e.other].name))
    };
    if let Some(edge) = fronts(Origin::Upstream).or_else(|| fronts(Origin::Connection)) {
        let front = &facts.graph.services()[edge.other].name;
        return Some(format!("{front} passes requests to it: {}", edge.detail));
    }
    let needs_it = facts.applications.iter().map(|found| &found.application).find(|a| {
        let known = facts.index.applications().find(|k| k.id == a.id);
        known.is_some_and(|k| k.needs.iter().any(|n| n.any.contains(&entry.id)))
    });
    if let Some(application) = needs_it {
        return Some(format!("{} at {} needs it", application.id, application.place));
    }
    let own_port = facts.snapshot.listeners.iter().find(|l| {
        l.service.as_deref() == Some(&service.name) && l.port.is_some_and(|p| role.ports.contains(&p))
    });
    match own_port {
        Some(l) if !has_front => Some(format!("{title} answers on port {}", l.port.unwrap_or_default())),
        _ if has_front && !configs_complete => {
            Some(format!("{title} runs beside a web server whose configuration was not fully read"))
        }
        _ => None,
    }
}

/// Whoever holds the web's own ports serves the site, known by name or not.
fn add_unknown_servers(facts: &Facts<'_, '_, '_>, roles: &mut Roles<'_>, wanted: &dyn Fn(&str) -> bool) {
    if !wanted(OTHER_SERVER) {
        return;
    }
    let runtimes = |service: &str| {
        facts.entry(service).is_some_and(|e| facts.index.roles().any(|r| r.services.contains(&e.id)))
    };
    for (service, port) in on_web_ports(facts.snapshot) {
        if roles.playing.iter().any(|p| p.service == service) || runtimes(&service) {
            continue;
        }
        roles.playing.push(Playing {
            id: OTHER_SERVER.to_owned(),
            role: None,
            service,
            faces_clients: true,
            why: format!("answers on the web's port {port}"),
        });
    }
}

/// Services that answer on the web's ports beyond the host, on sockets of their own or published ones.
fn on_web_ports(snapshot: &Snapshot) -> Vec<(String, u16)> {
    let listening = snapshot.listeners.iter().filter_map(|l| {
        let outside = l.namespace.is_host() && l.address.is_some_and(|a| !a.is_loopback());
        let port = l.port.filter(|p| l.protocol == Protocol::Tcp && outside && WEB_PORTS.contains(p))?;
        Some((l.service.clone()?, port))
    });
    let containers = snapshot.containers.iter().filter(|c| c.running != Some(false));
    let published = containers.flat_map(|c| c.published.iter().map(move |p| (c, p))).filter_map(|(c, p)| {
        let outside = !p.host_address.starts_with("127.") && p.host_address != "::1";
        let is_web = p.protocol == Protocol::Tcp && outside && WEB_PORTS.contains(&p.host_port);
        is_web.then(|| (format!("container:{}", c.name), p.host_port))
    });
    listening.chain(published).collect()
}
