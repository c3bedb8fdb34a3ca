//! NDB, SUSE's form of rpm's database: pages of slots at the front, each the place of one header in blocks of 16
//! bytes. Numbers are little-endian. Sizes and marks are as in rpm's own backend.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;

use super::store::HEADER_LIMIT;

const MAGIC: &[u8; 4] = b"RpmP";
const SLOT_MAGIC: &[u8; 4] = b"Slot";
const BLOB_MAGIC: &[u8; 4] = b"BlbS";
const PAGE: usize = 4096;
const BLOCK: u64 = 16;

/// The file's own header takes the place of the first two slots.
const FILE_HEADER: usize = 32;

/// Most pages of slots: 65,000 packages.
const PAGES_LIMIT: u32 = 256;

/// An NDB file.
pub(super) struct Ndb {
    file: File,
    pages: u32,
}

impl Ndb {
    pub(super) fn open(file: File) -> io::Result<Self> {
        let mut header = [0; FILE_HEADER];
        file.read_exact_at(&mut header, 0)?;
        if !header.starts_with(MAGIC) {
            return Err(invalid("not an NDB file"));
        }
        if number(&header, 1) != 0 {
            return Err(invalid("an NDB version other than 0"));
        }
        let pages = number(&header, 3);
        if pages > PAGES_LIMIT {
            return Err(invalid("an impossible number of slots"));
        }
        Ok(Self { file, pages })
    }

    /// Hands out every header. A broken slot ends its page; the first failure is told after the rest was read.
    pub(super) fn each(&self, take: &mut dyn FnMut(u32, &[u8])) -> io::Result<()> {
        let mut failure = Ok(());
        let mut blob = Vec::new();
        for page in 0..self.pages {
            if let Err(e) = self.page(page, &mut blob, take) {
                failure = failure.and(Err(e));
            }
        }
        failure
    }

    fn page(&self, page: u32, blob: &mut Vec<u8>, take: &mut dyn FnMut(u32, &[u8])) -> io::Result<()> {
        let mut slots = [0; PAGE];
        self.file.read_exact_at(&mut slots, u64::from(page) * PAGE as u64)?;
        let start = if page == 0 { FILE_HEADER } else { 0 };
        let mut failure = Ok(());
        for slot in slots.get(start..).unwrap_or_default().as_chunks::<16>().0 {
            if !slot.starts_with(SLOT_MAGIC) {
                return Err(invalid("a broken slot"));
            }
            let (index, block, blocks) = (number(slot, 1), number(slot, 2), number(slot, 3));
            if block == 0 {
                continue;
            }
            match self.blob(index, block, blocks, blob) {
                Ok(()) => take(index, blob),
                Err(e) => failure = failure.and(Err(e)),
            }
        }
        failure
    }

    fn blob(&self, index: u32, block: u32, blocks: u32, blob: &mut Vec<u8>) -> io::Result<()> {
        let at = u64::from(block) * BLOCK;
        let mut head = [0; 16];
        self.file.read_exact_at(&mut head, at)?;
        let len = number(&head, 3) as usize;
        let room = (u64::from(blocks) * BLOCK).saturating_sub(head.len() as u64);
        if !head.starts_with(BLOB_MAGIC)
            || number(&head, 1) != index
            || len as u64 > room
            || len > HEADER_LIMIT
        {
            return Err(invalid(&format!("header {index} at byte {at} is broken")));
        }
        blob.clear();
        // Memory is taken only as far as the file has bytes for it.
        if self.file.metadata()?.len() < at + room {
            return Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                format!("header {index} at byte {at} is cut off"),
            ));
        }
        blob.resize(len, 0);
        self.file.read_exact_at(blob, at + head.len() as u64)
    }
}

/// The little-endian number at a place, counted in numbers.
fn number(bytes: &[u8], place: usize) -> u32 {
    bytes.as_chunks().0.get(place).map(|bytes| u32::from_le_bytes(*bytes)).unwrap_or_default()
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}
