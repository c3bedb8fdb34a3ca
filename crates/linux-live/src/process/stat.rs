//! Text of `/proc/PID/stat` and `/proc/PID/status`.
//!
//! A process chooses its own `comm`, so `stat` is split at the *last* closing parenthesis: whatever the name holds,
//! no `)` comes after it.

/// The kernel's flag for its own threads (`PF_KTHREAD` in `include/linux/sched.h`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What is used of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) name: String,
    pub(super) parent: u32,
    pub(super) cpu_ticks: u64,
    pub(super) start_ticks: u64,
    pub(super) is_kernel_thread: bool,
    pub(super) has_terminal: bool,
    pub(super) threads: u32,
    state: u8,
}

impl Stat {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|b| *b == b'(')?;
        let close = text.iter().rposition(|b| *b == b')')?;
        let name = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
        let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
        // Numbered as in proc_pid_stat(5), whose third field is the first after the name.
        let mut fields = rest.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let parent = fields.next()?.parse().ok()?;
        let has_terminal = fields.nth(2)? != "0"; // field 7
        let flags: u64 = fields.nth(1)?.parse().ok()?; // field 9
        let user: u64 = fields.nth(4)?.parse().ok()?; // field 14
        let system: u64 = fields.next()?.parse().ok()?;
        let threads = fields.nth(4)?.parse().ok()?; // field 20
        let start_ticks = fields.nth(1)?.parse().ok()?; // field 22
        Some(Self {
            name,
            parent,
            cpu_ticks: user.saturating_add(system),
            start_ticks,
            is_kernel_thread: flags & KERNEL_THREAD != 0,
            has_terminal,
            threads,
            state,
        })
    }

    /// Ended, with no thread of it alive: only its parent has not looked yet.
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, b'X' | b'x') || (self.state == b'Z' && self.threads <= 1)
    }
}

/// Effective user id and effective capabilities of `/proc/PID/status`. Its `Name` line comes escaped by the kernel.
pub(super) fn user_and_capabilities(text: &[u8]) -> (u32, u64) {
    let mut found = (u32::MAX, 0);
    for line in text.split(|b| *b == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Some(ids) = line.strip_prefix("Uid:") {
            found.0 = ids.split_ascii_whitespace().nth(1).and_then(|id| id.parse().ok()).unwrap_or(u32::MAX);
        } else if let Some(bits) = line.strip_prefix("CapEff:") {
            found.1 = u64::from_str_radix(bits.trim(), 16).unwrap_or(0);
            break; // it comes after Uid
        }
    }
    found
}

/// Seconds since the epoch at boot, of `/proc/stat`.
pub(super) fn boot_time(text: &[u8]) -> Option<u64> {
    let line = text.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"btime "))?;
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

/// Path of a program as `/proc/PID/exe` tells it, without the kernel's mark that the file was replaced since.
pub(super) fn executable(text: &[u8]) -> String {
    String::from_utf8_lossy(text.strip_suffix(b" (deleted)").unwrap_or(text)).into_owned()
}
