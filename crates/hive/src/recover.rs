//! Recovery of an unfinished hive from its transaction logs, in memory, as Windows would do it on the next start.
//!
//! A hive is unfinished when its two sequence numbers differ, or its base block's checksum is wrong. Only then are logs
//! looked at, and of them only those that are whole, belong to this hive and are not older than it.

use std::fmt;
use std::io::Read;

use crate::base::{self, Base};
use crate::store::Store;

mod dirty_pages;
mod entries;
pub(crate) mod marvin;

/// Whether a hive shows what Windows will see when it loads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was written to the end.
    Clean,
    /// It was left unfinished, and its logs were replayed in memory.
    Recovered,
    /// It was left unfinished, and no log of it fits: the newest changes are missing, some may be there by half.
    Unfinished,
}

/// A transaction log of a hive: `SYSTEM.LOG`, `SYSTEM.LOG1`, `SYSTEM.LOG2`.
pub struct Log<'a> {
    name: String,
    file: Box<dyn Read + 'a>,
}

impl<'a> Log<'a> {
    /// A log and the name that it is to have in notes. It is read only if the hive needs it.
    pub fn new(name: impl Into<String>, file: impl Read + 'a) -> Self {
        Self { name: name.into(), file: Box::new(file) }
    }
}

impl fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A log whose head fits the hive.
struct Fitting<'a> {
    name: String,
    base: Base,
    /// What follows the head.
    rest: Box<dyn Read + 'a>,
}

/// Replays what fits onto the hive and `base`, its base block.
pub(crate) fn recover(
    store: &mut Store,
    base: &mut Base,
    logs: Vec<Log<'_>>,
    notes: &mut Vec<String>,
) -> State {
    if !base.is_dirty() {
        return State::Clean;
    }
    if base.intact {
        let (primary, secondary) = (base.primary, base.secondary);
        notes.push(format!(
            "the hive was left unfinished: sequence numbers {primary} and {secondary} (file offset 0x4)"
        ));
    } else {
        notes.push(
            "the hive was left unfinished: its base block's checksum is wrong (file offset 0x1fc)".into(),
        );
    }
    let mut fitting = Vec::new();
    for log in logs {
        let name = log.name.clone();
        match fit(log, base, store) {
            Ok(log) => fitting.push(log),
            Err(why) => notes.push(format!("{name} is not replayed: {why}")),
        }
    }
    let (entries, pages): (Vec<_>, Vec<_>) =
        fitting.into_iter().partition(|log| log.base.kind == entries::KIND);
    let done = entries::replay(entries, store, base, notes) || dirty_pages::replay(pages, store, base, notes);
    if done {
        return State::Recovered;
    }
    notes.push("no log was replayed: the newest changes are missing".into());
    State::Unfinished
}

/// Reads a log's head, and tells whether the log is one of this hive and not older than it.
fn fit<'a>(log: Log<'a>, hive: &Base, store: &Store) -> Result<Fitting<'a>, String> {
    let Log { name, mut file } = log;
    let mut start = Vec::new();
    read(&mut file, base::HEAD, &mut start)?;
    if start.is_empty() {
        return Err("it is empty".into());
    }
    let Some(head) = start.first_chunk().copied() else { return Err("it is cut off".into()) };
    let base = Base::read(&head).map_err(|reason| reason.to_string())?;
    sound(&base)?;
    same_hive(&base, hive)?;
    match base.kind {
        entries::KIND => entries::not_older(&base, hive)?,
        1 | 2 => dirty_pages::not_older(&base, hive, store)?,
        other => return Err(format!("its type {other} is not known (offset 0x1c)")),
    }
    Ok(Fitting { name, base, rest: file })
}

fn sound(log: &Base) -> Result<(), String> {
    if !log.intact {
        return Err("its checksum is wrong (offset 0x1fc)".into());
    }
    if log.primary != log.secondary {
        return Err(format!(
            "it is unfinished itself: sequence numbers {} and {}",
            log.primary, log.secondary
        ));
    }
    if !log.bins.is_multiple_of(4096) || u64::from(log.bins) > crate::LIMIT - base::SIZE as u64 {
        return Err(format!("it is of a hive of {} bytes", log.bins));
    }
    Ok(())
}

/// Logs carry no id of their hive for certain; what is there on both sides has to agree.
fn same_hive(log: &Base, hive: &Base) -> Result<(), String> {
    if !hive.intact {
        return Ok(());
    }
    let (theirs, ours) = (log.file(), hive.file());
    if !theirs.is_empty() && !ours.is_empty() && !theirs.eq_ignore_ascii_case(ours) {
        return Err(format!("it is of another hive: {theirs}, not {ours}"));
    }
    let named = log.manager != [0; 16] && hive.manager != [0; 16];
    if named && log.manager != hive.manager {
        return Err("it is of another hive: their resource managers differ (offset 0x70)".into());
    }
    Ok(())
}

/// Whether a sequence number is older than another one; they may wrap.
fn is_older(this: u32, than: u32) -> bool {
    this.wrapping_sub(than).cast_signed() < 0
}

/// Appends up to `length` bytes of a log; fewer at its end. No memory is taken for what is not there.
fn read(log: &mut dyn Read, length: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    log.take(length as u64).read_to_end(bytes).map(|_| ()).map_err(|why| why.to_string())
}

/// Takes the base block of a log where the hive's own is damaged.
fn adopt(log: &Fitting<'_>, base: &mut Base, notes: &mut Vec<String>) {
    if !base.intact {
        *base = log.base.clone();
        base.kind = 0;
        notes.push(format!("the base block was taken from {}", log.name));
    }
}

/// Makes the hive as long as a log says that it became.
fn grow(store: &mut Store, bins: usize) {
    if base::SIZE + bins > store.length() {
        store.resize(base::SIZE + bins);
    }
}
