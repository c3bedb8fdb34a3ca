//! Who needs whom: services as nodes, declared and observed dependencies as edges, both directions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use doorward_model::{DependencyKind, EvidenceKind, Link, Manager, OsFamily, Service, Snapshot};

/// Targets that start everything at boot: that they want a service says only that it is enabled.
const BOOT_TARGETS: &[&str] = &[
    "basic.target",
    "default.target",
    "getty.target",
    "graphical.target",
    "local-fs.target",
    "multi-user.target",
    "network.target",
    "paths.target",
    "remote-fs.target",
    "shutdown.target",
    "sockets.target",
    "sysinit.target",
    "timers.target",
];

/// The dependency graph of one snapshot. Nodes are indices into [`Snapshot::services`].
#[derive(Debug)]
pub struct Graph<'s> {
    services: &'s [Service],
    names: HashMap<Cow<'s, str>, usize>,
    /// Whether names have no case, as on Windows.
    caseless: bool,
    out: Vec<Vec<Edge>>,
    into: Vec<Vec<Edge>>,
}

/// One edge, seen from one of its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The service at the other end.
    pub other: usize,
    /// Declared by configuration, or observed.
    pub origin: Origin,
    /// The evidence in few words: `Requires=`, `tcp 127.0.0.1:3306`.
    pub detail: String,
}

/// How an edge is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The service manager's configuration.
    Unit(DependencyKind),
    /// A web server's configuration passes requests there.
    Upstream,
    /// A connection was seen.
    Connection,
}

impl Origin {
    /// Whether need flows along this edge, from the one that needs to the one needed.
    pub fn carries_need(self) -> bool {
        match self {
            Self::Unit(kind) => kind.carries_need() || kind == DependencyKind::Triggers,
            Self::Upstream | Self::Connection => true,
        }
    }

    /// Declared or observed.
    pub fn evidence(self) -> EvidenceKind {
        if self == Self::Connection { EvidenceKind::Observed } else { EvidenceKind::Declared }
    }
}

impl<'s> Graph<'s> {
    /// Builds the graph. Edges to what is not in the snapshot are left out.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        let services = &snapshot.services;
        let caseless = snapshot.host.family == OsFamily::Windows;
        let mut names = HashMap::with_capacity(services.len() * 2);
        for (at, service) in services.iter().enumerate() {
            for alias in &service.aliases {
                names.entry(folded(alias, caseless)).or_insert(at);
            }
        }
        names.extend(services.iter().enumerate().map(|(at, s)| (folded(&s.name, caseless), at)));
        let none = || vec![Vec::new(); services.len()];
        let mut graph = Self { services, names, caseless, out: none(), into: none() };
        for (at, service) in services.iter().enumerate() {
            for dependency in &service.dependencies {
                if let Some(other) = graph.node(&dependency.on) {
                    let word = declared_by(service, dependency.kind, &services[other]);
                    graph.add(at, other, Origin::Unit(dependency.kind), word);
                }
            }
        }
        for c in &snapshot.connections {
            if let (Some(from), Some(to)) = (graph.node(&c.from), graph.node(&c.to)) {
                let transport = match c.transport {
                    doorward_model::Transport::Tcp => "tcp ",
                    doorward_model::Transport::Udp => "udp ",
                    doorward_model::Transport::Unix => "",
                    doorward_model::Transport::Dbus => "bus name ",
                };
                graph.add(from, to, Origin::Connection, format!("{transport}{}", c.at));
            }
        }
        graph.add_upstreams(snapshot);
        graph
    }

    fn add_upstreams(&mut self, snapshot: &'s Snapshot) {
        for web in &snapshot.web {
            let servers: Vec<usize> =
                (0..self.services.len()).filter(|&at| is_program(&self.services[at], &web.server)).collect();
            for upstream in &web.upstreams {
                for to in
                    behind(snapshot, &upstream.target).filter_map(|name| self.node(name)).collect::<Vec<_>>()
                {
                    for &from in &servers {
                        self.add(
                            from,
                            to,
                            Origin::Upstream,
                            format!("{} in {}", upstream.target, upstream.place),
                        );
                    }
                }
            }
        }
    }

    fn add(&mut self, from: usize, to: usize, origin: Origin, detail: String) {
        if from == to
            || self.out[from].iter().any(|e| e.other == to && e.origin == origin && e.detail == detail)
        {
            return;
        }
        self.into[to].push(Edge { other: from, origin, detail: detail.clone() });
        self.out[from].push(Edge { other: to, origin, detail });
    }

    /// The services, in the snapshot's order.
    pub fn services(&self) -> &'s [Service] {
        self.services
    }

    /// The node of a service, by its name or an alias.
    pub fn node(&self, name: &str) -> Option<usize> {
        self.names.get(folded(name, self.caseless).as_ref()).copied()
    }

    /// Edges that lead out of a service: what it needs or triggers.
    pub fn out(&self, node: usize) -> &[Edge] {
        &self.out[node]
    }

    /// Edges that lead to a service: what needs or triggers it.
    pub fn into(&self, node: usize) -> &[Edge] {
        &self.into[node]
    }

    /// Whether a unit groups others and runs nothing itself.
    pub fn is_group(&self, node: usize) -> bool {
        is_group(&self.services[node].name)
    }

    /// Every edge between two services that tells of a need, with its evidence, for both directions; groups left out.
    pub fn links(&self, node: usize) -> Vec<Link> {
        let name = |at: usize| self.services[at].name.clone();
        let telling = |e: &&Edge| e.origin.carries_need() && !self.is_group(e.other);
        let link =
            |from, to, e: &Edge| Link { from, to, kind: e.origin.evidence(), detail: e.detail.clone() };
        let mut links: Vec<Link> = self.out[node]
            .iter()
            .filter(telling)
            .map(|e| link(name(node), name(e.other), e))
            .chain(self.into[node].iter().filter(telling).map(|e| link(name(e.other), name(node), e)))
            .collect();
        links.sort();
        links.dedup();
        links
    }
}

/// Whether a unit name is that of a group (a target or slice) and no service.
pub fn is_group(name: &str) -> bool {
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    matches!(suffix, "target" | "slice")
}

/// Whether a target only starts what is enabled.
pub fn is_boot_target(name: &str) -> bool {
    BOOT_TARGETS.contains(&name)
}

/// A name as the map holds it.
fn folded(name: &str, caseless: bool) -> Cow<'_, str> {
    if caseless && name.chars().any(char::is_uppercase) {
        Cow::Owned(name.to_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The setting that declares a dependency, as its manager calls it.
fn declared_by(service: &Service, kind: DependencyKind, on: &Service) -> String {
    if service.manager != Manager::Scm {
        return unit_word(kind).to_owned();
    }
    let groups = service.windows.iter().flat_map(|w| &w.depends_on_groups);
    let group = on.windows.as_ref().and_then(|w| w.group.as_deref());
    match groups.into_iter().find(|g| group.is_some_and(|of| of.eq_ignore_ascii_case(g))) {
        Some(group) => format!("DependOnGroup {group}"),
        None => "DependOnService".to_owned(),
    }
}

fn unit_word(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::Requires => "Requires=",
        DependencyKind::Requisite => "Requisite=",
        DependencyKind::BindsTo => "BindsTo=",
        DependencyKind::PartOf => "PartOf=",
        DependencyKind::Wants => "Wants=",
        DependencyKind::Upholds => "Upholds=",
        DependencyKind::Triggers => "starts it",
        DependencyKind::Conflicts => "Conflicts=",
    }
}

/// Whether a service runs a program of that name.
fn is_program(service: &Service, program: &str) -> bool {
    let base = service.executable.as_deref().and_then(|path| path.rsplit('/').next());
    base == Some(program) || service.name.strip_suffix(".service") == Some(program) || service.name == program
}

/// The services behind an upstream's target: a UNIX socket's path, or an address of the host itself.
fn behind<'s>(snapshot: &'s Snapshot, target: &str) -> impl Iterator<Item = &'s str> {
    let path = target.strip_prefix("unix:").unwrap_or(target);
    let is_path = path.starts_with('/') || path.starts_with('@');
    let local = snapshot.local_sockets.iter().filter(move |_| is_path);
    let path = same_run(path).to_owned();
    let by_path = local.filter(move |s| same_run(&s.path) == path).filter_map(|s| s.service.as_deref());
    let port = (!is_path).then(|| local_port(snapshot, target)).flatten();
    let by_port = snapshot
        .listeners
        .iter()
        .filter(move |l| port.is_some() && l.port == port && l.namespace.is_host())
        .filter_map(|l| l.service.as_deref());
    by_path.chain(by_port)
}

/// `/var/run` is `/run`.
fn same_run(path: &str) -> &str {
    path.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(path)
}

/// The port of `host:port`, when the host is this one.
fn local_port(snapshot: &Snapshot, target: &str) -> Option<u16> {
    let (host, port) = target.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let local = host == "localhost"
        || host == snapshot.host.name
        || host.parse::<IpAddr>().is_ok_and(|ip| snapshot.host.has_address(ip));
    if local { port.parse().ok() } else { None }
}
