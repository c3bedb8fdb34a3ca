//! Where built root file systems are kept: outside the source tree, so that a fresh clone finds them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::LabError;
use crate::error::Doing;

/// `$DOORWARD_CACHE`, else `$XDG_CACHE_HOME/doorward`, else `/var/cache/doorward` (the lab runs as root).
pub fn cache_dir() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("DOORWARD_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("doorward")))
        .unwrap_or_else(|| PathBuf::from("/var/cache/doorward"))
}

/// Creates `at` once, however many processes ask at the same time: `make` fills a folder beside it, which takes its
/// place only when complete.
pub(crate) fn once(at: &Path, make: impl FnOnce(&Path) -> Result<(), LabError>) -> Result<(), LabError> {
    if at.exists() {
        return Ok(());
    }
    let beside = |suffix: &str| {
        let mut name = at.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        at.with_file_name(name)
    };
    if let Some(folder) = at.parent() {
        fs::create_dir_all(folder).doing(|| format!("create {}", folder.display()))?;
    }
    let lock = beside(".lock");
    let held = File::create(&lock).doing(|| format!("create {}", lock.display()))?;
    held.lock().doing(|| format!("lock {}", lock.display()))?;
    if at.exists() {
        return Ok(());
    }
    let part = beside(".part");
    if part.exists() {
        fs::remove_dir_all(&part).doing(|| format!("remove {}", part.display()))?;
    }
    make(&part)?;
    fs::rename(&part, at).doing(|| format!("rename {}", part.display()))
}

/// A short name for content: 64-bit FNV-1a, which tells versions of a recipe apart and resists nobody.
/// (The offset basis and prime are those of RFC 9923, section 5.)
pub(crate) fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |byte: u8| state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    for part in parts {
        part.len().to_le_bytes().into_iter().for_each(&mut eat);
        part.iter().copied().for_each(&mut eat);
    }
    format!("{state:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_tells_where_parts_end() {
        let of = |parts: &[&str]| hash(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(of(&["nginx"]), of(&["nginx"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&[]), of(&[""]));
    }

    #[test]
    fn once_makes_once_and_recovers_from_half_a_build() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("root");
        fs::create_dir_all(folder.path().join("root.part/left-over")).unwrap();
        let mut calls = 0;
        for _ in 0..2 {
            once(&at, |part| {
                calls += 1;
                fs::create_dir(part).doing(|| "create".into())
            })
            .unwrap();
        }
        assert_eq!(calls, 1);
        assert!(at.is_dir() && !at.join("left-over").exists());
    }

    #[test]
    fn a_failed_build_leaves_nothing_that_looks_complete() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("root");
        let failed = once(&at, |part| {
            fs::create_dir(part).doing(|| "create".into())?;
            Err(LabError::Off("x".into()))
        });
        assert!(failed.is_err() && !at.exists());
    }
}
