//! What a package lists and the disk lacks, because somebody removed it or dpkg was told to leave it out.
//!
//! An archive without it would make dpkg forget that it was ever part of the package. So it holds empty files in its
//! place, and beside the archive stands which they are; they are taken away again once dpkg has installed them.

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use doorward_change::system::{Node, SystemError};

use crate::error::at;
use crate::files::Files;

/// Where it stands which they are.
pub(super) fn list(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".absent");
    name.into()
}

/// One path a line: dpkg's own lists have none with a line's end in it.
pub(super) fn text(paths: &[PathBuf]) -> Vec<u8> {
    paths.iter().flat_map(|p| [p.as_os_str().as_bytes(), b"\n"].concat()).collect()
}

/// Takes away those that are there and empty.
pub(super) fn remove(files: &Files, archive: &Path) -> Result<(), SystemError> {
    let Node::File { content, .. } = files.node(&list(archive))? else { return Ok(()) };
    // What lies in a directory comes after it.
    for line in content.split(|b| *b == b'\n').filter(|l| !l.is_empty()).rev() {
        let path = PathBuf::from(std::ffi::OsString::from_vec(line.to_vec()));
        let Some(path) = real(&path)? else { continue };
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => files.remove_empty_directory(&path)?,
            Ok(meta) if meta.is_file() && meta.len() == 0 => files.put(&path, &Node::Absent)?,
            _ => {}
        }
    }
    Ok(())
}

/// A path whose directories are no links: dpkg follows those of a merged `/usr`.
fn real(path: &Path) -> Result<Option<PathBuf>, SystemError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
    match std::fs::canonicalize(parent) {
        Ok(parent) => Ok(Some(parent.join(name))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(at("look at", path, e)),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_empty_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("doc/empty")).unwrap();
        std::fs::create_dir(at("full")).unwrap();
        std::fs::write(at("doc/placeholder"), "").unwrap();
        std::fs::write(at("full/theirs"), "theirs").unwrap();
        let listed = ["doc", "doc/empty", "doc/placeholder", "full", "full/theirs", "never"].map(at);
        let archive = at("a.deb");
        std::fs::write(list(&archive), text(&listed)).unwrap();
        let files = Files::below(Path::new("/")).unwrap();
        remove(&files, &archive).unwrap();
        remove(&files, &archive).unwrap();
        assert!(!at("doc").exists());
        assert_eq!(std::fs::read_to_string(at("full/theirs")).unwrap(), "theirs");
    }
}
