//! What a root file system is made of: data, hashed, so that a changed recipe is built anew.

use std::path::PathBuf;

use crate::cache;

/// A recipe for a root file system.
#[derive(Debug, Clone, Copy)]
pub struct RootSpec {
    /// Its name; also the booted host's host name.
    pub name: &'static str,
    /// The recipe that this one adds to; none: the bare base that boots and no more.
    pub parent: Option<&'static RootSpec>,
    /// Debian packages to install, without their recommendations.
    pub packages: &'static [&'static str],
    /// Files to write after that.
    pub files: &'static [File],
    /// Commands to run in the tree after that, each as program and arguments.
    pub setup: &'static [&'static [&'static str]],
    /// Sockets (of any address) that listen once the host has booted: it counts as ready when they do.
    pub ready: &'static [Door],
}

/// A file of a recipe.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Absolute path in the tree.
    pub path: &'static str,
    /// Permission bits.
    pub mode: u32,
    /// Content.
    pub content: &'static str,
}

impl File {
    /// A plain file.
    pub const fn text(path: &'static str, content: &'static str) -> Self {
        Self { path, mode: 0o644, content }
    }

    /// A program.
    pub const fn program(path: &'static str, content: &'static str) -> Self {
        Self { path, mode: 0o755, content }
    }
}

/// A listening socket, by protocol and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// TCP, listening.
    Tcp(u16),
    /// UDP, bound and not connected.
    Udp(u16),
}

impl RootSpec {
    /// Where the built tree is or will be: its name and the hash of all that goes into it.
    pub fn path(&self) -> PathBuf {
        cache::cache_dir().join("roots").join(format!("{}-{}", self.name, self.hash()))
    }

    fn hash(&self) -> String {
        let parent = self.parent.map_or_else(crate::build::base_hash, RootSpec::hash);
        let mut parts = vec![parent.into_bytes(), self.name.into()];
        parts.extend(self.packages.iter().map(|package| Vec::from(*package)));
        for file in self.files {
            parts.extend([file.path.into(), file.mode.to_le_bytes().to_vec(), file.content.into()]);
        }
        for command in self.setup {
            parts.push(command.join("\0").into_bytes());
        }
        cache::hash(parts.iter().map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_recipe_has_another_place() {
        let spec =
            RootSpec { name: "x", parent: None, packages: &["nginx"], files: &[], setup: &[], ready: &[] };
        let more = RootSpec { packages: &["nginx", "cron"], ..spec };
        let configured = RootSpec { files: &[const { File::text("/etc/x", "1") }], ..spec };
        let executable = RootSpec { files: &[const { File::program("/etc/x", "1") }], ..spec };
        let run = RootSpec { setup: &[&["true"]], ..spec };
        let places = [spec, more, configured, executable, run].map(|spec| spec.path());
        for (at, place) in places.iter().enumerate() {
            assert!(!places[..at].contains(place), "{}", place.display());
        }
        assert_eq!(spec.path(), RootSpec { ready: &[Door::Tcp(80)], ..spec }.path());
    }
}
