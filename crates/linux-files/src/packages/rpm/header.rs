//! A package header, as rpm keeps it in its database: numbers of index entries and of data bytes, the entries (tag,
//! type, offset, count), the data. All numbers are big-endian (rpm's format documentation, "Header structure").

/// Tags that are read here, by rpm's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Tag {
    Name = 1000,
    Version = 1001,
    Release = 1002,
    Epoch = 1003,
    Summary = 1004,
    Size = 1009,
    SourceRpm = 1044,
    ProvideName = 1047,
    RequireFlags = 1048,
    RequireName = 1049,
    RequireVersion = 1050,
    ProvideFlags = 1112,
    ProvideVersion = 1113,
    DirIndexes = 1116,
    BaseNames = 1117,
    DirNames = 1118,
    LongSize = 5009,
    RecommendName = 5046,
}

const INT32: u32 = 4;
const INT64: u32 = 5;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// Most index entries that rpm itself accepts.
const ENTRIES_LIMIT: u32 = 0xffff;

/// One entry is four numbers.
const ENTRY: usize = 16;

/// A header, borrowed from the database.
pub(super) struct Header<'a> {
    entries: &'a [[u8; ENTRY]],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    /// Checks the outer form; entries are checked when they are looked at.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, &'static str> {
        let (sizes, rest) = blob.split_first_chunk::<8>().ok_or("shorter than its first numbers")?;
        let [count, len] = numbers(sizes);
        if count == 0 || count > ENTRIES_LIMIT {
            return Err("an impossible number of entries");
        }
        let (entries, data) =
            rest.split_at_checked(count as usize * ENTRY).ok_or("shorter than its index")?;
        let data = data.get(..len as usize).ok_or("shorter than its data")?;
        Ok(Self { entries: entries.as_chunks().0, data })
    }

    /// The data of a tag from its offset on, with the number of values, if it is of one of these types.
    fn find(&self, tag: Tag, types: &[u32]) -> Option<(&'a [u8], usize)> {
        let wanted = (tag as u32).to_be_bytes();
        let entry = self.entries.iter().find(|entry| entry.starts_with(&wanted))?;
        let [_, kind, offset, count] = numbers(entry);
        types.contains(&kind).then_some(())?;
        Some((self.data.get(offset as usize..)?, count as usize))
    }

    /// The first string of a tag.
    pub(super) fn string(&self, tag: Tag) -> Option<&'a [u8]> {
        self.strings(tag).next()
    }

    /// All strings of a tag.
    pub(super) fn strings(&self, tag: Tag) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (mut rest, count) = self.find(tag, &[STRING, STRING_ARRAY, I18N_STRING]).unwrap_or_default();
        (0..count).map_while(move |_| {
            let end = memchr::memchr(0, rest)?;
            let string = rest.get(..end)?;
            rest = rest.get(end + 1..)?;
            Some(string)
        })
    }

    /// All 32-bit numbers of a tag.
    pub(super) fn integers(&self, tag: Tag) -> impl Iterator<Item = u32> + use<'a> {
        let (data, count) = self.find(tag, &[INT32]).unwrap_or_default();
        data.as_chunks::<4>().0.iter().take(count).map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// The first number of a tag.
    pub(super) fn number(&self, tag: Tag) -> Option<u64> {
        if let Some((data, _)) = self.find(tag, &[INT64]) {
            return data.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        }
        self.integers(tag).next().map(u64::from)
    }

    /// Every file: directory (with its last slash) and name.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let dirs: Vec<&[u8]> = self.strings(Tag::DirNames).collect();
        self.strings(Tag::BaseNames)
            .zip(self.integers(Tag::DirIndexes))
            .filter_map(move |(name, dir)| Some((*dirs.get(dir as usize)?, name)))
    }
}

/// As many big-endian numbers as `bytes` holds.
fn numbers<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut numbers = [0; N];
    for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *number = u32::from_be_bytes(*bytes);
    }
    numbers
}
