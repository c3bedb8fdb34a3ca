//! Where applications are found by their files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::os::unix::fs::MetadataExt as _;

use doorward_applications::Marker;
use doorward_model::{Subject, Unseen};

use super::{Find, dark};
use crate::web::glob;
use crate::{Entry, Kind, Tree};
use index::{File, Index, base};

mod index;

/// Directories that are looked into in all.
const DIRECTORY_LIMIT: usize = 3000;

/// Directories that patterns of files may look into.
const PATTERN_LIMIT: usize = 1000;

/// A directory whose own size is more holds tens of thousands of files: it is asked for the files sought, not listed.
const SIZE_LIMIT: u64 = 512 << 10;

/// Paths that one pattern of files leads to.
const MATCH_LIMIT: usize = 50;

/// Document roots of distributions and of builds from source, besides those that a configuration names.
const ROOTS: &[&str] = &[
    "/srv/http",
    "/srv/www",
    "/srv/www/htdocs",
    "/usr/local/apache2/htdocs",
    "/usr/local/nginx/html",
    "/usr/share/nginx/html",
    "/var/lib/nginx/html",
    "/var/www",
    "/var/www/html",
];

/// Folders in which packages and installers make one for each application, under its name.
const HOMES: &[&str] = &["/opt", "/usr/local", "/usr/share", "/usr/share/webapps", "/var/lib"];

/// Levels below a document root, and below an application's folder.
const ROOT_DEPTH: usize = 2;
const HOME_DEPTH: usize = 1;

/// Folders that hold no applications, and may hold very much.
const DULL: &[&str] = &[
    "assets",
    "cache",
    "css",
    "fonts",
    "icons",
    "images",
    "img",
    "js",
    "lang",
    "locale",
    "media",
    "node_modules",
    "static",
    "tmp",
    "uploads",
    "vendor",
    "wp-admin",
    "wp-includes",
];

/// For each marker the places where one of its files is, sorted.
pub(super) fn by_files(
    tree: &Tree,
    markers: &[Marker],
    document_roots: &[String],
    unseen: &mut Vec<Unseen>,
) -> Vec<Vec<Find>> {
    let mut search = Search {
        tree,
        index: Index::of(markers),
        seen: HashMap::new(),
        todo: VecDeque::new(),
        looked_into: 0,
        patterns: PATTERN_LIMIT,
        found: vec![BTreeMap::new(); markers.len()],
        unseen,
    };
    search.absolute(markers);
    for root in document_roots.iter().map(String::as_str).chain(ROOTS.iter().copied()) {
        search.add(root.to_owned(), ROOT_DEPTH, false);
    }
    search.beside(document_roots);
    search.homes(markers);
    search.run();
    search.found.into_iter().map(|places| without_doubles(places.into_values().collect())).collect()
}

/// A fixed file (`/etc/app/app.conf`) and the folder that a package made tell of the same application, which lies in
/// the folder.
fn without_doubles(mut finds: Vec<Find>) -> Vec<Find> {
    if finds.iter().any(|f| f.is_installed && !f.is_fixed) {
        finds.retain(|f| !f.is_fixed);
    }
    finds
}

/// How a find was made ([`Find`]).
#[derive(Debug, Clone, Copy)]
struct Kept {
    is_above: bool,
    is_installed: bool,
    is_fixed: bool,
}

/// A directory that is still to be looked into.
struct Todo {
    path: String,
    /// Levels below it.
    depth: usize,
    /// Whether it is no document root but one's parent.
    is_above: bool,
    /// Whether packages put applications there.
    is_installed: bool,
}

struct Search<'t, 'm, 'u> {
    tree: &'t Tree,
    index: Index<'m>,
    /// How deep a directory was looked into.
    seen: HashMap<String, usize>,
    todo: VecDeque<Todo>,
    looked_into: usize,
    patterns: usize,
    /// For each marker its finds by place.
    found: Vec<BTreeMap<String, Find>>,
    unseen: &'u mut Vec<Unseen>,
}

impl Search<'_, '_, '_> {
    /// Absolute files. All fixed ones tell of one application, in the directory of the first that is there; a pattern
    /// tells of as many as match it.
    fn absolute(&mut self, markers: &[Marker]) {
        for (number, marker) in markers.iter().enumerate() {
            for pattern in marker.files.iter().filter(|f| f.starts_with('/')) {
                let is_fixed = !glob::is_pattern(pattern);
                let paths = self.expand(pattern);
                for path in &paths {
                    let (base, is_above) = base(path, marker);
                    self.keep(number, path, base, Kept { is_above, is_installed: is_fixed, is_fixed });
                }
                if !paths.is_empty() {
                    break;
                }
            }
        }
    }

    fn expand(&mut self, pattern: &str) -> Vec<String> {
        if !glob::is_pattern(pattern) {
            return match self.tree.metadata(pattern) {
                Ok(_) => vec![pattern.to_owned()],
                Err(e) => {
                    if !e.is_absent() {
                        self.unseen.push(dark(format!("whether {pattern} is there"), &e));
                    }
                    Vec::new()
                }
            };
        }
        let found = glob::expand(self.tree, pattern, MATCH_LIMIT, &mut self.patterns);
        let unseen = |why| Unseen::new(Subject::Applications, format!("applications at {pattern}"), why);
        self.unseen.extend(found.failures.into_iter().map(unseen));
        found.paths
    }

    fn keep(&mut self, marker: usize, file: &str, place: &str, how: Kept) {
        let place = self.tree.resolve(place).ok().and_then(|p| p.to_str().map(str::to_owned));
        let Some(place) = place else { return };
        let find = || Find {
            place: place.clone(),
            evidence: file.to_owned(),
            base: Some(place.clone()),
            is_above: how.is_above,
            is_installed: how.is_installed || lies_in_home(&place),
            is_fixed: how.is_fixed,
        };
        self.found[marker].entry(place.clone()).or_insert_with(find);
    }

    fn add(&mut self, path: String, depth: usize, is_installed: bool) {
        let path = if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path };
        if self.seen.get(&path).is_none_or(|seen| *seen < depth + 1) {
            self.seen.insert(path.clone(), depth + 1);
            self.todo.push_back(Todo { path, depth, is_above: false, is_installed });
        }
    }

    /// The directories above document roots, for files that lie beside a root.
    fn beside(&mut self, document_roots: &[String]) {
        let above = document_roots.iter().filter_map(|root| root.trim_end_matches('/').rsplit_once('/'));
        let above: BTreeSet<&str> =
            above.map(|(parent, _)| parent).filter(|parent| !parent.is_empty()).collect();
        for path in above {
            if !self.seen.contains_key(path) {
                let path = path.to_owned();
                self.todo.push_back(Todo { path, depth: 0, is_above: true, is_installed: false });
            }
        }
    }

    /// Folders that bear the name of an application or of a package of it.
    fn homes(&mut self, markers: &[Marker]) {
        let names: HashSet<&str> = markers
            .iter()
            .flat_map(|m| m.packages.iter().chain(std::iter::once(&m.id)))
            .map(String::as_str)
            .collect();
        for home in HOMES {
            let entries = self.tree.read_dir(home).unwrap_or_default(); // what is not there holds nothing
            for entry in entries.into_iter().filter(|e| matches!(e.kind, Kind::Dir | Kind::Link)) {
                if let Some(name) = entry.name.to_str().filter(|name| names.contains(name)) {
                    self.add(format!("{home}/{name}"), HOME_DEPTH, true);
                }
            }
        }
    }

    /// Level by level, so that no large site hides another.
    fn run(&mut self) {
        while let Some(todo) = self.todo.pop_front() {
            self.looked_into += 1;
            if self.looked_into > DIRECTORY_LIMIT {
                let what = format!("applications in {} and further directories", todo.path);
                let why = format!("more than {DIRECTORY_LIMIT} directories lie below document roots");
                self.unseen.push(Unseen::new(Subject::Applications, what, why));
                return;
            }
            self.look_into(&todo);
        }
    }

    fn look_into(&mut self, todo: &Todo) {
        let directory = &todo.path;
        match self.tree.metadata(directory) {
            Ok(meta) if meta.is_dir() && meta.size() > SIZE_LIMIT => {
                return self.check_all(todo);
            }
            Ok(meta) if meta.is_dir() && todo.is_above => return self.check_all(todo),
            Ok(meta) if meta.is_dir() => {}
            _ => return, // absent or no directory; what may not be looked at fails below
        }
        let entries = match self.tree.read_dir(directory) {
            Ok(entries) => entries,
            Err(e) if e.is_absent() => return,
            Err(e) => return self.unseen.push(dark(format!("applications in {directory}"), &e)),
        };
        let mut is_application = false;
        for name in entries.iter().filter_map(|e| e.name.to_str()) {
            for file in self.index.begin_with(name) {
                is_application |= self.check(todo, file);
            }
        }
        if todo.depth > 0 {
            // What is itself an application may hold another, but not deep within.
            let depth = if is_application { 0 } else { todo.depth - 1 };
            for name in entries.iter().filter_map(folder) {
                self.add(format!("{directory}/{name}"), depth, todo.is_installed);
            }
        }
    }

    /// Without a list of what is in the directory.
    fn check_all(&mut self, todo: &Todo) {
        for file in self.index.all() {
            self.check(todo, file);
        }
    }

    /// Whether a file is there. One that lies beside a document root is in the directory above it, which is seen too.
    fn check(&mut self, todo: &Todo, file: File<'_>) -> bool {
        let is_place = if todo.is_above { file.beside } else { !file.beside || todo.depth > 0 };
        if !is_place {
            return false;
        }
        let directory = todo.path.trim_end_matches('/');
        let paths = self.expand(&format!("{directory}/{}", file.path));
        let Some(path) = paths.first() else { return false };
        let how = Kept { is_above: file.climbs, is_installed: todo.is_installed, is_fixed: false };
        self.keep(file.marker, path, &todo.path, how);
        !file.beside
    }
}

/// Whether a directory is where packages and installers put applications, and no document root.
fn lies_in_home(path: &str) -> bool {
    let is_within = |folder: &&str| {
        path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    HOMES.iter().any(is_within) && !ROOTS.iter().any(is_within)
}

/// The name of a directory that may hold an application. A link may lead to one.
fn folder(entry: &Entry) -> Option<&str> {
    let name = entry.name.to_str()?;
    let is_folder = matches!(entry.kind, Kind::Dir | Kind::Link) && !name.starts_with('.');
    (is_folder && !DULL.contains(&name)).then_some(name)
}
