//! What a change is made of: what a host can be asked and told. The real hosts implement it, and the fake one of the
//! tests.
//!
//! All that lasts of a service manager's settings are files and symbolic links (enablement, masks, drop-ins, tables of
//! super-servers, configuration), so that they are changed and restored as such, also before the manager runs. What
//! does not last is whether a unit is active, and the packet filter's table. Packages are the third kind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What lies at a path. Symbolic links are told as such and never followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Node {
    /// Nothing.
    Absent,
    /// A symbolic link.
    Link {
        /// Where it leads, as it is written.
        target: PathBuf,
    },
    /// A regular file.
    File {
        /// All of it.
        #[serde(with = "crate::bytes")]
        content: Vec<u8>,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
    },
}

/// Whether a unit runs, as far as stopping and starting goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// It runs, or waits for its trigger, or starts.
    Active,
    /// It does not, or stops.
    Inactive,
    /// It failed, and does not run.
    Failed,
    /// There is no such unit.
    Absent,
}

/// A package that can come back without a network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SavedPackage {
    /// Its name, with the architecture where the manager needs it (`libc6:i386`).
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// The archive, in the state directory.
    pub archive: PathBuf,
    /// The archive's SHA-256, in hexadecimal.
    pub sha256: String,
    /// Whether it was asked for by hand, rather than came along as a dependency.
    pub manual: bool,
}

/// Why something could not be asked or done.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The operating system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The thing at a path is neither absent, a link nor a regular file, or a link stands in the way to it.
    #[error("{path}: {why}", path = .path.display())]
    Unsuitable {
        /// The path.
        path: PathBuf,
        /// What is there.
        why: String,
    },
    /// It took longer than it may.
    #[error("{what}: not done within {} s", .limit.as_secs())]
    Timeout {
        /// What was tried.
        what: String,
        /// How long was waited.
        limit: Duration,
    },
    /// Another program holds the lock, or a manager is busy: trying again may help.
    #[error("{what}: {why}")]
    Busy {
        /// What was tried.
        what: String,
        /// Who holds it.
        why: String,
    },
    /// A manager refused or failed.
    #[error("{what}: {why}")]
    Failed {
        /// What was tried.
        what: String,
        /// What it said.
        why: String,
    },
}

/// A host that can be changed. Nothing here decides anything; every operation may be repeated without harm.
pub trait System {
    /// What lies at an absolute path. No link on the way to it is followed.
    fn node(&self, path: &Path) -> Result<Node, SystemError>;

    /// Brings a path to that state, at once or not at all, and synced to disk. Missing directories are made.
    fn put(&mut self, path: &Path, node: &Node) -> Result<(), SystemError>;

    /// Removes a directory that [`Self::put`] made, if it is empty.
    fn remove_empty_directory(&mut self, path: &Path) -> Result<(), SystemError>;

    /// The names in a directory, sorted; empty when there is none.
    fn names(&self, directory: &Path) -> Result<Vec<String>, SystemError>;

    /// Makes the service manager read its files anew. No harm where none runs.
    fn reload(&mut self) -> Result<(), SystemError>;

    /// Whether a unit runs.
    fn activity(&self, unit: &str) -> Result<Activity, SystemError>;

    /// Stops a unit, and waits until it has stopped.
    fn stop(&mut self, unit: &str, limit: Duration) -> Result<(), SystemError>;

    /// Starts a unit, and waits until it runs.
    fn start(&mut self, unit: &str, limit: Duration) -> Result<(), SystemError>;

    /// Lets a daemon check its configuration by a program, without a shell, and waits for its end. That it objects is a
    /// failure, and so is that it takes longer than the limit.
    fn check(&self, program: &Path, arguments: &[String], limit: Duration) -> Result<(), SystemError>;

    /// The installed version of a package.
    fn package(&self, name: &str) -> Result<Option<String>, SystemError>;

    /// Keeps what is needed to bring an installed package back with no network.
    fn save_package(&mut self, name: &str) -> Result<SavedPackage, SystemError>;

    /// Removes packages and nothing else, keeping their configuration and data.
    fn remove_packages(&mut self, names: &[&str]) -> Result<(), SystemError>;

    /// Installs saved packages, keeping the configuration that is there.
    fn restore_packages(&mut self, packages: &[SavedPackage]) -> Result<(), SystemError>;

    /// Whether something answers at a TCP or UDP port of the host itself, of any address.
    fn answers(&self, protocol: doorward_model::Protocol, port: u16) -> Result<bool, SystemError>;

    /// This program's own table of the packet filter as it is loaded, without what it counts; none when it is not there.
    fn table(&self) -> Result<Option<String>, SystemError>;

    /// What [`Self::table`] says of a table once it is loaded. Nothing is loaded on the host. Refused is what no kernel
    /// would take, and what touches any other table.
    fn table_once_loaded(&self, text: &str) -> Result<String, SystemError>;

    /// Puts a table, as [`Self::table`] says it, in the place of the one that is loaded, or takes that away: at once or
    /// not at all, whatever packets come meanwhile.
    fn load_table(&mut self, table: Option<&str>) -> Result<(), SystemError>;

    /// The kernel's id of this boot.
    fn boot_id(&self) -> Result<String, SystemError>;
}
