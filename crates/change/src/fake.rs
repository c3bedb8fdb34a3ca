//! A host in memory, for tests. It behaves like systemd and dpkg where it matters for taking changes back: units that
//! others start again, masks that count after a reload, packages whose scripts enable and start what they bring. It
//! fails and dies on order, and what was under way then may have happened, or not, or in part.
//!
//! Unit files are real files of it, in the manager's own syntax. Three keys are its own: `X-Port=tcp/23` for where a
//! service listens, `X-Busy=yes` for a socket, timer or path that starts its service at once, always.

mod faults;
mod manager;
mod packages;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use doorward_model::Protocol;

pub use faults::{Faults, Random};
pub use packages::FakePackage;
pub use store::FakeStore;

use crate::system::{Activity, Node, SavedPackage, System, SystemError};
use faults::{Clock, Turn};
use manager::Manager;

/// The unit that loads the packet filter's table, and from where.
const LOADS_TABLE: &str = "doorward-filter.service";
const TABLE_FILE: &str = "/etc/doorward/filter.nft";

/// The host.
#[derive(Debug)]
pub struct FakeHost {
    state: FakeState,
    manager: Manager,
    archives: BTreeMap<PathBuf, FakePackage>,
    clock: Rc<Clock>,
    boot: u64,
}

/// All that can be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeState {
    /// Files and links.
    pub nodes: BTreeMap<PathBuf, Node>,
    /// Directories.
    pub directories: BTreeSet<PathBuf>,
    /// Installed packages.
    pub packages: BTreeMap<String, FakePackage>,
    /// Units that run.
    pub active: BTreeSet<String>,
    /// This program's table of the packet filter.
    pub table: Option<String>,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeHost {
    /// A host with empty directories.
    pub fn new() -> Self {
        let mut host = Self {
            state: FakeState::default(),
            manager: Manager::default(),
            archives: BTreeMap::new(),
            clock: Rc::default(),
            boot: 1,
        };
        for directory in ["/etc/systemd/system", "/usr/lib/systemd/system", "/usr/local/share", "/run"] {
            host.add_directories(&Path::new(directory).join("x"));
        }
        host
    }

    /// Another one that is as this one is, with faults of its own.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            state: self.state.clone(),
            manager: self.manager.clone(),
            archives: self.archives.clone(),
            clock: Rc::default(),
            boot: self.boot,
        }
    }

    /// What it is now.
    pub fn state(&self) -> &FakeState {
        &self.state
    }

    /// Puts a file there, out of the count.
    pub fn write(&mut self, path: &str, text: &str) {
        let content = text.as_bytes().to_vec();
        self.set(Path::new(path), Node::File { content, mode: 0o644, uid: 0, gid: 0 });
    }

    /// Puts a link there, out of the count.
    pub fn link(&mut self, path: &str, target: &str) {
        self.set(Path::new(path), Node::Link { target: PathBuf::from(target) });
    }

    /// Installs a package with its files, out of the count. Its scripts do nothing yet.
    pub fn install(&mut self, name: &str, package: FakePackage) {
        for (path, node) in &package.files {
            self.set(path, node.clone());
        }
        self.state.packages.insert(name.to_owned(), package);
    }

    /// Boots: what runs is what is enabled.
    pub fn boot(&mut self) {
        self.boot += 1;
        self.state.active.clear();
        self.state.table = None;
        self.manager.load(&self.state.nodes);
        self.manager.start_enabled(&mut self.state);
        if self.state.active.contains(LOADS_TABLE) {
            self.load_file();
        }
    }

    /// Starts or stops a unit, out of the count.
    pub fn set_active(&mut self, unit: &str, active: bool) -> Result<(), String> {
        self.manager.load(&self.state.nodes);
        if active {
            self.manager.start(&mut self.state, unit)
        } else {
            self.manager.stop(&mut self.state, unit);
            Ok(())
        }
    }

    /// What goes wrong from now on; operations are counted anew.
    pub fn set_faults(&self, faults: Faults) {
        self.clock.set(faults);
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.clock.count()
    }

    /// Whether it died as ordered.
    pub fn is_dead(&self) -> bool {
        self.clock.is_dead()
    }

    /// After the program's death: it goes on, without faults.
    pub fn revive(&self) {
        self.clock.set(Faults::default());
    }

    /// A place for a journal, which dies with the host.
    pub fn store(&self) -> FakeStore {
        FakeStore::new(Rc::clone(&self.clock))
    }

    /// Loads a table, or takes it away, out of the count.
    pub fn set_table(&mut self, table: Option<&str>) {
        self.state.table = table.map(str::to_owned);
    }

    /// What starting the table's unit does.
    fn load_file(&mut self) {
        if let Some(Node::File { content, .. }) = self.state.nodes.get(Path::new(TABLE_FILE)) {
            self.state.table = Some(String::from_utf8_lossy(content).into_owned());
        }
    }

    fn set(&mut self, path: &Path, node: Node) {
        if node == Node::Absent {
            self.state.nodes.remove(path);
        } else {
            self.add_directories(path);
            self.state.nodes.insert(path.to_owned(), node);
        }
    }

    fn add_directories(&mut self, path: &Path) {
        self.state.directories.extend(path.ancestors().skip(1).map(Path::to_owned));
    }

    /// Does something, unless it is told to go wrong. In part where it can be, by the given function.
    fn operate(
        &mut self,
        what: &str,
        whole: impl FnOnce(&mut Self) -> Result<(), String>,
        part: impl FnOnce(&mut Self, &mut Random),
    ) -> Result<(), SystemError> {
        let failed = |why: String| SystemError::Failed { what: what.to_owned(), why };
        match self.clock.turn() {
            Turn::Go => whole(self).map_err(failed),
            Turn::Fail(e) => Err(e),
            Turn::Part(e, mut random) => {
                part(self, &mut random);
                Err(e)
            }
            Turn::GoAndFail(e) => {
                let _ = whole(self);
                Err(e)
            }
        }
    }

    fn ask(&self) -> Result<(), SystemError> {
        match self.clock.turn() {
            Turn::Go => Ok(()),
            Turn::Fail(e) | Turn::Part(e, _) | Turn::GoAndFail(e) => Err(e),
        }
    }
}

impl System for FakeHost {
    fn node(&self, path: &Path) -> Result<Node, SystemError> {
        self.ask()?;
        let unsuitable = |why: &str| SystemError::Unsuitable { path: path.to_owned(), why: why.to_owned() };
        if self.state.directories.contains(path) {
            return Err(unsuitable("it is a directory"));
        }
        if path.ancestors().skip(1).any(|a| self.state.nodes.contains_key(a)) {
            return Err(unsuitable("a link or a file stands in the way"));
        }
        Ok(self.state.nodes.get(path).cloned().unwrap_or(Node::Absent))
    }

    fn put(&mut self, path: &Path, node: &Node) -> Result<(), SystemError> {
        let is_directory = self.state.directories.contains(path);
        let whole = |host: &mut Self| {
            if is_directory {
                return Err("it is a directory".to_owned());
            }
            host.set(path, node.clone());
            Ok(())
        };
        let directories = |host: &mut Self, _: &mut Random| {
            if *node != Node::Absent {
                host.add_directories(path);
            }
        };
        self.operate("put", whole, directories)
    }

    fn remove_empty_directory(&mut self, path: &Path) -> Result<(), SystemError> {
        let whole = |host: &mut Self| {
            let state = &mut host.state;
            let inside = |p: &PathBuf| p.parent() == Some(path);
            if !state.nodes.keys().any(inside) && !state.directories.iter().any(inside) {
                state.directories.remove(path);
            }
            Ok(())
        };
        self.operate("remove a directory", whole, |_, _| ())
    }

    fn names(&self, directory: &Path) -> Result<Vec<String>, SystemError> {
        self.ask()?;
        let all = self.state.nodes.keys().chain(&self.state.directories);
        let inside = all.filter(|p| p.parent() == Some(directory));
        let names = inside.filter_map(|p| p.file_name()).map(|n| n.to_string_lossy().into_owned());
        let names: BTreeSet<String> = names.collect();
        Ok(names.into_iter().collect())
    }

    fn reload(&mut self) -> Result<(), SystemError> {
        let whole = |host: &mut Self| {
            host.manager.load(&host.state.nodes);
            host.manager.settle(&mut host.state);
            Ok(())
        };
        self.operate("reload", whole, |_, _| ())
    }

    fn activity(&self, unit: &str) -> Result<Activity, SystemError> {
        self.ask()?;
        Ok(if self.state.active.contains(unit) {
            Activity::Active
        } else if self.manager.knows(unit) {
            Activity::Inactive
        } else {
            Activity::Absent
        })
    }

    fn stop(&mut self, unit: &str, _: Duration) -> Result<(), SystemError> {
        let whole = |host: &mut Self| {
            host.manager.stop(&mut host.state, unit);
            Ok(())
        };
        self.operate(unit, whole, |_, _| ())
    }

    fn start(&mut self, unit: &str, _: Duration) -> Result<(), SystemError> {
        let whole = |host: &mut Self| {
            host.manager.start(&mut host.state, unit)?;
            if unit == LOADS_TABLE {
                host.load_file();
            }
            Ok(())
        };
        self.operate(unit, whole, |_, _| ())
    }

    /// A program's file holds what its check objects to.
    fn check(&self, program: &Path, _: &[String], _: Duration) -> Result<(), SystemError> {
        self.ask()?;
        let failed = |why| SystemError::Failed { what: program.display().to_string(), why };
        match self.state.nodes.get(program) {
            Some(Node::File { content, .. }) if content.is_empty() => Ok(()),
            Some(Node::File { content, .. }) => Err(failed(String::from_utf8_lossy(content).into_owned())),
            _ => Err(failed("there is no such program".to_owned())),
        }
    }

    fn package(&self, name: &str) -> Result<Option<String>, SystemError> {
        self.ask()?;
        Ok(self.state.packages.get(name).map(|p| p.version.clone()))
    }

    fn save_package(&mut self, name: &str) -> Result<SavedPackage, SystemError> {
        self.ask()?;
        let Some(package) = self.state.packages.get(name).cloned() else {
            return Err(SystemError::Failed { what: name.to_owned(), why: "it is not installed".to_owned() });
        };
        let archive = PathBuf::from(format!("/var/lib/doorward/{name}.deb"));
        let saved = SavedPackage {
            name: name.to_owned(),
            version: package.version.clone(),
            archive: archive.clone(),
            sha256: String::new(),
            manual: package.manual,
        };
        self.archives.insert(archive, package);
        Ok(saved)
    }

    fn remove_packages(&mut self, names: &[&str]) -> Result<(), SystemError> {
        let whole = |host: &mut Self| {
            for name in names {
                host.remove(name);
            }
            Ok(())
        };
        let part = |host: &mut Self, random: &mut Random| {
            names.iter().filter(|_| random.one_in(2)).for_each(|n| host.remove(n));
        };
        self.operate("remove packages", whole, part)
    }

    fn restore_packages(&mut self, packages: &[SavedPackage]) -> Result<(), SystemError> {
        let whole = |host: &mut Self| {
            for package in packages {
                host.restore(package);
            }
            Ok(())
        };
        let part = |host: &mut Self, random: &mut Random| {
            packages.iter().filter(|_| random.one_in(2)).for_each(|p| host.restore(p));
        };
        self.operate("restore packages", whole, part)
    }

    fn answers(&self, protocol: Protocol, port: u16) -> Result<bool, SystemError> {
        self.ask()?;
        Ok(self.manager.listens(&self.state, protocol, port))
    }

    fn table(&self) -> Result<Option<String>, SystemError> {
        self.ask()?;
        Ok(self.state.table.clone())
    }

    fn table_once_loaded(&self, text: &str) -> Result<String, SystemError> {
        self.ask()?;
        Ok(text.to_owned())
    }

    fn load_table(&mut self, table: Option<&str>) -> Result<(), SystemError> {
        let whole = |host: &mut Self| {
            host.set_table(table);
            Ok(())
        };
        self.operate("load a table", whole, |_, _| ())
    }

    fn boot_id(&self) -> Result<String, SystemError> {
        self.ask()?;
        Ok(format!("boot-{}", self.boot))
    }
}
