//! Installed packages from dpkg's status file, borrowed from its text.

use super::control;
use crate::packages::trouble::Trouble;

/// One package that is installed, or whose configuration is left, as its stanza says.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    pub(super) name: &'a [u8],
    pub(super) version: &'a [u8],
    pub(super) architecture: &'a [u8],
    pub(super) multi_arch: &'a [u8],
    pub(super) source: &'a [u8],
    pub(super) description: &'a [u8],
    /// In KiB.
    pub(super) installed_size: &'a [u8],
    /// Essential, protected, or important to apt.
    pub(super) essential: bool,
    /// Only configuration files are left of it.
    pub(super) removed: bool,
    pub(super) depends: &'a [u8],
    pub(super) pre_depends: &'a [u8],
    pub(super) recommends: &'a [u8],
    pub(super) suggests: &'a [u8],
    pub(super) provides: &'a [u8],
}

/// Appends the packages of one file of stanzas (dpkg's `status`, or one of `status.d`) to `records`.
///
/// `file` names it in messages. `status.d` stanzas have no `Status` field: what is there is installed.
pub(super) fn parse<'a>(file: &str, text: &'a [u8], records: &mut Vec<Record<'a>>, trouble: &mut Trouble) {
    for (offset, stanza) in control::stanzas(text) {
        let at = |inner: usize| format!("{file}, line {}", control::line(text, offset + inner));
        let mut record = Record::default();
        let mut state: &[u8] = b"installed";
        for field in control::fields(stanza) {
            match field {
                Ok((name, value)) => record.set(name, value, &mut state),
                Err(inner) => trouble.note(MALFORMED, format!("{}: not a field", at(inner)), None),
            }
        }
        match state {
            b"not-installed" => continue,
            b"config-files" => record.removed = true,
            _ => {}
        }
        if record.name.is_empty() {
            trouble.note(MALFORMED, format!("{}: a stanza without Package", at(0)), None);
        } else if record.version.is_empty() && !record.removed {
            trouble.note(MALFORMED, format!("{}: a package without Version", at(0)), None);
        } else {
            records.push(record);
        }
    }
}

const MALFORMED: &str = "part of dpkg's database";

impl<'a> Record<'a> {
    fn set(&mut self, name: &[u8], value: &'a [u8], state: &mut &'a [u8]) {
        match name {
            b"Package" => self.name = value,
            b"Version" => self.version = value,
            b"Architecture" => self.architecture = value,
            b"Multi-Arch" => self.multi_arch = value,
            b"Source" => self.source = value.split(|c| *c == b' ').next().unwrap_or_default(),
            b"Description" => {
                self.description = value.split(|c| *c == b'\n').next().unwrap_or_default();
            }
            b"Installed-Size" => self.installed_size = value,
            b"Essential" | b"Protected" | b"Important" => self.essential |= value == b"yes",
            b"Depends" => self.depends = value,
            b"Pre-Depends" => self.pre_depends = value,
            b"Recommends" => self.recommends = value,
            b"Suggests" => self.suggests = value,
            b"Provides" => self.provides = value,
            // Wanted, flag, state: the state is the last word.
            b"Status" => *state = value.rsplit(|c| *c == b' ').next().unwrap_or_default(),
            _ => {}
        }
    }
}
