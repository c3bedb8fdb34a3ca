//! Hosts of the tests' own making, a line a fact.

use std::fmt;
use std::sync::LazyLock;

use doorward_assess::{Assessment, assess};
use doorward_knowledge::{Index, Knowledge};
use doorward_model::{
    AdminPath, Basis, Connection, Container, Dependency, DependencyKind, Host, Init, Interface, Listener,
    Manager, Namespace, Owner, Package, PackageFamily, PacketFilter, Protocol, Service, Snapshot, Source,
    Start, State, Transport, WebConfig,
};
use doorward_plan::{Options, Plan, Prefer, Step, StepId, Violation, check, plan};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);
pub(crate) static INDEX: LazyLock<Index<'_>> = LazyLock::new(|| Index::new(&KNOWLEDGE));

/// A host that is being described.
#[derive(Clone)]
pub(crate) struct Made(pub(crate) Snapshot);

/// A line a fact.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host) = self;
        writeln!(
            f,
            "\n{:?}, admin by {:?}",
            host.source,
            host.admin_path.as_ref().and_then(|p| p.service.clone())
        )?;
        for s in &host.services {
            write!(f, "{:?} {:?} {:?} {:?} {:?}:", s.name, s.manager, s.state, s.start, s.package)?;
            s.dependencies.iter().try_for_each(|d| write!(f, " {:?} {:?}", d.kind, d.on))?;
            writeln!(f)?;
        }
        for l in &host.listeners {
            writeln!(f, "{:?} at {:?}:{:?} via {:?}", l.service, l.address, l.port, l.via)?;
        }
        host.connections.iter().try_for_each(|c| writeln!(f, "{:?} -> {:?}", c.from, c.to))?;
        for (name, p) in
            host.packages.packages.iter().filter(|(_, p)| p.essential || !p.removal_takes.is_empty())
        {
            writeln!(f, "{name} takes {:?}, essential: {}", p.removal_takes, p.essential)?;
        }
        Ok(())
    }
}

impl Made {
    /// A Debian host seen as root, with one interface, no packet filter, and nothing on it.
    pub(crate) fn bare() -> Self {
        let interface = |name: &str, loopback, address: &str| Interface {
            name: name.into(),
            index: if loopback { 1 } else { 2 },
            loopback,
            up: true,
            addresses: vec![address.to_owned()],
        };
        let host = Host {
            name: "web1".into(),
            os_id: "debian".into(),
            os: "Debian GNU/Linux 12 (bookworm)".into(),
            version: "12".into(),
            init: Init::Systemd,
            interfaces: vec![interface("lo", true, "127.0.0.1/8"), interface("eth0", false, "192.0.2.7/24")],
            ..Host::default()
        };
        let mut snapshot = Snapshot {
            source: Source::Live { privileged: true },
            host,
            filter: PacketFilter::None,
            ..Snapshot::default()
        };
        snapshot.packages.family = Some(PackageFamily::Dpkg);
        Self(snapshot)
    }

    /// The same with a site served by nginx, and sshd by which the admin came.
    pub(crate) fn host() -> Self {
        let path = AdminPath {
            service: Some("ssh.service".into()),
            local: "192.0.2.7".into(),
            port: 22,
            remote: "203.0.113.9".into(),
            evidence: "SSH_CONNECTION of this shell".into(),
        };
        Self::bare()
            .runs("nginx.service", "/usr/sbin/nginx")
            .tcp("0.0.0.0", 80)
            .of("nginx", "1.22.1-9")
            .runs("ssh.service", "/usr/sbin/sshd")
            .tcp("0.0.0.0", 22)
            .of("openssh-server", "1:9.2p1-2")
            .with(|s| {
                s.admin_path = Some(path);
                s.web.push(WebConfig { server: "nginx".into(), complete: true, ..WebConfig::default() });
            })
    }

    /// A running, enabled service.
    pub(crate) fn runs(mut self, name: &str, executable: &str) -> Self {
        let manager = match name.split_once(':') {
            Some(("inetd", _)) => Manager::Inetd,
            Some(("container", _)) => Manager::Container,
            Some(("process", _)) => Manager::Nobody,
            _ => Manager::Systemd,
        };
        self.0.services.push(Service {
            name: name.into(),
            manager,
            state: State::Running,
            start: Start::Enabled,
            executable: Some(executable.into()),
            definition: (manager == Manager::Inetd).then(|| "/etc/inetd.conf".into()),
            ..Service::default()
        });
        self
    }

    /// A unit that does not run and is not enabled.
    pub(crate) fn idle(self, name: &str) -> Self {
        self.runs(name, "").change(|s| {
            s.state = State::Stopped;
            s.start = Start::Static;
            s.executable = None;
        })
    }

    /// Changes the last service.
    pub(crate) fn change(mut self, change: impl FnOnce(&mut Service)) -> Self {
        change(self.0.services.last_mut().unwrap());
        self
    }

    /// The last service depends on another.
    pub(crate) fn depends(self, kind: DependencyKind, on: &str) -> Self {
        self.change(|s| s.dependencies.push(Dependency { kind, on: on.into() }))
    }

    /// The last service came with a package.
    pub(crate) fn of(mut self, package: &str, version: &str) -> Self {
        let packages = &mut self.0.packages;
        packages.versions.insert(package.into(), version.into());
        packages
            .packages
            .entry(package.into())
            .or_insert(Package { version: version.into(), ..Package::default() });
        self.change(|s| s.package = Some(package.into()))
    }

    /// An installed package that the removal of another takes along.
    pub(crate) fn takes(mut self, package: &str, takes: &str) -> Self {
        let packages = &mut self.0.packages;
        packages.versions.entry(takes.into()).or_insert_with(|| "2.0".into());
        let package = packages.packages.get_mut(package).unwrap();
        package.removal_takes.push(takes.into());
        package.removal_takes.sort();
        self
    }

    /// The last service listens.
    pub(crate) fn tcp(self, address: &str, port: u16) -> Self {
        self.listens(address, port, None)
    }

    /// The last service is started by a socket that listens.
    pub(crate) fn listens(mut self, address: &str, port: u16, via: Option<&str>) -> Self {
        let service = self.0.services.last().unwrap();
        self.0.listeners.push(Listener {
            protocol: Protocol::Tcp,
            address: Some(address.parse().unwrap()),
            port: Some(port),
            v6only: None,
            interface: None,
            namespace: Namespace::Host,
            owner: Owner::Processes { pids: vec![4], executable: service.executable.clone() },
            service: Some(service.name.clone()),
            via: via.map(str::to_owned),
            basis: Basis::Observed,
        });
        self
    }

    /// A connection that was seen.
    pub(crate) fn uses(mut self, from: &str, to: &str, at: &str) -> Self {
        let transport = if at.starts_with('/') { Transport::Unix } else { Transport::Tcp };
        let (from, to, at) = (from.into(), to.into(), at.into());
        self.0.connections.push(Connection { from, to, transport, at, count: 1 });
        self
    }

    /// The engine's knowledge of the last service, a container.
    pub(crate) fn docker(mut self) -> Self {
        let name = self.0.services.last().unwrap().name.strip_prefix("container:").unwrap().to_owned();
        self.0.containers.push(Container {
            name,
            id: "0123".into(),
            engine: "docker".into(),
            image: Some("an/image".into()),
            running: Some(true),
            restarts: Some(true),
            addresses: Vec::new(),
            published: Vec::new(),
            namespace: None,
        });
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Snapshot)) -> Self {
        change(&mut self.0);
        self
    }

    pub(crate) fn assess(&self) -> Assessment<'_> {
        assess(&self.0, &INDEX, &doorward_assess::Options::default())
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan_with(Prefer::Uninstall)
    }

    pub(crate) fn plan_with(&self, prefer: Prefer) -> Plan {
        plan(&self.assess(), &self.0, &INDEX, Options { prefer, access: None }).unwrap()
    }

    pub(crate) fn check(&self, plan: &Plan, overrides: &[&str]) -> Vec<Violation> {
        let overrides: Vec<StepId> = overrides.iter().map(|o| StepId::from(*o)).collect();
        check(plan, &self.0, &self.assess(), &overrides)
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort();
        self
    }
}

/// The ids of what would be changed, in order.
pub(crate) fn changes(plan: &Plan) -> Vec<&str> {
    plan.changes().map(|s| s.id.0.as_str()).collect()
}

/// A step by its id.
pub(crate) fn step<'p>(plan: &'p Plan, id: &str) -> &'p Step {
    plan.step(&StepId::from(id))
        .unwrap_or_else(|| panic!("no {id} in {:?}", plan.steps.iter().map(|s| &s.id.0).collect::<Vec<_>>()))
}
