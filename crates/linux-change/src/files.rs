//! Files and symbolic links, each brought to a state at once or not at all.
//!
//! Every directory on the way is opened from the one before it without following links, so that nobody who may write
//! somewhere on the way can lead a change elsewhere. No link is excepted, not even those of a merged `/usr`: whoever
//! asks for `/lib/systemd` is told so, and asks for `/usr/lib/systemd`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use doorward_change::system::{Node, SystemError};
use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::error::{at, unsuitable};

/// The largest file that is kept or written.
pub(crate) const LIMIT: u64 = 16 << 20;

/// What a file is called until it is whole. One a directory: what a crash left is replaced by the next change.
const UNFINISHED: &str = ".doorward-new";

/// Directories that are made.
const DIRECTORY_MODE: u32 = 0o755;

/// Permission bits of a mode.
const PERMISSIONS: u32 = 0o7777;

/// All files below one directory: `/`, but for tests.
#[derive(Debug)]
pub(crate) struct Files {
    root: OwnedFd,
}

impl Files {
    pub(crate) fn below(root: &Path) -> Result<Self, SystemError> {
        let root = rustix::fs::open(root, walk(), Mode::empty()).map_err(|e| at("open", root, e))?;
        Ok(Self { root })
    }

    /// What lies there.
    pub(crate) fn node(&self, path: &Path) -> Result<Node, SystemError> {
        let fail = |e: Errno| at("read", path, e);
        let (parent, name) = split(path)?;
        let Some(directory) = self.open(parent)? else { return Ok(Node::Absent) };
        let stat = match rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(Node::Absent),
            other => other.map_err(fail)?,
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&directory, &name, Vec::new()).map_err(fail)?;
                Ok(Node::Link { target: PathBuf::from(OsString::from_vec(target.into_bytes())) })
            }
            FileType::RegularFile => read(&directory, &name, path),
            other => Err(unsuitable(path, format!("{}, neither file nor link", kind(other)))),
        }
    }

    /// Brings it to that state.
    pub(crate) fn put(&self, path: &Path, node: &Node) -> Result<(), SystemError> {
        let (parent, name) = split(path)?;
        let directory = match node {
            Node::Absent => match self.open(parent)? {
                Some(directory) => directory,
                None => return Ok(()),
            },
            Node::File { content, .. } if content.len() as u64 > LIMIT => {
                return Err(unsuitable(path, format!("more than {LIMIT} bytes")));
            }
            Node::Link { .. } | Node::File { .. } => self.make(parent)?,
        };
        match rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile | FileType::Symlink => {}
                other => {
                    return Err(unsuitable(path, format!("{}, which is not replaced", kind(other))));
                }
            },
            Err(Errno::NOENT) => {}
            Err(e) => return Err(at("look at", path, e)),
        }
        discard(&directory, UNFINISHED).map_err(|e| at("make room for", path, e))?;
        let written = match node {
            Node::Absent => discard(&directory, &name),
            Node::Link { target } => rustix::fs::symlinkat(target, &directory, UNFINISHED)
                .and_then(|()| rustix::fs::renameat(&directory, UNFINISHED, &directory, &name))
                .map_err(Into::into),
            Node::File { content, mode, uid, gid } => write(&directory, content, *mode, *uid, *gid)
                .and_then(|()| Ok(rustix::fs::renameat(&directory, UNFINISHED, &directory, &name)?)),
        };
        if let Err(e) = written {
            // What is left of it is in nobody's way, and replaced next time.
            let _ = discard(&directory, UNFINISHED);
            return Err(at("write", path, e));
        }
        sync(&directory).map_err(|e| at("sync the directory of", path, e))
    }

    /// Gives a file an owner and a mode, and leaves all else of it.
    pub(crate) fn give(&self, path: &Path, mode: u32, uid: u32, gid: u32) -> Result<(), SystemError> {
        let (parent, name) = split(path)?;
        let Some(directory) = self.open(parent)? else { return Ok(()) };
        let file = match open(&directory, &name, path) {
            Err(SystemError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(());
            }
            other => other?,
        };
        let given = rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .and_then(|()| rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & PERMISSIONS)));
        given.map_err(|e| at("give an owner and a mode to", path, e))?;
        file.sync_all().map_err(|e| at("sync", path, e))
    }

    /// Names in a directory, sorted; none when it is not there.
    pub(crate) fn names(&self, path: &Path) -> Result<Vec<String>, SystemError> {
        let fail = |e: Errno| at("list", path, e);
        let Some(directory) = self.open(path)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in Dir::read_from(&readable(&directory).map_err(fail)?).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") && name != UNFINISHED.as_bytes() {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes it if it is there and empty.
    pub(crate) fn remove_empty_directory(&self, path: &Path) -> Result<(), SystemError> {
        let fail = |e: Errno| at("remove", path, e);
        let (parent, name) = split(path)?;
        let Some(outer) = self.open(parent)? else { return Ok(()) };
        let Some(inner) = self.open(path)? else { return Ok(()) };
        if self.names(path)?.is_empty() {
            discard(&inner, UNFINISHED).map_err(|e| at("empty", path, e))?;
        }
        match rustix::fs::unlinkat(&outer, &name, AtFlags::REMOVEDIR) {
            Ok(()) => sync(&outer).map_err(|e| at("sync the directory of", path, e)),
            Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(e) => Err(fail(e)),
        }
    }

    /// Opens a directory; `None` when it, or one on the way, is not there.
    fn open(&self, path: &Path) -> Result<Option<OwnedFd>, SystemError> {
        self.descend(path, |_, _| Ok(false))
    }

    /// Opens a directory, making what is missing.
    fn make(&self, path: &Path) -> Result<OwnedFd, SystemError> {
        let made = self.descend(path, |directory, name| {
            match rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(DIRECTORY_MODE)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            // Neither the umask nor a directory's group decides.
            let made = rustix::fs::openat(directory, name, walk() ^ OFlags::PATH, Mode::empty())?;
            rustix::fs::fchown(&made, Some(rustix::process::geteuid()), Some(rustix::process::getegid()))?;
            rustix::fs::fchmod(&made, Mode::from_raw_mode(DIRECTORY_MODE))?;
            sync(directory).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
            Ok(true)
        })?;
        made.ok_or_else(|| at("make", path, Errno::NOENT))
    }

    /// Goes down `path`. Where something is missing, `missing` says whether it has made it.
    fn descend(
        &self,
        path: &Path,
        missing: impl Fn(BorrowedFd<'_>, &OsString) -> Result<bool, Errno>,
    ) -> Result<Option<OwnedFd>, SystemError> {
        let mut here = self.root.try_clone().map_err(|e| at("open", path, e))?;
        for name in names_of(path)? {
            let next = match rustix::fs::openat(&here, &name, walk(), Mode::empty()) {
                Err(Errno::NOENT) => {
                    if !missing(here.as_fd(), &name).map_err(|e| at("make", path, e))? {
                        return Ok(None);
                    }
                    rustix::fs::openat(&here, &name, walk(), Mode::empty())
                }
                other => other,
            };
            here = next.map_err(|e| match e {
                Errno::NOTDIR | Errno::LOOP => {
                    unsuitable(path, format!("{} in it is no directory, or a link", name.display()))
                }
                other => at("open", path, other),
            })?;
        }
        Ok(Some(here))
    }
}

fn walk() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// The directories on the way, outermost first.
fn names_of(path: &Path) -> Result<Vec<OsString>, SystemError> {
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(unsuitable(path, "a path with a zero in it"));
    }
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return Err(unsuitable(path, "not an absolute path"));
    }
    components
        .map(|c| match c {
            Component::Normal(name) => Ok(name.to_owned()),
            _ => Err(unsuitable(path, "a path that goes up")),
        })
        .collect()
}

fn split(path: &Path) -> Result<(&Path, OsString), SystemError> {
    names_of(path)?;
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name.to_owned())),
        _ => Err(unsuitable(path, "the root itself")),
    }
}

/// Opens a regular file to read.
fn open(directory: &OwnedFd, name: &OsString, path: &Path) -> Result<File, SystemError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::empty()).map_err(|e| at("open", path, e))?;
    let stat = rustix::fs::fstat(&file).map_err(|e| at("look at", path, e))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        Ok(file.into())
    } else {
        Err(unsuitable(path, "not a file"))
    }
}

fn read(directory: &OwnedFd, name: &OsString, path: &Path) -> Result<Node, SystemError> {
    let file = open(directory, name, path)?;
    let stat = rustix::fs::fstat(&file).map_err(|e| at("look at", path, e))?;
    let mut content = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut content).map_err(|e| at("read", path, e))?;
    if content.len() as u64 > LIMIT {
        return Err(unsuitable(path, format!("more than {LIMIT} bytes")));
    }
    Ok(Node::File { content, mode: stat.st_mode & PERMISSIONS, uid: stat.st_uid, gid: stat.st_gid })
}

/// Writes the unfinished file of a directory, synced.
fn write(directory: &OwnedFd, content: &[u8], mode: u32, uid: u32, gid: u32) -> std::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, UNFINISHED, flags, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    file.write_all(content)?;
    // The owner first: changing it takes set-user-id bits away.
    rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & PERMISSIONS))?;
    file.sync_all()
}

fn discard(directory: &OwnedFd, name: impl rustix::path::Arg) -> std::io::Result<()> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Syncs a directory that was opened to walk through.
fn sync(directory: impl std::os::fd::AsFd) -> std::io::Result<()> {
    Ok(rustix::fs::fsync(readable(directory)?)?)
}

/// A directory that was opened to walk through, opened to read.
fn readable(directory: impl std::os::fd::AsFd) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, ".", flags, Mode::empty())
}

fn kind(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a directory",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests;
