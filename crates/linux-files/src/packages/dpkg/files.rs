//! Which package owns which of the files asked for: `info/*.list`, diversions, and `*.md5sums` of images without dpkg.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use super::status::Record;
use super::{HOME, Names, WITHOUT_DPKG};
use crate::packages::PackageId;
use crate::packages::paths::Owners;
use crate::packages::trouble::Trouble;
use crate::{CONFIG_LIMIT, Tree};

/// Largest list of one package's files; the largest real ones have about 2 million bytes.
const LIST_LIMIT: u64 = 8 << 20;

/// Claims every asked-for path that a list of files names: for installed packages (by their place in `records`), and
/// for removed ones that left their configuration.
pub(super) fn claim(
    tree: &Tree,
    records: &[Record<'_>],
    removed: &[Record<'_>],
    names: &Names<'_>,
    owners: &mut Owners<'_>,
    trouble: &mut Trouble,
) {
    let diverted = diversions(tree, trouble);
    let mut buffer = Vec::new();
    let installed = (0..).zip(records).map(|(id, record)| (Some(id), record));
    for (package, record) in installed.chain(removed.iter().map(|record| (None, record))) {
        let name = names.of(record);
        let Some(list) = read_list(tree, record, &mut buffer, trouble) else { continue };
        match list {
            List::Paths => lines(&buffer).for_each(|path| {
                owners.claim(diverted.place(path, record.name), &name, package);
            }),
            List::Sums => lines(&buffer).for_each(|line| claim_sum(line, &name, package, owners)),
        }
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', text).chain([text.len()]).filter_map(move |end| {
        let line = text.get(start..end);
        start = end + 1;
        line
    })
}

/// `SUM  usr/bin/x`, the path without its first slash.
fn claim_sum(line: &[u8], name: &str, package: Option<PackageId>, owners: &mut Owners<'_>) {
    let Some(space) = memchr::memchr(b' ', line) else { return };
    let path = line.get(space..).unwrap_or_default().trim_ascii_start();
    let path = path.strip_prefix(b"./").unwrap_or(path);
    owners.claim(&[b"/", path].concat(), name, package);
}

enum List {
    Paths,
    Sums,
}

/// Reads the list of a package's files into `buffer`. Those of packages that may be installed for several
/// architectures at once bear the architecture in their name.
fn read_list(tree: &Tree, record: &Record<'_>, buffer: &mut Vec<u8>, trouble: &mut Trouble) -> Option<List> {
    let (name, architecture) =
        (std::str::from_utf8(record.name).ok()?, std::str::from_utf8(record.architecture).ok()?);
    // A name is part of a path here.
    if name.contains('/') || architecture.contains('/') {
        trouble.note("files of a package", format!("{name:?} is no package name"), None);
        return None;
    }
    let plain = (format!("{HOME}/info/{name}.list"), List::Paths);
    let with_architecture = (format!("{HOME}/info/{name}:{architecture}.list"), List::Paths);
    let sums = (format!("{WITHOUT_DPKG}/{name}.md5sums"), List::Sums);
    let candidates = if record.multi_arch == b"same" {
        [with_architecture, plain, sums]
    } else {
        [plain, with_architecture, sums]
    };
    for (path, kind) in candidates {
        match read(tree, Path::new(&path), buffer) {
            Ok(()) => return Some(kind),
            Err(e) if e.is_absent() => {}
            Err(e) => {
                trouble.read("files of a package", &e);
                return None;
            }
        }
    }
    if !record.removed {
        trouble.note("files of a package", format!("{HOME}/info/{name}.list: not there"), None);
    }
    None
}

/// As [`Tree::read`], into a buffer that is used again.
fn read(tree: &Tree, path: &Path, buffer: &mut Vec<u8>) -> Result<(), crate::ReadError> {
    let file = tree.open_file(path)?;
    buffer.clear();
    let io = |source| crate::ReadError::Io { path: path.to_owned(), source };
    file.take(LIST_LIMIT + 1).read_to_end(buffer).map_err(io)?;
    if buffer.len() as u64 > LIST_LIMIT {
        return Err(crate::ReadError::TooLarge { path: path.to_owned(), limit: LIST_LIMIT });
    }
    Ok(())
}

/// Files that one package moved out of the way of its own (dpkg-divert(1)).
struct Diversions(HashMap<Vec<u8>, (Vec<u8>, Vec<u8>)>);

impl Diversions {
    /// Where the file really lies that `package` lists as `path`.
    fn place<'p>(&'p self, path: &'p [u8], package: &[u8]) -> &'p [u8] {
        if self.0.is_empty() {
            return path;
        }
        match self.0.get(path) {
            Some((to, by)) if by != package => to,
            _ => path,
        }
    }
}

/// Three lines each: the path, where it went, and the package that keeps the path (`:` when the administrator does).
fn diversions(tree: &Tree, trouble: &mut Trouble) -> Diversions {
    let text = match tree.read(format!("{HOME}/diversions"), CONFIG_LIMIT) {
        Ok(text) => text,
        Err(e) => {
            trouble.read("diverted files", &e);
            Vec::new()
        }
    };
    let lines: Vec<&[u8]> = lines(&text).collect();
    let (triples, _) = lines.as_chunks::<3>();
    let entry = |[from, to, by]: &[&[u8]; 3]| (from.to_vec(), (to.to_vec(), by.to_vec()));
    Diversions(triples.iter().map(entry).collect())
}
