//! Which hive files belong to which machine.
//!
//! Files named one by one are of one machine as long as no two are the same part of its registry. Otherwise, and in
//! folders, those of one folder with the registry's own names (SYSTEM, SOFTWARE, SAM, SECURITY) are of one machine, and
//! every other file is a machine of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// Names of the hives that are one machine's.
const NAMES: [&str; 4] = ["SYSTEM", "SOFTWARE", "SAM", "SECURITY"];
/// Folders are not searched deeper, and not for more files.
const DEPTH: usize = 32;
const FILES: usize = 1_000_000;

/// The hives of each machine, in the order given; those of a folder sorted.
pub(crate) fn machines(paths: &[PathBuf]) -> anyhow::Result<Vec<Vec<PathBuf>>> {
    let (mut named, mut found) = (Vec::new(), Vec::new());
    for path in paths {
        let what = std::fs::metadata(path).with_context(|| format!("--hive {}", path.display()))?;
        if what.is_dir() {
            let before = found.len();
            walk(path, DEPTH, &mut found).with_context(|| format!("--hive {}", path.display()))?;
            if found.len() == before {
                bail!("--hive {}: no registry hive lies in this folder or below it", path.display());
            }
        } else {
            named.push(path.clone());
        }
    }
    let mut kinds: Vec<Option<&str>> = named.iter().map(|path| kind(path)).collect();
    kinds.sort_unstable();
    let is_one = found.is_empty() && kinds.windows(2).all(|pair| pair[0].is_none() || pair[0] != pair[1]);
    if is_one {
        return Ok(vec![named]);
    }
    found.splice(0..0, named);
    Ok(by_folder(found))
}

fn by_folder(files: Vec<PathBuf>) -> Vec<Vec<PathBuf>> {
    let mut machines: Vec<Vec<PathBuf>> = Vec::new();
    let mut folders: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for file in files {
        let is_canonical =
            file.file_name().is_some_and(|name| NAMES.iter().any(|n| name.eq_ignore_ascii_case(n)));
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        match folders.get(&folder).copied().filter(|_| is_canonical) {
            Some(at) => machines[at].push(file),
            None => {
                if is_canonical {
                    folders.insert(folder, machines.len());
                }
                machines.push(vec![file]);
            }
        }
    }
    machines
}

/// Adds the hives of a folder and below it, sorted by name. Symbolic links are not followed.
fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, found)?;
        } else if kind.is_file() && is_hive(&path) {
            if found.len() == FILES {
                return Err(io::Error::other(format!("more than {FILES} hives")));
            }
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file begins as a hive does, and is no log of one.
fn is_hive(path: &Path) -> bool {
    header(path).is_some_and(|header| header.starts_with(b"regf") && header[28..32] == [0; 4])
}

/// Which part of a machine's registry a file is, by its own name or the one that it carries.
fn kind(path: &Path) -> Option<&'static str> {
    let own = path.file_name()?.to_string_lossy().to_uppercase();
    let carried = || {
        let header = header(path)?;
        let units: Vec<u16> =
            header[48..112].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let text = String::from_utf16_lossy(&units);
        Some(text.trim_end_matches('\0').rsplit('\\').next()?.to_uppercase())
    };
    let named = |name: &str| NAMES.into_iter().find(|known| *known == name);
    named(&own).or_else(|| named(&carried()?))
}

fn header(path: &Path) -> Option<[u8; 112]> {
    let mut header = [0; 112];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(files: &[&str]) -> Vec<usize> {
        by_folder(files.iter().map(PathBuf::from).collect()).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_folder_with_the_registrys_own_names_is_one_machine() {
        assert_eq!(groups(&["a/SYSTEM", "a/software", "b/SYSTEM"]), [2, 1]);
    }

    #[test]
    fn other_names_are_a_machine_each() {
        assert_eq!(groups(&["a/SYSTEM.1", "a/SYSTEM.2", "a/SYSTEM", "a/SAM"]), [1, 1, 2]);
    }
}
