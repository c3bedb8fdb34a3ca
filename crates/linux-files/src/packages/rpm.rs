//! rpm: RHEL and its rebuilds, Fedora, SUSE. SQLite and NDB databases are read; the older Berkeley DB form is named.

use std::collections::BTreeMap;
use std::path::Path;

use doorward_model::PackageFamily;

use super::paths::{Asked, Owners};
use super::trouble::Trouble;
use super::{Found, Installed, PackageId, SUMMARY_LIMIT, text};
use crate::{CONFIG_LIMIT, Kind, Tree};
use header::{Header, Tag};
use relations::Relations;
use store::Store;

mod files;
mod header;
mod ndb;
mod reasons;
mod relations;
mod sqlite;
mod store;
mod updates;
pub(super) mod version;

/// Where distributions keep the database: `/var/lib/rpm` of old, `/usr/lib/sysimage/rpm` now, `/usr/share/rpm` in
/// rpm-ostree images.
const HOMES: [&str; 3] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm"];

/// Reads rpm's database; nothing when there is none, or an empty one.
pub(super) fn collect<'a>(tree: &Tree, asked: &'a Asked<'a>, trouble: &mut Trouble) -> Option<Found<'a>> {
    for home in HOMES {
        let Some(store) = Store::open(tree, home, trouble) else { continue };
        if let Some(found) = read(tree, &store, asked, trouble) {
            return Some(found);
        }
    }
    None
}

fn read<'a>(tree: &Tree, store: &Store, asked: &'a Asked<'a>, trouble: &mut Trouble) -> Option<Found<'a>> {
    let mut loaded = Loaded::default();
    let read = store.each(&mut |number, blob| loaded.add(number, blob, store.path(), trouble));
    if let Err(why) = read {
        trouble.note("package database", format!("{}: {why}", store.path()), Some("rpm --verifydb"));
    }
    if loaded.installed.is_empty() {
        return None;
    }
    let Loaded { mut installed, mut relations, by_number } = loaded;
    let reasons = reasons::collect(tree, trouble);
    let protected = protected(tree, trouble);
    for one in &mut installed {
        one.manual = reasons.manual(&one.name);
        one.essential = protected.contains(&one.name);
    }
    let mut owners = Owners::new(asked);
    files::claim(store, &by_number, &installed, &mut relations, &mut owners, trouble);
    let roots = installed.iter().map(|one| one.essential || one.manual != Some(false)).collect();
    let graph = relations.resolve(roots);
    let updates = updates::collect(tree, &installed, &owners, trouble);
    Some(Found { family: PackageFamily::Rpm, installed, graph, owners, updates })
}

/// What the headers gave.
#[derive(Default)]
struct Loaded {
    installed: Vec<Installed>,
    relations: Relations,
    /// The database's number of a header to the package.
    by_number: BTreeMap<u32, PackageId>,
}

impl Loaded {
    fn add(&mut self, number: u32, blob: &[u8], path: &str, trouble: &mut Trouble) {
        let broken = |why: &str| format!("{path}, header {number}: {why}");
        let header = match Header::parse(blob) {
            Ok(header) => header,
            Err(why) => return trouble.note("a package", broken(why), Some("rpm --verifydb")),
        };
        let (Some(name), Some(version), Some(release)) =
            (header.string(Tag::Name), header.string(Tag::Version), header.string(Tag::Release))
        else {
            return trouble.note("a package", broken("no name, version or release"), Some("rpm --verifydb"));
        };
        // Public keys are kept as packages of this name.
        if name == b"gpg-pubkey" {
            return;
        }
        let Ok(id) = PackageId::try_from(self.installed.len()) else { return };
        let epoch = header.number(Tag::Epoch).unwrap_or_default();
        let release = format!("{}-{}", text(version, 256), text(release, 256));
        self.relations.add(id, &header);
        self.by_number.insert(number, id);
        self.installed.push(Installed {
            name: text(name, 256),
            version: if epoch == 0 { release } else { format!("{epoch}:{release}") },
            source: header.string(Tag::SourceRpm).and_then(source_name),
            summary: header.string(Tag::Summary).map(|s| text(s, SUMMARY_LIMIT)).filter(|s| !s.is_empty()),
            bytes: header.number(Tag::LongSize).or_else(|| header.number(Tag::Size)),
            ..Installed::default()
        });
    }
}

/// `NAME` of `NAME-VERSION-RELEASE.src.rpm`.
fn source_name(file: &[u8]) -> Option<String> {
    let file = text(file, 512);
    let mut parts = file.rsplitn(3, '-');
    let (_release, _version) = (parts.next()?, parts.next()?);
    parts.next().map(str::to_owned)
}

/// Packages that dnf refuses to remove: a name a line in `protected.d` (dnf.conf(5)).
fn protected(tree: &Tree, trouble: &mut Trouble) -> Vec<String> {
    let mut names = Vec::new();
    for dir in ["/etc/dnf/protected.d", "/etc/yum/protected.d", "/usr/share/dnf5/libdnf.conf.d/protected.d"] {
        for entry in tree.read_dir(dir).unwrap_or_default() {
            let is_list = entry.kind == Kind::File && entry.name.to_string_lossy().ends_with(".conf");
            if !is_list {
                continue;
            }
            match tree.read(Path::new(dir).join(&entry.name), CONFIG_LIMIT) {
                Ok(list) => {
                    let list = String::from_utf8_lossy(&list);
                    let lines =
                        list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
                    names.extend(lines.map(str::to_owned));
                }
                Err(e) => trouble.read("protected packages", &e),
            }
        }
    }
    names
}

#[cfg(test)]
mod tests;
