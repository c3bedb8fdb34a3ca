//! Boots a tree with `systemd-nspawn` and waits until it says that it is ready, and really is.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, pidfd_send_signal};

use crate::cgroup::Group;
use crate::error::Doing;
use crate::{Door, LabError, command, network};

/// A full host on a busy machine takes about 10 s.
const LIMIT: Duration = Duration::from_mins(2);

/// Joins the groups named before `--`, then becomes the command after it.
const ENTER: &str = r#"while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@""#;

/// A host's processes. Dropping it cuts the power.
#[derive(Debug)]
pub(crate) struct Running {
    /// Process 1 of the host, as this machine counts.
    pub(crate) leader: u32,
    /// From start to ready.
    pub(crate) took: Duration,
    /// Process 1 again, in a form that never means another process.
    process: Option<OwnedFd>,
    keeper: Option<Child>,
}

impl Running {
    /// Waits for the host to end by itself. Returns whether it did.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while let Some(keeper) = &mut self.keeper {
            if !matches!(keeper.try_wait(), Ok(None)) {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Lets the host live on.
    pub(crate) fn release(mut self) {
        self.process = None;
        self.keeper = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The end of process 1 is the end of all processes of its namespace; its keeper then tidies up and ends. To
        // kill the keeper instead would leave the host alive. Either may be gone already.
        if let Some(process) = &self.process {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        let ended = self.process.is_some() && self.ends_within(LIMIT / 12);
        if let Some(keeper) = &mut self.keeper {
            if !ended {
                let _ = keeper.kill();
            }
            let _ = keeper.wait();
        }
    }
}

/// Boots the tree in `folder/disk/root` as host `name`.
pub(crate) fn boot(
    name: &str,
    id: &str,
    group: &Group,
    folder: &Path,
    doors: &[Door],
) -> Result<Running, LabError> {
    let began = Instant::now();
    let news = folder.join("notify");
    // A socket of the boot before.
    let _ = fs::remove_file(&news);
    let socket = UnixDatagram::bind(&news).doing(|| format!("bind {}", news.display()))?;
    socket.set_read_timeout(Some(Duration::from_millis(100))).doing(|| "set a time limit".to_owned())?;
    let console = folder.join("console.log");
    let keeper = nspawn(name, id, group, folder, &news, &console)?;
    let mut running = Running { leader: 0, took: Duration::ZERO, process: None, keeper: Some(keeper) };
    let failed = |why: String| {
        let text = fs::read(&console).unwrap_or_default();
        let tail = command::tail(&String::from_utf8_lossy(&text), 30);
        LabError::Boot { host: name.to_owned(), why, console: console.clone(), tail }
    };
    let mut ready = false;
    while !ready || running.leader == 0 {
        let mut message = [0; 4096];
        if let Ok(length) = socket.recv(&mut message) {
            for line in String::from_utf8_lossy(&message[..length]).lines() {
                ready |= line == "READY=1";
                if let Some(leader) = line.strip_prefix("X_NSPAWN_LEADER_PID=") {
                    running.leader = leader.parse().unwrap_or(0);
                    running.process = command::process(running.leader).ok();
                }
            }
        }
        if let Some(Ok(Some(status))) = running.keeper.as_mut().map(Child::try_wait) {
            return Err(failed(format!("systemd-nspawn ended with {status}")));
        }
        if began.elapsed() > LIMIT {
            return Err(failed(format!("its manager did not report within {LIMIT:?}")));
        }
    }
    while let Some(door) = first_closed(running.leader, doors)? {
        if began.elapsed() > LIMIT {
            return Err(failed(format!("{door:?} does not listen after {LIMIT:?}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
    running.took = began.elapsed();
    Ok(running)
}

fn nspawn(
    name: &str,
    id: &str,
    group: &Group,
    folder: &Path,
    news: &Path,
    console: &Path,
) -> Result<Child, LabError> {
    let log = || File::options().create(true).append(true).open(console);
    let [out, err] = [log(), log()].map(|file| file.doing(|| format!("open {}", console.display())));
    let mut command = Command::new("/bin/sh");
    command.args(["-ec", ENTER, "sh"]).args(group.folders()).args(["--", "systemd-nspawn"]);
    command.args([
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--notify-ready=yes",
        "--console=read-only",
    ]);
    command.args(["--link-journal=no", "--resolv-conf=off", "--timezone=off", "--capability=all"]);
    // Without `bpf`, `IPAddressDeny=` silently does nothing; the others a real host allows too.
    command.arg("--system-call-filter=bpf perf_event_open add_key keyctl request_key");
    command.arg(format!("--machine={id}")).arg(format!("--hostname={name}"));
    command.arg(format!("--network-namespace-path={}", network::place(id)));
    command.arg("--directory").arg(folder.join("disk/root"));
    if Path::new("/dev/net/tun").exists() {
        command.arg("--bind=/dev/net/tun");
    }
    command.env_clear().env("PATH", command::PATH).env("LC_ALL", "C.UTF-8").env("NOTIFY_SOCKET", news);
    command.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    // A host may set its own network's sysctls.
    command.env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network");
    // A group of its own: an interrupt from the terminal is the test's, not the host's.
    command.process_group(0).stdin(Stdio::null()).stdout(out?).stderr(err?);
    command.spawn().doing(|| format!("boot {name}"))
}

fn first_closed(leader: u32, doors: &[Door]) -> Result<Option<Door>, LabError> {
    let table = |name: &str| {
        let at = format!("/proc/{leader}/net/{name}");
        match fs::read_to_string(&at) {
            // A kernel without IPv6.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name.ends_with('6') => {
                Ok(String::new())
            }
            read => read.doing(|| format!("read {at}")),
        }
    };
    let tcp = table("tcp")? + &table("tcp6")?;
    let udp = table("udp")? + &table("udp6")?;
    let closed = |door: &&Door| match door {
        Door::Tcp(port) => !listens(&tcp, *port, "0A"),
        Door::Udp(port) => !listens(&udp, *port, "07"),
    };
    Ok(doors.iter().find(closed).copied())
}

/// Whether a table of `/proc/net` has a socket in `state` on `port` (fields: slot, local address, remote address,
/// state; numbers in hexadecimal).
fn listens(table: &str, port: u16, state: &str) -> bool {
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().take(4).collect();
        let local = fields.get(1).and_then(|address| address.rsplit_once(':'));
        local.and_then(|(_, port)| u16::from_str_radix(port, 16).ok()) == Some(port)
            && fields.get(3) == Some(&state)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_from_connections() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n\
                     \x20  0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000\n\
                     \x20  1: 0100007F:0050 0100007F:D431 01 00000000:00000000\n";
        assert!(listens(table, 3306, "0A"));
        assert!(!listens(table, 80, "0A"));
        assert!(!listens("", 80, "0A"));
    }
}
