//! Trees that tests make themselves.
#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::Tree;

/// A tree of a test's own making, gone when it is dropped. Paths are relative to its root.
pub(crate) struct Made {
    dir: tempfile::TempDir,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::open(self.path()).unwrap()
    }

    pub(crate) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.place(path), text).unwrap();
        self
    }

    pub(crate) fn executable(self, path: &str, text: &str) -> Self {
        let made = self.file(path, text);
        let all_may_run = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(made.path().join(path), all_may_run).unwrap();
        made
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        symlink(target, self.place(path)).unwrap();
        self
    }

    /// A unit of the vendor's.
    pub(crate) fn unit(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.file(&format!("usr/lib/systemd/system/{name}"), text)
    }

    /// Where a file goes, its directories made.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }
}
