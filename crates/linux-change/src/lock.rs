//! One change at a time, in a directory that only root may look into.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};
use std::time::{SystemTime, UNIX_EPOCH};

use doorward_change::system::SystemError;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{at, busy, unsuitable};
use crate::process;

const NAME: &str = "lock";
/// An owner's description is no longer.
const LIMIT: u64 = 4 << 10;
const ONLY_ROOT: u32 = 0o700;
const PERMISSIONS: u32 = 0o7777;
const OTHERS_WRITE: u32 = 0o022;

/// Whether this process may change the host.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Who changes the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process.
    pub pid: u32,
    /// When that started, in ticks since boot: an id comes again, this does not.
    pub start: u64,
    /// What it does, as it was called.
    pub command: String,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} ({})", self.pid, self.command)
    }
}

/// The right to change the host, until it is dropped or its process ends, however that ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Who held it and ended without giving it back.
    pub stale: Option<Owner>,
}

impl Lock {
    /// Takes it at once, or says who has it. The state directory is one of [`state_directory`].
    pub fn take(state: &Path, command: &str) -> Result<Self, SystemError> {
        let path = state.join(NAME);
        let mut file = open(&state_directory(state)?, &path, true)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let owner = read(&mut file).map_or_else(|| "another process".to_owned(), |o| o.to_string());
                return Err(busy("change this host", format!("{owner} does so already")));
            }
            Err(e) => return Err(at("lock", &path, e)),
        }
        let stale = read(&mut file);
        let pid = std::process::id();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let command = command.chars().take(500).collect();
        let owner = Owner { pid, start: process::start(pid).unwrap_or(0), command, since };
        let text = serde_json::to_vec(&owner).map_err(|e| at("write", &path, std::io::Error::other(e)))?;
        let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
        written.and_then(|_| file.write_all(&text)).map_err(|e| at("write", &path, e))?;
        Ok(Self { file, stale })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A name that stays is taken for a stale one, which is what it is.
        let _ = self.file.set_len(0);
    }
}

/// Who changes the host now; one that has ended does not.
pub fn owner(state: &Path) -> Result<Option<Owner>, SystemError> {
    let path = state.join(NAME);
    let mut file = match open(&state_directory(state)?, &path, false) {
        Err(SystemError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        other => other?,
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(Errno::WOULDBLOCK) => Ok(read(&mut file)),
        Err(e) => Err(at("look at", &path, e)),
    }
}

fn open(state: &OwnedFd, path: &Path, make: bool) -> Result<File, SystemError> {
    let mut flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    flags.set(OFlags::CREATE, make);
    let file =
        rustix::fs::openat(state, NAME, flags, Mode::RUSR | Mode::WUSR).map_err(|e| at("open", path, e))?;
    let stat = rustix::fs::fstat(&file).map_err(|e| at("look at", path, e))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        Ok(file.into())
    } else {
        Err(unsuitable(path, "not a file"))
    }
}

fn read(file: &mut File) -> Option<Owner> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(LIMIT).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Opens the directory where all is kept, making it if need be.
///
/// It is ours alone, and so is all above it: no link leads there, and nobody else could have put another in its place.
/// (Directories in which all may write but not remove what is another's, like `/tmp`, are taken.)
pub fn state_directory(path: &Path) -> Result<OwnedFd, SystemError> {
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return Err(unsuitable(path, "not an absolute path"));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut here = rustix::fs::open("/", flags, Mode::empty()).map_err(|e| at("open", path, e))?;
    for component in components {
        let Component::Normal(name) = component else { return Err(unsuitable(path, "a path that goes up")) };
        verify(&here, path, false)?;
        let next = match rustix::fs::openat(&here, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                rustix::fs::mkdirat(&here, name, Mode::from_raw_mode(ONLY_ROOT))
                    .map_err(|e| at("make", path, e))?;
                rustix::fs::fsync(&here).map_err(|e| at("sync", path, e))?;
                rustix::fs::openat(&here, name, flags, Mode::empty())
            }
            other => other,
        };
        let next = next.map_err(|e| match e {
            Errno::NOTDIR | Errno::LOOP => {
                unsuitable(path, format!("{} in it is no directory, or a link", name.display()))
            }
            other => at("open", path, other),
        })?;
        here = next;
    }
    verify(&here, path, true)?;
    Ok(here)
}

fn verify(directory: impl AsFd, path: &Path, last: bool) -> Result<(), SystemError> {
    let stat = rustix::fs::statat(directory, "", AtFlags::EMPTY_PATH).map_err(|e| at("look at", path, e))?;
    let mode = stat.st_mode & PERMISSIONS;
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us && (last || stat.st_uid != 0) {
        return Err(unsuitable(
            path,
            format!("it, or a directory above it, belongs to user {}", stat.st_uid),
        ));
    }
    if last && mode != ONLY_ROOT {
        return Err(unsuitable(path, format!("its mode is {mode:o} and must be {ONLY_ROOT:o}")));
    }
    let sticky = mode & 0o1000 != 0;
    if !last && mode & OTHERS_WRITE != 0 && !sticky {
        return Err(unsuitable(
            path,
            format!("a directory above it has mode {mode:o}: others may write there"),
        ));
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn one_at_a_time_and_the_other_is_told_who() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("a/state");
        assert_eq!(owner(&state).unwrap(), None);
        let first = Lock::take(&state, "doorward apply").unwrap();
        assert_eq!(first.stale, None);
        let refused = Lock::take(&state, "doorward undo").unwrap_err();
        assert!(
            matches!(&refused, SystemError::Busy { why, .. } if why.contains("doorward apply")),
            "{refused}"
        );
        let seen = owner(&state).unwrap().unwrap();
        assert_eq!((seen.pid, seen.command.as_str()), (std::process::id(), "doorward apply"));
        drop(first);
        assert_eq!(owner(&state).unwrap(), None);
        assert_eq!(Lock::take(&state, "doorward undo").unwrap().stale, None);
    }

    #[test]
    fn a_stale_one_is_recognised() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        drop(Lock::take(&state, "x").unwrap());
        let dead = Owner { pid: 4_000_000, start: 1, command: "doorward apply".into(), since: 2 };
        std::fs::write(state.join(NAME), serde_json::to_vec(&dead).unwrap()).unwrap();
        assert_eq!(owner(&state).unwrap(), None);
        assert_eq!(Lock::take(&state, "doorward undo").unwrap().stale, Some(dead));
    }

    #[test]
    fn a_directory_that_others_can_reach_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let open = directory.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(state_directory(&open), Err(SystemError::Unsuitable { .. })));
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(state_directory(&open.join("state")), Err(SystemError::Unsuitable { .. })));
        symlink(directory.path().join("real"), directory.path().join("link")).unwrap();
        assert!(matches!(
            state_directory(&directory.path().join("link")),
            Err(SystemError::Unsuitable { .. })
        ));
        assert!(matches!(state_directory(Path::new("state")), Err(SystemError::Unsuitable { .. })));
        let fresh = directory.path().join("fresh");
        state_directory(&fresh).unwrap();
        assert_eq!(std::fs::metadata(&fresh).unwrap().permissions().mode() & PERMISSIONS, ONLY_ROOT);
        std::fs::create_dir(fresh.join("lock")).unwrap();
        assert!(Lock::take(&fresh, "x").is_err());
    }
}
