//! Pending updates, from the indexes that apk keeps when it has a cache: `APKINDEX.*.tar.gz`.
//!
//! An index does not tell security updates from others; none is marked so.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use doorward_model::PendingUpdate;

use super::{Record, version};
use crate::Tree;
use crate::packages::paths::Owners;
use crate::packages::trouble::Trouble;
use crate::packages::{PackageId, Updates, text, unpack};

/// apk's own cache, and the link by which an administrator gives it another.
const CACHES: [&str; 2] = ["/etc/apk/cache", "/var/cache/apk"];

/// A tar file is made of blocks.
const BLOCK: usize = 512;

/// Longest line of an index that is taken.
const LINE_LIMIT: u64 = 64 << 10;

/// Looks for newer versions of the packages in `owners`.
pub(super) fn collect(
    tree: &Tree,
    records: &[Record<'_>],
    owners: &Owners<'_>,
    trouble: &mut Trouble,
) -> Updates {
    let mut updates = Updates::default();
    let mut wanted: HashMap<&[u8], PackageId> = HashMap::new();
    for id in owners.packages() {
        if let Some(record) = records.get(id as usize) {
            wanted.insert(record.name, id);
        }
    }
    let mut read = false;
    for cache in CACHES {
        // The link may be absent, or lead to the other one.
        let entries =
            tree.read_dir(cache).inspect_err(|e| trouble.read("pending updates", e)).unwrap_or_default();
        for entry in entries {
            let name = entry.name.to_string_lossy();
            if !(name.starts_with("APKINDEX.") && name.ends_with(".tar.gz")) {
                continue;
            }
            let path = Path::new(cache).join(&entry.name);
            let file = match tree.open_file(&path) {
                Ok(file) => file,
                Err(e) => {
                    trouble.read("pending updates", &e);
                    continue;
                }
            };
            let time = file.metadata().ok().and_then(|meta| meta.modified().ok());
            let age = time.and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs()));
            updates.lists_updated = updates.lists_updated.max(age);
            let Ok(reader) = unpack::reader(&name, file) else { continue }; // the ending was checked
            read = true;
            let offer = |name: &[u8], version: &[u8]| offer_to(&mut updates, name, version, &wanted, records);
            if let Err(e) = packages(BufReader::with_capacity(64 << 10, reader), offer) {
                trouble.note("pending updates", format!("{}: {e}", path.display()), Some("apk update"));
            }
        }
        if read {
            break;
        }
    }
    if !read {
        trouble.note(
            "pending updates",
            "no index in /etc/apk/cache or /var/cache/apk",
            Some("apk version -l '<'"),
        );
    }
    updates
}

fn offer_to(
    updates: &mut Updates,
    name: &[u8],
    offered: &[u8],
    wanted: &HashMap<&[u8], PackageId>,
    records: &[Record<'_>],
) {
    let Some(id) = wanted.get(name) else { return };
    let Some(record) = records.get(*id as usize) else { return };
    let newer = |than: &[u8]| version::compare(offered, than).is_gt();
    let pending = &mut updates.pending;
    if newer(record.version) && pending.get(id).is_none_or(|known| newer(known.version.as_bytes())) {
        pending.insert(*id, PendingUpdate { version: text(offered, 256), security: false });
    }
}

/// Hands out name and version of every package of an index.
fn packages(mut tar: impl BufRead, mut each: impl FnMut(&[u8], &[u8])) -> io::Result<()> {
    let mut header = [0; BLOCK];
    loop {
        match tar.read_exact(&mut header) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let size = octal(header.get(124..136).unwrap_or_default())?;
        let padded = size.next_multiple_of(BLOCK as u64);
        let mut member = (&mut tar).take(padded);
        if header.starts_with(b"APKINDEX\0") {
            return lines((&mut member).take(size), &mut each);
        }
        // Members before it (the signature, a description) and the blocks of zeroes between two archives.
        io::copy(&mut member, &mut io::sink())?;
    }
}

/// Records as in the database of installed packages.
fn lines(mut index: impl BufRead, each: &mut impl FnMut(&[u8], &[u8])) -> io::Result<()> {
    let (mut name, mut version, mut line) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        line.clear();
        let read = (&mut index).take(LINE_LIMIT).read_until(b'\n', &mut line)?;
        match line.trim_ascii_end() {
            b"" => {
                if !name.is_empty() && !version.is_empty() {
                    each(&name, &version);
                }
                name.clear();
                version.clear();
            }
            line => {
                if let Some(value) = line.strip_prefix(b"P:") {
                    value.clone_into(&mut name);
                } else if let Some(value) = line.strip_prefix(b"V:") {
                    value.clone_into(&mut version);
                }
            }
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// Numbers in tar headers are octal text.
fn octal(field: &[u8]) -> io::Result<u64> {
    let digits = field.iter().skip_while(|c| **c == b' ').take_while(|c| c.is_ascii_digit());
    let value = digits
        .fold(0u64, |value, c| value.saturating_mul(8).saturating_add(u64::from(c.saturating_sub(b'0'))));
    if value > 1 << 32 {
        Err(io::Error::new(io::ErrorKind::InvalidData, "an impossible size in a tar header"))
    } else {
        Ok(value)
    }
}
