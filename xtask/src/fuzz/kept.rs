//! A copy of the sources that outlives the checkout, with what was built of it: cargo tells by a file's time and place
//! whether to build it again, and in a new checkout all of them are new. Here a file is only written when it differs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// What the fuzz targets are built from, and what their manifests name.
const SOURCES: [&str; 6] = ["Cargo.toml", "Cargo.lock", "crates", "fuzz", "knowledge", "xtask"];

/// Folders of what is made, wherever they are.
const MADE: [&str; 3] = ["artifacts", "corpus", "target"];

/// The copy, which is this process's own until it is dropped.
pub(super) struct Kept {
    folder: PathBuf,
    _lock: File,
}

impl Kept {
    /// Brings the copy up to date with the checkout.
    pub(super) fn of(root: &Path, folder: &Path) -> anyhow::Result<Self> {
        let fail = || folder.display().to_string();
        fs::create_dir_all(folder).with_context(fail)?;
        let lock = File::create(folder.join("lock")).with_context(fail)?;
        lock.lock().with_context(fail)?;
        let copy = folder.join("source");
        fs::create_dir_all(&copy).with_context(fail)?;
        for source in SOURCES {
            renew(&root.join(source), &copy.join(source)).with_context(|| source.to_owned())?;
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    pub(super) fn manifest(&self) -> PathBuf {
        self.folder.join("source/fuzz/Cargo.toml")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.folder.join("target")
    }
}

/// Makes a copy equal to its source, without touching what is equal already.
fn renew(source: &Path, copy: &Path) -> io::Result<()> {
    if copy.exists() && source.is_dir() != copy.is_dir() {
        remove(copy)?;
    }
    if !source.is_dir() {
        let bytes = fs::read(source)?;
        return if fs::read(copy).is_ok_and(|old| old == bytes) { Ok(()) } else { fs::write(copy, bytes) };
    }
    if !copy.is_dir() {
        fs::create_dir(copy)?;
    }
    let wanted: BTreeSet<OsString> =
        names(source)?.into_iter().filter(|name| MADE.iter().all(|made| name != made)).collect();
    for name in names(copy)?.difference(&wanted) {
        remove(&copy.join(name))?;
    }
    wanted.iter().try_for_each(|name| renew(&source.join(name), &copy.join(name)))
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (root, kept) = (folder.path().join("root"), folder.path().join("kept"));
        for source in SOURCES {
            let file = if source.contains('.') { root.join(source) } else { root.join(source).join("a/b") };
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, source).unwrap();
        }
        fs::create_dir_all(root.join("fuzz/corpus")).unwrap();
        drop(Kept::of(&root, &kept).unwrap());
        let time = |path: &str| fs::metadata(kept.join("source").join(path)).unwrap().modified().unwrap();
        let (same, other) = (time("crates/a/b"), time("knowledge/a/b"));
        assert!(!kept.join("source/fuzz/corpus").exists());

        fs::write(root.join("crates/a/b"), "crates").unwrap();
        fs::write(root.join("knowledge/a/b"), "changed").unwrap();
        fs::remove_dir_all(root.join("fuzz/a")).unwrap();
        fs::write(root.join("fuzz/a"), "a file now").unwrap();
        drop(Kept::of(&root, &kept).unwrap());
        assert_eq!(time("crates/a/b"), same);
        assert!(time("knowledge/a/b") >= other);
        assert_eq!(fs::read_to_string(kept.join("source/knowledge/a/b")).unwrap(), "changed");
        assert_eq!(fs::read_to_string(kept.join("source/fuzz/a")).unwrap(), "a file now");
    }
}
