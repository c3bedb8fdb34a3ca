//! Names and strings: UTF-16LE, or Latin-1 where every character fits into a byte.

use std::borrow::Cow;

use crate::bytes;

/// A key's or value's name as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Name<'h> {
    /// One byte a character.
    Narrow(&'h [u8]),
    /// UTF-16LE.
    Wide(&'h [u8]),
}

impl<'h> Name<'h> {
    /// How many bytes it has.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Narrow(raw) | Self::Wide(raw) => raw.len(),
        }
    }

    /// How many characters it has, as Windows counts them.
    pub(crate) fn characters(self) -> usize {
        match self {
            Self::Narrow(raw) => raw.len(),
            Self::Wide(raw) => raw.len().div_ceil(2),
        }
    }

    pub(crate) fn text(self) -> Cow<'h, str> {
        match self {
            Self::Narrow(raw) => match std::str::from_utf8(raw) {
                Ok(text) if text.is_ascii() => Cow::Borrowed(text),
                _ => Cow::Owned(raw.iter().copied().map(char::from).collect()),
            },
            Self::Wide(raw) => Cow::Owned(utf16(raw)),
        }
    }

    /// Whether it is the wanted name, case aside.
    pub(crate) fn is(self, wanted: &Wanted) -> bool {
        match self {
            Self::Narrow(raw) => {
                raw.len() == wanted.upper.len()
                    && raw.iter().zip(&wanted.upper).all(|(&have, &want)| upper(have.into()) == want)
            }
            Self::Wide(raw) => {
                raw.len() == wanted.upper.len() * 2
                    && raw
                        .chunks_exact(2)
                        .zip(&wanted.upper)
                        .all(|(have, &want)| upper(bytes::u16(have, 0)) == want)
            }
        }
    }
}

/// A name that is looked up.
#[derive(Debug)]
pub(crate) struct Wanted {
    upper: Vec<u16>,
    hash: u32,
}

impl Wanted {
    pub(crate) fn new(name: &str) -> Self {
        let upper: Vec<u16> = name.encode_utf16().map(upper).collect();
        let hash = hash(&upper);
        Self { upper, hash }
    }

    /// Whether a hash leaf's element may be it.
    pub(crate) fn has_hash(&self, hash: u32) -> bool {
        self.hash == hash
    }

    /// Whether a fast leaf's element may be it: its hint is the first four characters, if they fit into bytes.
    pub(crate) fn has_hint(&self, hint: [u8; 4]) -> bool {
        hint[0] == 0
            || (0..4).all(|i| upper(hint[i].into()) == self.upper.get(i).copied().unwrap_or_default())
    }
}

/// The hash that hash leaves hold of an upper-case name.
pub(crate) fn hash(upper: &[u16]) -> u32 {
    upper.iter().fold(0u32, |hash, &unit| hash.wrapping_mul(37).wrapping_add(unit.into()))
}

/// Upper case as the registry has it: unit by unit, and only where lower case leads back (Windows leaves the dotless
/// i, the long s and the micro sign alone). The final sigma is its one exception.
pub(crate) fn upper(unit: u16) -> u16 {
    if unit < 0x80 {
        return if (0x61..=0x7a).contains(&unit) { unit - 0x20 } else { unit };
    }
    let Some(lower) = char::from_u32(unit.into()) else { return unit };
    let Some(upper) = one(lower.to_uppercase()) else { return unit };
    let back = one(upper.to_lowercase()) == Some(lower) || lower == 'ς';
    if back { u16::try_from(u32::from(upper)).unwrap_or(unit) } else { unit }
}

fn one(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

/// UTF-16LE, with U+FFFD for what is none; an odd byte at the end is left out.
pub(crate) fn utf16(raw: &[u8]) -> String {
    let units = raw.chunks_exact(2).map(|pair| bytes::u16(pair, 0));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// UTF-16LE up to the first NUL, if there is one.
pub(crate) fn until_nul(raw: &[u8]) -> String {
    utf16(&raw[..nul(raw).unwrap_or(raw.len())])
}

/// Strings that are each ended by a NUL, up to an empty one: what Windows sees of `REG_MULTI_SZ`.
pub(crate) fn strings(mut raw: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(end) = nul(raw) {
        if end == 0 {
            return all;
        }
        all.push(utf16(&raw[..end]));
        raw = &raw[end + 2..];
    }
    if raw.len() >= 2 {
        all.push(utf16(raw));
    }
    all
}

/// Where the first NUL is.
fn nul(raw: &[u8]) -> Option<usize> {
    raw.chunks_exact(2).position(|unit| unit == [0, 0]).map(|at| at * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_is_that_of_windows() {
        for (lower, expected) in
            [('a', 'A'), ('z', 'Z'), ('{', '{'), ('é', 'É'), ('ÿ', 'Ÿ'), ('п', 'П'), ('ς', 'Σ')]
        {
            assert_eq!(upper(lower as u16), expected as u16, "{lower}");
        }
        for kept in ['ı', 'ſ', 'µ', 'ß', 'İ', '1', '_'] {
            assert_eq!(upper(kept as u16), kept as u16, "{kept}");
        }
        assert_eq!(upper(0xd800), 0xd800);
    }

    #[test]
    fn multi_strings_end_at_the_empty_one() {
        let raw = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert_eq!(strings(&raw("a\0bc\0\0hidden\0\0")), ["a", "bc"]);
        assert_eq!(strings(&raw("a\0bc")), ["a", "bc"], "the last NUL may be missing");
        assert!(strings(&raw("\0")).is_empty());
        assert!(strings(&[]).is_empty());
        assert!(strings(&[65]).is_empty());
    }

    #[test]
    fn hints_are_compared_case_aside() {
        let wanted = Wanted::new("w3svc");
        assert!(wanted.has_hint(*b"W3SV"));
        assert!(wanted.has_hint(*b"w3sv"));
        assert!(wanted.has_hint([0, 1, 2, 3]), "no hint may be anything");
        assert!(!wanted.has_hint(*b"W3S\0"));
        assert!(Wanted::new("ab").has_hint(*b"AB\0\0"));
    }
}
