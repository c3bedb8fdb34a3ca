//! The running host.

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorward_change::system::{Activity, Node, SavedPackage, System, SystemError};
use doorward_model::Protocol;

use crate::error::{failed, io};
use crate::files::Files;
use crate::program::{self, Late};
use crate::{doors, filter, lock, packages, units};

/// The running host, as something that can be changed.
#[derive(Debug)]
pub struct LinuxHost {
    state: PathBuf,
    files: Files,
    is_boot: bool,
}

impl LinuxHost {
    /// This host. `state` is where what must last is kept: made if need be, for root alone.
    pub fn new(state: &Path) -> Result<Self, SystemError> {
        lock::state_directory(state)?;
        Ok(Self { state: state.to_owned(), files: Files::below(Path::new("/"))?, is_boot: false })
    }

    /// This host to look at: packages cannot be kept.
    pub fn looking() -> Result<Self, SystemError> {
        Ok(Self { state: PathBuf::new(), files: Files::below(Path::new("/"))?, is_boot: false })
    }

    /// This host while it boots and waits for us: what is started is not waited for, as it waits for the boot.
    pub fn booting(state: &Path) -> Result<Self, SystemError> {
        Ok(Self { is_boot: true, ..Self::new(state)? })
    }

    /// Where what must last is kept.
    pub fn state(&self) -> &Path {
        &self.state
    }
}

impl System for LinuxHost {
    fn node(&self, path: &Path) -> Result<Node, SystemError> {
        self.files.node(path)
    }

    fn put(&mut self, path: &Path, node: &Node) -> Result<(), SystemError> {
        self.files.put(path, node)
    }

    fn remove_empty_directory(&mut self, path: &Path) -> Result<(), SystemError> {
        self.files.remove_empty_directory(path)
    }

    fn names(&self, directory: &Path) -> Result<Vec<String>, SystemError> {
        self.files.names(directory)
    }

    fn reload(&mut self) -> Result<(), SystemError> {
        units::reload()
    }

    fn activity(&self, unit: &str) -> Result<Activity, SystemError> {
        units::activity(unit)
    }

    fn stop(&mut self, unit: &str, limit: Duration) -> Result<(), SystemError> {
        units::stop(unit, limit)
    }

    fn start(&mut self, unit: &str, limit: Duration) -> Result<(), SystemError> {
        units::start(unit, limit, self.is_boot)
    }

    fn check(&self, program: &Path, arguments: &[String], limit: Duration) -> Result<(), SystemError> {
        let what = || format!("check the configuration with {}", program.display());
        let path = program.to_str().ok_or_else(|| failed(what(), "its path is no text"))?;
        let ended = program::run(path, arguments, &[], limit, Late::Kill)?;
        if ended.success { Ok(()) } else { Err(failed(what(), ended.complaint())) }
    }

    fn package(&self, name: &str) -> Result<Option<String>, SystemError> {
        packages::version(name)
    }

    fn save_package(&mut self, name: &str) -> Result<SavedPackage, SystemError> {
        packages::save(&self.files, &self.state, name)
    }

    fn remove_packages(&mut self, names: &[&str]) -> Result<(), SystemError> {
        packages::remove(names)
    }

    fn restore_packages(&mut self, packages: &[SavedPackage]) -> Result<(), SystemError> {
        packages::restore(&self.files, packages)
    }

    fn answers(&self, protocol: Protocol, port: u16) -> Result<bool, SystemError> {
        doors::answers(protocol, port)
    }

    fn table(&self) -> Result<Option<String>, SystemError> {
        filter::table()
    }

    fn table_once_loaded(&self, text: &str) -> Result<String, SystemError> {
        filter::once_loaded(text)
    }

    fn load_table(&mut self, table: Option<&str>) -> Result<(), SystemError> {
        filter::load(table)
    }

    fn boot_id(&self) -> Result<String, SystemError> {
        const PATH: &str = "/proc/sys/kernel/random/boot_id";
        let id = std::fs::read_to_string(PATH).map_err(|e| io(format!("read {PATH}"), e))?;
        Ok(id.trim().to_owned())
    }
}
