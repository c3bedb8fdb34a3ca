//! The paths asked for, in every spelling that a package database may use for them.
//!
//! A file has one name for the service manager and another for the package: `/usr/lib/systemd/system/x.service` was
//! packed as `/lib/systemd/system/x.service`; `/etc/alternatives` and unit aliases are links to the packed file. All
//! spellings of the few hundred paths asked for are worked out first, so that the hundred thousands of lines of a
//! database are looked up as they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::ffi::OsStrExt as _;

use super::PackageId;
use crate::Tree;

/// Directories that are links on some systems (merged `/usr`, merged `/usr/sbin`, Red Hat's `rc.d`, `/run`).
const LINKED: [&str; 11] = [
    "/bin",
    "/etc/init.d",
    "/etc/rc.d/init.d",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/sbin",
    "/usr/lib64",
    "/usr/sbin",
    "/var/run",
];

/// The paths asked for.
pub(super) struct Asked<'a> {
    paths: Vec<&'a str>,
    /// Spelling to what it stands for.
    spellings: HashMap<Vec<u8>, Vec<Meaning>>,
    /// Last components of all spellings.
    basenames: BTreeSet<Vec<u8>>,
}

/// A spelling is a name of the asked-for path itself, or of the file that it is a link to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Meaning {
    through_link: bool,
    path: usize,
}

impl<'a> Asked<'a> {
    pub(super) fn new(tree: &Tree, paths: &'a BTreeSet<String>) -> Self {
        let aliases = aliases(tree);
        let mut asked = Self {
            paths: paths.iter().map(String::as_str).collect(),
            spellings: HashMap::new(),
            basenames: BTreeSet::new(),
        };
        for path in 0..asked.paths.len() {
            let text = asked.paths[path];
            asked.add(&aliases, text.as_bytes(), Meaning { through_link: false, path });
            if tree.read_link(text).is_ok()
                && let Ok(target) = tree.resolve(text)
            {
                let target = target.as_os_str().as_bytes();
                asked.add(&aliases, target, Meaning { through_link: true, path });
            }
        }
        asked
    }

    fn add(&mut self, aliases: &[(String, String)], path: &[u8], meaning: Meaning) {
        for spelling in spellings(aliases, path) {
            if let Some(slash) = memchr::memrchr(b'/', &spelling) {
                self.basenames.insert(spelling[slash + 1..].to_vec());
            }
            let meanings = self.spellings.entry(spelling).or_default();
            if !meanings.contains(&meaning) {
                meanings.push(meaning);
            }
        }
    }

    /// Last components of everything asked for, sorted.
    pub(super) fn basenames(&self) -> impl Iterator<Item = &[u8]> {
        self.basenames.iter().map(Vec::as_slice)
    }
}

/// Links among [`LINKED`] and where they lead.
fn aliases(tree: &Tree) -> Vec<(String, String)> {
    let lead = |from: &str| {
        let to = tree.resolve(from).ok()?;
        let to = to.to_str()?;
        (to != from && to != "/").then(|| (from.to_owned(), to.to_owned()))
    };
    LINKED.iter().filter_map(|from| lead(from)).collect()
}

/// Every name of `path` in a tree with these links, itself first.
fn spellings(aliases: &[(String, String)], path: &[u8]) -> Vec<Vec<u8>> {
    let below = |dir: &str| path.strip_prefix(dir.as_bytes()).filter(|rest| rest.first() == Some(&b'/'));
    let mut all = vec![path.to_vec()];
    for (from, to) in aliases {
        let Some(rest) = below(from).or_else(|| below(to)) else { continue };
        let same_place = aliases.iter().filter(|(_, other)| other == to).map(|(from, _)| from);
        for dir in same_place.chain([to]) {
            let spelling = [dir.as_bytes(), rest].concat();
            if !all.contains(&spelling) {
                all.push(spelling);
            }
        }
    }
    all
}

/// Who owns the paths asked for, as far as found.
pub(super) struct Owners<'a> {
    asked: &'a Asked<'a>,
    best: Vec<Option<Owner>>,
}

/// Better owners come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Owner {
    through_link: bool,
    /// `None` sorts as worst: the package was removed and left the file behind.
    removed: bool,
    package: Option<PackageId>,
    name: String,
}

impl<'a> Owners<'a> {
    pub(super) fn new(asked: &'a Asked<'a>) -> Self {
        Self { asked, best: vec![None; asked.paths.len()] }
    }

    /// What was asked for.
    pub(super) fn asked(&self) -> &'a Asked<'a> {
        self.asked
    }

    /// Takes note that the package owns `path`, if that was asked for. `package` is `None` for a package that was
    /// removed and left its configuration behind. Of several owners the first one claimed stays.
    pub(super) fn claim(&mut self, path: &[u8], name: &str, package: Option<PackageId>) {
        let Some(meanings) = self.asked.spellings.get(path) else { return };
        for meaning in meanings {
            let owner = Owner {
                through_link: meaning.through_link,
                removed: package.is_none(),
                package,
                name: name.to_owned(),
            };
            let Some(best) = self.best.get_mut(meaning.path) else { continue };
            let rank = |o: &Owner| (o.through_link, o.removed);
            if best.as_ref().is_none_or(|known| rank(&owner) < rank(known)) {
                *best = Some(owner);
            }
        }
    }

    /// Installed packages that own something, sorted.
    pub(super) fn packages(&self) -> BTreeSet<PackageId> {
        self.best.iter().flatten().filter_map(|owner| owner.package).collect()
    }

    /// Path to package name.
    pub(super) fn names(&self) -> BTreeMap<String, String> {
        let owned = |(path, owner): (&&str, &Option<Owner>)| {
            owner.as_ref().map(|owner| ((*path).to_owned(), owner.name.clone()))
        };
        self.asked.paths.iter().zip(&self.best).filter_map(owned).collect()
    }
}
