//! The whole snapshot of the running host.
//!
//! The order matters: processes before what is attributed to them, services before the sockets that socket units
//! and super-servers hold for them, and connections last, for they may be watched for a while.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorward_applications::Marker;
use doorward_linux_files::applications;
use doorward_linux_files::{Tree, containers, host, services, snapshot, web};
use doorward_model::{Host, Init, Listener, LocalSocket, Service, Snapshot, Source, Subject, Unseen};

use crate::connections::Sampler;
use crate::process::Processes;
use crate::sockets::{self, SocketOwners, unmanaged};
use crate::{
    activation, admin, container, filter, init_scripts, interface, systemd, unix_sockets, virtualization,
};

/// What to look for, and for how long.
#[derive(Debug, Default)]
pub struct Options {
    /// How long connections are watched; one look when absent.
    pub observe: Option<Duration>,
    /// How applications are recognised.
    pub markers: Vec<Marker>,
}

/// Everything that can be seen of the running host. `progress` is told the time for which connections have been
/// watched.
pub fn collect(options: &Options, progress: &mut dyn FnMut(Duration)) -> Snapshot {
    let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let mut unseen = Vec::new();
    let tree = match Tree::open(Path::new("/")) {
        Ok(tree) => tree,
        Err(e) => return nothing(began, &e),
    };
    let host = this_host(&tree, &mut unseen);
    let processes = Processes::read().into_value(&mut unseen);
    let owners = SocketOwners::read(&processes).into_value(&mut unseen);
    let mut containers = container::complete(containers::collect(&tree).into_value(&mut unseen), &processes);
    let mut seen = sockets::collect(&processes, &owners, &containers).into_value(&mut unseen);

    let mut managed = managed(host.init, &tree, &processes, &mut unseen);
    let mut services = std::mem::take(&mut managed.services);
    name_real_programs(&mut services, &processes);
    activation::by_socket_units(&mut seen.listeners, &managed.listeners);
    init_scripts::adopt_listeners(&mut seen.listeners, &services);
    services.extend(unmanaged(&processes, &seen.listeners));
    let entries = services::super_server_entries(&tree, &services).into_value(&mut unseen);
    services.extend(activation::by_super_servers(&mut seen.listeners, entries));
    container::note_carriers(&mut containers, &seen.listeners);
    services.extend(containers.iter().map(|c| container::service(c, &processes)));

    let packages = snapshot::attach_packages(&tree, &mut services, &mut unseen);
    let web = web::collect(&tree).into_value(&mut unseen);
    let roots: Vec<String> = web.iter().flat_map(|w| w.document_roots.clone()).collect();
    let applications =
        applications::collect(&tree, &options.markers, &roots, &packages, &services).into_value(&mut unseen);
    let admin_path = admin::collect(&processes, &owners, &seen).into_value(&mut unseen);
    let filter = filter::collect().into_value(&mut unseen);
    let local_sockets =
        unix_sockets::collect(&processes, &owners, &containers, &managed.local_sockets, &services)
            .into_value(&mut unseen);

    let mut sampler = Sampler::new(&seen.listeners, &local_sockets, &containers, &services);
    let observed_seconds = watch(&mut sampler, options.observe, progress);
    let connections = sampler.finish().into_value(&mut unseen);
    let mut snapshot = Snapshot {
        collector: env!("CARGO_PKG_VERSION").to_owned(),
        collected_at: began,
        observed_seconds,
        source: Source::Live { privileged: rustix::process::geteuid().is_root() },
        host,
        services,
        listeners: seen.listeners,
        connections,
        containers,
        packages,
        applications,
        web,
        local_sockets,
        filter,
        admin_path,
        unseen,
        ..Snapshot::default()
    };
    snapshot.sort();
    snapshot
}

/// A snapshot of a host of which not even the root directory can be opened.
fn nothing(began: u64, error: &std::io::Error) -> Snapshot {
    let unseen = [Subject::Services, Subject::Listeners]
        .map(|subject| Unseen::new(subject, "the root directory", error.to_string()));
    Snapshot {
        collector: env!("CARGO_PKG_VERSION").to_owned(),
        collected_at: began,
        unseen: unseen.to_vec(),
        ..Snapshot::default()
    }
}

/// The host as its files describe it, with what only the running kernel tells.
fn this_host(tree: &Tree, unseen: &mut Vec<Unseen>) -> Host {
    let text = |path: &str| tree.read_text(path).ok().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    Host {
        kernel: text("/proc/sys/kernel/osrelease"),
        boot_id: text("/proc/sys/kernel/random/boot_id"),
        virtualization: virtualization::detect(tree),
        interfaces: interface::collect().into_value(unseen),
        ..host::collect(tree).into_value(unseen)
    }
}

/// Services of the host's own manager, and what they would listen on.
#[derive(Default)]
struct Managed {
    services: Vec<Service>,
    listeners: Vec<Listener>,
    local_sockets: Vec<LocalSocket>,
}

fn managed(init: Init, tree: &Tree, processes: &Processes, unseen: &mut Vec<Unseen>) -> Managed {
    if init == Init::Systemd {
        let facts = systemd::collect(processes, tree).into_value(unseen);
        let (services, listeners, local_sockets) = (facts.services, facts.listeners, facts.local_sockets);
        return Managed { services, listeners, local_sockets };
    }
    let mut services = services::of_scripts(tree, unseen);
    init_scripts::complete(&mut services, tree, processes);
    Managed { services, ..Managed::default() }
}

/// A service that is started through a shell is what the shell became.
fn name_real_programs(services: &mut [Service], processes: &Processes) {
    for service in services {
        if !service.executable.as_deref().is_some_and(snapshot::is_tool) {
            continue;
        }
        let running = service.processes.iter().filter_map(|pid| processes.get(*pid));
        let programs =
            running.filter(|p| p.executable.as_deref().is_some_and(|path| !snapshot::is_tool(path)));
        if let Some(oldest) = programs.min_by_key(|p| (p.started, p.pid)) {
            service.executable.clone_from(&oldest.executable);
        }
    }
}

/// Looks at connections once, or again and again for a while; how many seconds it was.
fn watch(sampler: &mut Sampler<'_>, time: Option<Duration>, progress: &mut dyn FnMut(Duration)) -> u64 {
    sampler.look();
    let Some(time) = time else { return 0 };
    let began = Instant::now();
    loop {
        let elapsed = began.elapsed();
        progress(elapsed.min(time));
        let Some(left) = time.checked_sub(elapsed) else { return time.as_secs() };
        std::thread::sleep(sampler.pause().min(left));
        sampler.look();
    }
}
