//! Files of a host's tree, opened as the host itself would: its symlinks lead nowhere else.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, Result};

use crate::LabError;
use crate::error::Doing;

/// Reads the file `path` of the tree at `root`.
pub(crate) fn read(root: &Path, path: &str) -> std::result::Result<Vec<u8>, LabError> {
    let mut bytes = Vec::new();
    open(root, path, OFlags::RDONLY, Mode::empty())
        .map_err(std::io::Error::from)
        .and_then(|file| File::from(file).read_to_end(&mut bytes))
        .doing(|| format!("read {path} of {}", root.display()))?;
    Ok(bytes)
}

/// Writes the file `path` of the tree at `root`, with the folders that it needs. An old file is replaced, so that
/// one that is being executed can be written too.
pub(crate) fn write(root: &Path, path: &str, mode: u32, content: &[u8]) -> std::result::Result<(), LabError> {
    write_bytes(root, path, mode, content).doing(|| format!("write {path} of {}", root.display()))
}

fn write_bytes(root: &Path, path: &str, mode: u32, content: &[u8]) -> std::io::Result<()> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = create_folders(root, folder)?;
    match rustix::fs::unlinkat(&folder, name, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(content)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
    Ok(())
}

fn create_folders(root: &Path, folder: &str) -> Result<OwnedFd> {
    let mut reached = String::from("/");
    let mut at = open(root, &reached, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    for name in folder.split('/').filter(|name| !name.is_empty()) {
        match rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        reached.push_str(name);
        reached.push('/');
        at = open(root, &reached, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    }
    Ok(at)
}

const ATTEMPTS: usize = 100;

fn open(root: &Path, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let root = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let open = || openat2(&root, path, flags | OFlags::CLOEXEC, mode, ResolveFlags::IN_ROOT);
    // The kernel gives up on a `..` when anything is renamed or mounted meanwhile, wherever that is (openat2(2)).
    let opened = (0..ATTEMPTS).map(|_| open()).find(|opened| !matches!(opened, Err(Errno::AGAIN)));
    opened.unwrap_or(Err(Errno::AGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_stay_inside_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("run")).unwrap();
        symlink("/run", root.join("var-run")).unwrap();
        symlink("/etc/passwd", root.join("secret")).unwrap();
        write(root, "/var-run/deep/er/file", 0o600, b"x").unwrap();
        assert_eq!(std::fs::read(root.join("run/deep/er/file")).unwrap(), b"x");
        assert!(read(root, "/secret").is_err());
    }

    #[test]
    fn writing_replaces_content_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "/a", 0o600, b"one").unwrap();
        write(folder.path(), "/a", 0o755, b"2").unwrap();
        assert_eq!(read(folder.path(), "/a").unwrap(), b"2");
        let mode = std::fs::metadata(folder.path().join("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}
