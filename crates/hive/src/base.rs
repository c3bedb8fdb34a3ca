//! The base block: the first 4096 bytes of a hive, and, but for a few fields, the first 512 of each of its logs.

use crate::bytes;
use crate::error::Reason;
use crate::text;

/// Length of a hive's base block.
pub(crate) const SIZE: usize = 4096;

/// The part of it that has fields, and its checksum at the end: all that a log holds.
pub(crate) const HEAD: usize = 512;

/// What is read of a base block.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// Counted up before the hive is written.
    pub(crate) primary: u32,
    /// Counted up after it was written: less than `primary` while it is, or when that was cut off.
    pub(crate) secondary: u32,
    /// FILETIME of the last write; no longer kept since Windows 8.1.
    pub(crate) written: u64,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    /// 0 for a hive; 1, 2 and 6 for logs.
    pub(crate) kind: u32,
    /// Where the root key is, from the first bin.
    pub(crate) root: u32,
    /// Length of all bins.
    pub(crate) bins: u32,
    /// Sector size divided by 512.
    pub(crate) clustering: u32,
    /// End of the path that the hive was loaded from.
    pub(crate) name: String,
    /// Id of the hive's resource manager; zeros where there is none.
    pub(crate) manager: [u8; 16],
    /// Whether the checksum is right.
    pub(crate) intact: bool,
}

impl Base {
    /// Reads the head of a base block.
    pub(crate) fn read(head: &[u8; HEAD]) -> Result<Self, Reason> {
        let signature = [head[0], head[1], head[2], head[3]];
        match &signature {
            b"regf" => {}
            b"CREG" => return Err(Reason::Windows9x),
            _ => return Err(Reason::NotAHive(signature)),
        }
        let mut manager = [0; 16];
        manager.copy_from_slice(&head[112..128]);
        Ok(Self {
            primary: bytes::u32(head, 4),
            secondary: bytes::u32(head, 8),
            written: bytes::u64(head, 12),
            major: bytes::u32(head, 20),
            minor: bytes::u32(head, 24),
            kind: bytes::u32(head, 28),
            root: bytes::u32(head, 36),
            bins: bytes::u32(head, 40),
            clustering: bytes::u32(head, 44),
            name: text::until_nul(&head[48..112]),
            manager,
            intact: checksum(head) == bytes::u32(head, 508),
        })
    }

    /// Whether a write of the hive was begun and not ended, as far as the hive itself tells.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.intact || self.primary != self.secondary
    }

    /// The file that the hive was loaded from, without its path.
    pub(crate) fn file(&self) -> &str {
        self.name.rsplit('\\').next().unwrap_or_default()
    }
}

/// The XOR of the first 127 words; 0 and -1 are avoided.
pub(crate) fn checksum(head: &[u8; HEAD]) -> u32 {
    let sum = (0..127).fold(0, |sum, i| sum ^ bytes::u32(head, i * 4));
    match sum {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        other => other,
    }
}
