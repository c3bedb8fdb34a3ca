//! Containers as their engines keep them on disk: Docker, Podman, systemd-nspawn, LXC and its heirs.
//!
//! Whether one runs is not told by files, which outlive it; `doorward-linux-live` fills that in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use doorward_model::{
    Container, Dependency, DependencyKind, Facts, Manager, Protocol, PublishedPort, Service, Start, State,
    Subject, Unseen,
};

use crate::{Kind, ReadError, Tree};

mod docker;
mod podman;

/// How a port is carried as far as files tell ([`PublishedPort::carried_by`]).
const CONFIGURED: &str = "configuration";

/// Engines whose containers run only while a daemon does, with its unit.
const ENGINES: &[(&str, &str)] = &[("docker", "docker.service"), ("containerd", "containerd.service")];

/// Every container that an engine's files know, sorted.
pub fn collect(tree: &Tree) -> Facts<Vec<Container>> {
    let mut facts = Facts::default();
    let homes = homes(tree, &mut facts);
    docker::collect(tree, &homes, &mut facts);
    podman::collect(tree, &homes, &mut facts);
    nspawn(tree, &mut facts);
    lxc(tree, &mut facts);
    facts.value.sort();
    // A directory and its configuration file name the same machine.
    facts.value.dedup_by(|a, b| a.engine == b.engine && a.id == b.id);
    facts
}

/// The name of a container as a service.
pub fn service_name(container: &Container) -> String {
    format!("container:{}", container.name)
}

/// A container as a service: an engine with a daemon of its own is needed for it.
pub fn service(container: &Container) -> Service {
    let daemon = ENGINES.iter().find(|(engine, _)| *engine == container.engine).map(|(_, unit)| *unit);
    Service {
        name: service_name(container),
        manager: Manager::Container,
        description: container.image.as_ref().map(|image| format!("container of {image}")),
        state: match container.running {
            Some(true) => State::Running,
            Some(false) => State::Stopped,
            None => State::Unknown,
        },
        start: match container.restarts {
            Some(true) => Start::Enabled,
            Some(false) => Start::Manual,
            None => Start::Unknown,
        },
        dependencies: daemon
            .map(|unit| Dependency { kind: DependencyKind::Requires, on: unit.to_owned() })
            .into_iter()
            .collect(),
        ..Service::default()
    }
}

/// Home directories, where engines that run without root keep their containers. Those that are not ours to look into
/// make one fact together.
fn homes(tree: &Tree, facts: &mut Facts<Vec<Container>>) -> Vec<PathBuf> {
    let below = tree.read_dir("/home").unwrap_or_default(); // no homes, no containers in them
    let below = below.into_iter().filter(|e| e.kind == Kind::Dir).map(|e| Path::new("/home").join(e.name));
    let mut homes: Vec<PathBuf> = std::iter::once(PathBuf::from("/root")).chain(below).collect();
    let mut shut = Vec::new();
    homes.retain(|home| match tree.metadata(home.join(".local")) {
        Err(e) if e.is_permission() => {
            shut.push(home.display().to_string());
            false
        }
        _ => true,
    });
    if let Some(first) = shut.first() {
        let what = format!("rootless containers in {} home directories", shut.len());
        let why = format!("permission denied reading {first}/.local");
        facts.unseen.push(Unseen::new(Subject::Containers, what, why).with_remedy("run as root"));
    }
    homes
}

/// A container of which nothing but this is known.
fn named(name: &str, id: &str, engine: &str) -> Container {
    Container {
        name: name.to_owned(),
        id: id.to_owned(),
        engine: engine.to_owned(),
        image: None,
        running: None,
        restarts: None,
        addresses: Vec::new(),
        published: Vec::new(),
        namespace: None,
    }
}

/// Names of the directories below `path`; nothing when it is not there, and the failure when it cannot be read.
fn directories(tree: &Tree, path: &Path, facts: &mut Facts<Vec<Container>>) -> Vec<String> {
    match tree.read_dir(path) {
        Ok(entries) => entries
            .into_iter()
            .filter(|e| e.kind == Kind::Dir)
            .map(|e| e.name.to_string_lossy().into_owned())
            .collect(),
        Err(e) => {
            keep(&e, "containers", facts);
            Vec::new()
        }
    }
}

/// Keeps a failure to read, unless there is just nothing.
fn keep(error: &ReadError, what: &str, facts: &mut Facts<Vec<Container>>) {
    if error.is_absent() {
        return;
    }
    let unseen = Unseen::new(Subject::Containers, what, error.to_string());
    facts.unseen.push(if error.is_permission() { unseen.with_remedy("run as root") } else { unseen });
}

fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        "sctp" => Some(Protocol::Sctp),
        _ => None,
    }
}

/// systemd-nspawn: a directory or image for each machine, and `*.nspawn` files with `Port=` lines
/// (`systemd.nspawn(5)`).
fn nspawn(tree: &Tree, facts: &mut Facts<Vec<Container>>) {
    let mut machines: BTreeMap<String, Vec<PublishedPort>> = BTreeMap::new();
    for name in directories(tree, Path::new("/var/lib/machines"), facts) {
        // Pool and snapshot directories are hidden files.
        if !name.starts_with('.') {
            machines.insert(name, Vec::new());
        }
    }
    for dir in ["/run/systemd/nspawn", "/etc/systemd/nspawn"] {
        for entry in tree.read_dir(dir).unwrap_or_default() {
            let file = entry.name.to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".nspawn") else { continue };
            match tree.read_text(Path::new(dir).join(&entry.name)) {
                Ok(text) => drop(machines.insert(name.to_owned(), nspawn_ports(&text))),
                Err(e) => keep(&e, "published ports of a machine", facts),
            }
        }
    }
    facts.value.extend(
        machines
            .into_iter()
            .map(|(name, published)| Container { published, ..named(&name, &name, "nspawn") }),
    );
}

/// `Port=[PROTOCOL:]HOST[:CONTAINER]` lines.
fn nspawn_ports(text: &str) -> Vec<PublishedPort> {
    let parse = |line: &str| {
        let value = line.trim().strip_prefix("Port=")?.trim();
        let mut parts: Vec<&str> = value.split(':').collect();
        let protocol = parts.first().and_then(|first| protocol(first));
        if protocol.is_some() {
            parts.remove(0);
        }
        let host_port = parts.first()?.parse().ok()?;
        let container_port = parts.get(1).map_or(Some(host_port), |port| port.parse().ok())?;
        Some(PublishedPort {
            protocol: protocol.unwrap_or(Protocol::Tcp),
            host_address: String::new(),
            host_port,
            container_port,
            carried_by: CONFIGURED.into(),
        })
    };
    text.lines().filter_map(parse).collect()
}

/// LXC, LXD and Incus: a directory for each container.
fn lxc(tree: &Tree, facts: &mut Facts<Vec<Container>>) {
    let classic = Path::new("/var/lib/lxc");
    for name in directories(tree, classic, facts) {
        match tree.read_text(classic.join(&name).join("config")) {
            Ok(text) => facts.value.push(lxc_container(&name, &text)),
            Err(e) => keep(&e, &format!("configuration of container {name}"), facts),
        }
    }
    for dir in ["/var/lib/lxd/containers", "/var/snap/lxd/common/lxd/containers", "/var/lib/incus/containers"]
    {
        for name in directories(tree, Path::new(dir), facts) {
            facts.value.push(named(&name, &name, "lxc"));
        }
    }
}

/// `KEY = VALUE` lines (`lxc.container.conf(5)`).
fn lxc_container(name: &str, text: &str) -> Container {
    let mut container = Container { restarts: Some(false), ..named(name, name, "lxc") };
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if key == "lxc.start.auto" {
            container.restarts = Some(value == "1");
        } else if key.starts_with("lxc.net.")
            && (key.ends_with(".ipv4.address") || key.ends_with(".ipv6.address"))
        {
            let address = value.split('/').next().unwrap_or_default();
            container.addresses.push(address.to_owned());
        }
    }
    container.addresses.sort();
    container
}

#[cfg(test)]
mod tests;
