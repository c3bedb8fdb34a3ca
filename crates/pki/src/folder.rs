//! A directory for its owner alone, and files in it that are made once, or replaced as a whole.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::PkiError;
use crate::error::failed;

/// Only its owner reads it: keys, and what tells of them.
pub(crate) const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Everybody may read it.
pub(crate) const PUBLIC: Mode = PRIVATE.union(Mode::RGRP).union(Mode::ROTH);

/// Largest file that is read.
const LARGEST: u64 = 16 << 20;

/// An opened directory. While it is open no other program of this kind has it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    directory: File,
}

impl Folder {
    /// Makes it where it is not there; what is above it must be.
    pub(crate) fn create(path: &Path) -> Result<Self, PkiError> {
        match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Self::open(path),
            Err(errno) => Err(failed(path, "make the directory")(errno)),
        }
    }

    /// Opens it, and waits for nobody.
    pub(crate) fn open(path: &Path) -> Result<Self, PkiError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Err(PkiError::None(path.to_owned())),
            other => File::from(other.map_err(failed(path, "open the directory (links are not followed)"))?),
        };
        let metadata = directory.metadata().map_err(|source| io_error(path, "look at it", source))?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            let how = "run as its owner, or take another directory";
            return Err(PkiError::Unsafe { path: path.to_owned(), why: "it belongs to another user", how });
        }
        if metadata.mode() & 0o077 != 0 {
            let why = "others than its owner may use it";
            return Err(PkiError::Unsafe { path: path.to_owned(), why, how: "chmod 700" });
        }
        match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(PkiError::Busy(path.to_owned())),
            other => {
                other.map_err(failed(path, "lock it"))?;
                Ok(Self { path: path.to_owned(), directory })
            }
        }
    }

    /// Where a file of it is.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether something has that name.
    pub(crate) fn has(&self, name: &str) -> Result<bool, PkiError> {
        match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed(&self.at(name), "look at it")(errno)),
        }
    }

    /// Makes a file that was not there.
    pub(crate) fn make(&self, name: &str, mode: Mode, content: &[u8]) -> Result<PathBuf, PkiError> {
        make(&self.directory, name, &self.at(name), mode, content, "remove it when it is nobody's")?;
        self.sync()?;
        Ok(self.at(name))
    }

    /// Puts a file in the place of an earlier one, as a whole.
    pub(crate) fn replace(&self, name: &str, mode: Mode, content: &[u8]) -> Result<PathBuf, PkiError> {
        let new = format!(".{name}.new");
        match rustix::fs::unlinkat(&self.directory, &new, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(&self.at(&new), "remove it")(errno)),
        }
        make(&self.directory, &new, &self.at(&new), mode, content, "remove it")?;
        let renamed = rustix::fs::renameat(&self.directory, &new, &self.directory, name);
        renamed.map_err(failed(&self.at(name), "replace it"))?;
        self.sync()?;
        Ok(self.at(name))
    }

    /// All of a file; none when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PkiError> {
        let path = self.at(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.directory, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            other => File::from(other.map_err(failed(&path, "open it (links are not followed)"))?),
        };
        let metadata = file.metadata().map_err(|source| io_error(&path, "look at it", source))?;
        let damaged = |why: &str| PkiError::Damaged { path: path.clone(), why: why.to_owned() };
        if !metadata.is_file() {
            return Err(damaged("it is no regular file"));
        }
        let mut content = Vec::new();
        let read = file.take(LARGEST + 1).read_to_end(&mut content);
        if read.map_err(|source| io_error(&path, "read it", source))? as u64 > LARGEST {
            return Err(damaged("it is too large"));
        }
        Ok(Some(content))
    }

    fn sync(&self) -> Result<(), PkiError> {
        self.directory.sync_all().map_err(|source| io_error(&self.path, "bring it to the disk", source))
    }
}

/// Makes a file that was not there, in a directory or at a path, following no link.
pub(crate) fn make(
    directory: impl rustix::fd::AsFd,
    name: impl rustix::path::Arg,
    path: &Path,
    mode: Mode,
    content: &[u8],
    instead: &'static str,
) -> Result<(), PkiError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // For its owner alone until it is known to have the mode that was asked: the mask may take away, not add.
    let mut file = match rustix::fs::openat(directory, name, flags, PRIVATE) {
        Err(Errno::EXIST) => return Err(PkiError::Exists { path: path.to_owned(), instead }),
        other => File::from(other.map_err(failed(path, "make it"))?),
    };
    rustix::fs::fchmod(&file, mode).map_err(failed(path, "set its mode"))?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.map_err(|source| io_error(path, "write it", source))
}

fn io_error(path: &Path, doing: &'static str, source: io::Error) -> PkiError {
    PkiError::Io { path: path.to_owned(), doing, source }
}
