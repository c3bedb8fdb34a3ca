//! Logs before Windows 8.1: a bitmap of changed pages, then the pages. There is no checksum over them, so a log is
//! replayed as a whole or not at all, and only if each bin in it has a sound head in the right place.

use super::{Fitting, adopt, grow, is_older, read};
use crate::base::{self, Base};
use crate::store::Store;
use crate::{bins, bytes};

/// Length of a page, and of a disk's sector in those days.
const PAGE: usize = 512;

/// A whole log without its head.
struct Pages {
    /// What the log holds, from its first page.
    bytes: Vec<u8>,
    /// For each page of the hive its place in the log, if it is there.
    places: Vec<Option<u32>>,
    /// Length of the hive's bins with it.
    bins: usize,
}

/// The log was written for the very write that was cut off: both have the same time, and the log's number is not
/// less than that of the last write that was finished.
pub(super) fn not_older(log: &Base, hive: &Base, store: &Store) -> Result<(), String> {
    // The first bin holds a second copy of the time.
    let second = store.bytes(base::SIZE + 20, 8).map_err(|e| e.to_string())?.unwrap_or_default();
    let written = if hive.intact { hive.written } else { bytes::u64(second, 0) };
    if log.written != written {
        return Err("it is of another write: its time differs from the hive's (offset 0xc)".into());
    }
    if hive.intact && is_older(log.primary, hive.secondary) {
        return Err(format!(
            "it is older than the hive: it has {}, the hive has {}",
            log.primary, hive.secondary
        ));
    }
    Ok(())
}

/// Replays the newest of these logs that is sound. Returns whether one was.
pub(super) fn replay(
    mut logs: Vec<Fitting<'_>>,
    store: &mut Store,
    base: &mut Base,
    notes: &mut Vec<String>,
) -> bool {
    logs.sort_by(|a, b| b.base.primary.wrapping_sub(a.base.primary).cast_signed().cmp(&0));
    let mut done = false;
    for mut log in logs {
        if done {
            notes.push(format!("{} is not replayed: another log was", log.name));
            continue;
        }
        match replay_one(&mut log, store, base, notes) {
            Ok(count) => {
                notes.push(format!("{} was replayed: {count} pages of 512 bytes", log.name));
                done = true;
            }
            Err(why) => notes.push(format!("{} is not replayed: {why}", log.name)),
        }
    }
    done
}

fn replay_one(
    log: &mut Fitting<'_>,
    store: &mut Store,
    base: &mut Base,
    notes: &mut Vec<String>,
) -> Result<usize, String> {
    let pages = Pages::read(log)?;
    pages.check(store)?;
    grow(store, pages.bins);
    adopt(log, base, notes);
    base.bins = log.base.bins;
    let mut count = 0;
    for page in 0..pages.places.len() {
        if let Some(from) = pages.page(page) {
            store.write(base::SIZE + page * PAGE, from).map_err(|e| e.to_string())?;
            count += 1;
        }
    }
    Ok(count)
}

impl Pages {
    fn read(log: &mut Fitting<'_>) -> Result<Self, String> {
        let bins = log.base.bins as usize;
        let sector = PAGE * if log.base.clustering == 8 { 8 } else { 1 };
        let bits = (bins / PAGE).div_ceil(8);
        let before = (sector - base::HEAD) + (4 + bits).next_multiple_of(sector);
        let mut bytes = Vec::new();
        read(&mut log.rest, before, &mut bytes)?;
        let map = bytes.get(sector - base::HEAD..).unwrap_or_default();
        let Some(map) = map.strip_prefix(b"DIRT") else { return Err("it has no map of pages".into()) };
        let map = map.get(..bits).ok_or("its map of pages is cut off")?;
        let mut count = 0;
        let places: Vec<_> = (0..bins / PAGE)
            .map(|page| {
                let set = map[page / 8] >> (page % 8) & 1 == 1;
                count += u32::from(set);
                set.then(|| count - 1)
            })
            .collect();
        bytes.clear();
        let length = count as usize * PAGE;
        read(&mut log.rest, length, &mut bytes)?;
        if bytes.len() != length {
            return Err(format!("it is cut off: {length} bytes of pages announced, {} there", bytes.len()));
        }
        Ok(Self { bytes, places, bins })
    }

    fn page(&self, page: usize) -> Option<&[u8]> {
        let place = (*self.places.get(page)?)? as usize;
        self.bytes.get(place * PAGE..(place + 1) * PAGE)
    }

    /// Follows the bins as they would be, and looks at the heads that come from the log.
    fn check(&self, store: &Store) -> Result<(), String> {
        let mut at = 0;
        while at < self.bins {
            let changed = self.page(at / PAGE);
            let own = store.bytes(base::SIZE + at, bins::HEAD).map_err(|e| e.to_string())?;
            let Some(head) = changed.or(own) else {
                return Err(format!("the page for {at:#x} is missing in it, by which the hive grew"));
            };
            match bins::size(head, at) {
                Some(size) if size <= self.bins - at => at += size,
                _ if changed.is_none() => at += bins::PAGE,
                _ => return Err(format!("its bin at {at:#x} is damaged")),
            }
        }
        Ok(())
    }
}
