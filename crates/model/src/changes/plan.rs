//! What is to be changed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Exposure, Protocol};

/// `doorward plan`: a plan that was made or, with `--check`, found good. To be applied it is needed as its own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReport {
    /// Version of this form.
    pub schema_version: u32,
    /// The host's name.
    pub host: String,
    /// Its operating system's full name.
    pub os: String,
    /// Fingerprint of what the plan rests on.
    pub snapshot: String,
    /// What was preferred: uninstall, disable or stop.
    pub prefer: String,
    /// The steps, in the order in which they are done; what is kept at the end.
    pub steps: Vec<PlannedStep>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStep {
    /// Its name.
    pub id: String,
    /// Whether it is to be done.
    pub on: bool,
    /// What is done: uninstall, disable, stop, rebind, filter or keep.
    pub action: String,
    /// What it shuts, binds anew or keeps: units, init scripts, entries of super-servers, containers.
    pub services: Vec<String>,
    /// Packages that it removes, each with its version.
    pub packages: Vec<NamedVersion>,
    /// The setting that it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<ChangedSetting>,
    /// From which addresses doors may be reached, for a filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<PlannedFilter>,
    /// Why something is kept: by-hand, unknown, role, base, admin, configured or needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// Why, in a sentence.
    pub why: String,
    /// What the service gives an intruder, or what else can go wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub danger: Option<String>,
    /// How it is undone, in a sentence.
    pub undo: String,
    /// Doors that it closes.
    pub closes: Vec<PlannedDoor>,
    /// Services that need what it touches.
    pub needed_by: Vec<String>,
    /// Packages and services that go with it.
    pub takes_along: Vec<String>,
    /// Memory held now, in bytes, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saves_memory_bytes: Option<u64>,
    /// CPU time used since the services' start, in microseconds, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saves_cpu_usec: Option<u64>,
    /// Updates that wait for packages that go.
    pub saves_pending_updates: u32,
    /// Vulnerabilities in what is shut that are known to be exploited.
    pub saves_known_exploited: Vec<String>,
}

/// A package with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedVersion {
    /// Its name.
    pub name: String,
    /// Its exact version.
    pub version: String,
}

/// A setting that takes a door from the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedSetting {
    /// The file that holds it.
    pub file: String,
    /// Its name.
    pub name: String,
    /// Where the service is bound now.
    pub from: String,
    /// The new value.
    pub to: String,
    /// Command by which the daemon checks its configuration before it is restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

/// From which addresses doors may be reached; every other door is closed to the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedFilter {
    /// The site's own doors, open to everyone: `tcp/80`.
    pub site: Vec<String>,
    /// Client sets by name: networks.
    pub clients: BTreeMap<String, Vec<String>>,
    /// Doors for named clients.
    pub doors: Vec<AllowedDoor>,
}

/// A door for named clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AllowedDoor {
    /// The port that clients send to: `tcp/22`.
    pub door: String,
    /// The service behind it, where it was named by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Client sets.
    pub to: Vec<String>,
    /// Whether connections to it are limited in rate.
    pub admin: bool,
}

/// A door that a step closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedDoor {
    /// Transport.
    pub protocol: Protocol,
    /// Address that it is bound to; `*` for all of both families.
    pub address: String,
    /// Port, where the protocol has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Who could reach it.
    pub exposure: Exposure,
}
