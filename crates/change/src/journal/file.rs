//! A journal's file: made anew or not at all, followed through no link, readable by its owner alone.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::{JournalError, Store};

/// Longer files are no journals.
const LONGEST_FILE: u64 = 1 << 30;

pub(super) struct FileStore {
    path: PathBuf,
    file: File,
    /// Bytes that are known to be on disk.
    length: u64,
    /// Whether something follows them that could not be written as a whole.
    spoilt: bool,
}

impl FileStore {
    pub(super) fn create(path: &Path) -> Result<Self, JournalError> {
        let directory = directory(path)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::APPEND;
        let file = open_in(&directory, path, flags)?;
        // The name too has to be on disk before anything rests on it.
        file.sync_all().and_then(|()| directory.sync_all()).map_err(|source| failed(path, source))?;
        Ok(Self { path: path.to_owned(), file, length: 0, spoilt: false })
    }

    /// The file, with all that is in it.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<u8>), JournalError> {
        let (file, bytes) = contents(path, OFlags::RDWR | OFlags::APPEND)?;
        let length = bytes.len() as u64;
        Ok((Self { path: path.to_owned(), file, length, spoilt: false }, bytes))
    }

    /// Cuts off what follows the last whole record.
    pub(super) fn cut(&mut self, length: usize) -> Result<(), JournalError> {
        self.length = length as u64;
        self.mend().map_err(|source| failed(&self.path, source))
    }

    fn mend(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_all()?;
        self.spoilt = false;
        Ok(())
    }
}

impl Store for FileStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.spoilt {
            self.mend()?;
        }
        // A full disk takes a part, which must not stand before a later record.
        self.spoilt = true;
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        self.spoilt = false;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// All that is in a journal's file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, JournalError> {
    contents(path, OFlags::RDONLY).map(|(_, bytes)| bytes)
}

fn contents(path: &Path, flags: OFlags) -> Result<(File, Vec<u8>), JournalError> {
    let file = open_in(&directory(path)?, path, flags | OFlags::NONBLOCK)?;
    let metadata = file.metadata().map_err(|source| failed(path, source))?;
    if !metadata.is_file() {
        return Err(JournalError::Unsafe { path: path.to_owned(), why: "it is no regular file" });
    }
    let mut bytes = Vec::new();
    let read = (&file).take(LONGEST_FILE + 1).read_to_end(&mut bytes);
    if read.map_err(|source| failed(path, source))? as u64 > LONGEST_FILE {
        return Err(JournalError::Unsafe { path: path.to_owned(), why: "it is too long for a journal" });
    }
    private(path, &metadata)?;
    Ok((file, bytes))
}

/// The directory that holds it, which must be its owner's alone.
fn directory(path: &Path) -> Result<File, JournalError> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(parent, flags, Mode::empty());
    let directory = file_of(opened, parent)?;
    let metadata = directory.metadata().map_err(|source| failed(parent, source))?;
    private(parent, &metadata)?;
    Ok(directory)
}

fn open_in(directory: &File, path: &Path, flags: OFlags) -> Result<File, JournalError> {
    let name = path.file_name().unwrap_or_default();
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    file_of(rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR), path)
}

fn file_of(opened: rustix::io::Result<OwnedFd>, path: &Path) -> Result<File, JournalError> {
    opened.map(File::from).map_err(|e| failed(path, e.into()))
}

fn private(path: &Path, metadata: &std::fs::Metadata) -> Result<(), JournalError> {
    let why = if metadata.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if metadata.mode() & 0o077 != 0 {
        "others than its owner may use it"
    } else {
        return Ok(());
    };
    Err(JournalError::Unsafe { path: path.to_owned(), why })
}

fn failed(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { path: path.to_owned(), source }
}
