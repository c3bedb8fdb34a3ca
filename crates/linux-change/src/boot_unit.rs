//! Units of ours that a boot runs: one file, and one link by which a target starts it.

use std::path::{Path, PathBuf};

use doorward_change::system::{Node, SystemError};

use crate::error::unsuitable;
use crate::files::Files;
use crate::units;

const UNITS: &str = "/etc/systemd/system";
const MODE: u32 = 0o644;

/// A unit with the target that starts it.
pub(crate) struct BootUnit {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
}

impl BootUnit {
    /// Puts it there; nothing is done where it is so already.
    pub(crate) fn install(&self, text: String) -> Result<(), SystemError> {
        let files = Files::below(Path::new("/"))?;
        let file = Node::File { content: text.into_bytes(), mode: MODE, uid: 0, gid: 0 };
        let link = Node::Link { target: self.path() };
        if files.node(&self.path())? == file && files.node(&self.link())? == link {
            return Ok(());
        }
        files.put(&self.path(), &file)?;
        files.put(&self.link(), &link)?;
        units::reload()
    }

    /// Takes it away; nothing is done where there is none.
    pub(crate) fn remove(&self) -> Result<(), SystemError> {
        let files = Files::below(Path::new("/"))?;
        if files.node(&self.path())? == Node::Absent && files.node(&self.link())? == Node::Absent {
            return Ok(());
        }
        files.put(&self.link(), &Node::Absent)?;
        if let Some(folder) = self.link().parent() {
            files.remove_empty_directory(folder)?;
        }
        // Last: one that died in between finds the rest by it.
        files.put(&self.path(), &Node::Absent)?;
        units::reload()
    }

    fn path(&self) -> PathBuf {
        Path::new(UNITS).join(self.name)
    }

    fn link(&self) -> PathBuf {
        Path::new(UNITS).join(format!("{}.wants", self.target)).join(self.name)
    }
}

/// The words that a unit runs. The service manager reads `%`, `$`, quotes and spaces in them: there are none.
pub(crate) fn command(program: &Path, words: &[&str], state: &Path) -> Result<Vec<String>, SystemError> {
    let plain = |path: &Path| match path.to_str() {
        Some(text) if path.is_absolute() && text.bytes().all(is_plain) => Ok(text.to_owned()),
        _ => Err(unsuitable(path, "not an absolute path of letters, digits and ./_+-")),
    };
    let (program, state) = (plain(program)?, plain(state)?);
    Ok([program].into_iter().chain(words.iter().map(|w| (*w).to_owned())).chain([state]).collect())
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"./_+-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_the_service_manager_would_read_gets_into_a_unit() {
        let state = Path::new("/var/lib/doorward");
        let words = command(Path::new("/usr/bin/doorward"), &["undo"], state).unwrap();
        assert_eq!(words, ["/usr/bin/doorward", "undo", "/var/lib/doorward"]);
        for bad in ["/usr/bin/a b", "relative", "/a%n", "/a$HOME", "/a\n", "/a\"", "/a\\"] {
            assert!(command(Path::new(bad), &[], state).is_err(), "{bad}");
            assert!(command(state, &[], Path::new(bad)).is_err(), "{bad}");
        }
    }
}
