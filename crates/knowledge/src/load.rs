//! Reading the TOML files, those compiled in and a user's own.

use std::path::{Path, PathBuf};

use doorward_model::OsFamily;

use crate::entry::Entries;
use crate::{ApplicationEntry, BaseEntry, FindingEntry, HazardClass, Problem, RoleEntry, ServiceEntry};

/// The entries of `knowledge/` for each family of systems, as the build script packed them.
static LINUX: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/linux"));
static WINDOWS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/windows"));

/// A user's file may not be larger.
const FILE_LIMIT: u64 = 8 << 20;
/// A user's folder may not hold more files.
const FILES_LIMIT: usize = 1000;

/// All entries, each list sorted by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Knowledge {
    /// Services.
    pub services: Vec<ServiceEntry>,
    /// Hazard classes.
    pub classes: Vec<HazardClass>,
    /// Roles.
    pub roles: Vec<RoleEntry>,
    /// Base services.
    pub base: Vec<BaseEntry>,
    /// Applications.
    pub applications: Vec<ApplicationEntry>,
    /// Settings that let in more than they should.
    pub findings: Vec<FindingEntry>,
}

/// Why knowledge could not be loaded. Its text names file and place.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("knowledge {path}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML of the expected form.
    #[error("knowledge {path}: {message}", path = .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
    },
    /// The entries contradict each other.
    #[error("{0}")]
    Invalid(Problem),
}

impl Knowledge {
    /// The entries that are compiled in.
    ///
    /// # Panics
    /// Never: the build wrote what is read here, with the same types.
    pub fn built_in() -> Self {
        let mut all = Self::default();
        for part in [LINUX, WINDOWS] {
            all.add(postcard::from_bytes(part).expect("the build's own bytes"));
        }
        all
    }

    /// The entries for one family of systems that are compiled in.
    ///
    /// # Panics
    /// Never, as above.
    pub fn built_in_for(family: OsFamily) -> Self {
        let part = match family {
            OsFamily::Linux => LINUX,
            OsFamily::Windows => WINDOWS,
        };
        let mut all = Self::default();
        all.add(postcard::from_bytes(part).expect("the build's own bytes"));
        all
    }

    /// The built-in entries with those of `folder` added, or put in the place of the ones with the same id.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let mut all = Self::built_in();
        for path in toml_files(folder)? {
            all.add(parse(&path, &read(&path)?)?);
        }
        match all.problems().into_iter().next() {
            Some(problem) => Err(LoadError::Invalid(problem)),
            None => Ok(all),
        }
    }

    fn add(&mut self, file: Entries) {
        merge(&mut self.services, file.service, |e| &e.id);
        merge(&mut self.classes, file.class, |e| &e.id);
        merge(&mut self.roles, file.role, |e| &e.id);
        merge(&mut self.base, file.base, |e| &e.id);
        merge(&mut self.applications, file.application, |e| &e.id);
        merge(&mut self.findings, file.finding, |e| &e.id);
    }
}

/// Puts the new entries in their places; those of the same id take the old ones'.
fn merge<T>(all: &mut Vec<T>, new: Vec<T>, id: impl Fn(&T) -> &str) {
    all.splice(0..0, new);
    all.sort_by(|a, b| id(a).cmp(id(b))); // stable: the new one comes first
    all.dedup_by(|later, first| id(later) == id(first));
}

fn parse(path: &Path, text: &str) -> Result<Entries, LoadError> {
    toml::from_str(text).map_err(|e| LoadError::Parse { path: path.to_owned(), message: e.to_string() })
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let fail = |source| LoadError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(dir) = folders.pop() {
        for entry in std::fs::read_dir(&dir).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let kind = entry.file_type().map_err(fail)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.path().extension().is_some_and(|e| e == "toml") {
                files.push(entry.path());
            }
            if files.len() + folders.len() > FILES_LIMIT {
                return Err(fail(std::io::Error::other(format!("more than {FILES_LIMIT} files"))));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, LoadError> {
    let fail = |source| LoadError::Read { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(fail)?.len();
    if length > FILE_LIMIT {
        return Err(fail(std::io::Error::other(format!("larger than {FILE_LIMIT} bytes"))));
    }
    std::fs::read_to_string(path).map_err(fail)
}
