//! Where applications are found by their files.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};

use doorward_model::{Subject, Unseen};

use super::drive::{self, Drive};
use doorward_applications::Marker;

use super::Find;
use crate::folder::{self, Entry};

/// Directories of sites.
const SITE_LIMIT: usize = 1000;

/// Directories that are looked into in all.
const DIRECTORY_LIMIT: usize = 3000;

/// Levels below what a site serves.
const DEPTH: usize = 2;

/// Folders that hold no applications, and may hold very much.
const DULL: &[&str] = &[
    "app_data",
    "aspnet_client",
    "bin",
    "css",
    "fonts",
    "images",
    "img",
    "js",
    "media",
    "node_modules",
    "obj",
    "uploads",
];

/// For each marker the places where one of its files is, sorted.
pub(super) fn by_files(
    drive: &Drive<'_>,
    markers: &[Marker],
    directories: &[String],
    unseen: &mut Vec<Unseen>,
) -> Vec<Vec<Find>> {
    let mut search = Search {
        drive,
        markers,
        seen: HashMap::new(),
        todo: VecDeque::new(),
        found: vec![BTreeMap::new(); markers.len()],
        unseen,
    };
    search.absolute();
    if markers.iter().any(|marker| marker.files.iter().any(|file| !Drive::is_absolute(file))) {
        search.sites(directories);
        search.run();
    }
    search.found.into_iter().map(|places| places.into_values().collect()).collect()
}

/// A directory that is still to be looked into.
struct Todo {
    dir: PathBuf,
    /// Levels below it.
    depth: usize,
    is_top: bool,
}

struct Search<'d, 'u> {
    drive: &'d Drive<'d>,
    markers: &'d [Marker],
    /// How deep a directory was looked into.
    seen: HashMap<PathBuf, usize>,
    todo: VecDeque<Todo>,
    /// For each marker its finds by place.
    found: Vec<BTreeMap<PathBuf, Find>>,
    unseen: &'u mut Vec<Unseen>,
}

impl Search<'_, '_> {
    fn dark(&mut self, what: &str, why: impl Into<String>) {
        self.unseen.push(Unseen::new(Subject::Applications, format!("applications in {what}"), why));
    }

    /// Files at fixed places. Where a variable has no value, there is no such place (`%ProgramFiles(x86)%`).
    fn absolute(&mut self) {
        for (number, marker) in self.markers.iter().enumerate() {
            let is_fixed = |file: &&String| Drive::is_absolute(file) && self.drive.knows(file);
            for file in marker.files.iter().filter(is_fixed) {
                match self.drive.locate(file) {
                    Ok(Some(path)) if path.is_dir() => self.keep(number, &path, &path, true),
                    Ok(Some(path)) => {
                        let dir = path.parent().unwrap_or(&path).to_owned();
                        self.keep(number, &dir, &path, true);
                    }
                    Ok(None) => {}
                    Err(why) => self.unseen.push(Unseen::new(
                        Subject::Applications,
                        format!("whether {file} is there"),
                        why,
                    )),
                }
            }
        }
    }

    fn keep(&mut self, marker: usize, dir: &Path, evidence: &Path, is_top: bool) {
        let find = || Find { dir: dir.to_owned(), evidence: evidence.to_owned(), is_top };
        self.found[marker].entry(dir.to_owned()).or_insert_with(find);
    }

    fn sites(&mut self, directories: &[String]) {
        for path in directories.iter().take(SITE_LIMIT) {
            match self.drive.locate(path) {
                Ok(Some(dir)) if dir.is_dir() => self.add(dir, DEPTH, true),
                Ok(Some(_)) => self.dark(path, "a site serves it, but it is no directory"),
                Ok(None) => {
                    self.dark(
                        path,
                        "a site serves it, but there is no such directory, or a link leads there",
                    );
                }
                Err(why) => self.dark(path, why),
            }
        }
        if let Some(path) = directories.get(SITE_LIMIT) {
            let why = format!("sites serve more than {SITE_LIMIT} directories");
            self.dark(&format!("{path} and further directories"), why);
        }
    }

    fn add(&mut self, dir: PathBuf, depth: usize, is_top: bool) {
        if self.seen.get(&dir).is_none_or(|seen| *seen < depth) {
            self.seen.insert(dir.clone(), depth);
            self.todo.push_back(Todo { dir, depth, is_top });
        }
    }

    /// Level by level, so that no large site hides another.
    fn run(&mut self) {
        for _ in 0..DIRECTORY_LIMIT {
            let Some(todo) = self.todo.pop_front() else { return };
            self.look_into(&todo);
        }
        if let Some(todo) = self.todo.pop_front() {
            let what = format!("{} and further directories", self.drive.shown(&todo.dir));
            self.dark(&what, format!("more than {DIRECTORY_LIMIT} directories lie in sites"));
        }
    }

    fn look_into(&mut self, todo: &Todo) {
        let entries = match folder::list(&todo.dir) {
            Ok(entries) => entries,
            Err(why) => return self.dark(&self.drive.shown(&todo.dir), why.to_string()),
        };
        let mut is_application = false;
        for (number, marker) in self.markers.iter().enumerate() {
            for file in marker.files.iter().filter(|file| !Drive::is_absolute(file)) {
                let first = drive::names(file).next();
                let is_named = |e: &Entry| first.is_some_and(|first| e.name.eq_ignore_ascii_case(first));
                if !entries.iter().any(is_named) {
                    continue;
                }
                match drive::below(&todo.dir, file) {
                    Ok(Some(path)) => {
                        self.keep(number, &todo.dir, &path, todo.is_top);
                        is_application = true;
                    }
                    Ok(None) => {}
                    Err(why) => self.dark(&self.drive.shown(&todo.dir), why),
                }
            }
        }
        if todo.depth > 0 {
            // What is itself an application may hold another, but not deep within.
            let depth = if is_application { 0 } else { todo.depth - 1 };
            for entry in entries.iter().filter(|e| is_folder(e)) {
                self.add(todo.dir.join(&entry.name), depth, false);
            }
        }
    }
}

/// Whether it may hold an application.
fn is_folder(entry: &Entry) -> bool {
    let is_dull = || DULL.iter().any(|dull| entry.name.eq_ignore_ascii_case(dull));
    entry.is_dir && !entry.name.starts_with(['.', '_']) && !is_dull()
}
