//! Cells and bins of a hive that is written.

use std::collections::BTreeMap;

use super::{HiveBuilder, KeyBuilder, logs, sorted, utf16};
use crate::{base, bins, text};

/// Nobody may do anything: the descriptor of keys that got none.
const NO_SECURITY: [u8; 20] = [1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Longest piece of a long value.
const PIECE: usize = 16344;

/// Writes the whole file.
pub(super) fn write(hive: &HiveBuilder) -> Vec<u8> {
    let mut cells = Cells { minor: hive.minor, leaf: hive.leaf, ..Cells::default() };
    cells.security = cells.securities(&hive.root);
    let root = cells.key(&hive.root, u32::MAX, 0x2c);
    cells.close_bin();
    let mut file = vec![0; base::SIZE];
    file[..4].copy_from_slice(b"regf");
    let fields = [
        (4, hive.sequence),
        (8, hive.sequence),
        (12, 0x1234_5678),
        (16, 0x01d0_0000),
        (20, 1),
        (24, hive.minor),
        (32, 1),
        (36, root),
        (40, number(cells.bytes.len())),
        (44, 1),
    ];
    for (at, field) in fields {
        put(&mut file, at, field);
    }
    let name = utf16(&hive.name);
    // Of a long path Windows keeps the end.
    let end = &name[name.len().saturating_sub(62)..];
    file[48..48 + end.len()].copy_from_slice(end);
    file.append(&mut cells.bytes);
    // The first bin repeats the time.
    let time: [u8; 8] = *file[12..].first_chunk().expect("a base block");
    file[base::SIZE + 20..base::SIZE + 28].copy_from_slice(&time);
    logs::seal(&mut file);
    file
}

#[derive(Default)]
struct Cells {
    bytes: Vec<u8>,
    /// Where the open bin begins and ends.
    bin: (usize, usize),
    /// First free byte of it.
    free: usize,
    /// The cell before.
    last: Option<usize>,
    minor: u32,
    leaf: usize,
    security: BTreeMap<Vec<u8>, u32>,
}

impl Cells {
    /// Offset of a new cell with these contents.
    fn add(&mut self, data: &[u8]) -> u32 {
        let (head, align) = if self.minor > 1 { (4, 8) } else { (8, 16) };
        let size = (head + data.len()).next_multiple_of(align);
        if self.free + size > self.bin.1 {
            self.close_bin();
            self.open_bin(size);
        }
        let at = self.free;
        put(&mut self.bytes, at, 0u32.wrapping_sub(number(size)));
        if head == 8 {
            let last = self.last.map_or(u32::MAX, |last| number(last - self.bin.0));
            put(&mut self.bytes, at + 4, last);
        }
        self.bytes[at + head..at + head + data.len()].copy_from_slice(data);
        self.last = Some(at);
        self.free += size;
        number(at)
    }

    fn open_bin(&mut self, least: usize) {
        let begin = self.bytes.len();
        let size = (bins::HEAD + least).next_multiple_of(bins::PAGE);
        self.bytes.resize(begin + size, 0);
        self.bytes[begin..begin + 4].copy_from_slice(b"hbin");
        put(&mut self.bytes, begin + 4, number(begin));
        put(&mut self.bytes, begin + 8, number(size));
        (self.bin, self.free, self.last) = ((begin, begin + size), begin + bins::HEAD, None);
    }

    /// Makes what is left of the bin a cell that is not in use.
    fn close_bin(&mut self) {
        let left = self.bin.1 - self.free;
        if left > 0 {
            put(&mut self.bytes, self.free, number(left));
        }
        self.free = self.bin.1;
    }

    /// Writes all security descriptors, in a ring, and counts their keys.
    fn securities(&mut self, root: &KeyBuilder) -> BTreeMap<Vec<u8>, u32> {
        let mut counts = BTreeMap::new();
        count(root, &mut counts);
        let cells: BTreeMap<_, _> = counts
            .into_iter()
            .map(|(descriptor, keys)| {
                let mut record = b"sk\0\0\0\0\0\0\0\0\0\0".to_vec();
                words(&mut record, [keys, number(descriptor.len())]);
                record.extend_from_slice(&descriptor);
                (descriptor, self.add(&record))
            })
            .collect();
        let ring: Vec<u32> = cells.values().copied().collect();
        let head = if self.minor > 1 { 4 } else { 8 };
        for (i, &at) in ring.iter().enumerate() {
            put(&mut self.bytes, at as usize + head + 4, ring[(i + 1) % ring.len()]);
            put(&mut self.bytes, at as usize + head + 8, ring[(i + ring.len() - 1) % ring.len()]);
        }
        cells
    }

    fn key(&mut self, key: &KeyBuilder, parent: u32, flags: u16) -> u32 {
        let (name, narrow) = self.name(&key.name);
        let flags = if narrow { flags | 0x20 } else { flags & !0x20 };
        let mut record = b"nk".to_vec();
        record.extend(flags.to_le_bytes());
        let time = key.written.map_or(0, |unix| (unix + 11_644_473_600).cast_unsigned() * 10_000_000);
        record.extend(time.to_le_bytes());
        words(&mut record, [0, parent, number(key.subkeys.len()), 0, u32::MAX, u32::MAX]);
        let (values, class) = (self.values(key), key.class.as_deref().map(utf16));
        let class_cell = class.as_ref().map_or(u32::MAX, |class| self.add(class));
        let security = self.security[key.security.as_deref().unwrap_or(&NO_SECURITY)];
        words(&mut record, [number(key.values.len()), values, security, class_cell, 0, 0, 0, 0, 0]);
        record.extend(half(name.len()));
        record.extend(half(class.map_or(0, |class| class.len())));
        record.extend_from_slice(&name);
        let at = self.add(&record);
        let subkeys: Vec<_> =
            key.subkeys.values().map(|subkey| (self.key(subkey, at, 0), &*subkey.name)).collect();
        let list = self.list(&subkeys);
        let head = if self.minor > 1 { 4 } else { 8 };
        put(&mut self.bytes, at as usize + head + 28, list);
        at
    }

    fn list(&mut self, subkeys: &[(u32, &str)]) -> u32 {
        let leaves: Vec<u32> = subkeys.chunks(self.leaf).map(|some| self.list_leaf(some)).collect();
        match *leaves {
            [] => u32::MAX,
            [one] => one,
            _ => {
                let mut record = b"ri".to_vec();
                record.extend(half(leaves.len()));
                words(&mut record, leaves);
                self.add(&record)
            }
        }
    }

    fn list_leaf(&mut self, subkeys: &[(u32, &str)]) -> u32 {
        let signature = match self.minor {
            ..=2 => b"li",
            3 | 4 => b"lf",
            _ => b"lh",
        };
        let mut record = signature.to_vec();
        record.extend(half(subkeys.len()));
        for (at, name) in subkeys {
            words(&mut record, [*at]);
            match signature {
                b"lf" => record.extend(hint(name)),
                b"lh" => words(&mut record, [text::hash(&sorted(name))]),
                _ => {}
            }
        }
        self.add(&record)
    }

    fn values(&mut self, key: &KeyBuilder) -> u32 {
        if key.values.is_empty() {
            return u32::MAX;
        }
        let mut list = Vec::new();
        for (name, kind, data) in &key.values {
            let (name, narrow) = self.name(name);
            let (size, place) = self.data(data);
            let mut record = b"vk".to_vec();
            record.extend(half(name.len()));
            words(&mut record, [size, place, *kind, u32::from(narrow)]);
            record.extend_from_slice(&name);
            let at = self.add(&record);
            words(&mut list, [at]);
        }
        self.add(&list)
    }

    /// Size and place of a value's data.
    fn data(&mut self, data: &[u8]) -> (u32, u32) {
        if data.len() <= 4 {
            let mut resident = [0; 4];
            resident[..data.len()].copy_from_slice(data);
            return (number(data.len()) | 1 << 31, u32::from_le_bytes(resident));
        }
        if data.len() <= PIECE || self.minor <= 3 {
            return (number(data.len()), self.add(data));
        }
        let mut list = Vec::new();
        for piece in data.chunks(PIECE) {
            let at = self.add(piece);
            words(&mut list, [at]);
        }
        let mut record = b"db".to_vec();
        record.extend(half(list.len() / 4));
        let list = self.add(&list);
        words(&mut record, [list]);
        (number(data.len()), self.add(&record))
    }

    /// A name as it is stored, and whether in Latin-1.
    fn name(&self, name: &str) -> (Vec<u8>, bool) {
        let narrow: Option<Vec<u8>> = name.chars().map(|c| u8::try_from(c).ok()).collect();
        match narrow {
            Some(narrow) if self.minor > 1 => (narrow, true),
            _ => (utf16(name), false),
        }
    }
}

fn count(key: &KeyBuilder, counts: &mut BTreeMap<Vec<u8>, u32>) {
    *counts.entry(key.security.clone().unwrap_or(NO_SECURITY.into())).or_default() += 1;
    for subkey in key.subkeys.values() {
        count(subkey, counts);
    }
}

fn hint(name: &str) -> [u8; 4] {
    let mut hint = [0; 4];
    for (to, c) in hint.iter_mut().zip(name.chars()) {
        match u8::try_from(c) {
            Ok(byte) => *to = byte,
            Err(_) => return [0; 4],
        }
    }
    hint
}

pub(super) fn put(bytes: &mut [u8], at: usize, field: u32) {
    bytes[at..at + 4].copy_from_slice(&field.to_le_bytes());
}

fn words(record: &mut Vec<u8>, fields: impl IntoIterator<Item = u32>) {
    record.extend(fields.into_iter().flat_map(u32::to_le_bytes));
}

fn half(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("short enough").to_le_bytes()
}

pub(super) fn number(number: usize) -> u32 {
    u32::try_from(number).expect("a small hive")
}
