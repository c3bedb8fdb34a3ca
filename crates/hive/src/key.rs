//! Keys: names, times, security, and the way to subkeys and values.

use std::borrow::Cow;

use crate::error::Reason;
use crate::list::Subkeys;
use crate::text::{self, Name, Wanted};
use crate::value::Values;
use crate::{DEPTH_LIMIT, Hive, HiveError, Value, bytes, list};

/// Length of a key's record before its name.
const FIXED: usize = 76;

/// Longest name of a key, in characters: the limit of Windows (its documentation of the registry's size limits).
const NAME_LIMIT: usize = 255;

/// Pointer to nothing.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A flag: the key is a link to another one.
const LINK: u16 = 0x10;
/// A flag: the name is stored in Latin-1.
const NARROW: u16 = 0x20;
/// A flag: the key is a predefined handle, and has no values.
const PREDEFINED: u16 = 0x40;

/// Seconds from 1601 to 1970.
const TO_UNIX: i64 = 11_644_473_600;

/// A key of a hive.
#[derive(Debug, Clone, Copy)]
pub struct Key<'h> {
    pub(crate) hive: &'h Hive,
    pub(crate) offset: u32,
    depth: u16,
    record: &'h [u8],
}

impl<'h> Key<'h> {
    pub(crate) fn at_root(hive: &'h Hive) -> Result<Self, HiveError> {
        Self::read(hive, hive.root_offset(), 0)
    }

    fn read(hive: &'h Hive, offset: u32, depth: u16) -> Result<Self, HiveError> {
        let record = hive.record(offset, "nk", FIXED)?;
        let key = Self { hive, offset, depth, record };
        let need = FIXED + usize::from(key.half(72));
        if record.len() < need {
            let (need, have) = (need as u64, record.len() as u64);
            return Err(key.fail(Reason::Short { what: "name of a key", need, have }));
        }
        match key.stored_name().characters() {
            count if count > NAME_LIMIT => Err(key.fail(Reason::Name(count))),
            _ => Ok(key),
        }
    }

    /// The subkey at an offset that stands in this key's list. It must name this key as its parent, so each key can be
    /// reached in one way only, and no walk from the root ends up in a loop.
    pub(crate) fn child(self, offset: u32) -> Result<Self, HiveError> {
        let depth = self.depth + 1;
        if depth > DEPTH_LIMIT {
            return Err(HiveError::in_bins(offset, Reason::Depth));
        }
        let child = Self::read(self.hive, offset, depth)?;
        let (found, expected) = (child.word(16), self.offset);
        if found != expected || offset == self.hive.root_offset() {
            return Err(child.fail(Reason::Parent { key: offset, found, expected }));
        }
        Ok(child)
    }

    /// The key's name, as it was written.
    pub fn name(&self) -> Cow<'h, str> {
        self.stored_name().text()
    }

    pub(crate) fn stored_name(&self) -> Name<'h> {
        let record: &'h [u8] = self.record;
        let raw = &record[FIXED..FIXED + usize::from(self.half(72))];
        let narrow = self.half(2) & NARROW != 0 && self.hive.has_narrow_names();
        if narrow { Name::Narrow(raw) } else { Name::Wide(raw) }
    }

    /// When the key, its values or its list of subkeys were last changed, in seconds since 1970; `None` when that was
    /// not noted.
    pub fn last_written(&self) -> Option<i64> {
        let time = bytes::u64(self.record, 4);
        // 100 ns each: what is left fits easily.
        (time != 0).then(|| (time / 10_000_000).cast_signed() - TO_UNIX)
    }

    /// Offset of the key's cell in the file, to point at it.
    pub fn file_offset(&self) -> u64 {
        u64::from(self.offset) + crate::base::SIZE as u64
    }

    /// Whether the key is a link to another key, which its value `SymbolicLinkValue` names.
    pub fn is_link(&self) -> bool {
        self.half(2) & LINK != 0
    }

    /// All subkeys, in the hive's order. What cannot be read comes as an error in between or at the end; the others
    /// are there nevertheless.
    pub fn subkeys(&self) -> Subkeys<'h> {
        Subkeys::new(*self)
    }

    /// The subkey of this name, case aside. `None` when there is no such key; an error when there is none, but part of
    /// the list cannot be read.
    pub fn subkey(&self, name: &str) -> Result<Option<Key<'h>>, HiveError> {
        list::find(*self, &Wanted::new(name))
    }

    /// The key with this path below this one: `Services\W3SVC`.
    pub fn path(&self, path: &str) -> Result<Option<Key<'h>>, HiveError> {
        let mut key = *self;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            match key.subkey(name)? {
                Some(subkey) => key = subkey,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    /// All values, in the hive's order. What cannot be read comes as an error.
    pub fn values(&self) -> Values<'h> {
        let count = if self.half(2) & PREDEFINED == 0 { self.word(36) } else { 0 };
        Values::new(self.hive, self.word(40), count)
    }

    /// The value of this name, case aside; the empty name is that of the key's default value. As with
    /// [`subkey`](Self::subkey), `None` means that there is none for certain.
    pub fn value(&self, name: &str) -> Result<Option<Value<'h>>, HiveError> {
        let wanted = Wanted::new(name);
        let mut unread = None;
        for value in self.values() {
            match value {
                Ok(value) if value.stored_name().is(&wanted) => return Ok(Some(value)),
                Ok(_) => {}
                Err(why) => unread = unread.or(Some(why)),
            }
        }
        unread.map_or(Ok(None), Err)
    }

    /// The number in the value of this name: [`Value::as_u32`].
    pub fn u32(&self, name: &str) -> Result<Option<u32>, HiveError> {
        self.value(name)?.map(|value| value.as_u32()).transpose()
    }

    /// The text in the value of this name: [`Value::as_string`].
    pub fn string(&self, name: &str) -> Result<Option<String>, HiveError> {
        self.value(name)?.map(|value| value.as_string()).transpose()
    }

    /// The texts in the value of this name: [`Value::as_strings`].
    pub fn strings(&self, name: &str) -> Result<Option<Vec<String>>, HiveError> {
        self.value(name)?.map(|value| value.as_strings()).transpose()
    }

    /// Who may do what with the key: a self-relative security descriptor.
    pub fn security_descriptor(&self) -> Result<Option<&'h [u8]>, HiveError> {
        let offset = self.word(44);
        if offset == NOWHERE {
            return Ok(None);
        }
        let record = self.hive.record(offset, "sk", 20)?;
        let need = u64::from(bytes::u32(record, 16)) + 20;
        let descriptor = usize::try_from(need).ok().and_then(|end| record.get(20..end));
        let have = record.len() as u64;
        let short = Reason::Short { what: "security descriptor", need, have };
        let descriptor = descriptor.ok_or_else(|| HiveError::in_bins(offset, short))?;
        self.hive.tell(offset, descriptor.len())?;
        Ok(Some(descriptor))
    }

    /// The key's class name, which most keys lack.
    pub fn class_name(&self) -> Result<Option<String>, HiveError> {
        let (offset, length) = (self.word(48), self.half(74));
        if offset == NOWHERE || length == 0 {
            return Ok(None);
        }
        let cell = self.hive.cell(offset)?;
        let (need, have) = (u64::from(length), cell.len() as u64);
        let short = Reason::Short { what: "class name", need, have };
        let raw = cell.get(..length.into()).ok_or_else(|| HiveError::in_bins(offset, short))?;
        self.hive.tell(offset, raw.len())?;
        Ok(Some(text::utf16(raw)))
    }

    /// How many subkeys the key says that it has, and where their list is.
    pub(crate) fn list(&self) -> (u32, u32) {
        (self.word(20), self.word(28))
    }

    pub(crate) fn fail(&self, reason: Reason) -> HiveError {
        HiveError::in_bins(self.offset, reason)
    }

    fn half(&self, at: usize) -> u16 {
        bytes::u16(self.record, at)
    }

    fn word(&self, at: usize) -> u32 {
        bytes::u32(self.record, at)
    }
}
