use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the package manager's own databases say. Only packages that own something in the snapshot carry their
/// reverse dependencies and updates; the full list is too long to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Packages {
    /// Family of the database, when one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<PackageFamily>,
    /// Number of installed packages.
    #[serde(default)]
    pub installed: usize,
    /// Date of the newest local list of available packages, in seconds since the epoch: how fresh
    /// [`Package::update`]s are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists_updated: Option<u64>,
    /// Names of all installed packages with their versions (application detection reads them).
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Packages that own a service, by name.
    #[serde(default)]
    pub packages: BTreeMap<String, Package>,
}

/// Family of package databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PackageFamily {
    /// dpkg: Debian, Ubuntu.
    Dpkg,
    /// rpm: RHEL, Alma, Fedora, SUSE.
    Rpm,
    /// apk: Alpine.
    Apk,
    /// Windows' list of programs that can be uninstalled, and of hotfixes.
    Windows,
}

/// One installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Package {
    /// Exact version.
    pub version: String,
    /// Source package, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// One-line description. Hostile text: escape before showing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Whether somebody asked for it (`true`), or it came along as a dependency (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<bool>,
    /// Whether the distribution calls it essential or protected.
    #[serde(default)]
    pub essential: bool,
    /// Installed packages that need it directly and would break, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_by: Vec<String>,
    /// Installed packages that its removal would take along, transitively, sorted, without itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removal_takes: Vec<String>,
    /// Packages that came along with it alone and could go too (automatic, needed by nothing else), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orphans_after_removal: Vec<String>,
    /// Installed size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed_bytes: Option<u64>,
    /// Update that the local lists offer, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<PendingUpdate>,
}

/// A newer version that the package manager's local lists offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PendingUpdate {
    /// The newer version.
    pub version: String,
    /// Whether it comes from a security archive or is marked as a security update.
    pub security: bool,
}
