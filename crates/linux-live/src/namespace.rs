//! Network namespaces other than the host's own: finding them, naming them, looking inside.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;

use doorward_model::{Facts, Subject, Unseen};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::LinkNameSpaceType;

use crate::process::{Processes, bracketed};

/// Where `ip netns` keeps namespaces by name.
const NAMED: &str = "/run/netns";

/// More namespaces than this are not looked into.
const LIMIT: usize = 2048;

/// A network namespace other than ours.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    /// Inode number.
    pub(crate) id: u64,
    /// Its name, where `ip netns` gave it one.
    pub(crate) name: Option<String>,
    /// Processes that live in it, sorted.
    pub(crate) pids: Vec<u32>,
    /// The way in.
    door: OwnedFd,
}

impl Elsewhere {
    /// Runs `work` inside, on a thread of its own that ends afterwards.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, String> {
        thread::scope(|scope| {
            let inside = || {
                rustix::thread::move_into_link_name_space(
                    self.door.as_fd(),
                    Some(LinkNameSpaceType::Network),
                )
                .map_err(|e| format!("entering it: {e}"))?;
                Ok(work())
            };
            let thread =
                thread::Builder::new().spawn_scoped(scope, inside).map_err(|e| format!("a thread: {e}"))?;
            thread.join().unwrap_or_else(|_| Err("the look inside broke off".into()))
        })
    }
}

/// Inode of the network namespace that we live in.
pub(crate) fn own() -> Option<u64> {
    let text = rustix::fs::readlink("/proc/thread-self/ns/net", Vec::new()).ok()?;
    bracketed(text.to_bytes(), b"net:[")
}

/// Every other network namespace that a process lives in or that has a name.
pub(crate) fn others(processes: &Processes) -> Facts<Vec<Elsewhere>> {
    let mut facts = Facts::complete(Vec::new());
    let Some(own) = own() else {
        let why = "/proc/thread-self/ns/net cannot be read";
        facts.unseen.push(Unseen::new(Subject::Listeners, "sockets in other network namespaces", why));
        return facts;
    };
    let mut inhabited: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut dark = 0;
    for process in processes.iter().filter(|p| !p.is_kernel_thread) {
        match process.net_namespace {
            Some(id) if id == own => {}
            Some(id) => inhabited.entry(id).or_default().push(process.pid),
            None => dark += 1,
        }
    }
    if dark > 0 {
        let what = format!("network namespaces of {dark} processes of other users");
        let why = "permission denied reading /proc/*/ns/net";
        facts.unseen.push(Unseen::new(Subject::Listeners, what, why).with_remedy("run as root"));
    }
    let mut named = named();
    named.retain(|id, _| *id != own);
    for (id, pids) in inhabited {
        // Any of its processes leads there; those that ended meanwhile do not.
        let door = pids.iter().find_map(|pid| process_door(processes, *pid, id).ok());
        let named = named.remove(&id);
        let (name, door) = match (named, door) {
            (Some((name, fallback)), door) => (Some(name), Some(door.unwrap_or(fallback))),
            (None, door) => (None, door),
        };
        facts.value.extend(door.map(|door| Elsewhere { id, name, pids, door }));
    }
    let empty = named.into_iter().map(|(id, (name, door))| Elsewhere {
        id,
        name: Some(name),
        pids: Vec::new(),
        door,
    });
    facts.value.extend(empty);
    if facts.value.len() > LIMIT {
        let what = format!("sockets in {} network namespaces", facts.value.len() - LIMIT);
        facts.unseen.push(Unseen::new(Subject::Listeners, what, format!("only {LIMIT} are looked into")));
        facts.value.truncate(LIMIT);
    }
    facts
}

/// A descriptor of a process's namespace, if it is still that one.
fn process_door(processes: &Processes, pid: u32, id: u64) -> Result<OwnedFd, Errno> {
    let dir = processes.directory(pid)?;
    let door = rustix::fs::openat(&dir, c"ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    if rustix::fs::fstat(&door)?.st_ino == id { Ok(door) } else { Err(Errno::NOENT) }
}

/// Namespaces that `ip netns` named, by inode. Names that cannot be opened are stale files and lead nowhere.
fn named() -> BTreeMap<u64, (String, OwnedFd)> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(Path::new(NAMED)) else { return found };
    for entry in entries.flatten() {
        let Ok(file) = std::fs::File::open(entry.path()) else { continue };
        let Ok(meta) = file.metadata() else { continue };
        // A mount of the kernel's namespace file system; a plain file is the leftover of a name.
        let is_namespace = rustix::fs::fstatfs(&file).is_ok_and(|s| s.f_type == NAMESPACE_FS);
        if is_namespace {
            found.insert(meta.ino(), (entry.file_name().to_string_lossy().into_owned(), OwnedFd::from(file)));
        }
    }
    found
}

/// `NSFS_MAGIC` (`linux/magic.h`).
const NAMESPACE_FS: rustix::fs::FsWord = 0x6e73_6673;

#[cfg(test)]
impl Elsewhere {
    /// A namespace that a test made.
    pub(crate) fn of(door: OwnedFd) -> Self {
        let id = rustix::fs::fstat(&door).unwrap().st_ino;
        Self { id, name: None, pids: Vec::new(), door }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_namespace_is_that_of_this_process() {
        let processes = Processes::read().value;
        assert_eq!(processes.get(std::process::id()).and_then(|p| p.net_namespace), own());
        assert!(others(&processes).value.iter().all(|e| Some(e.id) != own()));
    }
}
