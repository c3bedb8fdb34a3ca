//! Bounded, symlink-safe reading below one directory.
//!
//! A [`Tree`] is a Linux file system as a host would see it: `/` of the running host, or a mounted image. Symbolic
//! links are followed *inside* the tree only, absolute ones from its root, as the host itself would; nothing outside
//! can be reached through it. Special files are never opened, sizes are bounded.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Largest file that [`Tree::read`] takes unless told otherwise: configuration is small, anything above is hostile.
pub const CONFIG_LIMIT: u64 = 4 << 20;

/// How many symbolic links one path may go through, as in the kernel.
const LINK_LIMIT: usize = 40;

/// How often a file is opened anew that the kernel gave up on.
const ATTEMPTS: usize = 1000;

/// A Linux file tree.
#[derive(Debug)]
pub struct Tree {
    path: PathBuf,
    root: OwnedFd,
}

/// Why a file could not be read. Its text is a sentence fragment that names the file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system said no.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Path inside the tree.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no regular file.
    #[error("{path}: not a regular file", path = .path.display())]
    NotAFile {
        /// Path inside the tree.
        path: PathBuf,
    },
    /// It is larger than anything honest.
    #[error("{path}: larger than {limit} bytes", path = .path.display())]
    TooLarge {
        /// Path inside the tree.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
}

impl ReadError {
    /// Whether the file is simply not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
    }

    /// Whether more privilege would have read it.
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// What kind of file a directory entry is, symbolic links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Dir,
    /// Symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// A directory entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// File name.
    pub name: OsString,
    /// Kind, links not followed.
    pub kind: Kind,
}

impl Tree {
    /// Opens the tree below `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { path: path.to_owned(), root })
    }

    /// The directory that it was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is the running host's own root.
    pub fn is_live(&self) -> bool {
        self.path == Path::new("/")
    }

    /// Reads a file of at most `limit` bytes.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, ReadError> {
        let path = path.as_ref();
        let file = self.open_file(path)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|source| io_error(path, source))?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::TooLarge { path: path.to_owned(), limit });
        }
        Ok(bytes)
    }

    /// Reads a configuration file as text; bytes that are not UTF-8 become replacement characters.
    pub fn read_text(&self, path: impl AsRef<Path>) -> Result<String, ReadError> {
        let bytes = self.read(path, CONFIG_LIMIT)?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }

    /// Opens a regular file for reading, for those too large to hold.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<File, ReadError> {
        let path = path.as_ref();
        // NONBLOCK: opening a FIFO must not hang; it is refused below.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(self.open_at(path, flags).map_err(|source| io_error(path, source))?);
        let meta = file.metadata().map_err(|source| io_error(path, source))?;
        if meta.is_file() { Ok(file) } else { Err(ReadError::NotAFile { path: path.to_owned() }) }
    }

    /// Entries of a directory, sorted by name, without `.` and `..`.
    pub fn read_dir(&self, path: impl AsRef<Path>) -> Result<Vec<Entry>, ReadError> {
        let path = path.as_ref();
        let fail = |source: io::Error| io_error(path, source);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = self.open_at(path, flags).map_err(fail)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&fd).map_err(|e| fail(e.into()))? {
            let entry = entry.map_err(|e| fail(e.into()))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(Kind::Other, |s| Kind::from(FileType::from_raw_mode(s.st_mode))),
                known => Kind::from(known),
            };
            entries.push(Entry { name: OsString::from_vec(name.to_bytes().to_vec()), kind });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Metadata, symbolic links followed inside the tree.
    pub fn metadata(&self, path: impl AsRef<Path>) -> Result<std::fs::Metadata, ReadError> {
        let path = path.as_ref();
        let fail = |source: io::Error| io_error(path, source);
        let fd = self.open_at(path, OFlags::PATH | OFlags::CLOEXEC).map_err(fail)?;
        File::from(fd).metadata().map_err(fail)
    }

    /// Whether the path leads to something.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.open_at(path.as_ref(), OFlags::PATH | OFlags::CLOEXEC).is_ok()
    }

    /// Text of a symbolic link, not followed.
    pub fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf, ReadError> {
        let path = path.as_ref();
        let fail = |source: io::Error| io_error(path, source);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = self.open_at(path, flags).map_err(fail)?;
        let text = rustix::fs::readlinkat(&fd, "", Vec::new()).map_err(|e| fail(e.into()))?;
        Ok(PathBuf::from(OsString::from_vec(text.into_bytes())))
    }

    /// The path inside the tree, free of symbolic links, that `path` leads to (`/bin/sh` -> `/usr/bin/dash`).
    ///
    /// The last component need not exist.
    pub fn resolve(&self, path: impl AsRef<Path>) -> Result<PathBuf, ReadError> {
        let path = path.as_ref();
        let mut todo: Vec<OsString> = components(path).rev().collect();
        let mut done = PathBuf::from("/");
        let mut links = 0;
        while let Some(next) = todo.pop() {
            if next == ".." {
                done.pop();
                continue;
            }
            let here = done.join(&next);
            let relative = here.strip_prefix("/").unwrap_or(&here);
            match rustix::fs::readlinkat(&self.root, relative, Vec::new()) {
                Ok(target) => {
                    links += 1;
                    if links > LINK_LIMIT {
                        return Err(io_error(path, rustix::io::Errno::LOOP.into()));
                    }
                    let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                    if target.is_absolute() {
                        done = PathBuf::from("/");
                    }
                    todo.extend(components(&target).rev());
                }
                Err(rustix::io::Errno::INVAL) => done = here, // no link
                Err(rustix::io::Errno::NOENT) if todo.is_empty() => return Ok(here),
                Err(e) => return Err(io_error(path, e.into())),
            }
        }
        Ok(done)
    }

    fn open_at(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let relative = path.strip_prefix("/").unwrap_or(path);
        let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        if relative.as_os_str().as_bytes().contains(&0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if self.is_live() {
            return Ok(rustix::fs::openat(&self.root, relative, flags, Mode::empty())?);
        }
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let open = || rustix::fs::openat2(&self.root, relative, flags, Mode::empty(), resolve);
        // The kernel gives up on a `..` when anything is renamed or mounted meanwhile, wherever that is (openat2(2)).
        let opened = (0..ATTEMPTS).map(|_| open()).find(|opened| !matches!(opened, Err(Errno::AGAIN)));
        match opened {
            Some(Err(Errno::NOSYS | Errno::PERM)) => self.open_resolved(path, flags),
            Some(other) => Ok(other?),
            None => Err(Errno::AGAIN.into()),
        }
    }

    /// For kernels before 5.6: links resolved here, the last step opened without following.
    fn open_resolved(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let resolved = self.resolve(path).map_err(|e| match e {
            ReadError::Io { source, .. } => source,
            other => io::Error::other(other),
        })?;
        let relative = resolved.strip_prefix("/").unwrap_or(&resolved);
        let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        Ok(rustix::fs::openat(&self.root, relative, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }
}

impl From<FileType> for Kind {
    fn from(t: FileType) -> Self {
        match t {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Dir,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

fn components(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components().filter_map(|c| match c {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

fn io_error(path: &Path, source: io::Error) -> ReadError {
    ReadError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        (dir, tree)
    }

    #[test]
    fn what_is_renamed_elsewhere_does_not_hide_a_file() {
        let (dir, tree) = tree();
        std::fs::create_dir_all(dir.path().join("usr/lib")).unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("usr/lib/os-release"), "ID=a").unwrap();
        symlink("../usr/lib/os-release", dir.path().join("etc/os-release")).unwrap();
        let is_done = std::sync::atomic::AtomicBool::new(false);
        let rename = || {
            let elsewhere = tempfile::tempdir().unwrap();
            let [a, b] = ["a", "b"].map(|name| elsewhere.path().join(name));
            std::fs::create_dir(&a).unwrap();
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                std::fs::rename(&a, &b).unwrap();
                std::fs::rename(&b, &a).unwrap();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(rename);
            scope.spawn(rename);
            let failed = (0..100_000).find_map(|_| tree.open_file("etc/os-release").err());
            is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(failed.is_none(), "{failed:?}");
        });
    }

    #[test]
    fn links_stay_inside_the_tree() {
        let (dir, tree) = tree();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/passwd"), "inside").unwrap();
        symlink("/etc/passwd", dir.path().join("absolute")).unwrap();
        symlink("../../../../../../etc/passwd", dir.path().join("etc/climbing")).unwrap();
        assert_eq!(tree.read_text("/absolute").unwrap(), "inside");
        assert_eq!(tree.read_text("/etc/climbing").unwrap(), "inside");
        assert_eq!(tree.resolve("/absolute").unwrap(), Path::new("/etc/passwd"));
        let fd = tree.open_resolved(Path::new("/etc/climbing"), OFlags::RDONLY).unwrap();
        assert_eq!(io::read_to_string(File::from(fd)).unwrap(), "inside");
    }

    #[test]
    fn loops_fifos_and_giants_are_refused() {
        let (dir, tree) = tree();
        symlink("/loop", dir.path().join("loop")).unwrap();
        assert!(matches!(tree.read_text("/loop"), Err(ReadError::Io { .. })));
        assert!(matches!(tree.resolve("/loop"), Err(ReadError::Io { .. })));
        rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert!(matches!(tree.read_text("/fifo"), Err(ReadError::NotAFile { .. })));
        std::fs::write(dir.path().join("big"), [0; 11]).unwrap();
        assert!(matches!(tree.read("/big", 10), Err(ReadError::TooLarge { limit: 10, .. })));
        assert!(tree.read_text("/absent").unwrap_err().is_absent());
    }

    #[test]
    fn directories_come_sorted() {
        let (dir, tree) = tree();
        for name in ["b", "a", "c"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<_> = tree.read_dir("/").unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}
