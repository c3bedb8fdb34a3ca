//! A hive, and access to its cells.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::{self, Base};
use crate::error::Reason;
use crate::store::Store;
use crate::{HiveError, Key, Log, Source, State, bytes, load, recover};

/// Largest hive that is read. Windows itself stops at 2 GiB; SOFTWARE, the largest one, has some 100 MiB.
pub const LIMIT: u64 = 512 << 20;

/// How deep keys may be nested: the limit of Windows.
pub const DEPTH_LIMIT: u16 = 512;

/// How much is told of a hive in all: one list element, or 16 bytes of names, data, class names and descriptors, for each
/// so many bytes that were read of it. To tell all of a sound hive takes one for 28 bytes or less; a hostile one, whose
/// lists and cells overlap, could have the square of its bytes.
const BYTES_FOR_WORK: u64 = 2;

/// What of that small hives may take, which are asked as often as large ones.
const LEAST_WORK_LIMIT: u64 = 1 << 18;

/// So many bytes are as much work as one list element.
const WORK_PIECE: usize = 16;

/// A registry hive, and, if it was left unfinished, what its logs make of it.
#[derive(Debug)]
pub struct Hive {
    store: Store,
    base: Base,
    state: State,
    notes: Vec<String>,
    work: AtomicU64,
}

impl Hive {
    /// Opens a hive and, when it was left unfinished, replays those of its logs that fit, in memory. No more is read
    /// than is needed, then and later: the logs of a finished hive are not.
    pub fn open(source: impl Source + 'static, logs: Vec<Log<'_>>) -> Result<Self, HiveError> {
        Self::of(Store::new(source)?, logs)
    }

    /// As [`open`](Self::open), of a hive that is in memory already.
    pub fn from_bytes(bytes: Vec<u8>, logs: Vec<Log<'_>>) -> Result<Self, HiveError> {
        Self::of(Store::of_bytes(bytes), logs)
    }

    fn of(mut store: Store, logs: Vec<Log<'_>>) -> Result<Self, HiveError> {
        let mut base = load::base(&store)?;
        let mut notes = Vec::new();
        let state = recover::recover(&mut store, &mut base, logs, &mut notes);
        let length = load::extent(&base, &store, &mut notes)?;
        store.resize(length);
        let hive = Self { store, base, state, notes, work: AtomicU64::new(0) };
        Key::at_root(&hive)?;
        Ok(hive)
    }

    /// The key that all others are below.
    ///
    /// # Panics
    /// Never: that it can be read was found out when the hive was opened.
    pub fn root(&self) -> Key<'_> {
        Key::at_root(self).expect("the root key was read when the hive was opened")
    }

    /// The key with this path below the root: `ControlSet001\Services`. `None` when there is no such key; an error
    /// when it may be where the hive is damaged.
    pub fn key(&self, path: &str) -> Result<Option<Key<'_>>, HiveError> {
        self.root().path(path)
    }

    /// Whether the hive shows what Windows will see when it loads it.
    pub fn state(&self) -> State {
        self.state
    }

    /// What was found, left out, replayed or not replayed while the hive was opened; one fact each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Version of the hive's format: 1.1 (Windows NT 3.1) to 1.6 (Windows 10 and later).
    pub fn version(&self) -> (u32, u32) {
        (self.base.major, self.base.minor)
    }

    /// End of the path that Windows loaded the hive from, as Windows noted it.
    pub fn name(&self) -> &str {
        &self.base.name
    }

    pub(crate) fn root_offset(&self) -> u32 {
        self.base.root
    }

    /// Number of bytes in all bins.
    pub(crate) fn size(&self) -> usize {
        self.store.length() - base::SIZE
    }

    /// What a cell in use holds.
    pub(crate) fn cell(&self, offset: u32) -> Result<&[u8], HiveError> {
        let fail = |reason| HiveError::in_bins(offset, reason);
        let (at, head) = (base::SIZE.saturating_add(offset as usize), self.cell_head());
        if !offset.is_multiple_of(8) {
            return Err(fail(Reason::OutOfBounds(offset)));
        }
        let size = self.store.bytes(at, 4)?.ok_or_else(|| fail(Reason::OutOfBounds(offset)))?;
        let size = bytes::u32(size, 0).cast_signed();
        if size >= 0 {
            return Err(fail(Reason::Free(offset)));
        }
        let cell = self.store.bytes(at, size.unsigned_abs() as usize)?.and_then(|cell| cell.get(head..));
        cell.ok_or_else(|| fail(Reason::CellSize { cell: offset, size }))
    }

    /// What a cell holds, if it begins with this signature.
    pub(crate) fn record(
        &self,
        offset: u32,
        signature: &'static str,
        least: usize,
    ) -> Result<&[u8], HiveError> {
        let cell = self.cell(offset)?;
        if !cell.starts_with(signature.as_bytes()) {
            let found = cell.first_chunk().copied().unwrap_or_default();
            return Err(HiveError::in_bins(offset, Reason::Signature { expected: signature, found }));
        }
        if cell.len() < least {
            let (need, have) = (least as u64, cell.len() as u64);
            return Err(HiveError::in_bins(offset, Reason::Short { what: signature, need, have }));
        }
        Ok(cell)
    }

    /// Length of a cell's head: Windows NT 3.1 noted the cell before, too.
    fn cell_head(&self) -> usize {
        if self.has_narrow_names() { 4 } else { 8 }
    }

    /// Whether names can be stored in Latin-1: not in Windows NT 3.1.
    pub(crate) fn has_narrow_names(&self) -> bool {
        self.base.minor > 1
    }

    /// Whether values too long for one cell are stored in pieces.
    pub(crate) fn has_big_data(&self) -> bool {
        self.base.minor > 3
    }

    /// Counts bytes that are told, as [`work`](Self::work).
    pub(crate) fn tell(&self, offset: u32, bytes: usize) -> Result<(), HiveError> {
        self.work(offset, bytes / WORK_PIECE)
    }

    /// Counts work, and stops it when it is more than a hive can be worth.
    pub(crate) fn work(&self, offset: u32, units: usize) -> Result<(), HiveError> {
        let units = units as u64;
        let before = self.work.fetch_add(units, Ordering::Relaxed);
        if before.saturating_add(units) > LEAST_WORK_LIMIT.max(self.store.held() as u64 / BYTES_FOR_WORK) {
            self.work.fetch_sub(units, Ordering::Relaxed);
            return Err(HiveError::in_bins(offset, Reason::Work));
        }
        Ok(())
    }
}
