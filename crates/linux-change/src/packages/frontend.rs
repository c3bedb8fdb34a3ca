//! The lock that package managers hold for their whole session, and who has it.

use std::fs::File;
use std::path::Path;

use doorward_change::system::SystemError;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{at, busy};

const FRONTEND: &str = "/var/lib/dpkg/lock-frontend";
/// dpkg's own lock, held while it works, also when whoever started it is gone.
const DATABASE: &str = "/var/lib/dpkg/lock";

/// The package managers' lock, ours until it is dropped.
#[derive(Debug)]
pub(super) struct Frontend(#[expect(dead_code, reason = "the lock lasts as long as it is open")] File);

impl Frontend {
    /// Takes it at once, or says who has it.
    pub(super) fn take() -> Result<Self, SystemError> {
        let lock = lock(FRONTEND)?;
        // Only looked at: dpkg must be able to take it.
        drop(self::lock(DATABASE)?);
        Ok(Self(lock))
    }
}

fn lock(path: &'static str) -> Result<File, SystemError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o640));
    let file = file.map_err(|e| at("open", Path::new(path), e))?;
    // The kind of lock that the package managers take: by process, not by open file.
    match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file.into()),
        Err(Errno::AGAIN | Errno::ACCESS) => {
            let holder = holder(path).unwrap_or_else(|| "another process".to_owned());
            Err(busy("change packages", format!("{holder} holds {path}")))
        }
        Err(e) => Err(at("lock", Path::new(path), e)),
    }
}

/// The process that has locked a file: `process 12 (apt-get)`.
fn holder(path: &str) -> Option<String> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().filter_map(locker).find(|pid| has_open(*pid, path))?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("process {pid} ({})", name.trim()))
}

/// `1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF`
fn locker(line: &str) -> Option<u32> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    match words.as_slice() {
        [_, "POSIX", _, "WRITE", pid, ..] => pid.parse().ok(),
        _ => None,
    }
}

fn has_open(pid: u32, path: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    entries.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target == Path::new(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_locks_is_told_from_who_waits() {
        assert_eq!(locker("1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF"), Some(3568));
        assert_eq!(locker("1: -> POSIX  ADVISORY  WRITE 3569 fd:00:2531452 0 EOF"), None);
        assert_eq!(locker("2: FLOCK  ADVISORY  WRITE 1 fd:00:1 0 EOF"), None);
        assert_eq!(locker(""), None);
    }
}
