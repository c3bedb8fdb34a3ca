//! The process table: one pass over `/proc`, each process read through its own directory.
//!
//! A process's directory is opened once and its files are read relative to it, so that an id which is used again in
//! between cannot mix two processes. A process that vanishes between two reads is simply not there.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read as _;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use doorward_model::{Facts, Memory, Subject, Unseen};
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::Errno;

mod capability;
mod cgroup;
mod memory;
mod stat;

pub use cgroup::{ContainerRef, Engine};

/// Largest file of `/proc` that is read of one process.
const FILE_LIMIT: u64 = 64 << 10;

/// One process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Process id, as we see it.
    pub pid: u32,
    /// Its parent's; 0 for process 1, kernel threads' ancestor, and those whose parent is not visible.
    pub parent: u32,
    /// `comm`, at most 15 bytes, chosen by the process itself. Hostile text.
    pub name: String,
    /// Absolute path of the program, as the process sees it; `None` when not permitted or a kernel thread.
    pub executable: Option<String>,
    /// Effective user id.
    pub uid: u32,
    /// Path of its control group (v2, or systemd's own hierarchy) as we see it.
    pub cgroup: Option<String>,
    /// Effective capabilities, one bit each.
    pub capabilities: u64,
    /// CPU time used, in microseconds.
    pub cpu_usec: u64,
    /// When it started, in seconds since the epoch.
    pub started: u64,
    /// Inode of its network namespace; `None` when not permitted.
    pub net_namespace: Option<u64>,
    /// Whether it is one of the kernel's own threads.
    pub is_kernel_thread: bool,
    /// Whether it has a controlling terminal: somebody's interactive program.
    pub has_terminal: bool,
    /// How many threads it has.
    pub threads: u32,
}

impl Process {
    /// Last part of the program's path, or `comm` when the path is not known.
    pub fn program(&self) -> &str {
        self.executable
            .as_deref()
            .and_then(|e| e.rsplit('/').next())
            .filter(|n| !n.is_empty())
            .unwrap_or(&self.name)
    }

    /// Names of its effective capabilities, as in [`doorward_model::Service::capabilities`].
    pub fn capability_names(&self) -> Vec<String> {
        capability::names(self.capabilities)
    }
}

/// All processes that could be read, by id.
#[derive(Debug)]
pub struct Processes {
    /// `/proc`, for what is read later.
    proc: Option<OwnedFd>,
    /// Sorted by id.
    list: Vec<Process>,
    /// What systemd's own cgroup paths start with here: empty but in odd namespaces.
    cgroup_root: String,
}

impl Processes {
    /// Reads the running host's processes.
    pub fn read() -> Facts<Self> {
        Self::read_at(Path::new("/proc"))
    }

    fn read_at(path: &Path) -> Facts<Self> {
        let mut facts = Facts::complete(Self { proc: None, list: Vec::new(), cgroup_root: String::new() });
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(e) => {
                facts.unseen.push(Unseen::new(
                    Subject::Services,
                    "processes",
                    format!("{}: {e}", path.display()),
                ));
                return facts;
            }
        };
        let clock = match Clock::read(proc.as_fd()) {
            Ok(clock) => clock,
            Err(why) => {
                facts.unseen.push(Unseen::new(Subject::Services, "start times of processes", why));
                Clock::default()
            }
        };
        let mut denied = Vec::new();
        let mut buffer = Vec::with_capacity(8 << 10);
        let mut listing = [MaybeUninit::uninit(); 16 << 10];
        let mut entries = RawDir::new(&proc, &mut listing);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    facts.unseen.push(Unseen::new(
                        Subject::Services,
                        "processes",
                        format!("listing /proc: {e}"),
                    ));
                    break;
                }
            };
            let Some(pid) = entry.file_name().to_str().ok().and_then(|n| n.parse().ok()) else { continue };
            match read_process(proc.as_fd(), pid, entry.file_name(), clock, &mut buffer) {
                Ok(Some(process)) => facts.value.list.push(process),
                Ok(None) | Err(Errno::NOENT | Errno::SRCH | Errno::NOTDIR) => {}
                Err(_) => denied.push(pid),
            }
        }
        facts.value.list.sort_unstable_by_key(|p| p.pid);
        if let Some(first) = denied.first() {
            facts.unseen.push(hidden(
                &format!("{} processes of other users", denied.len()),
                &format!("permission denied reading /proc/{first}/stat"),
            ));
        } else if facts.value.get(1).is_none() {
            facts.unseen.push(hidden(
                "processes of other users",
                "/proc does not show process 1 (mounted with hidepid)",
            ));
        }
        facts.value.cgroup_root = cgroup::root_of(facts.value.get(1).and_then(|p| p.cgroup.as_deref()));
        facts.value.proc = Some(proc);
        facts
    }

    /// The process of that id.
    pub fn get(&self, pid: u32) -> Option<&Process> {
        self.list.binary_search_by_key(&pid, |p| p.pid).ok().and_then(|at| self.list.get(at))
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.list.iter()
    }

    /// The direct children of a process.
    pub fn children(&self, pid: u32) -> impl Iterator<Item = &Process> {
        self.list.iter().filter(move |p| p.parent == pid && p.pid != pid)
    }

    /// A process, its parent, and so on up to process 1.
    pub fn ancestry(&self, pid: u32) -> impl Iterator<Item = &Process> {
        // Ids may be reused while we read, so a circle is possible: the length is bounded.
        std::iter::successors(self.get(pid), |p| self.get(p.parent).filter(|q| q.pid != p.pid)).take(1024)
    }

    /// The systemd unit that the process's cgroup belongs to: `ssh.service`, `user@1000.service` for a user's own
    /// units, `session-3.scope` for logins. `None` outside of any.
    pub fn unit(&self, pid: u32) -> Option<&str> {
        self.unit_of_cgroup(self.get(pid)?.cgroup.as_deref()?)
    }

    /// The same for the path of a cgroup.
    pub fn unit_of_cgroup<'a>(&self, path: &'a str) -> Option<&'a str> {
        cgroup::unit(path.strip_prefix(self.cgroup_root.as_str())?)
    }

    /// The container that a process lives in, by its cgroup.
    pub fn container(&self, pid: u32) -> Option<ContainerRef> {
        self.container_of_cgroup(self.get(pid)?.cgroup.as_deref()?)
    }

    /// The same for the path of a cgroup.
    pub fn container_of_cgroup(&self, path: &str) -> Option<ContainerRef> {
        cgroup::container(path.strip_prefix(self.cgroup_root.as_str())?)
    }

    /// Memory that the processes hold together; `None` when there are none or none can be read.
    pub fn memory(&self, pids: &[u32]) -> Option<Memory> {
        memory::of(self.proc.as_ref()?.as_fd(), pids)
    }

    /// A process's directory in `/proc`.
    pub(crate) fn directory(&self, pid: u32) -> Result<OwnedFd, Errno> {
        let proc = self.proc.as_ref().ok_or(Errno::NOENT)?;
        rustix::fs::openat(
            proc,
            pid.to_string(),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
    }

    /// The words of a process's command line, lossily as text; empty when it is not there any more.
    pub(crate) fn arguments(&self, pid: u32) -> Vec<String> {
        let mut bytes = Vec::new();
        let read = self.directory(pid).and_then(|dir| read_file(dir.as_fd(), c"cmdline", &mut bytes));
        if read.is_err() {
            return Vec::new();
        }
        bytes.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }
}

#[cfg(test)]
impl Processes {
    /// A table made by a test; nothing more can be read of its processes.
    pub(crate) fn of(mut list: Vec<Process>) -> Self {
        list.sort_unstable_by_key(|p| p.pid);
        let cgroup_root =
            cgroup::root_of(list.first().filter(|p| p.pid == 1).and_then(|p| p.cgroup.as_deref()));
        Self { proc: None, list, cgroup_root }
    }
}

fn hidden(what: &str, why: &str) -> Unseen {
    Unseen::new(Subject::Services, what, why).with_remedy("run as root")
}

/// What turns ticks into times.
#[derive(Debug, Clone, Copy)]
struct Clock {
    booted: u64,
    ticks_per_second: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { booted: 0, ticks_per_second: rustix::param::clock_ticks_per_second().max(1) }
    }
}

impl Clock {
    fn read(proc: BorrowedFd<'_>) -> Result<Self, String> {
        let mut bytes = Vec::new();
        // Its interrupt counters grow with the machine: a larger bound than elsewhere.
        read_at_most(proc, c"stat", &mut bytes, 4 << 20).map_err(|e| format!("/proc/stat: {e}"))?;
        let booted = stat::boot_time(&bytes).ok_or("/proc/stat: no btime line")?;
        Ok(Self { booted, ..Self::default() })
    }
}

/// Reads one process; `None` when it is no process any more (a zombie).
fn read_process(
    proc: BorrowedFd<'_>,
    pid: u32,
    name: &CStr,
    clock: Clock,
    buffer: &mut Vec<u8>,
) -> Result<Option<Process>, Errno> {
    let dir =
        rustix::fs::openat(proc, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let dir = dir.as_fd();
    read_file(dir, c"stat", buffer)?;
    let Some(stat) = stat::Stat::parse(buffer) else { return Ok(None) };
    if stat.is_dead() {
        return Ok(None);
    }
    let mut process = Process {
        pid,
        parent: stat.parent,
        name: stat.name,
        cpu_usec: ticks_to_usec(stat.cpu_ticks, clock),
        started: clock.booted.saturating_add(stat.start_ticks / clock.ticks_per_second),
        is_kernel_thread: stat.is_kernel_thread,
        has_terminal: stat.has_terminal,
        threads: stat.threads,
        ..Process::default()
    };
    if process.is_kernel_thread {
        return Ok(Some(process));
    }
    read_file(dir, c"status", buffer)?;
    (process.uid, process.capabilities) = stat::user_and_capabilities(buffer);
    if read_file(dir, c"cgroup", buffer).is_ok() {
        process.cgroup = cgroup::path(buffer);
    }
    let mut link = [MaybeUninit::uninit(); 4096];
    if let Ok((text, _)) = rustix::fs::readlinkat_raw(dir, c"exe", &mut link) {
        process.executable = Some(stat::executable(text));
    }
    if let Ok((text, _)) = rustix::fs::readlinkat_raw(dir, c"ns/net", &mut link) {
        process.net_namespace = bracketed(text, b"net:[");
    }
    Ok(Some(process))
}

fn ticks_to_usec(ticks: u64, clock: Clock) -> u64 {
    ticks.saturating_mul(1_000_000 / clock.ticks_per_second.clamp(1, 1_000_000))
}

/// The number in a link's text such as `socket:[123]`.
pub(crate) fn bracketed(text: &[u8], before: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(before)?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Reads a file of `/proc` into `buffer`, which is emptied first.
fn read_file(dir: BorrowedFd<'_>, name: &CStr, buffer: &mut Vec<u8>) -> Result<(), Errno> {
    read_at_most(dir, name, buffer, FILE_LIMIT)
}

fn read_at_most(dir: BorrowedFd<'_>, name: &CStr, buffer: &mut Vec<u8>, limit: u64) -> Result<(), Errno> {
    buffer.clear();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    let read = File::from(fd).take(limit).read_to_end(buffer);
    read.map(|_| ()).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests;
