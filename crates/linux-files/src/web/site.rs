//! What is gathered of one server's configuration, within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::rc::Rc;

use doorward_model::{Facts, Subject, Unseen, Upstream, WebConfig, WebEndpoint};

use super::{address, glob};
use crate::{ReadError, Tree, unread::unread};

/// Files of one server.
const FILE_LIMIT: usize = 1000;

/// Bytes of all its files, each counted as often as it is included.
const BYTE_LIMIT: usize = 16 << 20;

/// Includes within includes.
const DEPTH_LIMIT: usize = 16;

/// Directories that all patterns together may look into.
const DIRECTORY_LIMIT: usize = 2000;

/// Upstreams, document roots, names, endpoints and logs, each.
const FACT_LIMIT: usize = 2000;

/// Failures that are told of one by one.
const UNSEEN_LIMIT: usize = 50;

/// Longer names and paths are none.
const LENGTH_LIMIT: usize = 1000;

/// A line of a file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: Rc<str>,
    pub(super) line: usize,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// How the files that an include names are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// A file that is named must be there; a pattern may match nothing.
    Failure,
    /// Nothing need be there.
    Allowed,
}

/// What one server's configuration says, as it is gathered.
pub(super) struct Site<'t> {
    pub(super) tree: &'t Tree,
    server: &'static str,
    files: BTreeSet<String>,
    roots: BTreeSet<String>,
    names: BTreeSet<String>,
    endpoints: BTreeSet<WebEndpoint>,
    logs: BTreeSet<String>,
    /// Targets, each with the first place that names it.
    upstreams: BTreeMap<String, String>,
    unseen: Vec<Unseen>,
    untold: usize,
    complete: bool,
    bytes: usize,
    depth: usize,
    /// Directories that patterns may still look into.
    budget: usize,
    is_full: bool,
}

impl<'t> Site<'t> {
    pub(super) fn new(tree: &'t Tree, server: &'static str) -> Self {
        Self {
            tree,
            server,
            files: BTreeSet::new(),
            roots: BTreeSet::new(),
            names: BTreeSet::new(),
            endpoints: BTreeSet::new(),
            logs: BTreeSet::new(),
            upstreams: BTreeMap::new(),
            unseen: Vec::new(),
            untold: 0,
            complete: true,
            bytes: 0,
            depth: 0,
            budget: DIRECTORY_LIMIT,
            is_full: false,
        }
    }

    /// The text of a configuration file that `from` includes; the main file is included by nobody.
    pub(super) fn text(&mut self, path: &str, from: Option<&Place>) -> Option<String> {
        if self.bytes > BYTE_LIMIT || self.files.len() >= FILE_LIMIT {
            self.overflow("files");
            return None;
        }
        match self.tree.read_text(path) {
            Ok(text) => {
                self.bytes += text.len();
                self.files.insert(path.to_owned());
                Some(text)
            }
            Err(error) => {
                self.unreadable(path, from, &error);
                None
            }
        }
    }

    /// Does what `from` leads to, unless files include each other too deep.
    pub(super) fn deeper(&mut self, from: Option<&Place>, read: impl FnOnce(&mut Self)) {
        if self.depth >= DEPTH_LIMIT {
            if let Some(place) = from {
                self.dark(place, "files include each other too deep");
            }
            return;
        }
        self.depth += 1;
        read(self);
        self.depth -= 1;
    }

    /// Reads a file that `from` includes.
    pub(super) fn within(&mut self, path: &str, from: Option<&Place>, read: impl FnOnce(&mut Self, &str)) {
        self.deeper(from, |site| {
            if let Some(text) = site.text(path, from) {
                read(site, &text);
            }
        });
    }

    /// The files that an include's absolute path or pattern leads to.
    pub(super) fn included(&mut self, pattern: &str, place: &Place, missing: Missing) -> Vec<String> {
        if !glob::is_pattern(pattern) && missing == Missing::Failure {
            return vec![pattern.to_owned()]; // not to be there is a failure to read
        }
        let found = glob::expand(self.tree, pattern, FILE_LIMIT, &mut self.budget);
        for failure in found.failures {
            self.dark(place, failure);
        }
        found.paths
    }

    /// A service behind the server. `target` is in the form of [`address`].
    pub(super) fn upstream(&mut self, target: String, place: &Place, directive: &str) {
        if self.upstreams.len() >= FACT_LIMIT {
            self.overflow("upstreams");
        } else {
            self.upstreams.entry(target).or_insert_with(|| format!("{place} {directive}"));
        }
    }

    /// A service behind the server, or its address is not understood.
    pub(super) fn upstream_or_dark(
        &mut self,
        target: Option<String>,
        shown: &str,
        place: &Place,
        directive: &str,
    ) {
        if let Some(target) = target {
            return self.upstream(target, place, directive);
        }
        let shown = address::shown(shown);
        self.dark(place, format!("{directive} {shown} names no address that can be told"));
    }

    /// A document root. `text` may hold what only a request tells, from the first of `dynamic` on: then the directory
    /// above it counts.
    pub(super) fn root(&mut self, text: &str, dynamic: &[char]) {
        let fixed = text.find(dynamic).map_or(text, |at| &text[..at]);
        let directory =
            if fixed.len() < text.len() { fixed.rsplit_once('/').map_or("", |(d, _)| d) } else { text };
        let Some(path) = address::socket_path(directory).filter(|path| !path.is_empty()) else { return };
        if self.roots.len() < FACT_LIMIT {
            self.roots.insert(path);
        } else {
            self.overflow("document roots");
        }
    }

    /// A host name that is served. What stands for any name is none.
    pub(super) fn name(&mut self, name: &str) {
        let Some(name) = host_name(name) else { return };
        if self.names.len() < FACT_LIMIT {
            self.names.insert(name);
        } else {
            self.overflow("names");
        }
    }

    /// A virtual host: each of its names on each of its ports. Without a name that can be told, it takes any.
    pub(super) fn endpoints(&mut self, names: &[String], ports: &[u16]) {
        let mut hosts: Vec<Option<String>> =
            names.iter().filter_map(|name| host_name(name)).map(Some).collect();
        if hosts.is_empty() {
            hosts.push(None);
        }
        for host in hosts {
            for &port in ports {
                if self.endpoints.len() >= FACT_LIMIT {
                    return self.overflow("endpoints");
                }
                self.endpoints.insert(WebEndpoint { host: host.clone(), port });
            }
        }
    }

    /// An access log, by its absolute path. What is no file is none.
    pub(super) fn log(&mut self, path: &str) {
        let Some(path) = address::socket_path(path).filter(|path| !path.contains('$')) else { return };
        if self.logs.len() < FACT_LIMIT {
            self.logs.insert(path);
        } else {
            self.overflow("logs");
        }
    }

    pub(super) fn roots(&self) -> Vec<String> {
        self.roots.iter().cloned().collect()
    }

    /// Something that was not understood.
    pub(super) fn dark(&mut self, place: &Place, why: impl Into<String>) {
        let what = format!("what {} passes on by {place}", self.server);
        self.miss(Unseen::new(Subject::Dependencies, what, why));
    }

    /// A file that could not be read.
    pub(super) fn unreadable(&mut self, path: &str, from: Option<&Place>, error: &ReadError) {
        let from = from.map_or_else(|| path.to_owned(), |from| format!("{path}, included by {from}"));
        let what = format!("what {} passes on by {from}", self.server);
        self.miss(unread(Subject::Dependencies, what, error));
    }

    fn overflow(&mut self, of_what: &str) {
        self.complete = false;
        if !std::mem::replace(&mut self.is_full, true) {
            let what = format!("the whole configuration of {}", self.server);
            let why = format!("more {of_what} than anything honest has");
            self.unseen.push(Unseen::new(Subject::Dependencies, what, why));
        }
    }

    fn miss(&mut self, unseen: Unseen) {
        self.complete = false;
        if self.unseen.len() < UNSEEN_LIMIT {
            if !self.unseen.contains(&unseen) {
                self.unseen.push(unseen);
            }
        } else {
            self.untold += 1;
        }
    }

    pub(super) fn finish(mut self) -> Facts<WebConfig> {
        if self.untold > 0 {
            let what = format!("the whole configuration of {}", self.server);
            let why = format!("{} more places were not understood", self.untold);
            self.unseen.push(Unseen::new(Subject::Dependencies, what, why));
        }
        let upstreams =
            self.upstreams.into_iter().map(|(target, place)| Upstream { target, place }).collect();
        let value = WebConfig {
            server: self.server.to_owned(),
            files: self.files.into_iter().collect(),
            complete: self.complete,
            document_roots: self.roots.into_iter().collect(),
            names: self.names.into_iter().collect(),
            endpoints: self.endpoints.into_iter().collect(),
            access_logs: self.logs.into_iter().collect(),
            upstreams,
        };
        Facts { value, unseen: self.unseen }
    }
}

/// A host name in small letters; nothing where it stands for any name, or is none.
fn host_name(name: &str) -> Option<String> {
    let is_name = !matches!(name, "" | "_" | "*")
        && name.len() <= LENGTH_LIMIT
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*'));
    is_name.then(|| name.to_lowercase())
}
