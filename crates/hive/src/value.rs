//! Values: names and data.

use std::borrow::Cow;

use crate::error::Reason;
use crate::text::{self, Name};
use crate::{Hive, HiveError, Kind, bytes};

/// Length of a value's record before its name.
const FIXED: usize = 20;

/// Longest piece of data in one cell, where longer data is stored in pieces.
const PIECE: usize = 16344;

/// Set in the size of data that is in the value's record itself.
const RESIDENT: u32 = 1 << 31;

/// A value of a key.
#[derive(Debug, Clone, Copy)]
pub struct Value<'h> {
    hive: &'h Hive,
    offset: u32,
    record: &'h [u8],
}

impl<'h> Value<'h> {
    fn read(hive: &'h Hive, offset: u32) -> Result<Self, HiveError> {
        let record = hive.record(offset, "vk", FIXED)?;
        let need = FIXED + usize::from(bytes::u16(record, 2));
        if record.len() < need {
            let (need, have) = (need as u64, record.len() as u64);
            return Err(HiveError::in_bins(offset, Reason::Short { what: "name of a value", need, have }));
        }
        Ok(Self { hive, offset, record })
    }

    /// The value's name, as it was written; empty for a key's default value.
    pub fn name(&self) -> Cow<'h, str> {
        self.stored_name().text()
    }

    pub(crate) fn stored_name(&self) -> Name<'h> {
        let record: &'h [u8] = self.record;
        let raw = &record[FIXED..FIXED + usize::from(bytes::u16(record, 2))];
        let narrow = bytes::u16(record, 16) & 1 != 0 && self.hive.has_narrow_names();
        if narrow { Name::Narrow(raw) } else { Name::Wide(raw) }
    }

    /// What the data is said to be.
    pub fn kind(&self) -> Kind {
        Kind::new(bytes::u32(self.record, 12))
    }

    /// Offset of the value's cell in the file, to point at it.
    pub fn file_offset(&self) -> u64 {
        u64::from(self.offset) + crate::base::SIZE as u64
    }

    /// The data as it is, all of it or an error. It is copied only if it is stored in pieces.
    pub fn data(&self) -> Result<Cow<'h, [u8]>, HiveError> {
        let record: &'h [u8] = self.record;
        let (size, place) = (bytes::u32(record, 4), bytes::u32(record, 8));
        let length = (size & !RESIDENT) as usize;
        if size & RESIDENT != 0 {
            let resident = record[8..12].get(..length).ok_or_else(|| short(self.offset, length, 4))?;
            return Ok(Cow::Borrowed(resident));
        }
        if length == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let cell = self.hive.cell(place)?;
        if length > PIECE && self.hive.has_big_data() && cell.starts_with(b"db") {
            return self.pieces(place, cell, length).map(Cow::Owned);
        }
        let data = cell.get(..length).ok_or_else(|| short(place, length, cell.len()))?;
        self.hive.tell(place, length)?;
        Ok(Cow::Borrowed(data))
    }

    fn pieces(&self, offset: u32, head: &[u8], length: usize) -> Result<Vec<u8>, HiveError> {
        if length > self.hive.size() {
            return Err(short(offset, length, self.hive.size()));
        }
        let list = bytes::u32(head, 4);
        let cells = self.hive.cell(list)?;
        let count = usize::from(bytes::u16(head, 2)).min(cells.len() / 4);
        if count < length.div_ceil(PIECE) {
            return Err(short(list, length, count * PIECE));
        }
        self.hive.tell(offset, length)?;
        let mut data = Vec::with_capacity(length);
        for cell in cells.chunks_exact(4).take(length.div_ceil(PIECE)) {
            let cell = bytes::u32(cell, 0);
            let piece = self.hive.cell(cell)?;
            let want = (length - data.len()).min(PIECE);
            data.extend_from_slice(piece.get(..want).ok_or_else(|| short(cell, want, piece.len()))?);
        }
        Ok(data)
    }

    /// The data as a 32-bit number: of `REG_DWORD` in either byte order.
    pub fn as_u32(&self) -> Result<u32, HiveError> {
        let number = self.exactly("REG_DWORD", |kind| matches!(kind, Kind::U32 | Kind::U32BigEndian))?;
        Ok(if self.kind() == Kind::U32 { u32::from_le_bytes(number) } else { u32::from_be_bytes(number) })
    }

    /// The data as a 64-bit number: of `REG_QWORD`.
    pub fn as_u64(&self) -> Result<u64, HiveError> {
        self.exactly("REG_QWORD", |kind| kind == Kind::U64).map(u64::from_le_bytes)
    }

    /// The data as text, up to its first NUL: of `REG_SZ`, `REG_EXPAND_SZ` (nothing is expanded), `REG_LINK`. What is
    /// no Unicode becomes U+FFFD.
    pub fn as_string(&self) -> Result<String, HiveError> {
        let is_text = |kind| matches!(kind, Kind::String | Kind::ExpandString | Kind::Link);
        Ok(text::until_nul(&self.of("REG_SZ", is_text)?))
    }

    /// The data as texts: of `REG_MULTI_SZ`. They end at the first empty one, as they do for Windows.
    pub fn as_strings(&self) -> Result<Vec<String>, HiveError> {
        Ok(text::strings(&self.of("REG_MULTI_SZ", |kind| kind == Kind::Strings)?))
    }

    fn of(&self, expected: &'static str, fits: impl Fn(Kind) -> bool) -> Result<Cow<'h, [u8]>, HiveError> {
        let found = self.kind();
        if !fits(found) {
            return Err(HiveError::in_bins(self.offset, Reason::Kind { expected, found }));
        }
        self.data()
    }

    fn exactly<const N: usize>(
        &self,
        expected: &'static str,
        fits: impl Fn(Kind) -> bool,
    ) -> Result<[u8; N], HiveError> {
        let data = self.of(expected, fits)?;
        let fail = || Reason::Length { kind: self.kind(), length: data.len() };
        data.as_ref().try_into().map_err(|_| HiveError::in_bins(self.offset, fail()))
    }
}

fn short(at: u32, need: usize, have: usize) -> HiveError {
    HiveError::in_bins(at, Reason::Short { what: "data of a value", need: need as u64, have: have as u64 })
}

/// The values of a key.
#[derive(Debug)]
pub struct Values<'h> {
    hive: &'h Hive,
    list: &'h [u8],
    error: Option<HiveError>,
}

impl<'h> Values<'h> {
    pub(crate) fn new(hive: &'h Hive, list: u32, count: u32) -> Self {
        let mut values = Self { hive, list: &[], error: None };
        if count == 0 {
            return values;
        }
        let need = count as usize;
        match hive.cell(list) {
            Ok(cell) => {
                let there = cell.len() / 4;
                values.list = &cell[..need.min(there) * 4];
                if need > there {
                    let (need, have) = (need as u64 * 4, cell.len() as u64);
                    values.error =
                        Some(HiveError::in_bins(list, Reason::Short { what: "list of values", need, have }));
                }
            }
            Err(why) => values.error = Some(why),
        }
        values
    }
}

impl<'h> Iterator for Values<'h> {
    type Item = Result<Value<'h>, HiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((offset, rest)) = self.list.split_at_checked(4) else {
            self.list = &[];
            return self.error.take().map(Err);
        };
        let offset = bytes::u32(offset, 0);
        self.list = rest;
        let value = Value::read(self.hive, offset);
        let name = value.as_ref().map_or(0, |value| value.stored_name().length());
        if let Err(why) = self.hive.work(offset, 1).and_then(|()| self.hive.tell(offset, name)) {
            self.list = &[];
            self.error = None;
            return Some(Err(why));
        }
        Some(value)
    }
}
