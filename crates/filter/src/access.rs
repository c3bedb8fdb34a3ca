//! What people write: `[access]` of a plan.
//!
//! ```toml
//! [access.clients]
//! office = ["192.0.2.0/24", "2001:db8::/32"]
//! monitors = ["/etc/doorward/monitors.list"]
//!
//! [access.doors]
//! ssh = { to = ["office"], admin = true }
//! "tcp/9100" = { to = ["monitors"] }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Door, DoorName, SetName};

/// From which addresses doors may be reached. The site's own doors are open to everyone, and are not named here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Access {
    /// Client sets: addresses, networks, and files that list them (absolute paths).
    pub clients: BTreeMap<SetName, Vec<String>>,
    /// Doors for named clients, by port or by service.
    pub doors: BTreeMap<DoorName, Allow>,
    /// How often one client may open a connection to an administration door.
    pub rate: Rate,
    /// Count packets at each rule.
    pub counters: bool,
    /// Log what is dropped, a few lines a second.
    pub log: bool,
    /// Also filter ports that are published to containers or other hosts (the forward hook).
    pub published: Published,
    /// Interfaces whose packets are forwarded unfiltered, as the host's own guests send them: `docker0`, `br-*`.
    pub guests: Vec<String>,
}

/// Whether published ports are filtered. Written as a boolean; `true` unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Published(pub bool);

impl Default for Published {
    fn default() -> Self {
        Self(true)
    }
}

/// Who may use a door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Client sets; at least one.
    pub to: Vec<SetName>,
    /// Whether it is a door for administration: connections to it are limited in rate.
    #[serde(default)]
    pub admin: bool,
}

/// Connections that one client may open to administration doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rate {
    /// In a minute, over time.
    pub per_minute: u32,
    /// At once.
    pub burst: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { per_minute: 30, burst: 30 }
    }
}

/// What a host is known to offer, and what files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// The site's own doors.
    pub site: BTreeSet<Door>,
    /// Doors by the name of the service behind them.
    pub services: BTreeMap<String, BTreeSet<Door>>,
    /// Contents of the files that client sets name, by path.
    pub files: BTreeMap<String, String>,
}

impl Access {
    /// Files that client sets name, to be read into [`Host::files`].
    pub fn files(&self) -> BTreeSet<&str> {
        self.clients.values().flatten().map(String::as_str).filter(|entry| is_file(entry)).collect()
    }
}

/// Whether an entry of a client set names a file.
pub(crate) fn is_file(entry: &str) -> bool {
    entry.starts_with('/')
}
