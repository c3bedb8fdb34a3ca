//! Whether two trees are the same: an archive that cannot be trusted is found out before it is needed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use doorward_change::system::SystemError;

use crate::error::{at, failed};
use crate::packages::archive;

/// What is compared of a file: kind and mode, owner, group, time, and what it holds or where it leads.
type Look = (u32, u32, u32, i64, String);

pub(super) fn same(one: &Path, other: &Path) -> Result<(), SystemError> {
    let (mut one, mut other) = (look(one)?, look(other)?);
    // Control files have no owners of their own: dpkg-deb writes them as root's.
    one.retain(|path, _| path != Path::new(""));
    other.retain(|path, _| path != Path::new(""));
    let differs = one.iter().find(|(path, look)| other.get(*path) != Some(look)).map(|(path, _)| path);
    let extra = other.keys().find(|path| !one.contains_key(*path));
    match differs.or(extra) {
        None => Ok(()),
        Some(path) => {
            let what = differing(one.get(path), other.get(path));
            let why = format!(
                "{what} of /{} would not come back as installed; disable the service instead (doorward plan --prefer \
                 disable)",
                path.display()
            );
            Err(failed("pack the package again", why))
        }
    }
}

/// What is not the same of a file.
fn differing(one: Option<&Look>, other: Option<&Look>) -> String {
    let (Some(one), Some(other)) = (one, other) else { return "the presence".to_owned() };
    let parts = [
        ("the kind or mode", one.0 == other.0),
        ("the owner", (one.1, one.2) == (other.1, other.2)),
        ("the time", one.3 == other.3),
        ("the contents", one.4 == other.4),
    ];
    let differing: Vec<&str> = parts.iter().filter(|(_, same)| !same).map(|(part, _)| *part).collect();
    differing.join(" and ")
}

fn look(root: &Path) -> Result<BTreeMap<PathBuf, Look>, SystemError> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let meta = fs::symlink_metadata(&path).map_err(|e| at("look at", &path, e))?;
        let content = if meta.is_dir() {
            for entry in fs::read_dir(&path).map_err(|e| at("list", &path, e))? {
                todo.push(entry.map_err(|e| at("list", &path, e))?.path());
            }
            String::new()
        } else if meta.is_symlink() {
            fs::read_link(&path).map_err(|e| at("read", &path, e))?.to_string_lossy().into_owned()
        } else {
            archive::sum(&path)?
        };
        let inside = path.strip_prefix(root).unwrap_or(&path).to_owned();
        // A directory that is there already keeps its time, whatever an archive says.
        let is_timeless = inside.starts_with("DEBIAN") || meta.is_dir();
        let time = if is_timeless { 0 } else { meta.mtime() };
        found.insert(inside, (meta.mode(), meta.uid(), meta.gid(), time, content));
    }
    Ok(found)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
mod tests {
    use super::*;

    #[test]
    fn a_byte_a_mode_or_a_name_makes_a_difference() {
        use std::os::unix::fs::PermissionsExt as _;
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let time = std::time::SystemTime::UNIX_EPOCH;
        let write = |root: &Path, text: &str| {
            fs::write(root.join("a"), text).unwrap();
            fs::File::open(root.join("a")).unwrap().set_modified(time).unwrap();
        };
        write(one.path(), "x");
        write(other.path(), "x");
        same(one.path(), other.path()).unwrap();
        write(other.path(), "y");
        let why = same(one.path(), other.path()).unwrap_err().to_string();
        assert!(why.contains("the contents of /a ") && why.contains("--prefer disable"), "{why}");
        write(other.path(), "x");
        fs::set_permissions(other.path().join("a"), fs::Permissions::from_mode(0o4755)).unwrap();
        assert!(same(one.path(), other.path()).is_err());
        fs::remove_file(other.path().join("a")).unwrap();
        assert!(same(one.path(), other.path()).is_err());
        assert!(same(other.path(), one.path()).is_err());
    }
}
