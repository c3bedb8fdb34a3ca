//! The bytes of a hive. A file's are read in chunks when they are asked for: what an audit wants of a hive lies close
//! together, and most of the file is never read.
//!
//! A log may say that the hive became longer than its file. Where neither of them has bytes there is a hole: it takes no
//! memory, and leads out of the hive.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Reason;
use crate::source::Source;
use crate::{HiveError, LIMIT};

/// Chunks have 2 to the power of this many bytes.
const SHIFT: u32 = 15;

/// The bytes of a hive, and what was changed of them by its logs.
pub(crate) struct Store {
    source: Box<dyn Source>,
    chunks: Vec<OnceLock<Vec<u8>>>,
    /// For each chunk the piece that begins in it and ends in a later one. Cells do not overlap, so there is but one.
    bridges: Vec<OnceLock<Bridge>>,
    /// Bytes in all bridges.
    bridged: AtomicUsize,
    /// Bytes in all chunks.
    held: AtomicUsize,
    shift: u32,
    /// How many bytes the source has.
    given: usize,
    length: usize,
}

struct Bridge {
    at: usize,
    bytes: Vec<u8>,
}

impl Store {
    /// All of a source; nothing is read yet.
    pub(crate) fn new(source: impl Source + 'static) -> Result<Self, HiveError> {
        let length = source.length().map_err(|why| HiveError::at(0, Reason::Read(why.to_string())))?;
        // Whether what is there beyond the limit belongs to the hive is up to the base block.
        let length = usize::try_from(length.min(LIMIT)).unwrap_or(usize::MAX);
        let mut store = Self::empty(Box::new(source), SHIFT, length);
        store.resize(length);
        Ok(store)
    }

    /// Bytes that are in memory: one chunk.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        let mut store = Self::empty(Box::new(Vec::new()), usize::BITS - 1, bytes.len());
        store.length = bytes.len();
        store.held = AtomicUsize::new(bytes.len());
        store.chunks.push(OnceLock::from(bytes));
        store.bridges.push(OnceLock::new());
        store
    }

    fn empty(source: Box<dyn Source>, shift: u32, given: usize) -> Self {
        Self {
            source,
            chunks: Vec::new(),
            bridges: Vec::new(),
            bridged: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            shift,
            given,
            length: 0,
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// How many bytes were read of the hive so far, or given.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Cuts the hive off, or makes it longer by a hole.
    pub(crate) fn resize(&mut self, length: usize) {
        if self.shift != SHIFT && length > self.given {
            // One chunk has no room for a hole.
            self.source = Box::new(self.chunks.pop().and_then(OnceLock::into_inner).unwrap_or_default());
            (self.shift, self.held) = (SHIFT, AtomicUsize::new(0));
            self.bridges.clear();
        }
        if self.shift == SHIFT {
            let chunks = length.div_ceil(1 << SHIFT);
            self.chunks.resize_with(chunks, OnceLock::new);
            self.bridges.resize_with(chunks, OnceLock::new);
        }
        self.length = length;
    }

    /// The bytes from `at` on; `None` outside of the hive.
    pub(crate) fn bytes(&self, at: usize, length: usize) -> Result<Option<&[u8]>, HiveError> {
        let Some(end) = at.checked_add(length).filter(|&end| end <= self.length) else { return Ok(None) };
        if length == 0 {
            return Ok(Some(&[]));
        }
        let (first, last) = (at >> self.shift, (end - 1) >> self.shift);
        if (first..=last).any(|number| self.is_hole(number)) {
            return Ok(None);
        }
        if first != last {
            return self.bridge(at, length).map(Some);
        }
        let from = at - (first << self.shift);
        Ok(self.chunk(first)?.get(from..from + length))
    }

    /// Puts other bytes in place of those there; what leads out of the hive is left out.
    pub(crate) fn write(&mut self, mut at: usize, mut bytes: &[u8]) -> Result<(), HiveError> {
        while !bytes.is_empty() && at < self.length {
            let number = at >> self.shift;
            self.chunk(number)?;
            let from = at - (number << self.shift);
            let Some(room) = self.chunks[number].get_mut().and_then(|chunk| chunk.get_mut(from..)) else {
                break;
            };
            let count = bytes.len().min(room.len());
            room[..count].copy_from_slice(&bytes[..count]);
            (at, bytes) = (at + count, &bytes[count..]);
        }
        Ok(())
    }

    /// Whether a chunk lies behind all that the source has, and nothing was written to it.
    fn is_hole(&self, number: usize) -> bool {
        number << self.shift >= self.given && self.chunks[number].get().is_none()
    }

    fn chunk(&self, number: usize) -> Result<&[u8], HiveError> {
        let chunk = &self.chunks[number];
        if let Some(bytes) = chunk.get() {
            return Ok(bytes);
        }
        let begin = number << self.shift;
        let mut bytes = vec![0; 1 << SHIFT];
        fill(&*self.source, &mut bytes, begin as u64)
            .map_err(|why| HiveError::at(begin as u64, Reason::Read(why.to_string())))?;
        self.held.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(chunk.get_or_init(|| bytes))
    }

    fn bridge(&self, at: usize, length: usize) -> Result<&[u8], HiveError> {
        let slot = &self.bridges[at >> self.shift];
        let bridge = match slot.get() {
            Some(bridge) => bridge,
            None => {
                // Hostile hives with overlapping cells must not fill the memory.
                let all = self.bridged.fetch_add(length, Ordering::Relaxed).saturating_add(length);
                if all > self.length {
                    self.bridged.fetch_sub(length, Ordering::Relaxed);
                    return Err(HiveError::at(at as u64, Reason::Overlap));
                }
                let bytes = self.copy(at, length)?;
                slot.get_or_init(|| Bridge { at, bytes })
            }
        };
        match bridge.bytes.get(..length) {
            Some(bytes) if bridge.at == at => Ok(bytes),
            _ => Err(HiveError::at(at as u64, Reason::Overlap)),
        }
    }

    fn copy(&self, mut at: usize, length: usize) -> Result<Vec<u8>, HiveError> {
        let end = at + length;
        let mut bytes = Vec::with_capacity(length);
        while at < end {
            let number = at >> self.shift;
            let from = at - (number << self.shift);
            let chunk = self.chunk(number)?;
            let count = (chunk.len() - from).min(end - at);
            bytes.extend_from_slice(&chunk[from..from + count]);
            at += count;
        }
        Ok(bytes)
    }
}

/// Reads until the buffer is full or the source ends.
fn fill(source: &dyn Source, buffer: &mut [u8], mut at: u64) -> io::Result<()> {
    let mut rest = buffer;
    while !rest.is_empty() {
        match source.read_at(rest, at) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let count = count.min(rest.len());
                at += count as u64;
                rest = &mut rest[count..];
            }
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(length: usize) -> (Vec<u8>, Store) {
        let bytes: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap_or_default()).collect();
        (bytes.clone(), Store::new(bytes).unwrap())
    }

    fn is_overlap(result: &Result<Option<&[u8]>, HiveError>) -> bool {
        matches!(result, Err(why) if why.reason == Reason::Overlap)
    }

    #[test]
    fn pieces_are_what_the_source_has() {
        let (bytes, store) = numbered(200_000);
        for (at, length) in [(0, 1), (0, 32_768), (32_767, 2), (65_530, 70_000), (199_999, 1), (200_000, 0)] {
            assert_eq!(store.bytes(at, length), Ok(Some(&bytes[at..at + length])), "{length} bytes at {at}");
        }
        assert_eq!(store.bytes(199_999, 2), Ok(None));
        assert_eq!(store.bytes(usize::MAX, 2), Ok(None));
    }

    #[test]
    fn cells_that_overlap_get_no_memory() {
        let (bytes, store) = numbered(200_000);
        assert_eq!(store.bytes(32_760, 16), Ok(Some(&bytes[32_760..32_776])));
        assert_eq!(
            store.bytes(32_760, 12),
            Ok(Some(&bytes[32_760..32_772])),
            "a part of it is no other cell"
        );
        assert!(is_overlap(&store.bytes(32_764, 8)), "two cells across one border");
        assert!(is_overlap(&store.bytes(32_760, 24)), "the cell became longer");
        assert!(store.bytes(70_000, 120_000).is_ok());
        assert!(is_overlap(&store.bytes(100_000, 90_000)), "more bytes than the hive has");
    }

    #[test]
    fn what_is_written_is_read() {
        let (mut bytes, mut store) = numbered(100_000);
        store.write(32_000, &[0xff; 1000]).unwrap();
        bytes[32_000..33_000].fill(0xff);
        store.resize(150_000);
        bytes.resize(150_000, 0);
        store.write(149_990, &[0xee; 100]).unwrap();
        bytes[149_990..].fill(0xee);
        for at in (0..150_000).step_by(1000) {
            assert_eq!(store.bytes(at, 1000).ok().flatten(), Some(&bytes[at..at + 1000]), "{at}");
        }
        store.resize(10);
        assert_eq!(store.bytes(8, 4), Ok(None));
    }

    #[test]
    fn a_hole_takes_no_memory() {
        let (bytes, file) = numbered(40_000);
        for mut store in [file, Store::of_bytes(bytes.clone())] {
            store.write(39_999, &[0xff]).unwrap();
            store.resize(500 << 20);
            store.write(400 << 20, b"far away").unwrap();
            assert_eq!(store.bytes(400 << 20, 8), Ok(Some(&b"far away"[..])));
            assert_eq!(store.bytes(39_998, 2), Ok(Some(&[bytes[39_998], 0xff][..])));
            assert_eq!(store.bytes(65_535, 1), Ok(Some(&[0][..])), "the file's last chunk is filled up");
            for (at, length) in [(65_536, 1), (65_530, 100), (0, 500 << 20), ((500 << 20) - 1, 1)] {
                assert_eq!(store.bytes(at, length), Ok(None), "{length} bytes at {at}");
            }
            assert_eq!(store.held(), 2 << SHIFT);
        }
    }
}
