//! Finding nft, and refusing one that somebody else could have put there.
//!
//! Root starts it, so neither the program nor a folder on the way to it may be another's to write.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const PLACES: [&str; 3] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"];

/// What the search gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Search {
    Found(PathBuf),
    Absent,
    /// It is there and is not to be started, for the reason given.
    Unsafe(String),
}

/// Looks where packages put it.
pub(super) fn find() -> Search {
    let mut refused = None;
    for place in PLACES {
        match check(Path::new(place)) {
            Ok(path) => return Search::Found(path),
            Err(CheckError::Absent) => {}
            Err(CheckError::Refused(why)) => refused = refused.or(Some(why)),
        }
    }
    refused.map_or(Search::Absent, Search::Unsafe)
}

#[derive(Debug)]
enum CheckError {
    Absent,
    Refused(String),
}

/// The program's path free of symbolic links, if root alone could have put it there.
fn check(place: &Path) -> Result<PathBuf, CheckError> {
    let path = place.canonicalize().map_err(|e| error(place, &e))?;
    for part in path.ancestors() {
        let meta = part.symlink_metadata().map_err(|e| error(part, &e))?;
        if meta.uid() != 0 || meta.mode() & 0o022 != 0 {
            return Err(CheckError::Refused(format!(
                "{} is not started: others than root can write {}",
                place.display(),
                part.display()
            )));
        }
        if part == path && !(meta.is_file() && meta.mode() & 0o111 != 0) {
            return Err(CheckError::Refused(format!("{} is no program", place.display())));
        }
    }
    Ok(path)
}

fn error(path: &Path, error: &io::Error) -> CheckError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => CheckError::Absent,
        _ => CheckError::Refused(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn programs_of_the_system_are_taken() {
        assert!(check(Path::new("/bin/sh")).is_ok(), "{:?}", check(Path::new("/bin/sh")));
        assert!(matches!(check(Path::new("/usr/sbin/there-is-no-such-program")), Err(CheckError::Absent)));
        assert!(matches!(check(Path::new("/etc/passwd")), Err(CheckError::Refused(_))));
    }

    #[test]
    fn what_others_could_write_is_not_started() {
        let dir = tempfile::tempdir().unwrap(); // below /tmp, which everybody can write
        let program = dir.path().join("nft");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(check(&program), Err(CheckError::Refused(_))));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
        assert!(check(&link).is_ok(), "what it leads to counts");
    }
}
