//! Control groups by their kernel ids, which `sock_diag` tells of every socket even to the unprivileged.
//!
//! The id of a group is the inode number of its directory, so one walk over the tree, which reads directory entries
//! alone, names them all.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, RawDir};

/// Bounds of the walk; the kernel itself has none by default.
const DEPTH: usize = 24;
const COUNT: usize = 50_000;

/// Paths of control groups by id, each beginning with `/` as in `/proc/PID/cgroup`.
pub(crate) fn paths_by_id() -> BTreeMap<u64, String> {
    let unified = Path::new("/sys/fs/cgroup/unified");
    let root = if unified.is_dir() { unified } else { Path::new("/sys/fs/cgroup") };
    below(root)
}

fn below(root: &Path) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut todo = vec![(String::new(), 0)];
    while let Some((path, depth)) = todo.pop() {
        // A group may go at any time, and one that we may not list has no unit of ours below it.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(dir) = rustix::fs::open(root.join(path.trim_start_matches('/')), flags, Mode::empty()) else {
            continue;
        };
        let mut listing = [MaybeUninit::uninit(); 8 << 10];
        let mut entries = RawDir::new(&dir, &mut listing);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name().to_string_lossy();
            if entry.file_type() != FileType::Directory || name == "." || name == ".." {
                continue;
            }
            if found.len() >= COUNT {
                return found;
            }
            let child = format!("{path}/{name}");
            found.insert(entry.ino(), child.clone());
            if depth < DEPTH {
                todo.push((child, depth + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn directories_are_named_by_inode() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("system.slice/a.service");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(dir.path().join("cgroup.procs"), "").unwrap();
        let found = below(dir.path());
        let id = std::fs::metadata(deep).unwrap().ino();
        assert_eq!(found.get(&id).map(String::as_str), Some("/system.slice/a.service"));
        assert_eq!(found.len(), 2);
    }
}
