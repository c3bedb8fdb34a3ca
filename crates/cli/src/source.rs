//! Where the facts come from: the running host, a mounted tree, a saved snapshot.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use doorward_knowledge::Knowledge;
use doorward_linux_files::{Tree, applications::Marker};
use doorward_model::{SCHEMA_VERSION, Snapshot};

use crate::args::SourceArgs;
use crate::observe::Progress;

/// A snapshot may not be larger.
const SNAPSHOT_LIMIT: u64 = 1 << 30;

/// Collects or reads the facts.
pub(crate) fn snapshot(args: &SourceArgs, knowledge: &Knowledge) -> anyhow::Result<Snapshot> {
    if let Some(path) = &args.snapshot {
        return saved(path);
    }
    let markers = markers(knowledge);
    if let Some(root) = &args.root {
        let tree = Tree::open(root).with_context(|| format!("--root {}", root.display()))?;
        if !["etc", "usr", "bin"].iter().any(|dir| tree.exists(dir)) {
            bail!(
                "--root {}: it has neither etc, usr nor bin; give the directory where the system's root is mounted",
                root.display()
            );
        }
        return Ok(doorward_linux_files::collect(&tree, &markers));
    }
    let mut progress = args.observe.map(Progress::new);
    let options = doorward_linux_live::Options { observe: args.observe, markers };
    let snapshot = doorward_linux_live::collect(&options, &mut |elapsed| {
        if let Some(progress) = &mut progress {
            progress.tick(elapsed);
        }
    });
    Ok(snapshot)
}

fn saved(path: &Path) -> anyhow::Result<Snapshot> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).context(name.clone())?)
    };
    let mut text = Vec::new();
    reader.take(SNAPSHOT_LIMIT + 1).read_to_end(&mut text).context(name.clone())?;
    if text.len() as u64 > SNAPSHOT_LIMIT {
        bail!("{name}: larger than {SNAPSHOT_LIMIT} bytes");
    }
    let version: Version = serde_json::from_slice(&text)
        .with_context(|| format!("{name}: not a snapshot (doorward audit --snapshot-out FILE writes one)"))?;
    if version.schema_version > SCHEMA_VERSION {
        bail!(
            "{name}: written by a newer Doorward (form {}, this one reads up to {SCHEMA_VERSION}): update Doorward",
            version.schema_version
        );
    }
    let mut snapshot: Snapshot = serde_json::from_slice(&text)
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
    let marker = |a: &doorward_knowledge::ApplicationEntry| Marker {
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
