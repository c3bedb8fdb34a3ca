//! The settings of an application, read from its own files by patterns.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use doorward_applications::{Marker, Patterns, Setting, secret};
use doorward_model::{Subject, Unseen};
use regex::bytes::Regex;

use super::{Find, dark};
use crate::Tree;
use crate::web::glob;

/// Largest file that is read; configuration is small.
const FILE_LIMIT: u64 = 1 << 20;

/// Bytes and files in all, and files that one pattern leads to.
const BYTE_LIMIT: usize = 32 << 20;
const READ_LIMIT: usize = 2000;
const MATCH_LIMIT: usize = 50;

/// Directories that patterns may look into in all.
const PATTERN_LIMIT: usize = 1000;

/// Reads the settings of all applications, each file and expression once.
pub(super) struct Reader<'t> {
    tree: &'t Tree,
    texts: HashMap<String, Option<Rc<[u8]>>>,
    patterns: Patterns,
    bytes: usize,
    /// Directories that patterns may still look into.
    budget: usize,
    unseen: Vec<Unseen>,
}

type Settings = BTreeMap<String, String>;

impl<'t> Reader<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        Self {
            tree,
            texts: HashMap::new(),
            patterns: Patterns::default(),
            bytes: 0,
            budget: PATTERN_LIMIT,
            unseen: Vec::new(),
        }
    }

    pub(super) fn into_unseen(self) -> Vec<Unseen> {
        self.unseen
    }

    /// The settings of an application, one set for each instance: files that one pattern matches and that contradict
    /// each other configure instances of their own (a site each). At least one set, be it empty. Absolute files count
    /// only where `absolute` says that they are this application's.
    pub(super) fn settings(&mut self, marker: &Marker, find: &Find, absolute: bool) -> Vec<Settings> {
        let files: Vec<Vec<Candidates>> =
            marker.settings.iter().map(|s| self.candidates(s, find, absolute)).collect();
        let mut variants: Vec<&String> =
            files.iter().flatten().filter(|c| c.is_pattern).flat_map(|c| &c.paths).collect();
        variants.sort();
        variants.dedup();
        let variants =
            if variants.is_empty() { vec![None] } else { variants.into_iter().map(Some).collect() };
        let mut all: Vec<Settings> = Vec::new();
        for variant in variants {
            let mut set = Settings::new();
            for (setting, candidates) in marker.settings.iter().zip(&files) {
                if let Some(value) = self.first_value(marker, setting, candidates, variant) {
                    set.insert(setting.name.clone(), value);
                }
            }
            merge(&mut all, set);
        }
        if all.len() > 1 {
            all.retain(|set| !set.is_empty());
        }
        all
    }

    fn candidates(&mut self, setting: &Setting, find: &Find, absolute: bool) -> Vec<Candidates> {
        let mut all = Vec::new();
        for file in &setting.files {
            let Some(path) = find.path(file, absolute) else { continue };
            let is_pattern = glob::is_pattern(file);
            let paths = if is_pattern { self.expand(&path) } else { vec![path] };
            all.push(Candidates { paths, is_pattern });
        }
        all
    }

    fn expand(&mut self, pattern: &str) -> Vec<String> {
        let found = glob::expand(self.tree, pattern, MATCH_LIMIT, &mut self.budget);
        let unseen = |why| Unseen::new(Subject::Applications, format!("settings in {pattern}"), why);
        self.unseen.extend(found.failures.into_iter().map(unseen));
        found.paths
    }

    /// The value in the first file that has it; of a pattern's files only `variant` is looked at.
    fn first_value(
        &mut self,
        marker: &Marker,
        setting: &Setting,
        candidates: &[Candidates],
        variant: Option<&String>,
    ) -> Option<String> {
        let is_meant = |c: &Candidates, path: &String| !c.is_pattern || Some(path) == variant;
        for path in candidates.iter().flat_map(|c| c.paths.iter().filter(move |path| is_meant(c, path))) {
            let Some(text) = self.text(path, marker) else { continue };
            let pattern = self.pattern(marker, setting)?;
            let found = pattern.captures(&text).and_then(|c| c.get(1));
            if let Some(value) = found {
                return secret::cleaned(&setting.name, &String::from_utf8_lossy(value.as_bytes()));
            }
        }
        None
    }

    fn text(&mut self, path: &str, marker: &Marker) -> Option<Rc<[u8]>> {
        if let Some(text) = self.texts.get(path) {
            return text.clone();
        }
        if self.texts.len() >= READ_LIMIT || self.bytes > BYTE_LIMIT {
            let why = "more configuration than anything honest has";
            self.unseen.push(Unseen::new(Subject::Applications, format!("settings of {}", marker.id), why));
            return None;
        }
        let text = match self.tree.read(path, FILE_LIMIT) {
            Ok(bytes) => {
                self.bytes += bytes.len();
                Some(Rc::from(bytes))
            }
            Err(e) => {
                if !e.is_absent() {
                    self.unseen.push(dark(format!("settings of {} in {path}", marker.id), &e));
                }
                None
            }
        };
        self.texts.insert(path.to_owned(), text.clone());
        text
    }

    fn pattern(&mut self, marker: &Marker, setting: &Setting) -> Option<Regex> {
        self.patterns.of(setting, |why| {
            let what = format!("setting {} of {}", setting.name, marker.id);
            self.unseen.push(Unseen::new(Subject::Applications, what, format!("its pattern is bad: {why}")));
        })
    }
}

/// Files that may hold a setting, of one entry in its list.
struct Candidates {
    paths: Vec<String>,
    is_pattern: bool,
}

impl Find {
    /// Where a file of a setting is.
    fn path(&self, file: &str, absolute: bool) -> Option<String> {
        if file.starts_with('/') {
            return absolute.then(|| file.to_owned());
        }
        let base = self.base.as_deref()?;
        // Written as seen from a document root, of which the base is above.
        let file = if self.is_above { file.strip_prefix("../").unwrap_or(file) } else { file };
        Some(format!("{base}/{file}"))
    }
}

/// Adds a set of settings to the first that it does not contradict.
fn merge(all: &mut Vec<Settings>, set: Settings) {
    let agrees =
        |known: &Settings| set.iter().all(|(name, value)| known.get(name).is_none_or(|v| v == value));
    match all.iter_mut().find(|known| agrees(known)) {
        Some(known) => known.extend(set),
        None => all.push(set),
    }
}
