//! Files of a Windows disk that are in memory: out of an archive, off the wire, or made up.

use std::path::{Path, PathBuf};

use doorward_hive::{Hive, Log};

use crate::disk::{ConfigFile, ConfigKind, Opened, refused};
use crate::{Disk, DiskError, HiveKind};

/// Ends of the names that transaction logs have.
const LOGS: [&str; 3] = [".LOG", ".LOG1", ".LOG2"];

impl Disk {
    /// As [`from_files`](Self::from_files), of files that are in memory, by their names. A log is one of the hive whose
    /// name it carries (`SYSTEM.LOG1`); configuration files of IIS are known by their names (`MetaBase.xml`), hives by
    /// what is in them.
    pub fn from_memory(files: Vec<(String, Vec<u8>)>) -> Result<Self, DiskError> {
        let shown: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let mut disk = Self::new(shown.join(", "));
        let (logs, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|(name, _)| of_log(name).is_some());
        let mut first_error = None;
        for (name, bytes) in files {
            if let Some(kind) = ConfigKind::named(&name) {
                disk.configs.push(ConfigFile { kind, file: name, bytes });
                continue;
            }
            let own = logs
                .iter()
                .filter(|(log, _)| of_log(log).is_some_and(|hive| hive.eq_ignore_ascii_case(&name)));
            let own = own.map(|(log, bytes)| Log::new(log, bytes.as_slice())).collect();
            match open(&name, bytes, own) {
                Ok(opened) => disk.add(opened),
                Err(why) => {
                    disk.unseen.push(refused(Path::new(&name), &why));
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
}

fn open(name: &str, bytes: Vec<u8>, logs: Vec<Log<'_>>) -> Result<Opened, DiskError> {
    let path = || PathBuf::from(name);
    let hive = Hive::from_bytes(bytes, logs).map_err(|source| DiskError::Hive { path: path(), source })?;
    let kind = HiveKind::of(&hive).ok_or_else(|| DiskError::OtherHive { path: path() })?;
    Ok(Opened { kind, file: name.to_owned(), hive })
}

/// The hive that a log of this name is one of.
fn of_log(name: &str) -> Option<&str> {
    LOGS.iter().find_map(|end| {
        let (hive, rest) = name.split_at_checked(name.len().checked_sub(end.len())?)?;
        rest.eq_ignore_ascii_case(end).then_some(hive)
    })
}
