//! The files of a Windows system disk that an audit needs, found whatever their case.
//!
//! A disk is a mounted image, a backup, a copied `config` folder, or single hive files. Hives are recognised by what is
//! in them. Symbolic links below the given directory are not followed: what a disk links to lies on another machine.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use doorward_hive::{Hive, HiveError, Log};
use doorward_model::{Subject, Unseen};

use crate::folder;

/// Largest configuration file that is read.
const CONFIG_LIMIT: u64 = 16 << 20;

/// Why there is nothing to audit. Its text names the file and the reason.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The system said no.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No file that could be a hive.
    #[error(
        "{path}: no Windows here: no Windows/System32/config, no WINNT/System32/config, and no file SYSTEM or SOFTWARE",
        path = .path.display()
    )]
    NoWindows {
        /// The directory.
        path: PathBuf,
    },
    /// The file cannot be read as a hive.
    #[error("{path}: {source}", path = .path.display())]
    Hive {
        /// The file.
        path: PathBuf,
        /// Why, and where in the file.
        source: HiveError,
    },
    /// A hive that tells nothing of services, programs or accounts.
    #[error("{path}: a registry hive, but not SYSTEM, SOFTWARE, SAM or SECURITY of a machine", path = .path.display())]
    OtherHive {
        /// The file.
        path: PathBuf,
    },
    /// It is no regular file.
    #[error("{path}: not a regular file", path = .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// No file was named.
    #[error("no hive was given")]
    Nothing,
}

/// Which part of a machine's registry a hive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HiveKind {
    /// Services, control sets, network.
    System,
    /// Windows itself and installed programs.
    Software,
    /// Accounts and groups.
    Sam,
    /// Policies and secrets.
    Security,
}

impl HiveKind {
    const ALL: [Self; 4] = [Self::System, Self::Software, Self::Sam, Self::Security];

    /// Its name among the files of `config`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "SYSTEM",
            Self::Software => "SOFTWARE",
            Self::Sam => "SAM",
            Self::Security => "SECURITY",
        }
    }

    /// Recognises a hive by its first keys, or, where they cannot be read, by the file name that it carries.
    pub fn of(hive: &Hive) -> Option<Self> {
        let has = |path: &str| hive.key(path).is_ok_and(|key| key.is_some());
        if has("Select") || has("ControlSet001") {
            return Some(Self::System);
        }
        if has("Policy") {
            return Some(Self::Security);
        }
        if has(r"SAM\Domains") {
            return Some(Self::Sam);
        }
        if has(r"Microsoft\Windows NT\CurrentVersion") || has(r"Microsoft\Windows\CurrentVersion") {
            return Some(Self::Software);
        }
        let name = hive.name().rsplit('\\').next().unwrap_or_default();
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }
}

/// A hive that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) kind: HiveKind,
    pub(crate) file: String,
    pub(crate) hive: Hive,
}

/// A configuration file of IIS.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    pub(crate) kind: ConfigKind,
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigKind {
    /// `applicationHost.config` of IIS 7 and later.
    ApplicationHost,
    /// `redirection.config`: the above may lie elsewhere.
    Redirection,
    /// `MetaBase.xml` of IIS 6, and of its mail service later.
    MetabaseXml,
    /// `MetaBase.bin` of IIS 4 to 5.1. It is seen, not read.
    MetabaseBin,
}

impl ConfigKind {
    const ALL: [(Self, &str); 4] = [
        (Self::ApplicationHost, "applicationHost.config"),
        (Self::Redirection, "redirection.config"),
        (Self::MetabaseXml, "MetaBase.xml"),
        (Self::MetabaseBin, "MetaBase.bin"),
    ];

    /// What a file of this name is.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, own)| own.eq_ignore_ascii_case(name)).map(|(kind, _)| kind)
    }
}

/// A Windows system disk, or what of it there is.
#[derive(Debug)]
pub struct Disk {
    pub(crate) path: String,
    /// Sorted by kind, at most one of each.
    pub(crate) hives: Vec<Opened>,
    pub(crate) configs: Vec<ConfigFile>,
    /// Name of the directory that Windows is installed in (`WINNT`), when it was seen.
    pub(crate) windows: Option<String>,
    /// Whether there was a disk, so that a file that was not found does not exist.
    pub(crate) whole: bool,
    /// The root directory of the drive that Windows is on, when it was given and not Windows' own directory alone.
    pub(crate) root: Option<PathBuf>,
    pub(crate) unseen: Vec<Unseen>,
}

impl Disk {
    /// Finds Windows below a directory: a mounted system disk, its Windows directory, or a copied `config` folder.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let fail = |source| DiskError::Io { path: path.to_owned(), source };
        if !fs::metadata(path).map_err(fail)?.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        let mut disk = Self::new(path.display().to_string());
        let found = folder::windows(path, &mut disk.unseen).map_err(fail)?;
        let config = found.as_ref().map_or_else(|| path.to_owned(), |found| found.config.clone());
        let first_error = disk.read_config(&config);
        if disk.hives.is_empty() {
            return Err(first_error.unwrap_or(DiskError::NoWindows { path: path.to_owned() }));
        }
        match found {
            Some(found) => {
                disk.root = found.is_drive.then(|| path.to_owned());
                disk.windows = found.windows;
                disk.whole = true;
                disk.read_iis(&found.system32, &["inetsrv", "config"], &["inetsrv"]);
            }
            None => disk.read_iis(path, &[], &[]),
        }
        disk.hives.sort_by_key(|opened| opened.kind);
        Ok(disk)
    }

    /// Takes hive files of one machine. Logs are looked for beside each. What cannot be used is among the unseen facts;
    /// if none can, the first one's reason is the error.
    pub fn from_files(files: &[impl AsRef<Path>]) -> Result<Self, DiskError> {
        let shown: Vec<String> = files.iter().map(|file| file.as_ref().display().to_string()).collect();
        let mut disk = Self::new(shown.join(", "));
        let mut first_error = None;
        for file in files {
            match open(file.as_ref()) {
                Ok(opened) => disk.add(opened),
                Err(why) => {
                    disk.unseen.push(refused(file.as_ref(), &why));
                    first_error.get_or_insert(why);
                }
            }
        }
        if disk.hives.is_empty() {
            return Err(first_error.unwrap_or(DiskError::Nothing));
        }
        disk.hives.sort_by_key(|opened| opened.kind);
        Ok(disk)
    }

    /// The kinds of hives that there are, sorted.
    pub fn kinds(&self) -> Vec<HiveKind> {
        self.hives.iter().map(|opened| opened.kind).collect()
    }

    pub(crate) fn new(path: String) -> Self {
        Self {
            path,
            hives: Vec::new(),
            configs: Vec::new(),
            windows: None,
            whole: false,
            root: None,
            unseen: Vec::new(),
        }
    }

    pub(crate) fn hive(&self, kind: HiveKind) -> Option<&Opened> {
        self.hives.iter().find(|opened| opened.kind == kind)
    }

    pub(crate) fn add(&mut self, opened: Opened) {
        if let Some(first) = self.hive(opened.kind) {
            let why = format!("it is a second {}; {} was read", opened.kind.as_str(), first.file);
            self.unseen.push(Unseen::new(subject(opened.kind), opened.file, why));
        } else {
            self.hives.push(opened);
        }
    }

    /// Opens the hives of a `config` folder, and says why the first one that cannot be used cannot.
    fn read_config(&mut self, config: &Path) -> Option<DiskError> {
        let mut first_error = None;
        for kind in HiveKind::ALL {
            let file = match folder::find(config, kind.as_str()) {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                Err(source) => {
                    let why = DiskError::Io { path: config.join(kind.as_str()), source };
                    self.unseen.push(Unseen::new(subject(kind), kind.as_str(), why.to_string()));
                    first_error.get_or_insert(why);
                    continue;
                }
            };
            match open(&file) {
                Ok(opened) if opened.kind == kind => self.add(opened),
                Ok(other) => {
                    let why = format!("{}: holds {}, not {}", other.file, other.kind.as_str(), kind.as_str());
                    self.unseen.push(Unseen::new(subject(kind), kind.as_str(), why));
                }
                Err(why) => {
                    self.unseen.push(refused(&file, &why));
                    first_error.get_or_insert(why);
                }
            }
        }
        first_error
    }

    fn read_iis(&mut self, below: &Path, config: &[&str], inetsrv: &[&str]) {
        for (kind, name) in ConfigKind::ALL {
            let folders = match kind {
                ConfigKind::ApplicationHost | ConfigKind::Redirection => config,
                ConfigKind::MetabaseXml | ConfigKind::MetabaseBin => inetsrv,
            };
            match folder::walk(below, folders)
                .and_then(|dir| dir.map_or(Ok(None), |dir| folder::find(&dir, name)))
            {
                Ok(None) => {}
                Ok(Some(path)) => match read(&path, kind) {
                    Ok(bytes) => {
                        self.configs.push(ConfigFile { kind, file: path.display().to_string(), bytes });
                    }
                    Err(why) => self.unseen.push(unread_config(&path.display().to_string(), &why)),
                },
                Err(why) => self.unseen.push(unread_config(name, &why)),
            }
        }
    }
}

fn unread_config(name: &str, why: &io::Error) -> Unseen {
    Unseen::new(Subject::Listeners, "configuration of IIS", format!("{name}: {why}"))
}

fn read(path: &Path, kind: ConfigKind) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if kind == ConfigKind::MetabaseBin {
        return Ok(bytes);
    }
    File::open(path)?.take(CONFIG_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CONFIG_LIMIT {
        return Err(io::Error::other(format!("larger than {CONFIG_LIMIT} bytes")));
    }
    Ok(bytes)
}

/// The part of the host that is dark without a hive.
fn subject(kind: HiveKind) -> Subject {
    match kind {
        HiveKind::System => Subject::Services,
        HiveKind::Software => Subject::Packages,
        HiveKind::Sam | HiveKind::Security => Subject::Host,
    }
}

pub(crate) fn refused(file: &Path, why: &DiskError) -> Unseen {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let kind = HiveKind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(&name));
    Unseen::new(subject(kind.unwrap_or(HiveKind::System)), format!("registry hive {name}"), why.to_string())
}

fn open(path: &Path) -> Result<Opened, DiskError> {
    let fail = |source| DiskError::Io { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(fail)?.is_file() {
        return Err(DiskError::NotAFile { path: path.to_owned() });
    }
    let logs = folder::logs(path)
        .into_iter()
        .filter_map(|log| {
            let name = log.file_name()?.to_string_lossy().into_owned();
            Some(Log::new(name, File::open(log).ok()?))
        })
        .collect();
    let file = File::open(path).map_err(fail)?;
    let hive = Hive::open(file, logs).map_err(|source| DiskError::Hive { path: path.to_owned(), source })?;
    let kind = HiveKind::of(&hive).ok_or_else(|| DiskError::OtherHive { path: path.to_owned() })?;
    Ok(Opened { kind, file: path.display().to_string(), hive })
}
