//! One lab: a switch, the hosts and clients plugged into it, and the certainty that all of it goes away.
//!
//! What a lab makes on this machine (groups, namespaces, mounts, files) bears the lab's id, and the lab holds a lock
//! on a file while its process lives. The next lab removes what belongs to ids whose lock is free: test runs that
//! were killed leave nothing for long.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use crate::cgroup::{self, Group};
use crate::disk::DiskImage;
use crate::error::Doing;
use crate::network::Seat;
use crate::{Client, Host, LabError, RootSpec, build, command, disk, network};

/// Where labs keep their disks and notes.
pub(crate) const STATE: &str = "/run/doorward-lab";

/// A lab whose processes outlive their maker, until somebody removes it, has this file.
pub(crate) const KEPT: &str = "kept";

/// The programs that the lab runs, and the Debian package that has each.
const TOOLS: [(&str, &str); 6] = [
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("chroot", "coreutils"),
    ("cc", "gcc"),
];

/// A switch that hosts and clients are plugged into. Hosts and clients may outlive it: the last one cleans up.
#[derive(Debug)]
pub struct Lab {
    pub(crate) bench: Arc<Bench>,
}

/// What hosts and clients of one lab share.
#[derive(Debug)]
pub(crate) struct Bench {
    id: String,
    folder: PathBuf,
    kept: AtomicBool,
    seats: AtomicU8,
    /// Held for as long as the lab lives.
    _lock: File,
}

impl Lab {
    /// A new lab, after removing what crashed ones left. [`LabError::Missing`] when this machine cannot run any.
    pub fn open() -> Result<Self, LabError> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        check()?;
        let _others_wait = sweep(false)?;
        let id = format!("doorward-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(STATE).join(&id);
        fs::create_dir(&folder).doing(|| format!("create {}", folder.display()))?;
        let lock = lock_file(&folder)?;
        lock.lock().doing(|| format!("lock {}", folder.display()))?;
        let bench = Bench { id, folder, kept: AtomicBool::new(false), seats: AtomicU8::new(1), _lock: lock };
        network::create_switch(&bench.switch())?;
        Ok(Self { bench: Arc::new(bench) })
    }

    /// Builds the root file system of `spec` and of its parents, unless they are in the cache. Returns its place:
    /// a tree to look at, never to write.
    pub fn root(&self, spec: &RootSpec) -> Result<PathBuf, LabError> {
        build::build(spec)
    }

    /// A host with a clone of that root as its disk, booted and ready.
    pub fn host(&self, spec: &'static RootSpec) -> Result<Host, LabError> {
        let root = self.root(spec)?;
        Host::start(Arc::clone(&self.bench), spec, &root, None)
    }

    /// A host with a copy of that image as its disk, of this lab or another, booted and ready.
    pub fn host_of(&self, image: &DiskImage) -> Result<Host, LabError> {
        let root = self.root(image.spec)?;
        Host::start(Arc::clone(&self.bench), image.spec, &root, Some(image))
    }

    /// A bare network namespace on the same switch: a neighbour, or an attacker.
    pub fn client(&self) -> Result<Client, LabError> {
        Client::plug(Arc::clone(&self.bench))
    }
}

/// Opens a lab for a test. On a machine that cannot run one, prints why and returns none, so that the test can end
/// early; unless the environment says `DOORWARD_LAB=required`.
///
/// # Panics
/// When the lab is required, or exists and fails.
pub fn open_or_skip() -> Option<Lab> {
    match Lab::open() {
        Ok(lab) => Some(lab),
        Err(error @ LabError::Missing { .. })
            if std::env::var("DOORWARD_LAB").as_deref() != Ok("required") =>
        {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Removes labs whose process is gone; with `kept_too`, those that were to outlive it.
pub(crate) fn remove_left(kept_too: bool) -> Result<(), LabError> {
    check()?;
    sweep(kept_too).map(drop)
}

impl Bench {
    /// Its switch's namespace.
    pub(crate) fn switch(&self) -> String {
        format!("{}-switch", self.id)
    }

    /// The next free seat on the switch.
    pub(crate) fn seat(&self) -> Result<Seat, LabError> {
        let next = |seat: u8| seat.checked_add(1).filter(|_| seat < 255);
        let seat = self.seats.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        seat.map(Seat)
            .map_err(|_| LabError::Missing { what: "more than 254 places on one switch".to_owned() })
    }

    /// The name of what sits on `seat`: its namespace, its group, its folder's last part.
    pub(crate) fn name(&self, seat: Seat) -> String {
        format!("{}-{}", self.id, seat.0)
    }

    /// The folder of what sits on `seat`.
    pub(crate) fn folder(&self, seat: Seat) -> PathBuf {
        self.folder.join(seat.0.to_string())
    }

    /// The folder of the lab.
    pub(crate) fn home(&self) -> &Path {
        &self.folder
    }

    /// From now on all of it stays when the process ends.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Whether all of it stays when the process ends.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !self.is_kept() {
            report(remove(&self.id));
        }
    }
}

/// A failure to clean up concerns the next run more than this one: it is said and does not stop the test.
pub(crate) fn report(removed: Result<(), LabError>) {
    if let Err(error) = removed {
        eprintln!("lab: cleaning up: {error}");
    }
}

fn check() -> Result<(), LabError> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("it needs root".to_owned());
    }
    for (tool, package) in TOOLS {
        if !command::PATH.split(':').any(|folder| Path::new(folder).join(tool).exists()) {
            missing
                .push(format!("{tool} is not installed (Debian package {package}; dev/setup installs it)"));
        }
    }
    if missing.is_empty() {
        missing.extend(cgroup::check().err());
    }
    if missing.is_empty() { Ok(()) } else { Err(LabError::Missing { what: missing.join("; ") }) }
}

/// Removes labs whose process is gone (of the kept ones: only when asked). Returns a lock that keeps other processes
/// from sweeping while the caller makes a lab of its own.
fn sweep(kept_too: bool) -> Result<File, LabError> {
    fs::create_dir_all(STATE).doing(|| format!("create {STATE}"))?;
    let all = lock_file(Path::new(STATE))?;
    all.lock().doing(|| format!("lock {STATE}"))?;
    for entry in fs::read_dir(STATE).doing(|| format!("list {STATE}"))?.flatten() {
        let folder = entry.path();
        let Ok(id) = entry.file_name().into_string() else { continue };
        if folder.is_dir()
            && (kept_too || !folder.join(KEPT).exists())
            && lock_file(&folder)?.try_lock().is_ok()
        {
            remove(&id)?;
        }
    }
    Ok(all)
}

fn lock_file(folder: &Path) -> Result<File, LabError> {
    let at = folder.join("lock");
    File::create(&at).doing(|| format!("create {}", at.display()))
}

/// Removes all that bears a lab's id.
fn remove(id: &str) -> Result<(), LabError> {
    let prefix = format!("{id}-");
    for name in cgroup::named(&prefix) {
        Group::at(&name)?.remove()?;
        // What systemd-nspawn removes itself, when it is not killed.
        let left = Path::new("/run/systemd/nspawn/propagate").join(&name);
        if left.exists() {
            fs::remove_dir_all(&left).doing(|| format!("remove {}", left.display()))?;
        }
    }
    let folder = Path::new(STATE).join(id);
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            disk::remove(&entry.path().join("disk"))?;
        }
    }
    for name in network::named(&prefix) {
        network::remove(&name)?;
    }
    fs::remove_dir_all(&folder).doing(|| format!("remove {}", folder.display()))
}
