//! Logs of Windows 8.1 and later: entries of changed pages, each with a sequence number and checksums.
//!
//! The two logs take turns, so an unfinished hive's newest changes can be in both, in either order. The entries of the
//! log with the smaller number are replayed first, then those of the other one, as long as the numbers go on by one.

use std::io::Read;

use super::marvin::marvin;
use super::{Fitting, adopt, grow, is_older, read};
use crate::base::{self, Base};
use crate::store::Store;
use crate::{LIMIT, bytes};

/// Type in the base block of such a log.
pub(super) const KIND: u32 = 6;

/// Length of an entry's head.
const HEAD: usize = 40;

/// What replaying one log came to.
#[derive(Default)]
struct Replayed {
    first: Option<u32>,
    last: Option<u32>,
}

/// The log's first entry must not be older than what the hive has been written to the end with.
pub(super) fn not_older(log: &Base, hive: &Base) -> Result<(), String> {
    if hive.intact && is_older(log.primary, hive.secondary) {
        let (log, hive) = (log.primary, hive.secondary);
        return Err(format!("it is older than the hive: it begins with {log}, the hive has {hive}"));
    }
    Ok(())
}

/// Replays logs onto the hive. Returns whether any entry was.
pub(super) fn replay(
    mut logs: Vec<Fitting<'_>>,
    store: &mut Store,
    base: &mut Base,
    notes: &mut Vec<String>,
) -> bool {
    logs.sort_by(|a, b| a.base.primary.wrapping_sub(b.base.primary).cast_signed().cmp(&0));
    if !base.intact && logs.len() > 1 {
        // Windows, too, takes only the newest one when the hive's own numbers are lost.
        for log in logs.drain(..logs.len() - 1) {
            notes.push(format!("{} is not replayed: another log is newer", log.name));
        }
    }
    let mut last = None;
    for mut log in logs {
        let expected = last.map_or(log.base.primary, |last: u32| last.wrapping_add(1));
        if log.base.primary != expected {
            let found = log.base.primary;
            notes.push(format!(
                "{} is not replayed: it begins with {found}, {expected} should be next",
                log.name
            ));
            continue;
        }
        if last.is_none() && base.intact && log.base.primary != base.secondary {
            let (from, to) = (base.secondary, log.base.primary);
            notes.push(format!("{} begins with {to}: entries from {from} on are missing", log.name));
        }
        let hive = base.clone();
        let replayed = replay_one(&mut log, store, base, notes);
        match (replayed.first, replayed.last) {
            (Some(first), Some(end)) => {
                notes.push(format!("{} was replayed: entries {first} to {end}", log.name));
                last = Some(end);
            }
            _ => *base = hive,
        }
    }
    last.is_some()
}

fn replay_one(
    log: &mut Fitting<'_>,
    store: &mut Store,
    base: &mut Base,
    notes: &mut Vec<String>,
) -> Replayed {
    let mut replayed = Replayed::default();
    let mut expected = log.base.primary;
    let mut at = base::HEAD as u64;
    loop {
        let entry = match Entry::read(&mut log.rest, expected) {
            Ok(Some(entry)) => entry,
            Ok(None) => return replayed,
            Err(why) => {
                notes.push(format!("{} is replayed no further: {why} (offset {at:#x})", log.name));
                return replayed;
            }
        };
        if replayed.first.is_none() {
            adopt(log, base, notes);
        }
        if let Err(why) = entry.write(store) {
            notes.push(format!("{} is replayed no further: {why}", log.name));
            return replayed;
        }
        base.bins = entry.bins;
        replayed.first = replayed.first.or(Some(expected));
        replayed.last = Some(expected);
        expected = expected.wrapping_add(1);
        at += entry.bytes.len() as u64;
    }
}

/// An entry whose checksums are right.
struct Entry {
    bytes: Vec<u8>,
    /// Length of the hive's bins with it.
    bins: u32,
    /// Where its pages go, and how long they are.
    pages: Vec<(usize, usize)>,
}

impl Entry {
    /// Reads the next entry; `None` at the end of the entries that belong together.
    fn read(file: &mut dyn Read, expected: u32) -> Result<Option<Self>, String> {
        let mut bytes = Vec::new();
        read(file, HEAD, &mut bytes)?;
        if bytes.len() < HEAD || !bytes.starts_with(b"HvLE") || bytes::u32(&bytes, 12) != expected {
            return Ok(None);
        }
        let size = bytes::u32(&bytes, 4) as usize;
        if size < HEAD || !size.is_multiple_of(512) || size as u64 > LIMIT {
            return Err(format!("entry {expected} has the impossible size {size}"));
        }
        if marvin(&bytes[..32]) != bytes::u64(&bytes, 32) {
            return Err(format!("the checksum of the head of entry {expected} is wrong"));
        }
        read(file, size - HEAD, &mut bytes)?;
        if bytes.len() != size {
            return Err(format!("entry {expected} is cut off"));
        }
        if marvin(&bytes[HEAD..]) != bytes::u64(&bytes, 24) {
            return Err(format!("the checksum of entry {expected} is wrong"));
        }
        let bins = bytes::u32(&bytes, 16);
        if !bins.is_multiple_of(4096) || u64::from(bins) > LIMIT - base::SIZE as u64 {
            return Err(format!("entry {expected} is of a hive of {bins} bytes"));
        }
        let pages =
            pages(&bytes, bins as usize).ok_or_else(|| format!("entry {expected} has impossible pages"))?;
        Ok(Some(Self { bytes, bins, pages }))
    }

    fn write(&self, store: &mut Store) -> Result<(), String> {
        grow(store, self.bins as usize);
        let mut from = HEAD + self.pages.len() * 8;
        for &(to, length) in &self.pages {
            store.write(base::SIZE + to, &self.bytes[from..from + length]).map_err(|e| e.to_string())?;
            from += length;
        }
        Ok(())
    }
}

/// Offset and length of each page, if all are inside of the entry and of the bins.
fn pages(entry: &[u8], bins: usize) -> Option<Vec<(usize, usize)>> {
    let count = bytes::u32(entry, 20) as usize;
    let references = entry.get(HEAD..HEAD.checked_add(count.checked_mul(8)?)?)?;
    let mut left = entry.len() - HEAD - references.len();
    let mut pages = Vec::with_capacity(count);
    for reference in references.chunks_exact(8) {
        let (to, length) = (bytes::u32(reference, 0) as usize, bytes::u32(reference, 4) as usize);
        left = left.checked_sub(length)?;
        if to.checked_add(length)? > bins {
            return None;
        }
        pages.push((to, length));
    }
    Some(pages)
}
