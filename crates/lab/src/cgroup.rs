//! The control groups that hold a host: its own, so that hosts do not share one, and so that one write ends it all.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::LabError;
use crate::error::Doing;

/// The folders of one host's group: one in the unified hierarchy, and, on machines that still mount them, one in
/// each older hierarchy that `systemd-nspawn` looks at.
#[derive(Debug)]
pub(crate) struct Group {
    unified: PathBuf,
    others: Vec<PathBuf>,
}

/// Where this machine mounts its hierarchies: the unified one, then the older ones that matter here.
fn hierarchies() -> Option<(PathBuf, Vec<PathBuf>)> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    let (mut unified, mut others) = (None, Vec::new());
    for (at, kind, options) in fields {
        match kind {
            "cgroup2" if unified.is_none() => unified = Some(PathBuf::from(at)),
            "cgroup" if options.split(',').any(|option| matches!(option, "name=systemd" | "memory")) => {
                others.push(PathBuf::from(at));
            }
            _ => {}
        }
    }
    Some((unified?, others))
}

/// Whether this machine has what hosts need of control groups; else what is missing.
pub(crate) fn check() -> Result<(), String> {
    let (unified, _) = hierarchies().ok_or("no cgroup2 file system is mounted")?;
    let groups = fs::read_dir(&unified).map_err(|error| format!("{}: {error}", unified.display()))?;
    // The root group has no `cgroup.kill` of its own: writability is what can be asked without making a group.
    drop(groups);
    rustix::fs::access(&unified, rustix::fs::Access::WRITE_OK)
        .map_err(|error| format!("{} cannot be written: {error}", unified.display()))
}

/// The names of all groups whose name begins with `prefix`.
pub(crate) fn named(prefix: &str) -> Vec<String> {
    let Some((unified, _)) = hierarchies() else { return Vec::new() };
    let entries = fs::read_dir(unified).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect()
}

impl Group {
    /// The group called `name`, which may exist or not.
    pub(crate) fn at(name: &str) -> Result<Self, LabError> {
        let (unified, others) = hierarchies()
            .ok_or_else(|| LabError::Missing { what: "no cgroup2 file system is mounted".to_owned() })?;
        Ok(Self { unified: unified.join(name), others: others.into_iter().map(|at| at.join(name)).collect() })
    }

    /// Every folder of the group.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.unified).chain(&self.others).map(PathBuf::as_path)
    }

    /// Makes the group.
    pub(crate) fn create(&self) -> Result<(), LabError> {
        for folder in self.folders() {
            fs::create_dir_all(folder).doing(|| format!("create {}", folder.display()))?;
        }
        Ok(())
    }

    /// Stops all that runs in the group where it is, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<(), LabError> {
        let freeze = self.unified.join("cgroup.freeze");
        let word = if frozen { "1" } else { "0" };
        fs::write(&freeze, word).doing(|| format!("write {}", freeze.display()))?;
        let events = self.unified.join("cgroup.events");
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let text = fs::read_to_string(&events).doing(|| format!("read {}", events.display()))?;
            if text.lines().any(|line| line == format!("frozen {word}")) {
                return Ok(());
            }
            if Instant::now() > until {
                let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
                return Err(late).doing(|| format!("freeze {}", freeze.display()));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills all that runs in the group, at once, and removes it. No group: nothing to do.
    pub(crate) fn remove(&self) -> Result<(), LabError> {
        if self.unified.exists() {
            let kill = self.unified.join("cgroup.kill");
            fs::write(&kill, "1").doing(|| format!("write {}", kill.display()))?;
        }
        for folder in self.folders() {
            remove_folders(folder, Instant::now() + Duration::from_secs(10))?;
        }
        Ok(())
    }
}

/// Removes a folder of groups, deepest first, waiting until `until` for what was killed to be gone.
fn remove_folders(folder: &Path, until: Instant) -> Result<(), LabError> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_folders(&entry.path(), until)?;
        }
    }
    loop {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy && Instant::now() < until => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            done => return done.doing(|| format!("remove {}", folder.display())),
        }
    }
}
