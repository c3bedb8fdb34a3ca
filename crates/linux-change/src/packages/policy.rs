//! No service starts because a package comes back: undo itself starts what ran before.
//!
//! Maintainer scripts ask `/usr/sbin/policy-rc.d` before they start anything. Where the host has none, there is one
//! while packages are restored. It forbids only as long as the process that made it lives, so that one which a crash
//! leaves behind forbids nothing, and the next restore replaces it. A policy of the host's own is left alone; what it
//! lets start is stopped afterwards.

use std::path::Path;

use doorward_change::system::{Node, SystemError};

use crate::files::Files;
use crate::process;

const PATH: &str = "/usr/sbin/policy-rc.d";
/// By which ours is known.
const MARK: &str = "# Made by doorward for the time in which it restores packages";
const MODE: u32 = 0o755;

/// A policy that forbids all starts.
#[derive(Debug)]
pub(super) struct Policy<'a> {
    files: &'a Files,
    is_ours: bool,
}

impl<'a> Policy<'a> {
    /// Puts it there, unless the host has one.
    pub(super) fn deny(files: &'a Files) -> Result<Self, SystemError> {
        let is_ours = match files.node(Path::new(PATH))? {
            Node::Absent => true,
            Node::File { content, .. } => String::from_utf8_lossy(&content).contains(MARK),
            Node::Link { .. } => false,
        };
        if is_ours {
            let content = text(std::process::id()).into_bytes();
            let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            files.put(Path::new(PATH), &Node::File { content, mode: MODE, uid: owner.0, gid: owner.1 })?;
        }
        Ok(Self { files, is_ours })
    }

    /// Takes it away.
    pub(super) fn withdraw(mut self) -> Result<(), SystemError> {
        self.take_away()
    }

    fn take_away(&mut self) -> Result<(), SystemError> {
        if std::mem::take(&mut self.is_ours) {
            self.files.put(Path::new(PATH), &Node::Absent)
        } else {
            Ok(())
        }
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        // One that stays forbids nothing once we have ended.
        let _ = self.take_away();
    }
}

/// 101 forbids, 0 allows. A process is known by its number and its start, the 20th word after its name.
fn text(pid: u32) -> String {
    let start = process::start(pid).unwrap_or(0);
    format!(
        "#!/bin/sh\n{MARK}; without effect when that has ended.\nset -f\n\
         read -r stat 2>/dev/null < /proc/{pid}/stat || exit 0\nset -- ${{stat##*) }}\n\
         [ \"${{20}}\" = {start} ] && exit 101\nexit 0\n"
    )
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
mod tests {
    use std::process::Command;

    use super::*;

    fn answer(pid: u32) -> Option<i32> {
        Command::new("/bin/sh").args(["-c", &text(pid)]).status().unwrap().code()
    }

    #[test]
    fn it_forbids_only_as_long_as_its_maker_lives() {
        assert_eq!(answer(std::process::id()), Some(101));
        assert_eq!(answer(4_100_000), Some(0));
        let other = text(std::process::id()).replace("= ", "= 1");
        let ended = Command::new("/bin/sh").args(["-c", &other]).status().unwrap();
        assert_eq!(ended.code(), Some(0), "the number has come again");
    }

    #[test]
    fn the_hosts_own_is_left_alone_and_what_a_crash_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::below(directory.path()).unwrap();
        let path = directory.path().join("usr/sbin/policy-rc.d");
        Policy::deny(&files).unwrap().withdraw().unwrap();
        assert!(!path.exists());
        std::fs::write(&path, text(1)).unwrap();
        drop(Policy::deny(&files).unwrap());
        assert!(!path.exists());
        std::fs::write(&path, "#!/bin/sh\nexit 101\n").unwrap();
        Policy::deny(&files).unwrap().withdraw().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 101\n");
    }
}
