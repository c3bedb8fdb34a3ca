//! Installed packages, read from the package manager's own databases: dpkg's text, rpm's SQLite or NDB file, apk's
//! text. No package manager is run.
//!
//! The whole universe of installed packages is read, for a dependency means nothing without those that could satisfy
//! it as well; details are kept only of packages that own one of the files asked for.

use std::collections::{BTreeMap, BTreeSet};

use doorward_model::{Facts, Package, PackageFamily, Packages, PendingUpdate, Subject};

use crate::Tree;
use graph::Graph;
use paths::{Asked, Owners};
use trouble::Trouble;

mod apk;
mod dpkg;
mod graph;
mod paths;
mod rpm;
#[cfg(test)]
mod testing;
mod trouble;
mod unpack;

/// Package facts and who owns which of the asked-for files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageFacts {
    /// Every installed package by version; those that own an asked-for file in full.
    pub packages: Packages,
    /// Asked-for path to the name of the package that owns it.
    pub owners: BTreeMap<String, String>,
}

/// Reads the package database of `tree`: all versions, and the owners of `paths` (absolute paths of programs, unit
/// files, init scripts) with their details.
///
/// A tree holds one family's database; where tools of another family are installed too, theirs is empty. dpkg's is
/// looked at first, then rpm's, then apk's.
///
/// Pending updates: security archives' lists are always read; see [`Package::update`] and each family for what else.
pub fn collect(tree: &Tree, paths: &BTreeSet<String>) -> Facts<PackageFacts> {
    let mut trouble = Trouble::default();
    let asked = Asked::new(tree, paths);
    let found = dpkg::collect(tree, &asked, &mut trouble)
        .or_else(|| rpm::collect(tree, &asked, &mut trouble))
        .or_else(|| apk::collect(tree, &asked, &mut trouble));
    if found.is_none() {
        name_strangers(tree, &mut trouble);
    }
    Facts { value: found.map(Found::answer).unwrap_or_default(), unseen: trouble.finish() }
}

/// Databases of managers that are not read are at least named.
fn name_strangers(tree: &Tree, trouble: &mut Trouble) {
    let strangers = [
        ("/var/lib/pacman/local", "pacman"),
        ("/nix/var/nix/db", "Nix"),
        ("/var/db/pkg", "Portage"),
        ("/var/db/xbps", "XBPS"),
        ("/usr/lib/opkg/status", "opkg"),
    ];
    for (path, manager) in strangers {
        if tree.exists(path) {
            trouble.note("package database", format!("{path}: {manager}'s database is not supported"), None);
        }
    }
}

/// One installed package, as its family's database describes it.
#[derive(Debug, Default)]
struct Installed {
    /// Unique among installed ones wherever the manager itself could tell them apart by name alone.
    name: String,
    version: String,
    source: Option<String>,
    summary: Option<String>,
    essential: bool,
    /// `None` where nothing records it.
    manual: Option<bool>,
    bytes: Option<u64>,
}

/// Index into the list of installed packages.
type PackageId = u32;

/// What a family's database gave.
struct Found<'a> {
    family: PackageFamily,
    installed: Vec<Installed>,
    graph: Graph,
    owners: Owners<'a>,
    updates: Updates,
}

/// What the local lists of available packages offer.
#[derive(Default)]
struct Updates {
    pending: BTreeMap<PackageId, PendingUpdate>,
    /// Date of the newest list, in seconds since the epoch.
    lists_updated: Option<u64>,
}

impl Found<'_> {
    fn answer(self) -> PackageFacts {
        let mut packages = Packages {
            family: Some(self.family),
            installed: self.installed.len(),
            lists_updated: self.updates.lists_updated,
            ..Packages::default()
        };
        for id in self.owners.packages() {
            if let Some(one) = self.installed.get(id as usize) {
                packages.packages.insert(one.name.clone(), self.package(id, one));
            }
        }
        let owners = self.owners.names();
        for one in self.installed {
            // Of several versions installed side by side (kernels) the families list the newest last.
            packages.versions.insert(one.name, one.version);
        }
        PackageFacts { packages, owners }
    }

    fn package(&self, id: PackageId, one: &Installed) -> Package {
        let takes = self.graph.removal_takes(id);
        Package {
            version: one.version.clone(),
            source: one.source.clone().filter(|source| *source != one.name),
            summary: one.summary.clone(),
            manual: one.manual,
            essential: one.essential,
            required_by: self.sorted_names(&self.graph.required_by(id)),
            removal_takes: self.sorted_names(&takes),
            orphans_after_removal: self.sorted_names(&self.graph.orphans(id, &takes)),
            installed_bytes: one.bytes,
            update: self.updates.pending.get(&id).cloned(),
        }
    }

    fn sorted_names(&self, ids: &[PackageId]) -> Vec<String> {
        let names: BTreeSet<&str> = ids
            .iter()
            .filter_map(|id| self.installed.get(*id as usize))
            .map(|one| one.name.as_str())
            .collect();
        names.into_iter().map(str::to_owned).collect()
    }
}

/// Text of a database as far as it is text; at most `limit` bytes of it.
fn text(bytes: &[u8], limit: usize) -> String {
    String::from_utf8_lossy(bytes.get(..limit).unwrap_or(bytes)).trim().to_owned()
}

/// Longest one-line description that is kept, in bytes.
const SUMMARY_LIMIT: usize = 512;

/// The subject of everything that goes wrong here.
const SUBJECT: Subject = Subject::Packages;
