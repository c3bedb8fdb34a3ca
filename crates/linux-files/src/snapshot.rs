//! The whole snapshot of a tree that does not run.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use doorward_applications::Marker;
use doorward_model::{Manager, Packages, PacketFilter, Service, Snapshot, Source, Subject, Unseen};

use crate::applications;
use crate::{Tree, containers, host, packages, services, web};

/// Everything that the files of a mounted tree tell. Nothing of it is executed.
pub fn collect(tree: &Tree, markers: &[Marker]) -> Snapshot {
    let mut unseen = Vec::new();
    let host = host::collect(tree).into_value(&mut unseen);
    let mut found = services::collect(tree).into_value(&mut unseen);
    let containers = containers::collect(tree).into_value(&mut unseen);
    found.services.extend(containers.iter().map(containers::service));
    let packages = attach_packages(tree, &mut found.services, &mut unseen);
    let web = web::collect(tree).into_value(&mut unseen);
    let roots: Vec<String> = web.iter().flat_map(|w| w.document_roots.clone()).collect();
    let applications =
        applications::collect(tree, markers, &roots, &packages, &found.services).into_value(&mut unseen);
    unseen.extend(not_running());
    let mut snapshot = Snapshot {
        collector: env!("CARGO_PKG_VERSION").to_owned(),
        collected_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        source: Source::Tree { path: tree.path().display().to_string() },
        host,
        services: found.services,
        listeners: found.listeners,
        containers,
        packages,
        applications,
        web,
        local_sockets: found.local_sockets,
        filter: PacketFilter::Unknown,
        unseen,
        ..Snapshot::default()
    };
    snapshot.sort();
    snapshot
}

/// What a tree cannot tell, whatever lies in it.
fn not_running() -> [Unseen; 2] {
    let why = "a tree that does not run has none";
    [
        Unseen::new(Subject::Connections, "connections between services", why),
        Unseen::new(Subject::Filter, "the packet filter", why),
    ]
    .map(|unseen| unseen.with_remedy("audit the running host"))
}

/// Reads the package database, and notes at each service the package that it came with: the owner of its program,
/// unless that is a tool which runs others' work, or else of what defines it.
pub fn attach_packages(tree: &Tree, services: &mut [Service], unseen: &mut Vec<Unseen>) -> Packages {
    let files = |s: &Service| [s.executable.clone(), s.definition.clone()].into_iter().flatten();
    let paths: BTreeSet<String> = services.iter().flat_map(files).collect();
    let facts = packages::collect(tree, &paths).into_value(unseen);
    for service in services {
        // An inetd table has entries of many packages.
        let of_definition = !matches!(service.manager, Manager::Inetd);
        let definition = service.definition.as_ref().filter(|_| of_definition);
        let program = service.executable.as_ref().filter(|path| !is_tool(path));
        let owner = |path: Option<&String>| path.and_then(|path| facts.owners.get(path));
        service.package = owner(program).or_else(|| owner(definition)).cloned();
    }
    facts.packages
}

/// Whether a program only does what its arguments or a script say: whoever installed it did not install the service.
pub fn is_tool(path: &str) -> bool {
    const TOOLS: &[&str] = &[
        "bash",
        "busybox",
        "cat",
        "dash",
        "echo",
        "env",
        "false",
        "ip",
        "java",
        "ksh",
        "lua",
        "nft",
        "node",
        "nodejs",
        "perl",
        "php",
        "python",
        "ruby",
        "run-parts",
        "sh",
        "sleep",
        "socat",
        "ssh",
        "sysctl",
        "systemctl",
        "tclsh",
        "test",
        "true",
        "zsh",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    TOOLS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}
