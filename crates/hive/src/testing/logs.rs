//! Logs that lead from one state of a hive to the next.

use super::cells::{number, put};
use crate::base;
use crate::recover::marvin::marvin;

const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// Length of an entry's head.
const HEAD: usize = 40;

/// Corrects the checksum of a base block after it was changed.
///
/// # Panics
/// When the file is shorter than the base block's head.
pub fn seal(file: &mut [u8]) {
    let head = file.first_chunk().expect("a base block");
    let sum = base::checksum(head);
    put(file, 508, sum);
}

/// Corrects all checksums of a log after it was changed: of its base block, and of its entries if it has any. What ends
/// before its time is left as it is.
pub fn seal_log(log: &mut [u8]) {
    if log.len() < base::HEAD {
        return;
    }
    seal(log);
    let mut rest = &mut log[base::HEAD..];
    while rest.len() >= HEAD && rest.starts_with(b"HvLE") {
        let size = crate::bytes::u32(rest, 4) as usize;
        let Some((entry, after)) = rest.split_at_mut_checked(size).filter(|_| size >= HEAD) else { return };
        seal_entry(entry);
        rest = after;
    }
}

/// Makes a hive look as if writing it had been cut off: the first sequence number is one more than the second.
pub fn unfinished(file: &mut [u8]) {
    let sequence = crate::bytes::u32(file, 8);
    put(file, 4, sequence.wrapping_add(1));
    seal(file);
}

/// A log as of Windows 8.1 and later. Each entry turns one of the `states` of a hive into the next; the first entry has
/// this sequence number, and the others follow.
///
/// # Panics
/// When there are no two states.
pub fn entries_log(states: &[&[u8]], sequence: u32) -> Vec<u8> {
    let mut log = head(states[1], 6, sequence);
    for (pair, sequence) in states.windows(2).zip(sequence..) {
        log.extend(entry(pair[0], pair[1], sequence));
    }
    log
}

fn entry(before: &[u8], after: &[u8], sequence: u32) -> Vec<u8> {
    let pages = changed(before, after, PAGE);
    let mut entry = b"HvLE".to_vec();
    let bins = number(after.len() - base::SIZE);
    for field in [0, 0, sequence, bins, number(pages.len()), 0, 0, 0, 0] {
        entry.extend(field.to_le_bytes());
    }
    for (at, page) in &pages {
        entry.extend(number(*at).to_le_bytes());
        entry.extend(number(page.len()).to_le_bytes());
    }
    for (_, page) in &pages {
        entry.extend_from_slice(page);
    }
    entry.resize(entry.len().next_multiple_of(SECTOR), 0);
    let size = number(entry.len());
    put(&mut entry, 4, size);
    seal_entry(&mut entry);
    entry
}

fn seal_entry(entry: &mut [u8]) {
    let sum = marvin(&entry[HEAD..]);
    entry[24..32].copy_from_slice(&sum.to_le_bytes());
    let sum = marvin(&entry[..32]);
    entry[32..HEAD].copy_from_slice(&sum.to_le_bytes());
}

/// A log as of Windows Vista to 8 (`kind` 1), or up to Windows 2000 (`kind` 2), that turns one state of a hive into
/// another.
pub fn pages_log(before: &[u8], after: &[u8], kind: u32, sequence: u32) -> Vec<u8> {
    let mut log = head(after, kind, sequence);
    let pages = changed(before, after, SECTOR);
    let mut map = vec![0; ((after.len() - base::SIZE) / SECTOR).div_ceil(8)];
    for (at, _) in &pages {
        let page = at / SECTOR;
        map[page / 8] |= 1 << (page % 8);
    }
    log.extend(b"DIRT");
    log.extend(map);
    log.resize(log.len().next_multiple_of(SECTOR), 0);
    for (_, page) in pages {
        log.extend_from_slice(page);
    }
    log
}

fn head(hive: &[u8], kind: u32, sequence: u32) -> Vec<u8> {
    let mut head = hive[..base::HEAD].to_vec();
    put(&mut head, 4, sequence);
    put(&mut head, 8, sequence);
    put(&mut head, 28, kind);
    seal(&mut head);
    head
}

/// The pages of `after` that `before` has not, with their offsets from the first bin.
fn changed<'a>(before: &[u8], after: &'a [u8], page: usize) -> Vec<(usize, &'a [u8])> {
    let old = |at: usize| before.get(base::SIZE + at..).and_then(|rest| rest.get(..page));
    let pages = after[base::SIZE..].chunks(page).enumerate().map(|(i, new)| (i * page, new));
    pages.filter(|&(at, new)| old(at) != Some(new)).collect()
}
