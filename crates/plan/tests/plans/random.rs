//! Random hosts: some names that the knowledge base knows, some that nobody would choose.

use doorward_model::{Connection, Container, Dependency, Listener, Package, Protocol, Transport};
use doorward_model::{DependencyKind, Manager, Namespace, Owner, Source, Start, State, Subject, Unseen};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::made::Made;

const NAMES: &[&str] = &[
    "nginx.service",
    "php8.2-fpm.service",
    "ssh.service",
    "ssh.socket",
    "dropbear.service",
    "rpcbind.service",
    "rpcbind.socket",
    "nfs-server.service",
    "redis-server.service",
    "mariadb.service",
    "mariadb.socket",
    "cups.service",
    "cups.socket",
    "cups.path",
    "avahi-daemon.service",
    "dbus.service",
    "dbus.socket",
    "systemd-journald.service",
    "cron.service",
    "fstrim.timer",
    "fstrim.service",
    "network-online.target",
    "multi-user.target",
    "own.target",
    "telnet.socket",
    "telnet@.service",
    "docker.service",
    "inetd.service",
    "inetd:telnet",
    "xinetd:tftp",
    "container:web",
    "container:db",
    "process:socat",
    "kernel:nfsd",
    "session-1.scope",
    "a.service",
    "b.service",
    "c.service",
    "d.service",
    "e.socket",
    "f.timer",
    "we\"ird\n'\u{1b}[2J\u{202e}.service",
    "größe $(x) `y`.service",
    "-rf.service",
];

/// Names and texts that try to break out of whatever holds them.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        any::<String>(),
        "[\"'\\\\\n\r\t#\\[\\]{}=$`;&|<> \u{0}\u{7f}\u{1b}\u{202e}é-]{0,12}",
    ]
}

fn state() -> impl Strategy<Value = State> {
    select(vec![
        State::Running,
        State::Running,
        State::Running,
        State::Exited,
        State::Stopped,
        State::Failed,
        State::Unknown,
    ])
}

fn start() -> impl Strategy<Value = Start> {
    select(vec![
        Start::Enabled,
        Start::Enabled,
        Start::Enabled,
        Start::Static,
        Start::Disabled,
        Start::Masked,
        Start::Generated,
        Start::Manual,
        Start::Unknown,
    ])
}

fn kind() -> impl Strategy<Value = DependencyKind> {
    use DependencyKind::{BindsTo, Conflicts, PartOf, Requires, Triggers, Wants};
    select(vec![Requires, Requires, Wants, BindsTo, Triggers, Triggers, PartOf, Conflicts])
}

fn manager(name: &str) -> Manager {
    match name.split_once(':') {
        Some(("inetd", _)) => Manager::Inetd,
        Some(("xinetd", _)) => Manager::Xinetd,
        Some(("container", _)) => Manager::Container,
        Some(("process", _)) => Manager::Nobody,
        Some(("kernel", _)) => Manager::Kernel,
        _ => Manager::Systemd,
    }
}

type Parts = (
    Vec<(State, Start, Option<Index>, bool)>,
    Vec<(Index, Index, DependencyKind)>,
    Vec<(Index, Index)>,
    Vec<(Index, u8, u16, Option<Index>)>,
    Vec<(Index, Index)>,
    Option<Index>,
    (bool, bool, bool),
);

/// A host with up to all the names, and everything else at random.
pub(crate) fn host() -> impl Strategy<Value = Made> {
    let services = proptest::sample::subsequence(NAMES.to_vec(), 1..=16);
    services.prop_flat_map(|names| {
        let count = names.len();
        let facts = (
            vec((state(), start(), proptest::option::weighted(0.7, any::<Index>()), any::<bool>()), count),
            vec((any::<Index>(), any::<Index>(), kind()), 0..count * 2),
            vec((any::<Index>(), any::<Index>()), 0..6),
            vec(
                (
                    any::<Index>(),
                    0..3_u8,
                    select(vec![22_u16, 80, 111, 6379, 9000, 45000]),
                    any::<Option<Index>>(),
                ),
                0..count,
            ),
            vec((any::<Index>(), any::<Index>()), 0..6),
            any::<Option<Index>>(),
            (any::<bool>(), any::<bool>(), any::<bool>()),
        );
        (Just(names), facts).prop_map(|(names, facts)| made(&names, facts))
    })
}

fn made(names: &[&str], facts: Parts) -> Made {
    let (services, dependencies, requires, listeners, connections, admin, (privileged, tree, essential)) =
        facts;
    let packages: Vec<String> = (0..8).map(|n| format!("pkg{n}")).collect();
    let mut host = Made::bare();
    for (name, (state, start, package, known)) in names.iter().zip(services) {
        host = host.runs(name, "/x").change(|s| {
            s.manager = manager(name);
            (s.state, s.start) = (state, start);
            s.package = package.map(|p| p.get(&packages).clone());
            s.definition = known.then(|| "/etc/x".into());
            s.executable = None;
            s.bus_names = if known { vec![format!("org.{name}")] } else { Vec::new() };
        });
    }
    let name = |at: Index| (*at.get(names)).to_owned();
    for (from, on, kind) in dependencies {
        let on = name(on);
        host.0.services[from.index(names.len())].dependencies.push(Dependency { kind, on });
    }
    let s = &mut host.0;
    for (service, address, port, via) in listeners {
        s.listeners.push(Listener {
            protocol: if address == 2 { Protocol::Udp } else { Protocol::Tcp },
            address: Some(if address == 0 { "127.0.0.1" } else { "0.0.0.0" }.parse().unwrap()),
            port: Some(port),
            v6only: None,
            interface: None,
            namespace: Namespace::Host,
            owner: Owner::Processes { pids: vec![1], executable: None },
            service: Some(name(service)),
            via: via.map(name),
            basis: doorward_model::Basis::Observed,
        });
    }
    for (from, to) in connections {
        let at = "127.0.0.1:6379".to_owned();
        s.connections.push(Connection {
            from: name(from),
            to: name(to),
            transport: Transport::Tcp,
            at,
            count: 1,
        });
    }
    for (at, package) in packages.iter().enumerate() {
        let mut takes = vec![at];
        while let Some((_, next)) = requires
            .iter()
            .map(|(a, b)| (a.index(packages.len()), b.index(packages.len())))
            .find(|(a, b)| takes.contains(a) && !takes.contains(b))
        {
            takes.push(next);
        }
        let mut removal_takes: Vec<String> = takes[1..].iter().map(|t| packages[*t].clone()).collect();
        removal_takes.sort();
        s.packages.versions.insert(package.clone(), "1".into());
        let essential = essential && at == 0;
        let package_facts = Package { version: "1".into(), removal_takes, essential, ..Package::default() };
        s.packages.packages.insert(package.clone(), package_facts);
    }
    for name in names.iter().filter_map(|n| n.strip_prefix("container:")) {
        s.containers.push(Container {
            name: name.into(),
            id: "1".into(),
            engine: if name == "db" { "lxc" } else { "docker" }.into(),
            image: None,
            running: None,
            restarts: None,
            addresses: Vec::new(),
            published: Vec::new(),
            namespace: None,
        });
    }
    if !privileged {
        s.source = Source::Live { privileged: false };
        s.unseen.push(Unseen::new(Subject::Owners, "sockets", "not root"));
    } else if tree {
        s.source = Source::Tree { path: "/mnt".into() };
    }
    s.admin_path = admin.map(|at| doorward_model::AdminPath {
        service: Some(name(at)),
        local: "192.0.2.7".into(),
        port: 22,
        remote: "203.0.113.9".into(),
        evidence: "made".into(),
    });
    host.sorted()
}
