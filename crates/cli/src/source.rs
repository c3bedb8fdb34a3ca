//! Where the facts come from: the running host, a mounted tree or disk, registry hives, a saved snapshot.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use doorward_knowledge::{ApplicationEntry, Knowledge, SettingProbe};
use doorward_linux_files::{Tree, applications::Marker};
use doorward_model::{OsFamily, SCHEMA_VERSION, Snapshot};
use doorward_windows_files::Disk;

use crate::args::SourceArgs;
use crate::config::Config;
use crate::hives;
use crate::progress::Watching;

/// A snapshot may not be larger.
const SNAPSHOT_LIMIT: u64 = 1 << 30;

/// The machines of `--hive`, when there are several.
pub(crate) fn several(args: &SourceArgs) -> anyhow::Result<Option<Vec<Vec<PathBuf>>>> {
    if args.hive.is_empty() {
        return Ok(None);
    }
    Ok(Some(hives::machines(&args.hive)?).filter(|machines| machines.len() > 1))
}

/// Collects or reads the facts of one machine, and the knowledge to judge them by.
pub(crate) fn read(args: &SourceArgs, config: &Config) -> anyhow::Result<(Knowledge, Snapshot)> {
    if !args.hive.is_empty() {
        // Both take milliseconds, and neither waits for the other.
        return std::thread::scope(|scope| {
            let knowledge = scope.spawn(|| config.knowledge(OsFamily::Windows));
            let snapshot = hives::machines(&args.hive).and_then(|machines| {
                let disk = Disk::from_files(machines.first().map_or(&[], Vec::as_slice))?;
                let snapshot = doorward_windows_files::collect(&disk);
                std::mem::forget(disk); // the program ends soon, and does without it until then
                Ok(snapshot)
            });
            let knowledge =
                knowledge.join().map_err(|_| anyhow::anyhow!("reading the knowledge broke off"))?;
            Ok((knowledge?, snapshot?))
        });
    }
    if let Some(path) = &args.snapshot {
        let snapshot = saved(path)?;
        return Ok((config.knowledge(snapshot.host.family)?, snapshot));
    }
    let family = if args.windows.is_some() { OsFamily::Windows } else { OsFamily::Linux };
    let knowledge = config.knowledge(family)?;
    let snapshot = match &args.windows {
        Some(dir) => windows(dir, &knowledge)?,
        None => linux(args, &knowledge)?,
    };
    Ok((knowledge, snapshot))
}

/// The host that this runs on.
pub(crate) fn this_host() -> SourceArgs {
    SourceArgs { root: None, windows: None, hive: Vec::new(), snapshot: None, observe: None }
}

/// The facts of one machine's hives.
pub(crate) fn of_hives(files: &[PathBuf]) -> anyhow::Result<Snapshot> {
    Ok(doorward_windows_files::collect(&Disk::from_files(files)?))
}

fn windows(dir: &Path, knowledge: &Knowledge) -> anyhow::Result<Snapshot> {
    use doorward_windows_files::applications::{Marker, Setting};
    let disk = Disk::open(dir).with_context(|| format!("--windows {}", dir.display()))?;
    let setting = |p: &SettingProbe| Setting {
        name: p.name.clone(),
        files: p.files.clone(),
        pattern: p.pattern.clone(),
    };
    let marker = |a: &ApplicationEntry| Marker {
        id: a.id.clone(),
        files: a.recognise.files.clone(),
        settings: a.settings.iter().map(setting).collect(),
    };
    let served = knowledge.applications.iter().filter(|a| !a.recognise.files.is_empty());
    let markers: Vec<Marker> =
        served.filter(|a| a.systems.iter().any(|s| s.is_windows())).map(marker).collect();
    Ok(doorward_windows_files::collect_with(&disk, &markers))
}

fn linux(args: &SourceArgs, knowledge: &Knowledge) -> anyhow::Result<Snapshot> {
    let markers = markers(knowledge);
    if let Some(root) = &args.root {
        let tree = Tree::open(root).with_context(|| format!("--root {}", root.display()))?;
        if !["etc", "usr", "bin"].iter().any(|dir| tree.exists(dir)) {
            bail!(
                "--root {}: it has neither etc, usr nor bin; give the directory where the system's root is mounted \
                 (a Windows disk is given with --windows)",
                root.display()
            );
        }
        return Ok(doorward_linux_files::collect(&tree, &markers));
    }
    let mut progress = args.observe.map(Watching::new);
    let options = doorward_linux_live::Options { observe: args.observe, markers };
    let snapshot = doorward_linux_live::collect(&options, &mut |elapsed| {
        if let Some(progress) = &mut progress {
            progress.tick(elapsed);
        }
    });
    Ok(snapshot)
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

/// What the collectors look for to recognise applications.
fn markers(knowledge: &Knowledge) -> Vec<Marker> {
    let marker = |a: &ApplicationEntry| Marker {
        id: a.id.clone(),
        packages: a.recognise.packages.clone(),
        files: a.recognise.files.clone(),
        units: a.recognise.units.clone(),
        settings: a
            .settings
            .iter()
            .map(|p| doorward_linux_files::applications::Setting {
                name: p.name.clone(),
                files: p.files.clone(),
                pattern: p.pattern.clone(),
            })
            .collect(),
    };
    knowledge.applications.iter().map(marker).collect()
}
