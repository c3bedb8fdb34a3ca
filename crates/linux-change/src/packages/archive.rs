//! Saved archives: named by what they hold, so that none replaces another that a journal counts on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use doorward_change::system::SystemError;
use sha2::{Digest as _, Sha256};

use super::stanza::Stanza;
use super::{file_stem, placeholders, repack};
use crate::error::{at, failed};
use crate::lock::state_directory;

/// Where they lie in the state directory.
const FOLDER: &str = "packages";
const CHUNK: usize = 64 << 10;
/// As much of the sum as names it.
const NAMING: usize = 16;

/// Where an archive comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// apt has kept it.
    Cached(PathBuf),
    /// It is made of what is installed.
    Repacked,
}

/// Puts a package's archive into the state directory; returns where, and its sum.
pub(super) fn keep(state: &Path, stanza: &Stanza, from: &Source) -> Result<(PathBuf, String), SystemError> {
    let folder = state.join(FOLDER);
    state_directory(&folder)?;
    let work = folder.join("work");
    clear(&work)?;
    state_directory(&work)?;
    let kept = keep_in(&folder, &work, stanza, from);
    let cleared = clear(&work);
    let kept = kept?;
    cleared?;
    Ok(kept)
}

#[expect(clippy::disallowed_methods, reason = "keeps what a removed package is brought back from")]
fn keep_in(
    folder: &Path,
    work: &Path,
    stanza: &Stanza,
    from: &Source,
) -> Result<(PathBuf, String), SystemError> {
    let unnamed = work.join("archive.deb");
    let absent = match from {
        Source::Cached(cached) => {
            std::fs::copy(cached, &unnamed).map_err(|e| at("copy", cached, e))?;
            Vec::new()
        }
        Source::Repacked => repack::repack(stanza, work, &unnamed)?,
    };
    File::open(&unnamed).and_then(|f| f.sync_all()).map_err(|e| at("sync", &unnamed, e))?;
    let sum = sum(&unnamed)?;
    let field = |name| stanza.field(name).unwrap_or_default();
    let stem = file_stem(field("Package"), field("Version"), field("Architecture"));
    let name = format!("{}.{}.deb", stem.display(), sum.get(..NAMING).unwrap_or(&sum));
    let archive = folder.join(name);
    let list = placeholders::list(&archive);
    std::fs::write(&list, placeholders::text(&absent)).map_err(|e| at("write", &list, e))?;
    File::open(&list).and_then(|f| f.sync_all()).map_err(|e| at("sync", &list, e))?;
    std::fs::rename(&unnamed, &archive).map_err(|e| at("name", &archive, e))?;
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| at("sync", folder, e))?;
    Ok((archive, sum))
}

/// Insists that an archive is what it was when it was saved.
pub(super) fn verify(archive: &Path, sha256: &str) -> Result<(), SystemError> {
    if sum(archive)?.eq_ignore_ascii_case(sha256) {
        Ok(())
    } else {
        Err(failed(format!("use {}", archive.display()), "it is not what was saved: its SHA-256 differs"))
    }
}

/// Its SHA-256, in hexadecimal.
pub(super) fn sum(path: &Path) -> Result<String, SystemError> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| at("open", path, e))?;
    sum_of(File::from(file)).map_err(|e| at("read", path, e))
}

fn sum_of(mut file: impl Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(chunk.get(..read).unwrap_or_default());
    }
    Ok(hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

#[expect(clippy::disallowed_methods, reason = "takes away what was only needed to build an archive")]
fn clear(work: &Path) -> Result<(), SystemError> {
    match std::fs::remove_dir_all(work) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(at("remove", work, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sum_of(&b"abc"[..]).unwrap(), abc);
    }
}
