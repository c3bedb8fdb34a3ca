//! Configuration files of packages: what dpkg remembers of them.
//!
//! A package made of what is installed carries configuration as it was edited. dpkg would take that for what the
//! package ships, and the next upgrade would replace the edits without a word. So the sums that dpkg remembered before
//! are given back to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use doorward_change::system::{Node, SystemError};

use super::check;
use crate::error::{at, failed};
use crate::files::Files;

const STATUS: &str = "/var/lib/dpkg/status";
const UPDATES: &str = "/var/lib/dpkg/updates";
const FIELD: &str = "Conffiles:";

/// Of each file of a `Conffiles` field its sum.
pub(super) fn known(field: &str) -> BTreeMap<String, String> {
    field.lines().filter_map(entry).map(|(path, sum)| (path.to_owned(), sum.to_owned())).collect()
}

/// ` /etc/a 0123 obsolete`: path and sum.
fn entry(line: &str) -> Option<(&str, &str)> {
    let mut words = line.strip_prefix(' ')?.split(' ');
    Some((words.next()?, words.next()?))
}

/// Makes dpkg remember those sums of a package's configuration.
pub(super) fn remember(
    files: &Files,
    name: &str,
    sums: &BTreeMap<String, String>,
) -> Result<(), SystemError> {
    check(name)?;
    let path = Path::new(STATUS);
    let Node::File { content, mode, uid, gid } = files.node(path)? else {
        return Err(failed(format!("read {STATUS}"), "not a file"));
    };
    let text = String::from_utf8(content).map_err(|e| at("read", path, std::io::Error::other(e)))?;
    let corrected = correct(&text, name, sums);
    if corrected == text {
        return Ok(());
    }
    if !files.names(Path::new(UPDATES))?.is_empty() {
        return Err(failed(
            format!("write {STATUS}"),
            format!("dpkg has not finished: {UPDATES} is not empty"),
        ));
    }
    files.put(path, &Node::File { content: corrected.into_bytes(), mode, uid, gid })
}

fn correct(status: &str, name: &str, sums: &BTreeMap<String, String>) -> String {
    let (bare, architecture) = name.split_once(':').map_or((name, None), |(n, a)| (n, Some(a)));
    let paragraphs = status.split_inclusive("\n\n").map(|paragraph| {
        let has = |field: &str, value: &str| {
            paragraph.lines().any(|l| l.strip_prefix(field).is_some_and(|v| v == value))
        };
        let is_it = has("Package: ", bare) && architecture.is_none_or(|a| has("Architecture: ", a));
        if is_it { correct_paragraph(paragraph, sums) } else { paragraph.to_owned() }
    });
    paragraphs.collect()
}

fn correct_paragraph(paragraph: &str, sums: &BTreeMap<String, String>) -> String {
    let mut is_inside = false;
    let lines = paragraph.split_inclusive('\n').map(|line| {
        if !line.starts_with(' ') {
            is_inside = line.trim_end() == FIELD;
        }
        match entry(line.trim_end_matches('\n')).filter(|_| is_inside) {
            Some((path, sum)) => match sums.get(path).filter(|s| *s != sum && *s != "newconffile") {
                Some(remembered) => line.replacen(sum, remembered, 1),
                None => line.to_owned(),
            },
            None => line.to_owned(),
        }
    });
    lines.collect()
}

/// Configuration as it is before a package comes back.
///
/// Maintainer scripts may change its content: what was there when they began is kept, edits made since the removal
/// with it. They also change owners and modes, of init scripts already when a package goes: those are given back as
/// they were when the package was saved.
#[derive(Debug)]
pub(super) struct Kept(Vec<(PathBuf, Node)>);

impl Kept {
    /// Of the files that are there, on a way without links.
    pub(super) fn before<'a>(files: &Files, paths: impl Iterator<Item = &'a String>) -> Self {
        let nodes = paths.filter_map(|p| Some((PathBuf::from(p), files.node(Path::new(p)).ok()?)));
        Self(nodes.filter(|(_, node)| matches!(node, Node::File { .. })).collect())
    }

    /// Gives back content that has changed.
    pub(super) fn give_back(&self, files: &Files) -> Result<(), SystemError> {
        for (path, was) in &self.0 {
            let (now, Node::File { content: was_content, .. }) = (files.node(path)?, was) else { continue };
            if !matches!(&now, Node::File { content, .. } if content == was_content) {
                files.put(path, was)?;
            }
        }
        Ok(())
    }
}

/// Beside an archive: owners and modes of a package's configuration.
fn owners_list(archive: &Path) -> PathBuf {
    beside(archive, ".owners")
}

/// Beside an archive: dpkg's own field, with what it remembers of the configuration.
fn field_file(archive: &Path) -> PathBuf {
    beside(archive, ".conffiles")
}

fn beside(archive: &Path, end: &str) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Keeps what dpkg remembers of the configuration that a `Conffiles` field names, and its owners and modes.
pub(super) fn keep(files: &Files, archive: &Path, field: &str) -> Result<(), SystemError> {
    let line = |path: &String| match files.node(Path::new(path)) {
        Ok(Node::File { mode, uid, gid, .. }) => Some(format!("{mode:o} {uid} {gid} {path}\n")),
        _ => None,
    };
    let owners = known(field).keys().filter_map(line).collect::<String>();
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let node = |text: &str| Node::File { content: text.as_bytes().to_vec(), mode: 0o600, uid, gid };
    files.put(&owners_list(archive), &node(&owners))?;
    files.put(&field_file(archive), &node(field))
}

/// Of each configuration file of a saved package the sum that dpkg remembered when it was saved.
pub(super) fn sums(files: &Files, archive: &Path) -> Result<BTreeMap<String, String>, SystemError> {
    match files.node(&field_file(archive))? {
        Node::File { content, .. } => Ok(known(&String::from_utf8_lossy(&content))),
        _ => Ok(BTreeMap::new()),
    }
}

/// Gives owners and modes back.
pub(super) fn give_owners(files: &Files, archive: &Path) -> Result<(), SystemError> {
    let Node::File { content, .. } = files.node(&owners_list(archive))? else { return Ok(()) };
    for line in String::from_utf8_lossy(&content).lines() {
        let mut words = line.splitn(4, ' ');
        let mode = words.next().and_then(|w| u32::from_str_radix(w, 8).ok());
        let mut number = || words.next().and_then(|w| w.parse().ok());
        let (uid, gid) = (number(), number());
        if let (Some(mode), Some(uid), Some(gid), Some(path)) = (mode, uid, gid, words.next()) {
            files.give(Path::new(path), mode, uid, gid)?;
        }
    }
    Ok(())
}

/// Files that dpkg leaves beside configuration which it kept.
#[derive(Debug)]
pub(super) struct Leftovers(Vec<PathBuf>);

impl Leftovers {
    /// Those that are not there yet.
    pub(super) fn before<'a>(paths: impl Iterator<Item = &'a String>) -> Self {
        let beside =
            paths.flat_map(|p| [".dpkg-dist", ".dpkg-new"].map(|end| PathBuf::from(format!("{p}{end}"))));
        Self(beside.filter(|p| std::fs::symlink_metadata(p).is_err()).collect())
    }

    /// Takes away those that have come.
    pub(super) fn remove(self, files: &Files) -> Result<(), SystemError> {
        let mut come = self.0.iter().filter(|p| std::fs::symlink_metadata(p).is_ok());
        come.try_for_each(|p| files.put(p, &Node::Absent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: a\nArchitecture: all\nConffiles:\n /etc/a 11\n /etc/b 22 obsolete\nDescription: x\n /etc/a 11\n\n\
                          Package: ab\nConffiles:\n /etc/a 11\n";

    #[test]
    fn only_sums_of_that_package_change() {
        let sums = known("\n /etc/a 99\n /etc/b 22\n /etc/c 33");
        let corrected = correct(STATUS, "a", &sums);
        assert_eq!(corrected, STATUS.replacen("/etc/a 11", "/etc/a 99", 1));
        assert_eq!(correct(STATUS, "a:amd64", &sums), STATUS);
        assert_eq!(correct(STATUS, "a:all", &sums), corrected);
        assert_eq!(correct(STATUS, "a", &BTreeMap::new()), STATUS);
    }
}
