//! A booted host: run commands in it, look at and change its files, cut its power.

use std::ffi::OsStr;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::boot::{self, Running};
use crate::cgroup::Group;
use crate::disk::DiskImage;
use crate::error::Doing;
use crate::lab::{Bench, report};
use crate::network::Seat;
use crate::stepped::Stepped;
use crate::{Door, LabError, RootSpec, command, disk, guest, network};

/// Where a host has the library of [`Host::stepped`]: in memory, so that no disk shows it.
const STEPPED: &str = "/run/doorward-stepped.so";

/// How long [`Host::run`] waits.
const LIMIT: Duration = Duration::from_mins(1);

/// A real host: systemd as its process 1, a network namespace, a disk that is thrown away. Dropping it removes all
/// of it.
#[derive(Debug)]
pub struct Host {
    bench: Arc<Bench>,
    spec: &'static RootSpec,
    seat: Seat,
    root: PathBuf,
    images: AtomicU32,
    running: Option<Running>,
}

impl Host {
    pub(crate) fn start(
        bench: Arc<Bench>,
        spec: &'static RootSpec,
        tree: &Path,
        image: Option<&DiskImage>,
    ) -> Result<Self, LabError> {
        let seat = bench.seat()?;
        let root = bench.folder(seat).join("disk/root");
        let mut host = Self { bench, spec, seat, root, images: AtomicU32::new(0), running: None };
        disk::clone(tree, image, &host.disk())?;
        host.boot()?;
        Ok(host)
    }

    /// Its host name: its root's name.
    pub fn name(&self) -> &str {
        self.spec.name
    }

    /// Its IPv4 address on the switch.
    pub fn address(&self) -> IpAddr {
        self.ipv4().into()
    }

    /// Its IPv4 address on the switch.
    pub fn ipv4(&self) -> Ipv4Addr {
        self.seat.ipv4()
    }

    /// Its IPv6 address on the switch.
    pub fn ipv6(&self) -> Ipv6Addr {
        self.seat.ipv6()
    }

    /// This machine's process id of the host's process 1: `/proc/ID/root` is the host's tree, `/proc/ID/ns` its
    /// namespaces.
    pub fn leader_pid(&self) -> Result<u32, LabError> {
        self.running
            .as_ref()
            .map(|running| running.leader)
            .ok_or_else(|| LabError::Off(self.spec.name.to_owned()))
    }

    /// Where its network namespace can be opened.
    pub fn network_namespace(&self) -> PathBuf {
        network::place(&self.id()).into()
    }

    /// How long its last boot took, from power on until its doors were open.
    pub fn boot_time(&self) -> Result<Duration, LabError> {
        self.running
            .as_ref()
            .map(|running| running.took)
            .ok_or_else(|| LabError::Off(self.spec.name.to_owned()))
    }

    /// A command in the host, as root, with a host's environment; program and arguments, no shell. It runs outside
    /// every unit: to the host it is a process that nobody manages.
    pub fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Result<Command, LabError> {
        Ok(enter(self.leader_pid()?, words))
    }

    /// Runs a command in the host and waits up to a minute for its end. Its failure is for the caller to judge.
    pub fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Result<Output, LabError> {
        self.run_within(LIMIT, words)
    }

    /// [`Self::run`] with another time limit.
    pub fn run_within<S: AsRef<OsStr>>(&self, limit: Duration, words: &[S]) -> Result<Output, LabError> {
        command::output(&mut self.command(words)?, limit)
    }

    /// Runs a command in the host, insists that it succeeds, and returns what it printed.
    pub fn succeed<S: AsRef<OsStr>>(&self, words: &[S]) -> Result<String, LabError> {
        let output = command::succeed(&mut self.command(words)?, LIMIT)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts a command that goes on in the host; it ends with the host at the latest.
    pub fn spawn<S: AsRef<OsStr>>(&self, words: &[S]) -> Result<Child, LabError> {
        let mut command = self.command(words)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().doing(|| format!("start a command in {}", self.spec.name))
    }

    /// Starts a command that stops each time after it has brought `file` of the host to disk (`fdatasync`):
    /// [`Stepped::step`] lets it go on.
    pub fn stepped<S: AsRef<OsStr>>(&self, file: &str, words: &[S]) -> Result<Stepped, LabError> {
        let folder = self.bench.folder(self.seat).join("stepped");
        self.put(&Stepped::library(&folder)?, STEPPED)?;
        let (library, file) = (format!("LD_PRELOAD={STEPPED}"), format!("STEPPED_FILE={file}"));
        let mut enter = self.command(&["/usr/bin/env", &library, &file])?;
        enter.args(words);
        Stepped::start(enter, words, folder)
    }

    /// Reads a file of the host, running or off.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, LabError> {
        guest::read(&self.tree(), path)
    }

    /// Writes a file of the host (mode 0644), running or off.
    pub fn write_file(&self, path: &str, content: impl AsRef<[u8]>) -> Result<(), LabError> {
        guest::write(&self.tree(), path, 0o644, content.as_ref())
    }

    /// Copies a program of this machine into the host.
    pub fn put(&self, program: &Path, path: &str) -> Result<(), LabError> {
        let bytes = fs::read(program).doing(|| format!("read {}", program.display()))?;
        guest::write(&self.tree(), path, 0o755, &bytes)
    }

    /// The host's tree as this machine sees it. While the host runs it holds the host's own mounts (`/proc`, `/run`).
    pub fn tree(&self) -> PathBuf {
        match &self.running {
            Some(running) => format!("/proc/{}/root", running.leader).into(),
            None => self.root.clone(),
        }
    }

    /// Copies its disk as it is now, running or off: what a power cut would leave, while the host goes on. What waits
    /// in the kernel to be written counts as written.
    pub fn disk_image(&self) -> Result<DiskImage, LabError> {
        let number = self.images.fetch_add(1, Ordering::Relaxed);
        let layer = self.bench.home().join("images").join(format!("{}-{number}", self.seat.0));
        DiskImage::take(self.spec, &self.disk(), layer)
    }

    /// Does `work` while all its processes stand still. Those of [`Self::command`] go on, unless they have joined one of
    /// its control groups.
    pub fn frozen<T>(&self, work: impl FnOnce() -> T) -> Result<T, LabError> {
        let group = Group::at(&self.id())?;
        group.freeze(true)?;
        let done = work();
        group.freeze(false)?;
        Ok(done)
    }

    /// Ends all its processes at once, with no chance to write anything. The disk stays as it was.
    pub fn power_cut(&mut self) -> Result<(), LabError> {
        self.running = None;
        Group::at(&self.id())?.remove()?;
        network::unplug(&self.id(), &self.bench.switch(), self.seat)
    }

    /// Shuts it down in order.
    pub fn shut_down(&mut self) -> Result<(), LabError> {
        let mut poweroff = self.command(&["systemctl", "--no-block", "poweroff"])?;
        command::succeed(&mut poweroff, LIMIT)?;
        if let Some(running) = &mut self.running {
            // One that hangs is cut off below.
            running.ends_within(LIMIT);
        }
        self.power_cut()
    }

    /// Boots it on the disk that it had, with a network as fresh as a real machine's after power on.
    pub fn boot(&mut self) -> Result<(), LabError> {
        self.boot_until(self.spec.ready)
    }

    /// [`Self::boot`] that waits for other doors than its root is known for: some were shut for good.
    pub fn boot_until(&mut self, doors: &[Door]) -> Result<(), LabError> {
        if self.running.is_some() {
            return Ok(());
        }
        let id = self.id();
        network::plug(&id, &self.bench.switch(), self.seat)?;
        let group = Group::at(&id)?;
        group.create()?;
        let folder = self.bench.folder(self.seat);
        self.running = Some(boot::boot(self.spec.name, &id, &group, &folder, doors)?);
        Ok(())
    }

    fn id(&self) -> String {
        self.bench.name(self.seat)
    }

    fn disk(&self) -> PathBuf {
        self.bench.folder(self.seat).join("disk")
    }
}

/// A command in the host whose process 1 is `leader`.
pub(crate) fn enter<S: AsRef<OsStr>>(leader: u32, words: &[S]) -> Command {
    let mut enter = Command::new("nsenter");
    enter.env_clear().env("PATH", command::PATH).env("HOME", "/root").env("LC_ALL", "C.UTF-8");
    enter.args(["--all", "--target"]).arg(leader.to_string()).arg("--").args(words);
    enter
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.bench.is_kept() {
            if let Some(running) = self.running.take() {
                running.release();
            }
            return;
        }
        report(self.power_cut());
        report(disk::remove(&self.disk()));
    }
}
