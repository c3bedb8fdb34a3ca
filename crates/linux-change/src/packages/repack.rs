//! Makes a package's archive of what is installed, also where no mirror has its version any more.
//!
//! Files are taken as they are on the disk, with their owners, modes, times and hard links. For what is missing an empty
//! file stands (see [`super::placeholders`]); missing configuration dpkg itself leaves missing.
//! Links to directories on the way are followed as dpkg follows them when it unpacks. The finished archive is unpacked
//! and compared before anything is removed.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use doorward_change::system::SystemError;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::stanza::Stanza;
use super::{ENVIRONMENT, WORK, done};
use crate::error::{at, failed, unsuitable};
use crate::program::{self, Late};

mod compare;

const DPKG_DEB: &str = "/usr/bin/dpkg-deb";
const INFO: &str = "/var/lib/dpkg/info";
const DIVERSIONS: &str = "/var/lib/dpkg/diversions";
/// Fields of the database alone.
const NOT_SHIPPED: [&str; 5] =
    ["Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited"];
/// dpkg's own, made when it installs.
const NOT_CONTROL: [&str; 1] = ["list"];
/// Without it dpkg-deb would give what is younger than its own start that time: a file of this very second, or of a clock
/// that was wrong. The year 2100.
const NO_LATEST: (&str, &str) = ("SOURCE_DATE_EPOCH", "4102444800");
/// Files of one package.
const LIMIT: usize = 1 << 20;
const PERMISSIONS: u32 = 0o7777;
const PROGRAM_MODE: u32 = 0o755;
const TEXT_MODE: u32 = 0o644;

/// Makes the archive, in the directory `work`. Returns what is missing on the disk.
pub(super) fn repack(stanza: &Stanza, work: &Path, archive: &Path) -> Result<Vec<PathBuf>, SystemError> {
    let tree = work.join("tree");
    let absent = stage(stanza, &tree)?;
    // gzip: every dpkg reads it, and it is quick. Owners are those of the tree.
    let built = deb(&["--build".as_ref(), "-Zgzip".as_ref(), "-z1".as_ref(), tree.as_ref(), archive]);
    done("build an archive", &built?)?;
    let unpacked = work.join("unpacked");
    let extracted = deb(&["--raw-extract".as_ref(), archive, unpacked.as_ref()]);
    done("unpack the archive again", &extracted?)?;
    compare::same(&tree, &unpacked)?;
    Ok(absent)
}

fn deb(arguments: &[&Path]) -> Result<program::Ended, SystemError> {
    let environment = [ENVIRONMENT, &[NO_LATEST]].concat();
    program::run(DPKG_DEB, arguments, &environment, WORK, Late::Kill)
}

/// What dpkg lists of a package.
pub(super) fn listed(stanza: &Stanza) -> Result<Vec<PathBuf>, SystemError> {
    let list = info(stanza, "list")?;
    let text = fs::read_to_string(&list).map_err(|e| at("read", &list, e))?;
    let paths: Vec<_> = text.lines().filter(|l| *l != "/.").take(LIMIT).map(PathBuf::from).collect();
    let is_plain = |p: &PathBuf| {
        p.is_absolute() && p.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)))
    };
    match paths.iter().find(|p| !is_plain(p)) {
        Some(strange) => Err(unsuitable(strange, format!("listed in {}", list.display()))),
        None => Ok(paths),
    }
}

/// A file of dpkg's about the package; packages of several architectures have theirs in the name.
fn info(stanza: &Stanza, kind: &str) -> Result<PathBuf, SystemError> {
    let field = |name| stanza.field(name).unwrap_or_default();
    let (name, architecture) = (field("Package"), field("Architecture"));
    let candidates = [format!("{name}.{kind}"), format!("{name}:{architecture}.{kind}")];
    let found = candidates.iter().map(|c| Path::new(INFO).join(c)).find(|p| p.is_file());
    found.ok_or_else(|| failed(format!("keep the package {name}"), format!("dpkg has no {kind} of it")))
}

#[expect(clippy::disallowed_methods, reason = "copies what is installed into the state directory")]
fn stage(stanza: &Stanza, tree: &Path) -> Result<Vec<PathBuf>, SystemError> {
    fs::create_dir(tree).map_err(|e| at("make", tree, e))?;
    set_mode(tree, PROGRAM_MODE)?;
    let paths = listed(stanza)?;
    let name = stanza.field("Package").unwrap_or_default();
    let diverted = diversions(name)?;
    let conffiles = conffiles(stanza);
    let directories: BTreeSet<&Path> = paths.iter().filter_map(|p| p.parent()).collect();
    let mut links = HashMap::new();
    let mut made = Vec::new();
    let mut absent = Vec::new();
    for path in &paths {
        let target = tree.join(path.strip_prefix("/").unwrap_or(path));
        let source = diverted.get(path).unwrap_or(path);
        let looked = if directories.contains(path.as_path()) {
            fs::metadata(source) // what is below it lies where it leads
        } else {
            fs::symlink_metadata(source)
        };
        match looked {
            Ok(meta) => {
                copy(source, &meta, &target, &mut links)?;
                if meta.is_dir() {
                    made.push((target, meta));
                }
            }
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(at("look at", source, e)),
            Err(_) => {
                let is_directory = directories.contains(path.as_path());
                let made =
                    if is_directory { fs::create_dir(&target) } else { File::create_new(&target).map(drop) };
                made.map_err(|e| at("make", &target, e))?;
                set_mode(&target, if is_directory { PROGRAM_MODE } else { TEXT_MODE })?;
                if !conffiles.contains(path) {
                    absent.push(path.clone());
                }
            }
        }
    }
    // Last: what is put into a directory changes its time.
    for (target, meta) in made.iter().rev() {
        own(target, meta)?;
    }
    control(stanza, &tree.join("DEBIAN"))?;
    Ok(absent)
}

#[expect(clippy::disallowed_methods, reason = "copies what is installed into the state directory")]
fn copy(
    source: &Path,
    meta: &Metadata,
    target: &Path,
    links: &mut HashMap<(u64, u64), PathBuf>,
) -> Result<(), SystemError> {
    let fail = |e: std::io::Error| at("copy", source, e);
    let kind = meta.file_type();
    if kind.is_dir() {
        return fs::create_dir_all(target).map_err(fail);
    }
    if kind.is_symlink() {
        let to = fs::read_link(source).map_err(fail)?;
        std::os::unix::fs::symlink(to, target).map_err(fail)?;
        return own(target, meta);
    }
    if !kind.is_file() {
        return Err(unsuitable(source, "neither file, link nor directory: it cannot be kept"));
    }
    if meta.nlink() > 1
        && let Some(first) = links.get(&(meta.dev(), meta.ino()))
    {
        return fs::hard_link(first, target).map_err(fail);
    }
    fs::copy(source, target).map_err(fail)?;
    links.insert((meta.dev(), meta.ino()), target.to_owned());
    own(target, meta)
}

/// Gives a copy its owner, its mode (after it: that takes set-user-id bits away) and its time.
fn own(target: &Path, meta: &Metadata) -> Result<(), SystemError> {
    let fail = |e: std::io::Error| at("copy to", target, e);
    std::os::unix::fs::lchown(target, Some(meta.uid()), Some(meta.gid())).map_err(fail)?;
    if meta.is_symlink() {
        let time = Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() };
        let times = Timestamps { last_access: time, last_modification: time };
        return rustix::fs::utimensat(CWD, target, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| fail(e.into()));
    }
    set_mode(target, meta.mode() & PERMISSIONS)?;
    let modified = meta.modified().map_err(fail)?;
    let times = FileTimes::new().set_accessed(modified).set_modified(modified);
    File::open(target).and_then(|f| f.set_times(times)).map_err(fail)
}

#[expect(clippy::disallowed_methods, reason = "a copy has the mode of what it is a copy of")]
fn set_mode(target: &Path, mode: u32) -> Result<(), SystemError> {
    fs::set_permissions(target, Permissions::from_mode(mode)).map_err(|e| at("set the mode of", target, e))
}

/// Where files lie that another package has put aside.
fn diversions(name: &str) -> Result<HashMap<PathBuf, PathBuf>, SystemError> {
    let text = match fs::read_to_string(DIVERSIONS) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.map_err(|e| at("read", Path::new(DIVERSIONS), e))?,
    };
    Ok(diversions_in(&text, name))
}

/// Three lines each: from, to, and by which package, whose own files stay.
fn diversions_in(text: &str, name: &str) -> HashMap<PathBuf, PathBuf> {
    let lines: Vec<_> = text.lines().collect();
    let (all, _) = lines.as_chunks::<3>();
    let of_others = all.iter().filter(|[_, _, by]| *by != name);
    of_others.map(|[from, to, _]| (PathBuf::from(from), PathBuf::from(to))).collect()
}

fn conffiles(stanza: &Stanza) -> BTreeSet<PathBuf> {
    // One that is obsolete is no longer part of the package.
    let field = stanza.field("Conffiles").unwrap_or_default();
    let lines = field.lines().filter(|l| !l.ends_with(" obsolete"));
    super::conffiles::known(&lines.collect::<Vec<_>>().join("\n")).into_keys().map(PathBuf::from).collect()
}

#[expect(clippy::disallowed_methods, reason = "copies what dpkg knows into the state directory")]
fn control(stanza: &Stanza, folder: &Path) -> Result<(), SystemError> {
    fs::create_dir(folder).map_err(|e| at("make", folder, e))?;
    set_mode(folder, PROGRAM_MODE)?;
    let list = info(stanza, "list")?;
    let stem = list.file_stem().unwrap_or_default().to_string_lossy().into_owned() + ".";
    let entries = fs::read_dir(INFO).map_err(|e| at("list", Path::new(INFO), e))?;
    for entry in entries {
        let entry = entry.map_err(|e| at("list", Path::new(INFO), e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // `a.postinst` is of `a`, `a.b.postinst` is not.
        let Some(kind) = name.strip_prefix(&stem).filter(|k| !k.contains('.') && !NOT_CONTROL.contains(k))
        else {
            continue;
        };
        let target = folder.join(kind);
        fs::copy(entry.path(), &target).map_err(|e| at("copy", &entry.path(), e))?;
        let is_program = entry.metadata().is_ok_and(|m| m.mode() & 0o111 != 0);
        set_mode(&target, if is_program { PROGRAM_MODE } else { TEXT_MODE })?;
    }
    let target = folder.join("control");
    fs::write(&target, stanza.without(&NOT_SHIPPED)).map_err(|e| at("write", &target, e))?;
    set_mode(&target, TEXT_MODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_put_aside_is_found_where_it_lies() {
        let text = "/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/a\n/usr/bin/a.real\n:\n";
        let found = diversions_in(text, "dash");
        assert_eq!(found.len(), 1);
        assert_eq!(found.get(Path::new("/usr/bin/a")).unwrap(), Path::new("/usr/bin/a.real"));
    }
}
