//! The program within the unit: makes the copy's file systems and network, boots it, and ends it.

use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::CloneError;
use crate::copy::PROGRAM;
use crate::error::Doing as _;
use crate::lines::{receive, send};
use crate::mounts::{choose, lay, parse};
use crate::network::Network;
use crate::prepare::prepare;
use crate::program::{self, NSPAWN, program};
use crate::wire::{LONGEST, News, Order, Wish};

/// How `systemd-nspawn --keep-unit` ends when the container was rebooted.
const REBOOTED: i32 = 133;
const TICK: Duration = Duration::from_millis(20);
const BOOT_LIMIT: Duration = Duration::from_mins(3);
const END_LIMIT: Duration = Duration::from_secs(8);
const CONSOLE: u64 = 3000;

/// Keeps the copy that is ordered at `socket` until whoever ordered it ends. Errors are told there, and returned.
pub fn keep(socket: &Path) -> Result<(), CloneError> {
    let stream = UnixStream::connect(socket).doing(|| format!("connect to {}", socket.display()))?;
    let mut reader = BufReader::new(stream.try_clone().doing(|| "listen".to_owned())?);
    let order: Option<Order> = receive(&mut reader, LONGEST).doing(|| "listen to the order".to_owned())?;
    let Some(order) = order else { return Ok(()) };
    let (sender, wishes) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok(Some(wish)) = receive::<Wish>(&mut reader, LONGEST) {
            if sender.send(wish).is_err() {
                return;
            }
        }
    });
    // In the unit's own mount namespace; of the host's it is an empty folder that goes with the socket.
    let folder = socket.with_file_name("copy");
    let kept = kept(&order, &folder, &stream, &wishes);
    if let Err(error) = &kept {
        // Who ordered it may have ended.
        let _ = send(&mut &stream, &News::Failed { why: error.to_string() });
    }
    let _ = stream.shutdown(Shutdown::Both);
    kept
}

fn kept(
    order: &Order,
    folder: &Path,
    stream: &UnixStream,
    wishes: &Receiver<Wish>,
) -> Result<(), CloneError> {
    let told = std::fs::read_to_string("/proc/self/mountinfo").doing(|| "read the mounts".to_owned())?;
    let chosen = choose(&parse(&told), Path::is_dir);
    let root = lay(folder, order.memory, &chosen.overlays)?;
    let mut differences = chosen.differences;
    differences.extend(prepare(&root, order)?);
    let tell = |news: &News| send(&mut &*stream, news).doing(|| "tell what came of the copy".to_owned());
    tell(&News::Made { differences })?;
    let network = Network::make(&order.interfaces)?;
    loop {
        let mut running = Running::boot(order, &root, folder, &network)?;
        if !running.comes_up(wishes)? {
            return Ok(());
        }
        tell(&News::Ready { leader: running.leader })?;
        if !running.wait(wishes)? {
            return Ok(());
        }
    }
}

/// One boot of the copy.
struct Running {
    nspawn: Child,
    leader: u32,
    process: Option<OwnedFd>,
    news: UnixDatagram,
    console: PathBuf,
}

impl Running {
    fn boot(order: &Order, root: &Path, folder: &Path, network: &Network) -> Result<Self, CloneError> {
        let (at, console) = (folder.join("notify"), folder.join("console"));
        // One of the boot before.
        let _ = std::fs::remove_file(&at);
        let news = UnixDatagram::bind(&at).doing(|| "listen to the copy".to_owned())?;
        news.set_read_timeout(Some(TICK)).doing(|| "set a time limit".to_owned())?;
        let file = || std::fs::File::create(&console).doing(|| format!("write {}", console.display()));
        let out = file()?;
        let err = out.try_clone().doing(|| "write the console".to_owned())?;
        let mut bind = order.program.clone().into_os_string();
        bind.push(":");
        bind.push(PROGRAM);
        let mut option = std::ffi::OsString::from("--bind-ro=");
        option.push(bind);
        let mut net = std::ffi::OsString::from("--network-namespace-path=");
        net.push(network.place());
        let nspawn = program(NSPAWN)
            .args(["--quiet", "--boot", "--register=no", "--keep-unit", "--link-journal=no"])
            .args(["--notify-ready=yes", "--console=read-only", "--resolv-conf=off", "--timezone=off"])
            .args(["--capability=all", "--system-call-filter=bpf perf_event_open add_key keyctl request_key"])
            .arg(format!("--machine={}", order.name))
            .arg(format!("--hostname={}", order.host_name))
            .arg(net)
            .arg(option)
            .arg("--directory")
            .arg(root)
            .env("NOTIFY_SOCKET", &at)
            // The copy may set the settings of its own network.
            .env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network")
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err))
            .spawn()
            .doing(|| "start systemd-nspawn".to_owned())?;
        Ok(Self { nspawn, leader: 0, process: None, news, console })
    }

    /// Waits until it is up. Says no when it is not wanted any more.
    fn comes_up(&mut self, wishes: &Receiver<Wish>) -> Result<bool, CloneError> {
        let began = Instant::now();
        let mut ready = false;
        while !(ready && self.leader != 0) {
            let mut message = [0; 4096];
            if let Ok(length) = self.news.recv(&mut message) {
                for line in String::from_utf8_lossy(&message[..length]).lines() {
                    ready |= line == "READY=1";
                    if let Some(leader) = line.strip_prefix("X_NSPAWN_LEADER_PID=") {
                        self.leader = leader.parse().unwrap_or(0);
                        let pid = i32::try_from(self.leader).ok().and_then(Pid::from_raw);
                        self.process = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
                    }
                }
            }
            if let Ok(Some(status)) = self.nspawn.try_wait() {
                return Err(self.failed(&format!("could not be booted: systemd-nspawn ended with {status}")));
            }
            if began.elapsed() > BOOT_LIMIT {
                let why = format!("is not up after {} s", BOOT_LIMIT.as_secs());
                return Err(self.failed(&why));
            }
            if matches!(wishes.try_recv(), Err(mpsc::TryRecvError::Disconnected)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits for its end. Says whether it is to be booted again.
    fn wait(&mut self, wishes: &Receiver<Wish>) -> Result<bool, CloneError> {
        loop {
            match wishes.recv_timeout(TICK) {
                // As ctrl-alt-del: the service manager reboots in order.
                Ok(Wish::Reboot) => self.signal(Signal::INT),
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
                Err(RecvTimeoutError::Timeout) => {}
            }
            // What it has to say is heard, lest it waits.
            let _ = self.news.recv(&mut [0; 4096]);
            if let Ok(Some(status)) = self.nspawn.try_wait() {
                return match status.code() {
                    Some(REBOOTED) => Ok(true),
                    _ => Err(self.failed(&format!("ended by itself ({status})"))),
                };
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            // It has ended: that is seen elsewhere.
            let _ = pidfd_send_signal(process.as_fd(), signal);
        }
    }

    fn failed(&self, why: &str) -> CloneError {
        let mut tail = Vec::new();
        // The console explains; that it failed is told without it, too.
        let _ = std::fs::File::open(&self.console).and_then(|mut file| {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(CONSOLE)))?;
            file.take(CONSOLE).read_to_end(&mut tail)
        });
        let tail = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = tail.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n");
        CloneError::Boot { why: if last.is_empty() { why.to_owned() } else { format!("{why}:\n{last}") } }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The end of process 1 is the end of all in the copy; nspawn then tidies up and ends.
        self.signal(Signal::KILL);
        let until = Instant::now() + END_LIMIT;
        while self.process.is_some() && Instant::now() < until {
            if !matches!(self.nspawn.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(TICK / 4);
        }
        program::end(&mut self.nspawn);
    }
}
