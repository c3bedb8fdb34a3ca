//! Where the facts come from: the running host, a mounted tree or disk, registry hives, a saved snapshot.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use doorward_applications::Marker;
use doorward_knowledge::{ApplicationEntry, Knowledge};
use doorward_linux_files::Tree;
use doorward_model::{OsFamily, SCHEMA_VERSION, Snapshot};
use doorward_windows_files::Disk;

use crate::args::SourceArgs;
use crate::config::Config;
use crate::hives;
use crate::progress::Watching;

/// A snapshot may not be larger.
const SNAPSHOT_LIMIT: u64 = 1 << 30;

/// What there is to look at.
pub(crate) enum Source<'a> {
    /// One machine.
    One(One<'a>),
    /// The hives of several.
    Many(Vec<Vec<PathBuf>>),
}

/// Where the facts of one machine are.
pub(crate) enum One<'a> {
    /// Registry hives.
    Hives(Vec<PathBuf>),
    /// A Windows system disk.
    Windows(&'a Path),
    /// A saved snapshot.
    Saved(&'a Path),
    /// A mounted Linux tree.
    Root(&'a Path),
    /// The host that this runs on, watched for a while or looked at once.
    ThisHost(Option<Duration>),
}

impl<'a> Source<'a> {
    /// What the command line names.
    pub(crate) fn of(args: &'a SourceArgs) -> anyhow::Result<Self> {
        let one = match (&args.snapshot, &args.windows, &args.root) {
            _ if !args.hive.is_empty() => {
                let mut machines = hives::machines(&args.hive)?;
                match machines.len() {
                    1 => One::Hives(machines.remove(0)),
                    _ => return Ok(Self::Many(machines)),
                }
            }
            (Some(file), _, _) => One::Saved(file),
            (_, Some(dir), _) => One::Windows(dir),
            (_, _, Some(dir)) => One::Root(dir),
            _ => One::ThisHost(args.observe),
        };
        Ok(Self::One(one))
    }

    /// The one machine, for what takes no more.
    pub(crate) fn one(args: &'a SourceArgs, what: &str) -> anyhow::Result<One<'a>> {
        match Self::of(args)? {
            Self::One(one) => Ok(one),
            Self::Many(machines) => {
                bail!("{what} is of one machine, and --hive names {}: give the files of one", machines.len())
            }
        }
    }
}

impl One<'_> {
    /// Collects or reads the facts, and the knowledge to judge them by.
    pub(crate) fn read(&self, config: &Config) -> anyhow::Result<(Knowledge, Snapshot)> {
        let with = |family, collect: &dyn Fn(&Knowledge) -> anyhow::Result<Snapshot>| {
            let knowledge = config.knowledge(family)?;
            let snapshot = collect(&knowledge)?;
            Ok((knowledge, snapshot))
        };
        match self {
            // Both take milliseconds, and neither waits for the other.
            Self::Hives(files) => std::thread::scope(|scope| {
                let knowledge = scope.spawn(|| config.knowledge(OsFamily::Windows));
                let snapshot = of_hives(files);
                let knowledge = knowledge.join().map_err(|_| anyhow!("reading the knowledge broke off"))?;
                Ok((knowledge?, snapshot?))
            }),
            Self::Saved(file) => {
                let snapshot = saved(file)?;
                Ok((config.knowledge(snapshot.host.family)?, snapshot))
            }
            Self::Windows(dir) => with(OsFamily::Windows, &|knowledge| windows(dir, knowledge)),
            Self::Root(dir) => with(OsFamily::Linux, &|knowledge| root(dir, knowledge)),
            Self::ThisHost(observe) => with(OsFamily::Linux, &|knowledge| Ok(this_host(*observe, knowledge))),
        }
    }
}

/// The facts of one machine's hives.
pub(crate) fn of_hives(files: &[PathBuf]) -> anyhow::Result<Snapshot> {
    Ok(doorward_windows_files::collect(&Disk::from_files(files)?))
}

fn windows(dir: &Path, knowledge: &Knowledge) -> anyhow::Result<Snapshot> {
    let disk = Disk::open(dir).with_context(|| format!("--windows {}", dir.display()))?;
    let is_served =
        |a: &ApplicationEntry| !a.recognise.files.is_empty() && a.systems.iter().any(|s| s.is_windows());
    Ok(doorward_windows_files::collect_with(&disk, &markers(knowledge, is_served)))
}

fn root(dir: &Path, knowledge: &Knowledge) -> anyhow::Result<Snapshot> {
    let tree = Tree::open(dir).with_context(|| format!("--root {}", dir.display()))?;
    if !["etc", "usr", "bin"].iter().any(|dir| tree.exists(dir)) {
        bail!(
            "--root {}: it has neither etc, usr nor bin; give the directory where the system's root is mounted \
             (a Windows disk is given with --windows)",
            dir.display()
        );
    }
    Ok(doorward_linux_files::collect(&tree, &markers(knowledge, |_| true)))
}

fn this_host(observe: Option<Duration>, knowledge: &Knowledge) -> Snapshot {
    let mut progress = observe.map(Watching::new);
    let options = doorward_linux_live::Options { observe, markers: markers(knowledge, |_| true) };
    doorward_linux_live::collect(&options, &mut |elapsed| {
        if let Some(progress) = &mut progress {
            progress.tick(elapsed);
        }
    })
}

/// What the collectors look for to recognise applications.
fn markers(knowledge: &Knowledge, is_meant: impl Fn(&ApplicationEntry) -> bool) -> Vec<Marker> {
    let marker = |a: &ApplicationEntry| Marker {
        id: a.id.clone(),
        packages: a.recognise.packages.clone(),
        files: a.recognise.files.clone(),
        units: a.recognise.units.clone(),
        settings: a.settings.clone(),
    };
    knowledge.applications.iter().filter(|a| is_meant(a)).map(marker).collect()
}

/// The text of a file, or of standard input for `-`, of at most so many bytes.
pub(crate) fn text(path: &Path, limit: u64) -> anyhow::Result<String> {
    let name = shown(path);
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).context(name.clone())?)
    };
    let mut text = Vec::new();
    reader.take(limit + 1).read_to_end(&mut text).context(name.clone())?;
    if text.len() as u64 > limit {
        bail!("{name}: larger than {limit} bytes");
    }
    String::from_utf8(text).with_context(|| format!("{name}: not text"))
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn saved(path: &Path) -> anyhow::Result<Snapshot> {
    let name = shown(path);
    let text = text(path, SNAPSHOT_LIMIT)?;
    let version: Version = serde_json::from_str(&text)
        .with_context(|| format!("{name}: not a snapshot (doorward audit --snapshot-out FILE writes one)"))?;
    if version.schema_version > SCHEMA_VERSION {
        bail!(
            "{name}: written by a newer Doorward (form {}, this one reads up to {SCHEMA_VERSION}): update Doorward",
            version.schema_version
        );
    }
    let mut snapshot: Snapshot = serde_json::from_str(&text)
        .with_context(|| format!("{name}: not a snapshot (doorward audit --snapshot-out FILE writes one)"))?;
    snapshot.sort();
    Ok(snapshot)
}

#[derive(serde::Deserialize)]
struct Version {
    schema_version: u32,
}
