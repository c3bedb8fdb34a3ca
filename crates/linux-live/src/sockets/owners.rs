//! Which processes hold which sockets: the descriptors of every process, by socket inode.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use doorward_model::{Facts, Subject, Unseen};
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::Errno;

use crate::process::{Process, Processes, bracketed};

/// Holders of sockets by inode, of the processes whose descriptors could be read.
#[derive(Debug, Default)]
pub struct SocketOwners {
    /// Sorted by inode, then process.
    inodes: Vec<u64>,
    /// The process of each inode at the same place.
    pids: Vec<u32>,
    /// Whether every process could be read.
    complete: bool,
}

impl SocketOwners {
    /// Reads the descriptors of all these processes.
    pub fn read(processes: &Processes) -> Facts<Self> {
        let mut pairs = Vec::new();
        let mut denied = Vec::new();
        for process in processes.iter().filter(|p| !p.is_kernel_thread) {
            match sockets_of(processes, process.pid, &mut pairs) {
                Ok(()) | Err(Errno::NOENT | Errno::SRCH) => {}
                Err(_) => denied.push(process.pid),
            }
        }
        // Without process 1 the table itself is not complete (hidepid, or another's namespace of processes).
        let complete = denied.is_empty() && processes.get(1).is_some();
        let mut facts = Facts::complete(Self::from_pairs(pairs, complete));
        if let Some(first) = denied.first() {
            let what = format!("sockets held by {} processes of other users", denied.len());
            let why = format!("permission denied reading /proc/{first}/fd and the like");
            facts.unseen.push(Unseen::new(Subject::Owners, what, why).with_remedy("run as root"));
        }
        facts
    }

    /// Reads the descriptors of some processes alone, for what is known to be of them.
    pub(crate) fn of_some<'p>(processes: &'p Processes, some: impl Iterator<Item = &'p Process>) -> Self {
        let mut pairs = Vec::new();
        for process in some {
            // One that is gone, or not ours to read, holds nothing that we could name.
            let _ = sockets_of(processes, process.pid, &mut pairs);
        }
        Self::from_pairs(pairs, false)
    }

    fn from_pairs(mut pairs: Vec<(u64, u32)>, complete: bool) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let (inodes, pids) = pairs.into_iter().unzip();
        Self { inodes, pids, complete }
    }

    /// The processes that hold the socket of this inode, sorted; empty when none is known.
    pub fn pids(&self, inode: u64) -> &[u32] {
        let from = self.inodes.partition_point(|i| *i < inode);
        let to = self.inodes.partition_point(|i| *i <= inode);
        self.pids.get(from..to).unwrap_or_default()
    }

    /// Whether the descriptors of every process could be read: then a socket that nobody holds is the kernel's.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Looks for sockets that no process seems to hold among the descriptors of single threads, which may have
    /// tables of their own (`unshare(CLONE_FILES)`): a rare thing, so it is only done for the `missing` (sorted).
    pub(super) fn find_in_threads(&self, processes: &Processes, missing: &[u64]) -> Self {
        let mut pairs = Vec::new();
        let many = processes.iter().filter(|p| p.threads > 1 && !p.is_kernel_thread && !missing.is_empty());
        for process in many {
            // A thread that is gone, or not ours to read, holds nothing that we could name.
            let _ = sockets_of_threads(processes, process.pid, &mut pairs);
        }
        pairs.retain(|(inode, _)| missing.binary_search(inode).is_ok());
        Self::from_pairs(pairs, self.complete)
    }
}

#[cfg(test)]
impl SocketOwners {
    /// Owners made by a test.
    pub(crate) fn of(pairs: &[(u64, u32)], complete: bool) -> Self {
        Self::from_pairs(pairs.to_vec(), complete)
    }
}

fn sockets_of(processes: &Processes, pid: u32, pairs: &mut Vec<(u64, u32)>) -> Result<(), Errno> {
    let dir = processes.directory(pid)?;
    sockets_below(dir.as_fd(), c"fd", pid, pairs)
}

fn sockets_of_threads(processes: &Processes, pid: u32, pairs: &mut Vec<(u64, u32)>) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let tasks = rustix::fs::openat(processes.directory(pid)?, c"task", flags, Mode::empty())?;
    let mut listing = [MaybeUninit::uninit(); 8 << 10];
    let mut entries = RawDir::new(&tasks, &mut listing);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if entry.file_name().to_bytes().starts_with(b".") {
            continue;
        }
        let thread =
            rustix::fs::openat(&tasks, entry.file_name(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        if let Ok(thread) = thread {
            let _ = sockets_below(thread.as_fd(), c"fd", pid, pairs); // as above
        }
    }
    Ok(())
}

/// Appends the sockets among the links of a descriptor directory.
fn sockets_below(
    dir: BorrowedFd<'_>,
    name: &CStr,
    pid: u32,
    pairs: &mut Vec<(u64, u32)>,
) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fds = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    let mut listing = [MaybeUninit::uninit(); 16 << 10];
    let mut entries = RawDir::new(&fds, &mut listing);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let mut link = [MaybeUninit::uninit(); 40]; // longer texts are no sockets
        match rustix::fs::readlinkat_raw(&fds, entry.file_name(), &mut link) {
            Ok((text, _)) => pairs.extend(bracketed(text, b"socket:[").map(|inode| (inode, pid))),
            // Some processes show which descriptors they have and not what they are.
            Err(e @ (Errno::ACCESS | Errno::PERM)) => return Err(e),
            Err(_) => {} // closed meanwhile, or no link (`.`)
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd as _;

    #[test]
    fn holders_come_sorted_and_apart() {
        let owners = SocketOwners::of(&[(7, 3), (5, 9), (7, 1), (7, 3), (6, 2)], true);
        assert_eq!(owners.pids(7), [1, 3]);
        assert_eq!(owners.pids(5), [9]);
        assert_eq!(owners.pids(8), [] as [u32; 0]);
    }

    #[test]
    fn own_socket_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let inode = bracketed(link.to_str().unwrap().as_bytes(), b"socket:[").unwrap();
        let processes = Processes::read().value;
        let owners = SocketOwners::read(&processes);
        assert_eq!(owners.value.pids(inode), [std::process::id()]);
        assert_eq!(owners.value.is_complete(), owners.unseen.is_empty());
    }
}
