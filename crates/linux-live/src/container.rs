//! What only the running system tells of containers: whether they run, their network namespaces, and which process
//! of which engine holds a published port.

use std::collections::BTreeMap;
use std::net::IpAddr;

use doorward_linux_files::containers;
use doorward_model::{Container, Listener, Protocol, Service};

use crate::namespace;
use crate::process::{ContainerRef, Process, Processes};

/// Programs that hold a published port on the host for a container.
const PROXIES: [&str; 8] = [
    "docker-proxy",
    "rootlesskit",
    "rootlesskit-docker-proxy",
    "rootlessport",
    "conmon",
    "slirp4netns",
    "pasta",
    "pasta.avx2",
];

/// Completes the containers that files tell of with what runs, and adds those that only run: a container that no
/// engine's files name still lives in a control group.
pub fn complete(containers: Vec<Container>, processes: &Processes) -> Vec<Container> {
    let mut running: BTreeMap<ContainerRef, u32> = BTreeMap::new();
    for process in processes.iter() {
        if let Some(container) = processes.container(process.pid) {
            running.entry(container).or_insert(process.pid);
        }
    }
    let own = namespace::own();
    let namespace_of =
        |pid: u32| processes.get(pid).and_then(|p| p.net_namespace).filter(|id| Some(*id) != own);
    let mut containers = containers;
    for container in &mut containers {
        let found = running.iter().find(|(r, _)| is_same(r, container)).map(|(r, pid)| (r.clone(), *pid));
        container.running = Some(found.is_some());
        if let Some((key, pid)) = found {
            container.namespace = namespace_of(pid);
            running.remove(&key);
        }
    }
    containers.extend(running.into_iter().map(|(found, pid)| Container {
        name: short(&found.id).to_owned(),
        engine: found.engine.as_str().to_owned(),
        id: found.id,
        image: None,
        running: Some(true),
        restarts: None,
        addresses: Vec::new(),
        published: Vec::new(),
        namespace: namespace_of(pid),
    }));
    containers.sort();
    containers
}

/// Notes which proxy was seen carrying each published port.
pub fn note_carriers(containers: &mut [Container], listeners: &[Listener]) {
    for container in containers {
        let service = service_name(container);
        for port in &mut container.published {
            let carrier = listeners.iter().find_map(|l| {
                let same = l.service.as_ref() == Some(&service)
                    && l.protocol == port.protocol
                    && l.port == Some(port.host_port);
                l.via.as_ref().filter(|_| same)
            });
            if let Some(carrier) = carrier {
                port.carried_by.clone_from(carrier);
            }
        }
    }
}

/// A container as a service, with its processes.
pub(crate) fn service(container: &Container, processes: &Processes) -> Service {
    let mut service = containers::service(container);
    let is_own = |p: &&Process| processes.container(p.pid).is_some_and(|found| is_same(&found, container));
    let own: Vec<&Process> = processes.iter().filter(is_own).collect();
    service.processes = own.iter().map(|p| p.pid).collect();
    if let Some(first) = own.iter().min_by_key(|p| (p.started, p.pid)) {
        service.executable.clone_from(&first.executable);
        service.capabilities = first.capability_names();
        service.active_since = Some(first.started);
        service.memory = processes.memory(&service.processes);
        service.cpu_usec = Some(own.iter().map(|p| p.cpu_usec).sum());
    }
    service
}

/// The service name of a container.
pub(crate) fn service_name(container: &Container) -> String {
    containers::service_name(container)
}

/// The service name of the container that a cgroup names.
pub(crate) fn service_of(found: &ContainerRef, containers: &[Container]) -> String {
    containers
        .iter()
        .find(|c| is_same(found, c))
        .map_or_else(|| format!("container:{}", short(&found.id)), service_name)
}

/// The program and the container for whom it holds a published port, if the process is an engine's proxy.
pub(crate) fn proxied<'a>(
    process: &'a Process,
    processes: &Processes,
    containers: &'a [Container],
    protocol: Protocol,
    address: Option<IpAddr>,
    port: u16,
) -> Option<(&'a str, &'a Container)> {
    let program = process.program();
    if !PROXIES.contains(&program) {
        return None;
    }
    // The monitor names its container itself.
    let arguments = processes.arguments(process.pid);
    let after = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|at| arguments.get(at + 1));
    let by_id =
        || after("-c").or_else(|| after("--cid")).and_then(|id| containers.iter().find(|c| c.id == *id));
    let by_address = || {
        after("-container-ip").and_then(|ip| containers.iter().find(|c| c.addresses.contains(ip) && runs(c)))
    };
    let by_port = || published(containers, protocol, address, port);
    let container = match program {
        "conmon" => by_id().or_else(by_port),
        "docker-proxy" => by_address().or_else(by_port),
        _ => by_port(),
    };
    container.map(|container| (program, container))
}

/// The container that publishes this port, one that runs before others.
fn published(
    containers: &[Container],
    protocol: Protocol,
    address: Option<IpAddr>,
    port: u16,
) -> Option<&Container> {
    let publishes = |c: &&Container| {
        c.published.iter().any(|p| {
            let host: Option<IpAddr> = p.host_address.parse().ok();
            let anywhere = host.is_none_or(|h| h.is_unspecified());
            p.protocol == protocol && p.host_port == port && (anywhere || host == address)
        })
    };
    let mut found: Vec<&Container> = containers.iter().filter(publishes).collect();
    found.sort_by_key(|c| !runs(c));
    found.first().copied()
}

fn runs(container: &Container) -> bool {
    container.running == Some(true)
}

fn is_same(found: &ContainerRef, container: &Container) -> bool {
    found.id == container.id && found.engine.as_str() == container.engine
}

/// The first twelve digits, as engines print ids.
fn short(id: &str) -> &str {
    let is_id = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id { id.get(..12).unwrap_or(id) } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_model::PublishedPort;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn process(pid: u32, cgroup: &str, executable: &str) -> Process {
        Process {
            pid,
            cgroup: Some(cgroup.into()),
            executable: Some(executable.into()),
            net_namespace: Some(7),
            ..Process::default()
        }
    }

    fn container(name: &str, id: &str, port: u16) -> Container {
        Container {
            name: name.into(),
            id: id.into(),
            engine: "docker".into(),
            image: None,
            running: None,
            restarts: None,
            addresses: vec![],
            published: vec![PublishedPort {
                protocol: Protocol::Tcp,
                host_address: "0.0.0.0".into(),
                host_port: port,
                container_port: 80,
                carried_by: "configuration".into(),
            }],
            namespace: None,
        }
    }

    #[test]
    fn files_and_processes_meet() {
        let processes = Processes::of(vec![
            process(50, &format!("/system.slice/docker-{ID}.scope"), "/usr/sbin/nginx"),
            process(60, "/machine.slice/machine-box.scope/payload", "/sbin/init"),
            process(70, "/system.slice/docker.service", "/usr/bin/docker-proxy"),
        ]);
        let known = vec![container("web", ID, 8080), container("old", "else", 8080)];
        let mut all = complete(known, &processes);
        let state: Vec<_> = all.iter().map(|c| (c.name.as_str(), c.running, c.namespace)).collect();
        assert_eq!(
            state,
            [("box", Some(true), Some(7)), ("old", Some(false), None), ("web", Some(true), Some(7))]
        );
        let proxy = processes.get(70).unwrap();
        let (via, found) = proxied(proxy, &processes, &all, Protocol::Tcp, None, 8080).unwrap();
        assert_eq!((via, found.name.as_str()), ("docker-proxy", "web"));
        assert_eq!(proxied(proxy, &processes, &all, Protocol::Udp, None, 8080), None);
        assert_eq!(proxied(processes.get(50).unwrap(), &processes, &all, Protocol::Tcp, None, 8080), None);

        let listener = Listener {
            protocol: Protocol::Tcp,
            address: None,
            port: Some(8080),
            v6only: None,
            interface: None,
            namespace: doorward_model::Namespace::Host,
            owner: doorward_model::Owner::Kernel { module: None },
            service: Some("container:web".into()),
            via: Some("docker-proxy".into()),
            basis: doorward_model::Basis::Observed,
        };
        note_carriers(&mut all, &[listener]);
        assert_eq!(all[2].published[0].carried_by, "docker-proxy");
        assert_eq!(all[1].published[0].carried_by, "configuration");
    }

    #[test]
    fn a_container_without_files_goes_by_its_short_id() {
        let found = ContainerRef { engine: crate::process::Engine::Containerd, id: ID.into() };
        assert_eq!(service_of(&found, &[]), "container:0123456789ab");
    }
}
