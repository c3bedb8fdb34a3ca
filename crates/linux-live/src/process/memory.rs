//! Memory of processes: proportional set size where the kernel lets us see it, resident size otherwise.

use std::os::fd::BorrowedFd;

use doorward_model::{Memory, MemoryMethod};
use rustix::io::Errno;

/// Sums over the processes that are still there. One that only shows its resident size makes the whole sum resident:
/// two measures are not added up.
pub(super) fn of(proc: BorrowedFd<'_>, pids: &[u32]) -> Option<Memory> {
    sum(proc, pids, "smaps_rollup", b"Pss:", MemoryMethod::Pss)
        .or_else(|| sum(proc, pids, "status", b"VmRSS:", MemoryMethod::Rss))
}

fn sum(proc: BorrowedFd<'_>, pids: &[u32], file: &str, key: &[u8], method: MemoryMethod) -> Option<Memory> {
    let mut buffer = Vec::new();
    let mut bytes = None;
    for pid in pids {
        let Ok(name) = std::ffi::CString::new(format!("{pid}/{file}")) else { continue };
        match super::read_file(proc, &name, &mut buffer) {
            Ok(()) => {}
            // Gone; but a file that is absent while the process is there means an older kernel.
            Err(Errno::SRCH) => continue,
            Err(Errno::NOENT) if method == MemoryMethod::Rss => continue,
            Err(_) => return None,
        }
        if let Some(held) = kilobytes(&buffer, key) {
            bytes = Some(bytes.unwrap_or(0u64).saturating_add(held.saturating_mul(1024)));
        }
    }
    bytes.map(|bytes| Memory { bytes, method })
}

/// Value of a line such as `Pss:      1234 kB`.
pub(super) fn kilobytes(text: &[u8], key: &[u8]) -> Option<u64> {
    let line = text.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(key))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().next()?.parse().ok()
}
