//! The drive that Windows is on: its paths as Windows writes them, and as they are here.

use std::path::{Component, Path, PathBuf};

use crate::folder;
use crate::image_path::Variables;

/// The variable that names the drive.
const VARIABLE: &str = "%SystemDrive%";

/// Most names of one path.
const DEPTH_LIMIT: usize = 64;

pub(super) struct Drive<'d> {
    root: &'d Path,
    variables: &'d Variables,
    /// `C:`, or the variable where the letter is not known.
    letter: String,
}

impl<'d> Drive<'d> {
    pub(super) fn new(root: &'d Path, variables: &'d Variables) -> Self {
        Self { root, variables, letter: variables.expand(VARIABLE) }
    }

    /// Whether a path is not relative to a directory.
    pub(super) fn is_absolute(path: &str) -> bool {
        path.starts_with(['\\', '/', '%']) || path.as_bytes().get(1) == Some(&b':')
    }

    /// Whether the variable that a path begins with, if any, has a value.
    pub(super) fn knows(&self, path: &str) -> bool {
        let path = self.variables.expand(path);
        !path.starts_with('%') || path.starts_with(&self.letter)
    }

    /// The file or directory behind an absolute path, or why it cannot be seen; `None` when it is not there.
    pub(super) fn locate(&self, path: &str) -> Result<Option<PathBuf>, String> {
        let path = self.variables.expand(path.trim().trim_matches('"'));
        let path = path.strip_prefix(r"\\?\").unwrap_or(&path);
        if path.starts_with(r"\\") {
            return Err("it lies on another machine".to_owned());
        }
        let on_drive = path.get(..self.letter.len()).filter(|head| head.eq_ignore_ascii_case(&self.letter));
        let Some(rest) = on_drive.map(|head| &path[head.len()..]).filter(|r| r.starts_with(['\\', '/']))
        else {
            return Err(if path.starts_with('%') {
                "a variable in it is not known".to_owned()
            } else {
                format!("it does not lie on the drive {} that was given", self.letter)
            });
        };
        below(self.root, rest)
    }

    /// A path here as Windows writes it.
    pub(super) fn shown(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.root).unwrap_or(path).components();
        let names = below.filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy()),
            _ => None,
        });
        let mut shown = self.letter.clone();
        for name in names {
            shown.push('\\');
            shown.push_str(&name);
        }
        if shown.len() == self.letter.len() {
            shown.push('\\');
        }
        shown
    }
}

/// The file or directory at a relative path.
pub(super) fn below(dir: &Path, path: &str) -> Result<Option<PathBuf>, String> {
    let names: Vec<&str> = names(path).take(DEPTH_LIMIT + 1).collect();
    if names.len() > DEPTH_LIMIT || names.contains(&"..") {
        return Err("its path leads too deep, or upwards".to_owned());
    }
    folder::behind(dir, &names).map_err(|why| why.to_string())
}

/// The names that a path is made of.
pub(super) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split(['\\', '/']).filter(|name| !name.is_empty() && *name != ".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test makes what it looks at")]
    fn paths_lead_to_places_below_the_root_alone() {
        let made = tempfile::tempdir().unwrap();
        let dir = made.path().join("Inetpub/WWWRoot");
        std::fs::create_dir_all(&dir).unwrap();
        let mut variables = Variables::default();
        variables.set("SystemDrive", "C:");
        let drive = Drive::new(made.path(), &variables);
        for path in [
            r"C:\inetpub\wwwroot",
            r"c:/INETPUB/wwwroot/",
            r"%systemdrive%\inetpub\.\wwwroot",
            r"\\?\C:\inetpub\wwwroot",
        ] {
            assert_eq!(drive.locate(path), Ok(Some(dir.clone())), "{path}");
        }
        assert_eq!(drive.locate(r"C:\absent\x"), Ok(None));
        assert_eq!(drive.locate(r"C:\"), Ok(Some(made.path().to_owned())));
        for (path, why) in [
            (r"D:\x", "drive"),
            (r"\\server\share", "another machine"),
            (r"%Unknown%\x", "variable"),
            (r"C:\inetpub\..\..\etc", "upwards"),
            (r"C:\inetpub/../../etc", "upwards"),
            ("C:relative", "drive"),
        ] {
            assert!(drive.locate(path).unwrap_err().contains(why), "{path}");
        }
        assert_eq!(
            (drive.shown(&dir).as_str(), drive.shown(made.path()).as_str()),
            (r"C:\Inetpub\WWWRoot", r"C:\")
        );
    }

    proptest! {
        #[test]
        fn any_path_is_taken(path in ".{0,30}", odd in r"[\\/.:C%a]{0,20}") {
            let made = tempfile::tempdir().unwrap();
            let mut variables = Variables::default();
            variables.set("SystemDrive", "C:");
            let drive = Drive::new(made.path(), &variables);
            for path in [&path, &odd] {
                if let Ok(Some(place)) = drive.locate(path) {
                    prop_assert!(place.starts_with(made.path()));
                }
            }
        }
    }
}
