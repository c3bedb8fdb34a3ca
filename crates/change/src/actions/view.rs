//! The host as it will be after the changes so far, so that two changes of one file follow on each other.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::system::{Activity, Node, System, SystemError};
use crate::{Change, LONGEST_CONTENT};

pub(super) struct View<'s> {
    system: &'s dyn System,
    changed: BTreeMap<PathBuf, Node>,
}

impl<'s> View<'s> {
    pub(super) fn new(system: &'s dyn System) -> Self {
        Self { system, changed: BTreeMap::new() }
    }

    pub(super) fn node(&self, path: &Path) -> Result<Node, String> {
        let node = match self.changed.get(path) {
            Some(node) => node.clone(),
            None => self.system.node(path).map_err(|e| e.to_string())?,
        };
        match &node {
            Node::File { content, .. } if content.len() > LONGEST_CONTENT => {
                Err(format!("{} is too long to be kept for the undoing", path.display()))
            }
            _ => Ok(node),
        }
    }

    /// A regular file's text.
    pub(super) fn text(&self, path: &Path) -> Result<Option<String>, String> {
        match self.node(path)? {
            Node::Absent => Ok(None),
            Node::Link { .. } => Err(format!("{} is a symbolic link, which is not followed", path.display())),
            Node::File { content, .. } => match String::from_utf8(content) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(format!("{} is no text", path.display())),
            },
        }
    }

    /// Whether a directory is another one by a link on the way, as `/lib` mostly is.
    pub(super) fn is_elsewhere(&self, directory: &str) -> bool {
        directory.starts_with("/lib/") && matches!(self.system.node(Path::new("/lib")), Ok(Node::Link { .. }))
    }

    pub(super) fn names(&self, directory: &Path) -> Result<Vec<String>, String> {
        let mut names = self.system.names(directory).map_err(|e| e.to_string())?;
        names.retain(|n| !matches!(self.changed.get(&directory.join(n)), Some(Node::Absent)));
        Ok(names)
    }

    pub(super) fn activity(&self, unit: &str) -> Result<Activity, String> {
        self.system.activity(unit).map_err(|e| e.to_string())
    }

    pub(super) fn table(&self) -> Result<Option<String>, String> {
        self.system.table().map_err(|e| e.to_string())
    }

    pub(super) fn table_once_loaded(&self, text: &str) -> Result<String, String> {
        self.system.table_once_loaded(text).map_err(|e| e.to_string())
    }

    pub(super) fn package(&self, name: &str) -> Result<Option<String>, String> {
        self.system.package(name).map_err(|e| e.to_string())
    }

    /// The change that brings a path into a state; none where it is so.
    pub(super) fn put(&mut self, path: PathBuf, after: Node) -> Result<Option<Change>, String> {
        let before = self.node(&path)?;
        if before == after {
            return Ok(None);
        }
        let made = if before == Node::Absent { self.missing_directories(&path)? } else { Vec::new() };
        self.changed.insert(path.clone(), after.clone());
        Ok(Some(Change::Put { path, before, after, made }))
    }

    /// The change of a file's text. It stays its owner's.
    pub(super) fn edit(&mut self, path: &Path, text: String) -> Result<Option<Change>, String> {
        match self.node(path)? {
            Node::File { mode, uid, gid, .. } => {
                self.put(path.to_owned(), Node::File { content: text.into_bytes(), mode, uid, gid })
            }
            _ => Err(format!("{} is no regular file", path.display())),
        }
    }

    /// A directory that is there is no node, which the host says.
    pub(super) fn missing_directories(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let mut missing = Vec::new();
        for directory in path.ancestors().skip(1).filter(|d| d.parent().is_some()) {
            match self.system.node(directory) {
                Ok(Node::Absent) => missing.push(directory.to_owned()),
                Ok(_) | Err(SystemError::Unsuitable { .. }) => break,
                Err(e) => return Err(e.to_string()),
            }
        }
        Ok(missing)
    }
}

/// A path of a plan, which may be anybody's.
pub(super) fn checked(path: &str) -> Result<PathBuf, String> {
    let plain = |c| matches!(c, Component::RootDir | Component::Normal(_));
    let parsed = Path::new(path);
    let good = parsed.is_absolute() && parsed.components().all(plain) && !path.contains(char::is_control);
    good.then(|| parsed.to_owned()).ok_or_else(|| format!("{path:?} is no absolute path of a file"))
}
