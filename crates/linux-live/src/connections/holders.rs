//! Who holds an end of a connection, remembered from look to look.
//!
//! To read the descriptors of every process is most of what a look costs, and takes long enough for short connections
//! to end meanwhile. So it is done only when sockets are there whose holder is not known yet, and those that were seen
//! with connections before are read first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::names::{Names, opener};
use super::pair::{End, Pair};
use crate::process::{Process, Processes};
use crate::sockets::{SocketOwners, cgroups};

/// The process that stands for an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) service: String,
    /// 0 when only its service is known.
    pub(super) pid: u32,
    /// When it started; 0 when it is not known.
    pub(super) started: u64,
}

/// Holders by inode.
#[derive(Debug)]
pub(super) struct Holders<'a> {
    names: Names<'a>,
    processes: Processes,
    /// Of the sockets in the last look; `None` for those that no visible process held.
    by_inode: HashMap<u64, Option<Holder>>,
    /// Paths of control groups by id, read when an unknown id comes.
    cgroups: BTreeMap<u64, String>,
    complete: bool,
    /// Control groups of processes that held ends so far.
    busy: BTreeSet<String>,
}

impl<'a> Holders<'a> {
    pub(super) fn new(names: Names<'a>) -> Self {
        Self {
            names,
            processes: Processes::read().value,
            by_inode: HashMap::new(),
            cgroups: BTreeMap::new(),
            complete: true,
            busy: BTreeSet::new(),
        }
    }

    /// Processes as they were last read.
    pub(super) fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Whether every process's descriptors could be read.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Finds out who holds the ends of these connections, and forgets all others.
    pub(super) fn learn(&mut self, pairs: &[Pair]) {
        self.learn_cgroups(pairs);
        let ends = || pairs.iter().flat_map(Pair::ends);
        let wanted: HashSet<u64> = ends()
            .filter(|end| end.service.is_none() && !self.is_told_by_cgroup(end))
            .flat_map(|end| [end.inode, end.listener])
            .filter(|inode| *inode != 0)
            .collect();
        self.by_inode.retain(|inode, _| wanted.contains(inode));
        let mut missing: Vec<u64> =
            wanted.into_iter().filter(|inode| !self.by_inode.contains_key(inode)).collect();
        if missing.is_empty() {
            return;
        }
        self.learn_from_busy(&mut missing);
        if missing.is_empty() {
            return;
        }
        self.processes = Processes::read().value;
        let owners = SocketOwners::read(&self.processes).value;
        self.complete = owners.is_complete();
        for inode in missing {
            let process = opener(owners.pids(inode), &self.processes);
            self.busy.extend(process.and_then(|p| p.cgroup.clone()));
            self.by_inode.insert(inode, process.map(|p| self.holder(p)));
        }
    }

    /// Looks among the processes of services that were seen with connections before.
    fn learn_from_busy(&mut self, missing: &mut Vec<u64>) {
        let is_busy = |p: &&Process| p.cgroup.as_ref().is_some_and(|c| self.busy.contains(c));
        let owners = SocketOwners::of_some(&self.processes, self.processes.iter().filter(is_busy));
        let mut found = Vec::new();
        missing.retain(|inode| {
            let process = opener(owners.pids(*inode), &self.processes).filter(|p| p.pid != 1 && is_still(p));
            found.extend(process.map(|p| (*inode, Some(self.holder(p)))));
            process.is_none()
        });
        self.by_inode.extend(found);
    }

    /// The process of a holder, if it is one of those that were read.
    pub(super) fn process(&self, holder: &Holder) -> Option<&Process> {
        self.processes.get(holder.pid)
    }

    /// The holder of an end by its inode alone.
    pub(super) fn by_inode(&self, inode: u64) -> Option<&Holder> {
        self.by_inode.get(&inode)?.as_ref()
    }

    /// The service of the control group that made an end.
    pub(super) fn by_cgroup(&self, end: &End) -> Option<Holder> {
        let path = self.cgroups.get(&end.cgroup?)?;
        let service = self.names.of_cgroup(path, &self.processes)?;
        Some(Holder { service, pid: 0, started: 0 })
    }

    fn holder(&self, process: &Process) -> Holder {
        let service = self.names.of(process, &self.processes);
        Holder { service, pid: process.pid, started: process.started }
    }

    fn is_told_by_cgroup(&self, end: &End) -> bool {
        !self.names.has_containers() && self.by_cgroup(end).is_some()
    }

    fn learn_cgroups(&mut self, pairs: &[Pair]) {
        let mut ids = pairs.iter().flat_map(Pair::ends).filter_map(|end| end.cgroup);
        if ids.any(|id| !self.cgroups.contains_key(&id)) {
            self.cgroups = cgroups::paths_by_id();
        }
    }
}

/// Whether a process that was read a while ago still runs under its number.
fn is_still(process: &Process) -> bool {
    let now = std::fs::read_link(format!("/proc/{}/exe", process.pid));
    now.is_ok_and(|now| process.executable.as_deref().is_some_and(|before| now.as_os_str() == before))
}

#[cfg(test)]
impl<'a> Holders<'a> {
    /// Made by a test.
    pub(super) fn of(names: Names<'a>, processes: Processes, owners: &SocketOwners, inodes: &[u64]) -> Self {
        let mut holders = Self {
            names,
            processes,
            by_inode: HashMap::new(),
            cgroups: BTreeMap::new(),
            complete: owners.is_complete(),
            busy: BTreeSet::new(),
        };
        for inode in inodes {
            let process = opener(owners.pids(*inode), &holders.processes);
            let holder = process.map(|p| holders.holder(p));
            holders.by_inode.insert(*inode, holder);
        }
        holders
    }
}
