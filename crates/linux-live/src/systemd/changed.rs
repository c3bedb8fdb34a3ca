//! Whether unit files are still those that the manager has read.
//!
//! As long as they are, what the files say is what the manager would say, and it need not be asked for hundreds of
//! properties. Editing, adding or removing a file moves its own or its directory's time of change, which nobody sets
//! at will. What the manager writes itself, after reading, does not count.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use doorward_linux_files::{Kind, Tree};

/// More files than this are not looked at one by one.
const FILE_LIMIT: usize = 50_000;

/// Directories of the manager's own, by their ends: units made at run time, and what generators make at each reload.
const ITS_OWN: [&str; 5] = ["/transient", ".control", "/generator", "/generator.early", "/generator.late"];

/// Directories whose files count, inside of those that the manager searches.
const INNER: [&str; 4] = [".d", ".wants", ".requires", ".upholds"];

/// Whether any unit file in `directories` has changed since `time`, in microseconds since the epoch. Doubt is a yes.
pub(super) fn since(tree: &Tree, directories: &[String], time: u64) -> bool {
    let mut look = Look { tree, time, seen: HashSet::new(), files: 0 };
    let searched = directories.iter().filter(|d| !ITS_OWN.iter().any(|end| d.ends_with(end)));
    directories.is_empty() || searched.into_iter().any(|directory| look.directory(directory, true))
}

struct Look<'t> {
    tree: &'t Tree,
    time: u64,
    seen: HashSet<(u64, u64)>,
    files: usize,
}

impl Look<'_> {
    fn directory(&mut self, path: &str, is_outer: bool) -> bool {
        let meta = match self.tree.metadata(path) {
            Ok(meta) => meta,
            Err(e) => return !e.is_absent(),
        };
        if !self.seen.insert((meta.dev(), meta.ino())) {
            return false;
        }
        if self.is_newer(&meta) {
            return true;
        }
        let Ok(entries) = self.tree.read_dir(path) else { return true };
        self.files += entries.len();
        self.files > FILE_LIMIT
            || entries.iter().any(|entry| {
                let Some(name) = entry.name.to_str() else { return false };
                let inner = format!("{path}/{name}");
                match entry.kind {
                    Kind::Dir | Kind::Link if INNER.iter().any(|end| name.ends_with(end)) => {
                        is_outer && self.directory(&inner, false)
                    }
                    Kind::File | Kind::Link => self.file(&inner),
                    Kind::Dir | Kind::Other => false,
                }
            })
    }

    /// A file, or what a link leads to: the link itself changes with its directory.
    fn file(&self, path: &str) -> bool {
        match self.tree.metadata(path) {
            Ok(meta) => meta.is_file() && self.is_newer(&meta),
            Err(e) => !e.is_absent(),
        }
    }

    fn is_newer(&self, meta: &Metadata) -> bool {
        let seconds = u64::try_from(meta.ctime()).unwrap_or(0);
        let rest = u64::try_from(meta.ctime_nsec()).unwrap_or(0) / 1000;
        seconds.saturating_mul(1_000_000).saturating_add(rest) > self.time
    }
}
