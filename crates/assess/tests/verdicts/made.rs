//! Snapshots of the tests' own making, a line a fact.

use std::sync::LazyLock;

use doorward_assess::{Options, assess};
use doorward_knowledge::{Index, Knowledge};
use doorward_model::{
    Audit, AuditService, Basis, Connection, Dependency, DependencyKind, Door, Exposure, Host, Init,
    Interface, Listener, LocalSocket, Manager, Namespace, Owner, PacketFilter, Protocol, Service, Snapshot,
    Source, Start, State, Transport, Upstream, WebConfig,
};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);
static INDEX: LazyLock<Index<'_>> = LazyLock::new(|| Index::new(&KNOWLEDGE));

/// A host that is being described.
pub(crate) struct Made {
    pub(crate) snapshot: Snapshot,
    pub(crate) options: Options,
}

impl Made {
    /// A Debian host seen as root, with one interface and no packet filter.
    pub(crate) fn host() -> Self {
        let interface = |name: &str, loopback, addresses: &[&str]| Interface {
            name: name.into(),
            index: if loopback { 1 } else { 2 },
            loopback,
            up: true,
            addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
        };
        let host = Host {
            name: "web1".into(),
            os_id: "debian".into(),
            os: "Debian GNU/Linux 12 (bookworm)".into(),
            version: "12".into(),
            init: Init::Systemd,
            interfaces: vec![
                interface("lo", true, &["127.0.0.1/8", "::1/128"]),
                interface("docker0", false, &["172.17.0.1/16"]),
                interface("eth0", false, &["192.0.2.7/24"]),
            ],
            ..Host::default()
        };
        let snapshot = Snapshot {
            source: Source::Live { privileged: true },
            host,
            filter: PacketFilter::None,
            ..Snapshot::default()
        };
        Self { snapshot, options: Options::default() }
    }

    /// A running, enabled service of systemd.
    pub(crate) fn runs(mut self, name: &str, executable: &str) -> Self {
        self.snapshot.services.push(Service {
            name: name.into(),
            manager: if name.contains('.') { Manager::Systemd } else { Manager::Nobody },
            state: State::Running,
            start: Start::Enabled,
            executable: Some(executable.into()),
            ..Service::default()
        });
        self
    }

    /// The last service depends on another.
    pub(crate) fn depends(mut self, kind: DependencyKind, on: &str) -> Self {
        self.last().dependencies.push(Dependency { kind, on: on.into() });
        self
    }

    /// The last service listens.
    pub(crate) fn tcp(self, address: &str, port: u16) -> Self {
        self.listens(Protocol::Tcp, address, port)
    }

    pub(crate) fn listens(mut self, protocol: Protocol, address: &str, port: u16) -> Self {
        let service = self.last().name.clone();
        let executable = self.last().executable.clone();
        self.snapshot.listeners.push(Listener {
            protocol,
            address: Some(address.parse().unwrap()),
            port: Some(port),
            v6only: None,
            interface: None,
            namespace: Namespace::Host,
            owner: Owner::Processes { pids: vec![4], executable },
            service: Some(service),
            via: None,
            basis: Basis::Observed,
        });
        self
    }

    /// The last service accepts at a path.
    pub(crate) fn local(mut self, path: &str) -> Self {
        let service = Some(self.last().name.clone());
        self.snapshot.local_sockets.push(LocalSocket { path: path.into(), service });
        self
    }

    /// A web server's configuration, wholly read, with what it passes requests to.
    pub(crate) fn web(mut self, server: &str, upstreams: &[&str]) -> Self {
        let upstream =
            |target: &&str| Upstream { target: (*target).into(), place: "/etc/conf:1 pass".into() };
        self.snapshot.web.push(WebConfig {
            server: server.into(),
            complete: true,
            upstreams: upstreams.iter().map(upstream).collect(),
            ..WebConfig::default()
        });
        self
    }

    /// A connection that was seen.
    pub(crate) fn uses(mut self, from: &str, to: &str, at: &str) -> Self {
        let transport = if at.starts_with('/') { Transport::Unix } else { Transport::Tcp };
        let (from, to, at) = (from.into(), to.into(), at.into());
        self.snapshot.connections.push(Connection { from, to, transport, at, count: 1 });
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Snapshot)) -> Self {
        change(&mut self.snapshot);
        self
    }

    pub(crate) fn last(&mut self) -> &mut Service {
        self.snapshot.services.last_mut().unwrap()
    }

    /// What the card of a service would do first.
    pub(crate) fn would_do(&self, service: &str) -> String {
        let assessment = assess(&self.snapshot, &INDEX, &self.options);
        let cards =
            doorward_assess::explain::cards(&assessment, &self.snapshot, &INDEX, &self.options, service);
        cards[0].actions[0].text.clone()
    }

    pub(crate) fn audit(mut self) -> Judged {
        self.snapshot.sort();
        Judged(assess(&self.snapshot, &INDEX, &self.options).audit)
    }
}

/// What was said of it.
pub(crate) struct Judged(pub Audit);

impl Judged {
    pub(crate) fn service(&self, name: &str) -> &AuditService {
        self.0.services.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    pub(crate) fn door(&self, port: u16) -> &Door {
        self.0.doors.iter().find(|d| d.port == Some(port)).unwrap_or_else(|| panic!("no door {port}"))
    }

    /// `verdict: first evidence` of a service.
    pub(crate) fn of(&self, name: &str) -> String {
        let s = self.service(name);
        format!("{}: {}", s.verdict.as_str(), s.evidence[0].detail)
    }

    /// `verdict exposure: first reason` of a door.
    pub(crate) fn at(&self, port: u16) -> String {
        let d = self.door(port);
        let exposure = match d.exposure {
            Exposure::Closed => "closed",
            Exposure::Loopback => "loopback",
            Exposure::Link => "link",
            Exposure::Limited => "limited",
            Exposure::Unknown => "unknown",
            Exposure::Everyone => "everyone",
        };
        format!("{} {exposure}: {}", d.verdict.as_str(), d.reasons[0])
    }
}
