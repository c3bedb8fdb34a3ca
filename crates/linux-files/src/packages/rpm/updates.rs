//! Pending security updates, from the advisories (`updateinfo.xml`) that dnf or zypper fetched last.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use doorward_model::PendingUpdate;

use super::version::Evr;
use crate::packages::paths::Owners;
use crate::packages::trouble::Trouble;
use crate::packages::{Installed, PackageId, Updates, text, unpack};
use crate::{Kind, Tree};

/// Where dnf 4, dnf 5, yum and zypper keep what they fetched: a directory a repository, `repodata` in each.
const CACHES: [&str; 4] = ["/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum", "/var/cache/zypp/raw"];

/// Most repositories looked into.
const REPOSITORIES: usize = 64;

/// Longest XML tag that is kept whole; the rest of longer ones is passed over.
const TAG_LIMIT: usize = 4 << 10;

/// Looks for newer versions of the packages in `owners` that an advisory calls a security update.
pub(super) fn collect(
    tree: &Tree,
    installed: &[Installed],
    owners: &Owners<'_>,
    trouble: &mut Trouble,
) -> Updates {
    let mut updates = Updates::default();
    let mut wanted: HashMap<&str, PackageId> = HashMap::new();
    for id in owners.packages() {
        if let Some(one) = installed.get(id as usize) {
            wanted.insert(&one.name, id);
        }
    }
    let mut read = false;
    for path in advisories(tree, trouble) {
        let Some((file, age)) = open(tree, &path, trouble) else { continue };
        let name = path.to_string_lossy();
        updates.lists_updated = updates.lists_updated.max(age);
        match unpack::reader(&name, file) {
            Ok(reader) => {
                read = true;
                let offer = |package: &[u8]| offer_to(&mut updates, package, &wanted, installed);
                if let Err(e) = security_packages(BufReader::with_capacity(64 << 10, reader), offer) {
                    trouble.note("pending security updates", format!("{name}: {e}"), Some("dnf makecache"));
                }
            }
            Err(ending) => {
                let why = format!("{name}: .{ending} files are not read");
                trouble.note("pending security updates", why, Some("dnf updateinfo list --security"));
            }
        }
    }
    if !read {
        let why = "no advisories in the caches of dnf and zypper";
        trouble.note("pending security updates", why, Some("dnf updateinfo list --security"));
    }
    updates
}

fn open(tree: &Tree, path: &Path, trouble: &mut Trouble) -> Option<(std::fs::File, Option<u64>)> {
    match tree.open_file(path) {
        Ok(file) => {
            let time = file.metadata().ok().and_then(|meta| meta.modified().ok());
            let age = time.and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs()));
            Some((file, age))
        }
        Err(e) => {
            trouble.read("pending security updates", &e);
            None
        }
    }
}

/// The advisories of every repository.
fn advisories(tree: &Tree, trouble: &mut Trouble) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for cache in CACHES {
        let repositories = match tree.read_dir(cache) {
            Ok(entries) => entries.into_iter().filter(|e| e.kind == Kind::Dir).take(REPOSITORIES),
            Err(e) => {
                trouble.read("pending security updates", &e);
                continue;
            }
        };
        for repository in repositories {
            let dir = Path::new(cache).join(repository.name).join("repodata");
            for file in tree.read_dir(&dir).unwrap_or_default() {
                if memchr::memmem::find(file.name.as_encoded_bytes(), b"updateinfo.xml").is_some() {
                    paths.push(dir.join(file.name));
                }
            }
        }
    }
    paths
}

fn offer_to(
    updates: &mut Updates,
    package: &[u8],
    wanted: &HashMap<&str, PackageId>,
    installed: &[Installed],
) {
    let value = |name| attribute(package, name).map(|value| text(value, 256)).unwrap_or_default();
    let Some(id) = wanted.get(&*value(" name=")) else { return };
    let Some(one) = installed.get(*id as usize) else { return };
    let (epoch, release) = (value(" epoch="), format!("{}-{}", value(" version="), value(" release=")));
    let version = if matches!(&*epoch, "" | "0") { release } else { format!("{epoch}:{release}") };
    // Of another module stream it would be another program.
    if version.contains(".module") != one.version.contains(".module") {
        return;
    }
    let newer = |than: &str| Evr::of(version.as_bytes()).compare(Evr::of(than.as_bytes())).is_gt();
    if newer(&one.version) && updates.pending.get(id).is_none_or(|known| newer(&known.version)) {
        updates.pending.insert(*id, PendingUpdate { version, security: true });
    }
}

/// Hands out the `<package ...>` tags inside of `<update type="security" ...>`.
fn security_packages(mut reader: impl BufRead, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut security = false;
    let mut tag = Vec::new();
    while skip_to_tag(&mut reader)? {
        read_tag(&mut reader, &mut tag)?;
        if tag.starts_with(b"update ") {
            security = attribute(&tag, " type=") == Some(b"security");
        } else if security && tag.starts_with(b"package ") {
            each(&tag);
        }
    }
    Ok(())
}

fn skip_to_tag(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let len = buffer.len();
        match memchr::memchr(b'<', buffer) {
            Some(at) => {
                reader.consume(at + 1);
                return Ok(true);
            }
            None => reader.consume(len),
        }
    }
}

fn read_tag(reader: &mut impl BufRead, tag: &mut Vec<u8>) -> io::Result<()> {
    tag.clear();
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = memchr::memchr(b'>', buffer);
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        tag.extend(part.iter().take(TAG_LIMIT.saturating_sub(tag.len())));
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// The value of an attribute, by ` name=`.
fn attribute<'t>(tag: &'t [u8], name: &str) -> Option<&'t [u8]> {
    let rest = tag.get(memchr::memmem::find(tag, name.as_bytes())? + name.len()..)?;
    let (quote, rest) = rest.split_first()?;
    matches!(quote, b'"' | b'\'').then_some(())?;
    rest.get(..memchr::memchr(*quote, rest)?)
}
