//! dpkg: Debian, Ubuntu, and images that carry its records without the program (`status.d`).

use std::collections::HashSet;
use std::path::Path;

use doorward_model::PackageFamily;

use super::paths::{Asked, Owners};
use super::trouble::Trouble;
use super::{Found, Installed, SUMMARY_LIMIT, text};
use crate::{CONFIG_LIMIT, Kind, Tree};
use status::Record;

mod control;
mod files;
mod relations;
mod status;
mod updates;
pub(super) mod version;

/// dpkg's own directory.
const HOME: &str = "/var/lib/dpkg";

/// One file a package, in images that were put together without dpkg.
const WITHOUT_DPKG: &str = "/var/lib/dpkg/status.d";

/// Which packages apt brought along (apt-mark(8)).
const EXTENDED_STATES: &str = "/var/lib/apt/extended_states";

/// Largest status file taken: that of a system with 6,000 packages has some 8 million bytes.
const STATUS_LIMIT: u64 = 16 << 20;

/// Reads dpkg's database; nothing when there is none, or an empty one.
pub(super) fn collect<'a>(tree: &Tree, asked: &'a Asked<'a>, trouble: &mut Trouble) -> Option<Found<'a>> {
    let texts = texts(tree, trouble);
    let mut records = Vec::new();
    for (file, text) in &texts {
        status::parse(file, text, &mut records, trouble);
    }
    let (records, removed): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| !record.removed);
    if records.is_empty() {
        return None;
    }
    note_interruption(tree, trouble);
    let names = Names { native: native(&records) };
    let automatic = automatic(tree, &names, trouble);
    let manual = |record: &Record<'_>| automatic.as_ref().map(|a| !a.contains(names.of(record).as_str()));
    let roots = records.iter().map(|r| r.essential || manual(r) != Some(false) || stays(r.name)).collect();
    let graph = relations::resolve(&records, names.native, roots);
    let mut owners = Owners::new(asked);
    files::claim(tree, &records, &removed, &names, &mut owners, trouble);
    let updates = updates::collect(tree, &records, &owners, trouble);
    let installed = records.iter().map(|record| Installed {
        name: names.of(record),
        version: text(record.version, 256),
        source: Some(text(record.source, 256)).filter(|source| !source.is_empty()),
        summary: Some(text(record.description, SUMMARY_LIMIT)).filter(|summary| !summary.is_empty()),
        essential: record.essential,
        manual: manual(record),
        bytes: text(record.installed_size, 20).parse::<u64>().ok().map(|kib| kib.saturating_mul(1024)),
    });
    Some(Found { family: PackageFamily::Dpkg, installed: installed.collect(), graph, owners, updates })
}

/// The files of stanzas, by path.
fn texts(tree: &Tree, trouble: &mut Trouble) -> Vec<(String, Vec<u8>)> {
    let mut paths = vec![format!("{HOME}/status")];
    let without = tree.read_dir(WITHOUT_DPKG).inspect_err(|e| trouble.read("package database", e));
    for entry in without.unwrap_or_default() {
        let name = entry.name.to_string_lossy();
        if entry.kind == Kind::File && Path::new(&*name).extension().is_none_or(|e| e != "md5sums") {
            paths.push(format!("{WITHOUT_DPKG}/{name}"));
        }
    }
    let mut texts = Vec::new();
    for path in paths {
        match tree.read(&path, STATUS_LIMIT) {
            Ok(text) => texts.push((path, text)),
            Err(e) => trouble.read("package database", &e),
        }
    }
    texts
}

/// dpkg journals here and clears it when it ends well.
fn note_interruption(tree: &Tree, trouble: &mut Trouble) {
    let path = format!("{HOME}/updates");
    let left = tree.read_dir(&path).unwrap_or_default(); // images without dpkg lack it
    if left.iter().any(|entry| entry.name.to_str().is_some_and(|n| n.bytes().all(|c| c.is_ascii_digit()))) {
        let why = format!("{path}: dpkg was interrupted or is at work, its status file is behind");
        trouble.note("latest changes of packages", why, Some("dpkg --configure -a"));
    }
}

/// What to call a package: those of a foreign architecture bear it, as for apt.
struct Names<'a> {
    native: &'a [u8],
}

impl Names<'_> {
    fn of(&self, record: &Record<'_>) -> String {
        self.with(record.name, record.architecture)
    }

    fn with(&self, name: &[u8], architecture: &[u8]) -> String {
        let name = text(name, 256);
        if architecture == self.native || matches!(architecture, b"all" | b"") {
            name
        } else {
            format!("{name}:{}", text(architecture, 64))
        }
    }
}

/// The host's own architecture: that of packages which exist once.
fn native<'a>(records: &[Record<'a>]) -> &'a [u8] {
    let of = |name: &[u8]| records.iter().find(|r| r.name == name).map(|r| r.architecture);
    let any = || records.iter().map(|r| r.architecture).find(|a| *a != b"all");
    of(b"dpkg").or_else(|| of(b"base-files")).or_else(any).unwrap_or_default()
}

/// Names of packages that apt brought along as dependencies; nothing where apt keeps no record.
fn automatic(tree: &Tree, names: &Names<'_>, trouble: &mut Trouble) -> Option<HashSet<String>> {
    let states = match tree.read(EXTENDED_STATES, CONFIG_LIMIT) {
        Ok(states) => states,
        Err(e) => {
            trouble.read("why packages are installed", &e);
            return None;
        }
    };
    let name = |stanza| {
        let automatic = control::field(stanza, "Auto-Installed") == Some(b"1");
        let architecture = control::field(stanza, "Architecture").unwrap_or_default();
        automatic.then(|| control::package(stanza)).flatten().map(|name| names.with(name, architecture))
    };
    Some(control::stanzas(&states).filter_map(|(_, stanza)| name(stanza)).collect())
}

/// Packages that apt never calls orphans, by its own default (`APT::NeverAutoRemove`).
fn stays(name: &[u8]) -> bool {
    [&b"linux-image-"[..], b"firmware-linux", b"linux-firmware"].iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests;
