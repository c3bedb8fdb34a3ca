//! Names on a Windows disk: their case means nothing, so each step of a path is looked for.
//!
//! Symbolic links are not followed: on a mounted disk they are Windows' own junctions, or somebody's trap.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use doorward_model::{Subject, Unseen};

/// How many entries of a directory are looked at.
const ENTRY_LIMIT: usize = 100_000;

/// Where Windows lies.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) config: PathBuf,
    pub(crate) system32: PathBuf,
    /// Name of the directory that it is installed in.
    pub(crate) windows: Option<String>,
    /// Whether the directory that was looked below is the root of its drive.
    pub(crate) is_drive: bool,
}

/// Finds `System32/config` below a disk, a Windows directory, or a `System32`.
pub(crate) fn windows(root: &Path, unseen: &mut Vec<Unseen>) -> io::Result<Option<Found>> {
    let mut all = Vec::new();
    for name in candidates(root)? {
        if let Some(found) = system(&root.join(&name))? {
            all.push((name, found));
        }
    }
    if !all.is_empty() {
        let (name, (system32, config)) = all.remove(0);
        for (other, _) in all {
            let why = format!("a second Windows; the one in {name} was read");
            unseen.push(Unseen::new(Subject::Services, format!("Windows in {other}"), why));
        }
        return Ok(Some(Found { config, system32, windows: Some(name), is_drive: true }));
    }
    if let Some((system32, config)) = system(root)? {
        let windows = root.file_name().map(|name| name.to_string_lossy().into_owned());
        return Ok(Some(Found { config, system32, windows, is_drive: false }));
    }
    let config =
        find_dir(root, "config")?.filter(|config| find(config, "SYSTEM").is_ok_and(|file| file.is_some()));
    Ok(config.map(|config| Found { config, system32: root.to_owned(), windows: None, is_drive: false }))
}

/// Directories that may be Windows' own, the usual names first.
fn candidates(root: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(root)?
        .take(ENTRY_LIMIT)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_by_key(|name| {
        let usual = ["windows", "winnt"].iter().position(|usual| name.eq_ignore_ascii_case(usual));
        (usual.unwrap_or(2), name.clone())
    });
    Ok(names)
}

fn system(windows: &Path) -> io::Result<Option<(PathBuf, PathBuf)>> {
    let Some(system32) = find_dir(windows, "System32")? else { return Ok(None) };
    let Some(config) = find_dir(&system32, "config")? else { return Ok(None) };
    let is_there = find(&config, "SYSTEM")?.is_some() || find(&config, "SOFTWARE")?.is_some();
    Ok(is_there.then_some((system32, config)))
}

/// The regular file of this name in a directory, case aside.
pub(crate) fn find(dir: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    entry(dir, name, fs::FileType::is_file)
}

/// The directory behind these names, case aside.
pub(crate) fn walk(from: &Path, names: &[&str]) -> io::Result<Option<PathBuf>> {
    let mut dir = from.to_owned();
    for name in names {
        match find_dir(&dir, name)? {
            Some(next) => dir = next,
            None => return Ok(None),
        }
    }
    Ok(Some(dir))
}

fn find_dir(dir: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    entry(dir, name, fs::FileType::is_dir)
}

/// A regular file or a directory in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_dir: bool,
}

/// What lies in a directory, sorted. Links, and names that are no Unicode, are left out.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<Entry>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)?.take(ENTRY_LIMIT) {
        let entry = entry?;
        let kind = entry.file_type()?;
        if let Ok(name) = entry.file_name().into_string()
            && (kind.is_dir() || kind.is_file())
        {
            all.push(Entry { name, is_dir: kind.is_dir() });
        }
    }
    all.sort();
    Ok(all)
}

/// The regular file or directory behind these names, case aside.
pub(crate) fn behind(from: &Path, names: &[&str]) -> io::Result<Option<PathBuf>> {
    let Some((last, before)) = names.split_last() else { return Ok(Some(from.to_owned())) };
    let fits = |kind: &fs::FileType| kind.is_file() || kind.is_dir();
    walk(from, before)?.map_or(Ok(None), |dir| entry(&dir, last, fits))
}

fn entry(dir: &Path, name: &str, fits: impl Fn(&fs::FileType) -> bool) -> io::Result<Option<PathBuf>> {
    let exact = dir.join(name);
    match fs::symlink_metadata(&exact) {
        Ok(meta) if fits(&meta.file_type()) => return Ok(Some(exact)),
        Ok(_) => {}
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(why),
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir)?.take(ENTRY_LIMIT) {
        let entry = entry?;
        let is_it = entry.file_name().to_str().is_some_and(|there| there.eq_ignore_ascii_case(name));
        if is_it && fits(&entry.file_type()?) {
            found.push(entry.path());
        }
    }
    Ok(found.into_iter().min())
}

/// Transaction logs beside a hive: `SYSTEM.LOG`, `SYSTEM.LOG1`, `SYSTEM.LOG2`, sorted.
pub(crate) fn logs(hive: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (hive.parent(), hive.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let mut logs: Vec<PathBuf> = ["LOG", "LOG1", "LOG2"]
        .iter()
        .filter_map(|end| find(dir, &format!("{name}.{end}")).ok().flatten())
        .collect();
    logs.sort();
    logs
}
