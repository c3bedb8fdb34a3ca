//! What a step shuts, by who starts it.

use serde::{Deserialize, Serialize};

/// What is shut together: never empty, each list in the order in which it is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units(Parts);

/// The lists of [`Units`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Units of systemd: sockets, timers and paths before the services that they start.
    pub systemd: Vec<String>,
    /// Names on the system bus that would start the services again, sorted.
    pub bus_names: Vec<String>,
    /// Init scripts.
    pub scripts: Vec<Script>,
    /// Entries of a super-server.
    pub entries: Vec<Entry>,
    /// Containers.
    pub containers: Vec<ContainerName>,
}

/// An init script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Its name, as the service's.
    pub name: String,
    /// Who runs it.
    pub manager: ScriptManager,
}

/// Who runs init scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptManager {
    /// `SysV` init.
    Sysv,
    /// `OpenRC`.
    Openrc,
}

/// An entry of inetd or xinetd.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name as a service: `inetd:telnet`.
    pub name: String,
    /// Whose table it is in.
    pub manager: SuperServer,
    /// Absolute path of the file that holds it.
    pub file: String,
}

/// Who listens for others and starts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuperServer {
    /// inetd: a line is switched off.
    Inetd,
    /// xinetd: `disable = yes`.
    Xinetd,
}

/// A container: stopped, and not started again by its engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerName {
    /// The engine's own name for it.
    pub name: String,
    /// `docker`, `podman`.
    pub engine: String,
}

impl Units {
    /// `None` when there is nothing to shut.
    pub fn new(parts: Parts) -> Option<Self> {
        let empty = parts.systemd.is_empty()
            && parts.scripts.is_empty()
            && parts.entries.is_empty()
            && parts.containers.is_empty();
        (!empty).then_some(Self(parts))
    }

    /// The lists.
    pub fn parts(&self) -> &Parts {
        &self.0
    }

    /// The services' names as in the snapshot, all kinds together.
    pub fn names(&self) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
        use std::borrow::Cow;
        let parts = &self.0;
        let systemd = parts.systemd.iter().map(|n| Cow::Borrowed(n.as_str()));
        let scripts = parts.scripts.iter().map(|s| Cow::Borrowed(s.name.as_str()));
        let entries = parts.entries.iter().map(|e| Cow::Borrowed(e.name.as_str()));
        let containers = parts.containers.iter().map(|c| Cow::Owned(format!("container:{}", c.name)));
        systemd.chain(scripts).chain(entries).chain(containers)
    }
}
