//! The files of all markers, so that one look at a directory's names tells which may be there.

use std::collections::HashMap;

use crate::web::glob;
use doorward_applications::Marker;

/// A relative file of a marker.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'m> {
    pub(super) marker: usize,
    pub(super) path: &'m str,
    /// Whether it lies beside the document root: `../artisan` is `artisan` in the directory above.
    pub(super) beside: bool,
    /// Whether the marker also knows it beside a document root: its settings are then written from there.
    pub(super) climbs: bool,
}

/// The relative files of all markers by the first part of their paths.
pub(super) struct Index<'m> {
    plain: HashMap<&'m str, Vec<File<'m>>>,
    patterns: Vec<(&'m str, File<'m>)>,
}

impl<'m> Index<'m> {
    pub(super) fn of(markers: &'m [Marker]) -> Self {
        let mut index = Self { plain: HashMap::new(), patterns: Vec::new() };
        for (marker, path) in
            markers.iter().enumerate().flat_map(|(n, m)| m.files.iter().map(move |f| (n, f)))
        {
            if path.starts_with('/') {
                continue;
            }
            let (path, beside) = path.strip_prefix("../").map_or((path.as_str(), false), |path| (path, true));
            let first = path.split('/').next().unwrap_or(path);
            let climbs = beside || knows_beside(&markers[marker], path);
            let file = File { marker, path, beside, climbs };
            if glob::is_pattern(first) {
                index.patterns.push((first, file));
            } else if !matches!(first, "" | "." | "..") {
                index.plain.entry(first).or_default().push(file);
            }
        }
        index
    }

    /// Files that may be in a directory with such an entry.
    pub(super) fn begin_with(&self, name: &str) -> Vec<File<'m>> {
        let by_pattern =
            self.patterns.iter().filter(|(first, _)| glob::matches(first, name)).map(|(_, file)| *file);
        self.plain.get(name).into_iter().flatten().copied().chain(by_pattern).collect()
    }

    /// All files, in one order.
    pub(super) fn all(&self) -> Vec<File<'m>> {
        let patterns = self.patterns.iter().map(|(_, file)| *file);
        let mut all: Vec<File> = self.plain.values().flatten().copied().chain(patterns).collect();
        all.sort_by_key(|f| (f.marker, f.path));
        all
    }
}

/// The directory of an application, by one of its absolute files: where one of its relative files starts that ends the
/// same, or else the file's own directory; with whether settings are written from below it.
pub(super) fn base<'p>(path: &'p str, marker: &Marker) -> (&'p str, bool) {
    let start = |file: &String| {
        let relative = file.strip_prefix("../").unwrap_or(file);
        let base = path.strip_suffix(relative)?.strip_suffix('/').filter(|base| !base.is_empty())?;
        Some((base, knows_beside(marker, relative)))
    };
    let own = || (path.rsplit_once('/').map_or("/", |(directory, _)| directory), false);
    marker.files.iter().filter(|f| !f.starts_with('/')).find_map(start).unwrap_or_else(own)
}

/// Whether a marker names a file beside a document root.
fn knows_beside(marker: &Marker, path: &str) -> bool {
    marker.files.iter().any(|f| f.strip_prefix("../") == Some(path))
}
