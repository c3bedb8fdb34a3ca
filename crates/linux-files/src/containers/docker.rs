//! Docker: `containers/ID/config.v2.json` and `hostconfig.json` below its data root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use doorward_model::{Container, Facts, PublishedPort, Subject, Unseen};
use serde::Deserialize;

use super::{CONFIGURED, directories, keep, named, protocol};
use crate::Tree;

/// What is used of `config.v2.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "Config")]
    settings: Image,
    #[serde(default)]
    network_settings: NetworkSettings,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Image {
    image: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Option<Network>>>,
    ports: Option<Ports>,
}

#[derive(Deserialize, Default)]
struct Network {
    #[serde(rename = "IPAddress", default)]
    v4: String,
    #[serde(rename = "GlobalIPv6Address", default)]
    v6: String,
}

/// What is used of `hostconfig.json`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    port_bindings: Option<Ports>,
    restart_policy: Option<RestartPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicy {
    name: String,
}

/// `80/tcp` with the places on the host that it is bound to.
type Ports = BTreeMap<String, Option<Vec<Binding>>>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    #[serde(default)]
    host_ip: String,
    #[serde(default)]
    host_port: String,
}

/// The daemon's own settings.
#[derive(Deserialize)]
struct Daemon {
    #[serde(rename = "data-root")]
    data_root: Option<PathBuf>,
}

pub(super) fn collect(tree: &Tree, homes: &[PathBuf], facts: &mut Facts<Vec<Container>>) {
    for root in roots(tree, homes, facts) {
        let dir = root.join("containers");
        for id in directories(tree, &dir, facts) {
            let place = dir.join(&id);
            let Some(config) = read::<Config>(tree, &place.join("config.v2.json"), facts) else { continue };
            let host = read::<HostConfig>(tree, &place.join("hostconfig.json"), facts).unwrap_or_default();
            facts.value.push(container(&id, config, host));
        }
    }
}

fn roots(tree: &Tree, homes: &[PathBuf], facts: &mut Facts<Vec<Container>>) -> Vec<PathBuf> {
    let mut roots = vec![PathBuf::from("/var/lib/docker"), "/var/snap/docker/common/var-lib-docker".into()];
    roots.extend(homes.iter().map(|home| home.join(".local/share/docker")));
    roots.extend(read::<Daemon>(tree, Path::new("/etc/docker/daemon.json"), facts).and_then(|d| d.data_root));
    roots.sort();
    roots.dedup();
    roots
}

/// Reads a JSON file; nothing when it is not there, and the failure kept when it cannot be understood.
fn read<T: for<'de> Deserialize<'de>>(
    tree: &Tree,
    path: &Path,
    facts: &mut Facts<Vec<Container>>,
) -> Option<T> {
    let text = match tree.read_text(path) {
        Ok(text) => text,
        Err(e) => {
            keep(&e, "a Docker container", facts);
            return None;
        }
    };
    match serde_json::from_str(&text) {
        Ok(value) => Some(value),
        Err(e) => {
            let why = format!("{}: {e}", path.display());
            facts.unseen.push(Unseen::new(Subject::Containers, "a Docker container", why));
            None
        }
    }
}

fn container(id: &str, config: Config, host: HostConfig) -> Container {
    let name = config.name.trim_start_matches('/');
    let mut container = named(if name.is_empty() { id } else { name }, id, "docker");
    container.image = config.settings.image;
    // Neither `no` nor `on-failure` brings a container back with the daemon.
    container.restarts = host.restart_policy.map(|p| matches!(p.name.as_str(), "always" | "unless-stopped"));
    for network in config.network_settings.networks.unwrap_or_default().into_values().flatten() {
        container.addresses.extend([network.v4, network.v6].into_iter().filter(|a| !a.is_empty()));
    }
    container.addresses.sort();
    // What the daemon did bind, or what it is told to when the container starts.
    let bound = published(config.network_settings.ports.unwrap_or_default());
    let told = || published(host.port_bindings.unwrap_or_default());
    container.published = if bound.is_empty() { told() } else { bound };
    container.published.sort();
    container
}

fn published(ports: Ports) -> Vec<PublishedPort> {
    let mut out = Vec::new();
    for (inside, bindings) in ports {
        let (port, name) = inside.split_once('/').unwrap_or((&inside, "tcp"));
        let (Ok(container_port), Some(protocol)) = (port.parse(), protocol(name)) else { continue };
        for binding in bindings.unwrap_or_default() {
            // An empty port is chosen anew at each start: unknown until it runs.
            let Ok(host_port) = binding.host_port.parse() else { continue };
            out.push(PublishedPort {
                protocol,
                host_address: binding.host_ip,
                host_port,
                container_port,
                carried_by: CONFIGURED.into(),
            });
        }
    }
    out
}
