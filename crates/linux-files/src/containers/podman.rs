//! Podman: names and images in the storage's `containers.json`, ports and restart policy in its `SQLite` state
//! (`db.sql`, Podman 4.8 and later; the older `bolt_state.db` is not read, which is said).

use std::collections::BTreeMap;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use doorward_model::{Container, Facts, PublishedPort, Subject, Unseen};
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;

use super::{CONFIGURED, keep, named, protocol};
use crate::Tree;

/// Published ranges longer than this are not spelled out.
const RANGE: u16 = 1024;
/// More containers than this are not read.
const COUNT: usize = 10_000;

/// An entry of `containers.json`.
#[derive(Deserialize)]
struct Stored {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    /// JSON in a string.
    #[serde(default)]
    metadata: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    image_name: Option<String>,
    name: Option<String>,
}

/// What is used of a row of the state.
#[derive(Deserialize)]
struct State {
    #[serde(default, rename = "newPortMappings")]
    ports: Option<Vec<Mapping>>,
    #[serde(default)]
    restart_policy: Option<String>,
}

#[derive(Deserialize)]
struct Mapping {
    #[serde(default)]
    host_ip: String,
    container_port: u16,
    host_port: u16,
    #[serde(default)]
    range: u16,
    #[serde(default)]
    protocol: String,
}

pub(super) fn collect(tree: &Tree, homes: &[PathBuf], facts: &mut Facts<Vec<Container>>) {
    let mut roots = vec![PathBuf::from("/var/lib/containers/storage")];
    roots.extend(homes.iter().map(|home| home.join(".local/share/containers/storage")));
    for root in roots {
        let mut containers = Vec::new();
        for driver in ["overlay", "vfs", "btrfs"] {
            let path = root.join(format!("{driver}-containers/containers.json"));
            match tree.read_text(&path) {
                Ok(text) => containers.extend(stored(&path, &text, facts)),
                Err(e) => keep(&e, "Podman's containers", facts),
            }
        }
        if containers.is_empty() {
            continue;
        }
        match states(tree, &root) {
            Ok(states) => containers.iter_mut().for_each(|c| complete(c, states.get(&c.id))),
            Err(why) => {
                facts.unseen.push(Unseen::new(Subject::Containers, "ports that Podman publishes", why));
            }
        }
        facts.value.append(&mut containers);
    }
}

fn stored(path: &Path, text: &str, facts: &mut Facts<Vec<Container>>) -> Vec<Container> {
    let list: Vec<Stored> = serde_json::from_str(text).unwrap_or_else(|e| {
        let why = format!("{}: {e}", path.display());
        facts.unseen.push(Unseen::new(Subject::Containers, "Podman's containers", why));
        Vec::new()
    });
    let container = |entry: Stored| {
        // The engine writes it; another writer's that cannot be read says no more than the entry itself.
        let metadata: Metadata = serde_json::from_str(&entry.metadata).unwrap_or_default();
        let name = metadata.name.or_else(|| entry.names.first().cloned());
        let name = name.filter(|n| !n.is_empty()).unwrap_or_else(|| entry.id.clone());
        Container { image: metadata.image_name, ..named(&name, &entry.id, "podman") }
    };
    list.into_iter().take(COUNT).map(container).collect()
}

/// The rows of the state by container id.
fn states(tree: &Tree, root: &Path) -> Result<BTreeMap<String, State>, String> {
    let path = root.join("db.sql");
    let file = match tree.open_file(&path) {
        Ok(file) => file,
        Err(e) if e.is_absent() => {
            return Err(format!(
                "{}: the older form of state is not read",
                root.join("libpod/bolt_state.db").display()
            ));
        }
        Err(e) => return Err(e.to_string()),
    };
    let fail = |e: rusqlite::Error| format!("{}: {e}", path.display());
    // By its descriptor, so that the path cannot lead anywhere else; immutable, so that nothing is written beside it.
    let uri = format!("file:/proc/self/fd/{}?immutable=1", file.as_raw_fd());
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(uri, flags).map_err(fail)?;
    // A view of that name, or a virtual table, could compute for ever: only a table stored in the file is read.
    let is_table = "SELECT count(*) FROM sqlite_schema WHERE name = 'ContainerConfig' AND type = 'table' AND rootpage > 0";
    if database.query_row(is_table, [], |row| row.get::<_, i64>(0)).map_err(fail)? != 1 {
        return Err(format!("{}: no table ContainerConfig", path.display()));
    }
    let mut query = database.prepare("SELECT ID, JSON FROM ContainerConfig LIMIT 10000").map_err(fail)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fail)?;
    let mut states = BTreeMap::new();
    for row in rows {
        let (id, json): (String, String) = row.map_err(fail)?;
        let state =
            serde_json::from_str(&json).map_err(|e| format!("{}: container {id}: {e}", path.display()))?;
        states.insert(id, state);
    }
    Ok(states)
}

fn complete(container: &mut Container, state: Option<&State>) {
    let Some(state) = state else { return };
    container.restarts = state.restart_policy.as_deref().map(|p| matches!(p, "always" | "unless-stopped"));
    for mapping in state.ports.iter().flatten() {
        for name in mapping.protocol.split(',') {
            let Some(protocol) = protocol(if name.is_empty() { "tcp" } else { name }) else { continue };
            for offset in 0..mapping.range.clamp(1, RANGE) {
                container.published.push(PublishedPort {
                    protocol,
                    host_address: mapping.host_ip.clone(),
                    host_port: mapping.host_port.saturating_add(offset),
                    container_port: mapping.container_port.saturating_add(offset),
                    carried_by: CONFIGURED.into(),
                });
            }
        }
    }
    container.published.sort();
}
