//! The unit search path: which file defines a name, which names are aliases, which links pull units in.
//!
//! One pass over the directories; everything later is a look-up, so that the cost grows with the number of files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use doorward_model::{DependencyKind, Subject, Unseen};

use super::name;
use crate::{Entry, Kind, ReadError, Tree, unread::unread};

/// The manager's own search path, highest precedence first, with what each directory is for (`systemd.unit(5)`).
const SEARCH_PATH: &[(&str, Origin)] = &[
    ("/etc/systemd/system.control", Origin::Vendor),
    ("/run/systemd/system.control", Origin::Runtime),
    ("/run/systemd/transient", Origin::Transient),
    ("/run/systemd/generator.early", Origin::Generator),
    ("/etc/systemd/system", Origin::Admin),
    ("/etc/systemd/system.attached", Origin::Vendor),
    ("/run/systemd/system", Origin::Runtime),
    ("/run/systemd/system.attached", Origin::Runtime),
    ("/run/systemd/generator", Origin::Generator),
    ("/usr/local/lib/systemd/system", Origin::Vendor),
    ("/usr/lib/systemd/system", Origin::Vendor),
    ("/lib/systemd/system", Origin::Vendor),
    ("/run/systemd/generator.late", Origin::Generator),
];

/// More directory entries than this in the whole search path are refused.
const ENTRY_LIMIT: usize = 200_000;

/// Aliases of aliases are followed this far.
const ALIAS_LIMIT: usize = 8;

/// Who writes a directory of the search path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The administrator: a link here enables a unit for good.
    Admin,
    /// Somebody, until the next boot.
    Runtime,
    /// A generator, at each boot.
    Generator,
    /// A program, for a unit that lives as long as it runs.
    Transient,
    /// A package, or none of the others.
    Vendor,
}

impl Origin {
    /// Whether what lies there is gone after a reboot.
    pub(super) fn is_runtime(self) -> bool {
        matches!(self, Self::Runtime | Self::Generator | Self::Transient)
    }
}

/// What a name in the search path stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A unit file in that directory (index into [`Index::directories`]); none for a link out of the search path.
    File { directory: Option<usize>, path: String },
    /// A link to nowhere: the unit cannot start.
    Masked { path: String },
    /// Another name of that unit.
    Alias(String),
}

/// A directory of the search path with the links in it, by which units are enabled.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: String,
    pub(super) origin: Origin,
    /// Links in its `.wants`, `.requires` and `.upholds` directories, by the template of their names, or the name.
    pub(super) pulled: HashMap<String, Vec<String>>,
    /// Links of its own, by the file name that they lead to.
    pub(super) links_to: HashMap<String, Vec<String>>,
    /// Links of its own: name, and the file name that it leads to.
    pub(super) links: HashMap<String, String>,
}

/// The search path of one tree.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) directories: Vec<Directory>,
    places: BTreeMap<String, Place>,
    /// For each `X.d`: its files' names and paths, those of the first directory first.
    dropins: HashMap<String, Vec<(String, String)>>,
    /// For each unit with a `.wants` directory or its like: the names linked there. The first directory that has a
    /// name decides; `false` for a link to nowhere, which hides the others.
    pulls: HashMap<(String, PullKind), BTreeMap<String, bool>>,
    entries: usize,
}

/// The three kinds of directories whose links are dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PullKind {
    Wants,
    Requires,
    Upholds,
}

impl PullKind {
    pub(super) const ALL: [(&'static str, Self); 3] =
        [(".wants", Self::Wants), (".requires", Self::Requires), (".upholds", Self::Upholds)];

    pub(super) fn dependency(self) -> DependencyKind {
        match self {
            Self::Wants => DependencyKind::Wants,
            Self::Requires => DependencyKind::Requires,
            Self::Upholds => DependencyKind::Upholds,
        }
    }
}

impl Index {
    /// Reads the directories' entries and links, no unit file.
    pub(super) fn read(tree: &Tree, unseen: &mut Vec<Unseen>) -> Self {
        let mut index = Self::default();
        let mut roots: HashSet<PathBuf> = SEARCH_PATH.iter().map(|(dir, _)| PathBuf::from(dir)).collect();
        roots.extend(SEARCH_PATH.iter().filter_map(|(dir, _)| tree.resolve(dir).ok()));
        let mut seen = HashSet::new();
        for &(path, origin) in SEARCH_PATH {
            match tree.metadata(path) {
                Ok(meta) if seen.insert((meta.dev(), meta.ino())) => {
                    index.directory(tree, path, origin, &roots, unseen);
                }
                Err(e) if !e.is_absent() => {
                    unseen.push(unread(Subject::Services, format!("units in {path}"), &e));
                }
                _ => {}
            }
        }
        index
    }

    /// Every name that has a file, a mask or an alias, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.places.iter().map(|(name, place)| (name.as_str(), place))
    }

    /// The unit that a name means: its own name, and where it is defined. Never [`Place::Alias`].
    pub(super) fn find(&self, name: &str) -> Option<(String, &Place)> {
        let mut current = name.to_owned();
        for _ in 0..=ALIAS_LIMIT {
            let template = name::template_of(&current).filter(|_| name::is_instance(&current));
            let place = self.places.get(&current).or_else(|| self.places.get(template.as_ref()?))?;
            let Place::Alias(target) = place else { return Some((current, place)) };
            let instance = name::instance(&current).unwrap_or_default();
            let next = if name::is_template(target) && !instance.is_empty() {
                name::instantiate(target, instance)?
            } else {
                target.clone()
            };
            if next == current {
                // `getty@tty1.service` -> `getty@.service`: an instance of its template.
                let place = self.places.get(&name::template_of(&next)?)?;
                return (!matches!(place, Place::Alias(_))).then_some((next, place));
            }
            current = next;
        }
        None
    }

    /// Drop-ins for a unit of these names, as file name and path. Of two with the same name the first counts.
    pub(super) fn dropins(&self, names: &[String]) -> impl Iterator<Item = (&str, &str)> {
        let own = names.iter().flat_map(|n| name::dropin_names(n));
        let of_type = names.first().and_then(|n| name::suffix(n)).map(str::to_owned);
        let files = own.chain(of_type).flat_map(|owner| self.dropins.get(&owner).into_iter().flatten());
        files.map(|(file, path)| (file.as_str(), path.as_str()))
    }

    /// Names that links in the unit's `.wants` directory (or its like) pull in.
    pub(super) fn pulls(&self, unit: &str, kind: PullKind) -> impl Iterator<Item = &str> {
        let links = self.pulls.get(&(unit.to_owned(), kind));
        links.into_iter().flatten().filter(|(_, live)| **live).map(|(name, _)| name.as_str())
    }

    /// All names that any such link pulls in.
    pub(super) fn pulled(&self) -> impl Iterator<Item = &str> {
        self.pulls.values().flatten().filter(|(_, live)| **live).map(|(name, _)| name.as_str())
    }

    fn directory(
        &mut self,
        tree: &Tree,
        path: &str,
        origin: Origin,
        roots: &HashSet<PathBuf>,
        unseen: &mut Vec<Unseen>,
    ) {
        let mut directory = Directory {
            path: path.to_owned(),
            origin,
            pulled: HashMap::new(),
            links_to: HashMap::new(),
            links: HashMap::new(),
        };
        for entry in self.entries(tree, path, unseen) {
            let Some(file) = entry.name.to_str().map(str::to_owned) else { continue }; // no unit has such a name
            let full = format!("{path}/{file}");
            if let Some(owner) = file.strip_suffix(".d") {
                self.dropin_directory(tree, owner, &full, unseen);
                continue;
            }
            let pull =
                PullKind::ALL.iter().find_map(|(suffix, kind)| Some((file.strip_suffix(suffix)?, *kind)));
            if let Some((owner, kind)) = pull {
                self.pull_directory(tree, (owner, kind), &full, entry.kind, &mut directory, unseen);
                continue;
            }
            if !name::is_valid(&file) {
                continue;
            }
            let place = match entry.kind {
                Kind::File => Some(Place::File { directory: Some(self.directories.len()), path: full }),
                Kind::Link => Self::link(tree, &file, full, roots, &mut directory, unseen),
                Kind::Dir | Kind::Other => None,
            };
            if let Some(place) = place {
                self.places.entry(file).or_insert(place);
            }
        }
        self.directories.push(directory);
    }

    /// A link in the search path: a mask, an alias, or a unit file that lies elsewhere.
    fn link(
        tree: &Tree,
        file: &str,
        full: String,
        roots: &HashSet<PathBuf>,
        directory: &mut Directory,
        unseen: &mut Vec<Unseen>,
    ) -> Option<Place> {
        let target = match link_target(tree, &directory.path, &full) {
            Ok(target) => target,
            Err(e) => {
                unseen.push(unread(Subject::Services, format!("unit {file}"), &e));
                return None;
            }
        };
        let to = target.file_name()?.to_string_lossy().into_owned();
        directory.links_to.entry(to.clone()).or_default().push(file.to_owned());
        directory.links.insert(file.to_owned(), to.clone());
        if target == Path::new("/dev/null") {
            return Some(Place::Masked { path: full });
        }
        let parent = target.parent()?;
        let inside = roots.contains(parent) || tree.resolve(parent).is_ok_and(|p| roots.contains(&p));
        if inside {
            return can_mean(file, &to).then_some(Place::Alias(to));
        }
        // Its target may be another link, out of the search path, to nowhere.
        if tree.resolve(&full).is_ok_and(|end| end == Path::new("/dev/null")) {
            return Some(Place::Masked { path: full });
        }
        Some(Place::File { directory: None, path: full })
    }

    fn dropin_directory(&mut self, tree: &Tree, owner: &str, full: &str, unseen: &mut Vec<Unseen>) {
        for entry in self.entries(tree, full, unseen) {
            let Some(file) = entry
                .name
                .to_str()
                .filter(|f| f.strip_suffix(".conf").is_some_and(|stem| !stem.starts_with('.')))
            else {
                continue;
            };
            let dropin = (file.to_owned(), format!("{full}/{file}"));
            self.dropins.entry(owner.to_owned()).or_default().push(dropin);
        }
    }

    fn pull_directory(
        &mut self,
        tree: &Tree,
        (owner, pull): (&str, PullKind),
        full: &str,
        kind: Kind,
        directory: &mut Directory,
        unseen: &mut Vec<Unseen>,
    ) {
        if !matches!(kind, Kind::Dir | Kind::Link) {
            return;
        }
        for entry in self.entries(tree, full, unseen) {
            let Some(name) = entry.name.to_str().filter(|n| name::is_valid(n)) else { continue };
            let masked = entry.kind == Kind::Link
                && link_target(tree, full, &format!("{full}/{name}"))
                    .is_ok_and(|t| t == Path::new("/dev/null"));
            if entry.kind == Kind::Link && kind == Kind::Dir {
                let key = name::template_of(name).unwrap_or_else(|| name.to_owned());
                directory.pulled.entry(key).or_default().push(name.to_owned());
            }
            let links = self.pulls.entry((owner.to_owned(), pull)).or_default();
            links.entry(name.to_owned()).or_insert(!masked);
        }
    }

    /// A directory's entries, as long as there are not more than any honest host has.
    fn entries(&mut self, tree: &Tree, path: &str, unseen: &mut Vec<Unseen>) -> Vec<Entry> {
        let mut entries = match tree.read_dir(path) {
            Ok(entries) => entries,
            Err(e) if e.is_absent() => Vec::new(),
            Err(e) => {
                unseen.push(unread(Subject::Services, format!("units in {path}"), &e));
                Vec::new()
            }
        };
        let room = ENTRY_LIMIT - self.entries;
        if entries.len() > room {
            entries.truncate(room);
            let why = format!("more than {ENTRY_LIMIT} files in the unit search path");
            unseen.push(Unseen::new(Subject::Services, format!("further units in {path}"), why));
        }
        self.entries += entries.len();
        entries
    }
}

/// Where a link in `directory` leads, as an absolute path with its last step not followed.
fn link_target(tree: &Tree, directory: &str, link: &str) -> Result<PathBuf, ReadError> {
    let target = Path::new(directory).join(tree.read_link(link)?);
    let mut clean = PathBuf::from("/");
    for part in target.components() {
        match part {
            std::path::Component::Normal(part) => clean.push(part),
            std::path::Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    Ok(clean)
}

/// Whether `name` may be an alias of `target`: other name, same type, and both plain, or an instance of the same
/// instance or of a template.
fn can_mean(name: &str, target: &str) -> bool {
    if name == target || !name::is_valid(target) || name::suffix(name) != name::suffix(target) {
        return false;
    }
    match (name::instance(name), name::instance(target)) {
        (None, None) | (Some(_), Some("")) => true,
        (Some(a), Some(b)) => a == b,
        (None, Some(b)) => !b.is_empty(),
        (Some(_), None) => false,
    }
}
