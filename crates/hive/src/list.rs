//! Lists of subkeys: plain ones, ones with hints or hashes of the names, and roots that point to several of them.

use std::collections::HashSet;
use std::vec;

use crate::error::Reason;
use crate::text::Wanted;
use crate::{Hive, HiveError, Key, bytes};

/// Bytes that a key needs at least: no hive has more keys than this fits into it.
const KEY_SIZE: usize = 80;

/// The subkeys of a key.
#[derive(Debug)]
pub struct Subkeys<'h> {
    parent: Key<'h>,
    offsets: vec::IntoIter<u32>,
    errors: vec::IntoIter<HiveError>,
}

impl<'h> Subkeys<'h> {
    pub(crate) fn new(parent: Key<'h>) -> Self {
        let mut leaves = Leaves::of(parent);
        let mut offsets = Vec::with_capacity(leaves.count);
        for leaf in &leaves.all {
            if let Err(why) = parent.hive.work(parent.offset, leaf.count()) {
                leaves.errors.push(why);
                break;
            }
            offsets.extend(leaf.elements().map(|element| element.key));
        }
        without_twins(parent, &mut offsets, &mut leaves.errors);
        Self { parent, offsets: offsets.into_iter(), errors: leaves.errors.into_iter() }
    }
}

impl<'h> Iterator for Subkeys<'h> {
    type Item = Result<Key<'h>, HiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.offsets.next() {
            Some(offset) => Some(self.parent.child(offset).and_then(|key| {
                key.hive.tell(offset, key.stored_name().length())?;
                Ok(key)
            })),
            None => self.errors.next().map(Err),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.offsets.len() + self.errors.len();
        (count, Some(count))
    }
}

/// Finds a subkey. Hints and hashes save reading the names of its siblings; only when they lead nowhere are all names
/// compared, because a wrong hash is no reason to overlook a key.
pub(crate) fn find<'h>(parent: Key<'h>, wanted: &Wanted) -> Result<Option<Key<'h>>, HiveError> {
    let leaves = Leaves::of(parent);
    let mut unread = leaves.errors.first().cloned();
    for told in [true, false] {
        for leaf in &leaves.all {
            let units = if told { leaf.count() / 16 } else { leaf.count() };
            parent.hive.work(parent.offset, units)?;
            for element in leaf.elements().filter(|element| element.may_be(wanted) == told) {
                match parent.child(element.key) {
                    Ok(key) if key.stored_name().is(wanted) => return Ok(Some(key)),
                    Ok(_) => {}
                    Err(why) => unread = unread.or(Some(why)),
                }
            }
        }
    }
    unread.map_or(Ok(None), Err)
}

/// All leaves of a key's list.
struct Leaves<'h> {
    all: Vec<Leaf<'h>>,
    /// Elements in them.
    count: usize,
    errors: Vec<HiveError>,
}

impl<'h> Leaves<'h> {
    fn of(parent: Key<'h>) -> Self {
        let mut leaves = Self { all: Vec::new(), count: 0, errors: Vec::new() };
        let (said, list) = parent.list();
        if said == 0 {
            return leaves;
        }
        if let Err(why) = leaves.read(parent.hive, list) {
            leaves.errors.push(why);
        }
        if leaves.errors.is_empty() && leaves.count != said as usize {
            leaves.errors.push(parent.fail(Reason::Count { said, listed: leaves.count as u64 }));
        }
        leaves
    }

    fn read(&mut self, hive: &'h Hive, list: u32) -> Result<(), HiveError> {
        let cell = hive.cell(list)?;
        if !cell.starts_with(b"ri") {
            return self.add(hive, list, cell);
        }
        let (elements, short) = elements(list, cell, 4);
        self.errors.extend(short);
        hive.work(list, elements.len() / 4)?;
        let mut seen = HashSet::new();
        for element in elements.chunks_exact(4) {
            let leaf = bytes::u32(element, 0);
            let added = match hive.cell(leaf) {
                _ if !seen.insert(leaf) => Err(HiveError::in_bins(list, Reason::Twice(leaf))),
                Ok(cell) => self.add(hive, leaf, cell),
                Err(why) => Err(why),
            };
            self.errors.extend(added.err());
        }
        Ok(())
    }

    fn add(&mut self, hive: &Hive, offset: u32, cell: &'h [u8]) -> Result<(), HiveError> {
        let shape = match cell.first_chunk() {
            Some(b"li") => Shape::Plain,
            Some(b"lf") => Shape::Hints,
            Some(b"lh") => Shape::Hashes,
            found => {
                let found = found.copied().unwrap_or_default();
                return Err(HiveError::in_bins(
                    offset,
                    Reason::Signature { expected: "a list of subkeys", found },
                ));
            }
        };
        let (elements, short) = elements(offset, cell, shape.step());
        self.errors.extend(short);
        let leaf = Leaf { shape, elements };
        if self.count + leaf.count() > hive.size() / KEY_SIZE {
            return Err(HiveError::in_bins(offset, Reason::Work));
        }
        self.count += leaf.count();
        self.all.push(leaf);
        Ok(())
    }
}

/// The elements of a list, and an error when the cell has not all that the list announces.
fn elements(offset: u32, cell: &[u8], step: usize) -> (&[u8], Option<HiveError>) {
    let said = usize::from(bytes::u16(cell, 2));
    let there = cell.get(4..).unwrap_or_default();
    match there.get(..said * step) {
        Some(elements) => (elements, None),
        None => {
            let (need, have) = ((4 + said * step) as u64, cell.len() as u64);
            let short = HiveError::in_bins(offset, Reason::Short { what: "list of subkeys", need, have });
            (there, Some(short))
        }
    }
}

/// How a leaf's elements look.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Plain,
    Hints,
    Hashes,
}

impl Shape {
    fn step(self) -> usize {
        match self {
            Self::Plain => 4,
            Self::Hints | Self::Hashes => 8,
        }
    }
}

struct Leaf<'h> {
    shape: Shape,
    elements: &'h [u8],
}

struct Element {
    key: u32,
    tells: Tells,
}

/// What an element tells of its key's name.
enum Tells {
    Nothing,
    Hint([u8; 4]),
    Hash(u32),
}

impl Leaf<'_> {
    fn count(&self) -> usize {
        self.elements.len() / self.shape.step()
    }

    fn elements(&self) -> impl Iterator<Item = Element> {
        self.elements.chunks_exact(self.shape.step()).map(|element| Element {
            key: bytes::u32(element, 0),
            tells: match self.shape {
                Shape::Plain => Tells::Nothing,
                Shape::Hints => Tells::Hint(bytes::u32(element, 4).to_le_bytes()),
                Shape::Hashes => Tells::Hash(bytes::u32(element, 4)),
            },
        })
    }
}

impl Element {
    fn may_be(&self, wanted: &Wanted) -> bool {
        match self.tells {
            Tells::Nothing => true,
            Tells::Hint(hint) => wanted.has_hint(hint),
            Tells::Hash(hash) => wanted.has_hash(hash),
        }
    }
}

/// Leaves each subkey once.
fn without_twins(parent: Key<'_>, offsets: &mut Vec<u32>, errors: &mut Vec<HiveError>) {
    let mut sorted = offsets.clone();
    sorted.sort_unstable();
    let Some(twin) = sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]) else { return };
    errors.push(parent.fail(Reason::Twice(twin)));
    let mut seen = HashSet::new();
    offsets.retain(|offset| seen.insert(*offset));
}
