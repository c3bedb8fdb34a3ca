//! Stanzas of `Field: value` lines, the form of all of dpkg's and apt's text (deb822(5)).

use std::io::{self, Read};

use memchr::memmem;

/// Longest stanza taken; the longest real ones have a few ten thousand bytes.
const STANZA_LIMIT: usize = 1 << 20;

/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// Stanzas of a text with the offset of each.
pub(super) fn stanzas(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while text.get(at) == Some(&b'\n') {
            at += 1;
        }
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let len = memmem::find(rest, b"\n\n").map_or(rest.len(), |end| end + 1);
        let stanza = (at, rest.get(..len)?);
        at += len;
        Some(stanza)
    })
}

/// Fields of a stanza with their values, continuation lines included. A line that is neither a field nor a
/// continuation is an error: its offset in the stanza.
pub(super) fn fields(stanza: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let rest = stanza.get(at..).filter(|rest| !rest.is_empty())?;
        let mut len = 0;
        loop {
            len = rest
                .get(len..)
                .and_then(|r| memchr::memchr(b'\n', r))
                .map_or(rest.len(), |end| len + end + 1);
            if !matches!(rest.get(len), Some(b' ' | b'\t')) {
                break;
            }
        }
        at += len;
        let field = rest.get(..len)?;
        let first_line = memchr::memchr(b'\n', field).unwrap_or(field.len());
        match memchr::memchr(b':', field.get(..first_line)?) {
            Some(colon) if colon > 0 && !field.starts_with(b" ") && !field.starts_with(b"\t") => {
                Some(Ok((field.get(..colon)?, field.get(colon + 1..)?.trim_ascii())))
            }
            _ => Some(Err(start)),
        }
    })
}

/// One field of a stanza; the first, should there be several.
pub(super) fn field<'s>(stanza: &'s [u8], name: &str) -> Option<&'s [u8]> {
    let named = |field: Result<(&'s [u8], &'s [u8]), usize>| {
        field.ok().filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    };
    fields(stanza).find_map(named)
}

/// Name of the package that a stanza is about.
pub(super) fn package(stanza: &[u8]) -> Option<&[u8]> {
    match stanza.strip_prefix(b"Package: ") {
        Some(rest) => rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).map(<[u8]>::trim_ascii),
        None => field(stanza, "Package"),
    }
}

/// Number of the line at `offset`, for those who look for it in an editor.
pub(super) fn line(text: &[u8], offset: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', text.get(..offset).unwrap_or(text)).count()
}

/// Hands out every stanza of a stream too long to hold.
pub(super) fn stream(mut reader: impl Read, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 2 * CHUNK];
    let (mut start, mut end) = (0, 0);
    loop {
        while let Some(len) = memmem::find(buffer.get(start..end).unwrap_or_default(), b"\n\n") {
            each(buffer.get(start..=start + len).unwrap_or_default());
            start += len + 2;
        }
        buffer.copy_within(start..end, 0);
        end -= start;
        start = 0;
        if buffer.len() - end < CHUNK {
            if buffer.len() >= STANZA_LIMIT {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a stanza of more than 1 MiB"));
            }
            buffer.resize(buffer.len() * 2, 0);
        }
        match reader.read(buffer.get_mut(end..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => end += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let rest = buffer.get(..end).unwrap_or_default();
    if !rest.trim_ascii().is_empty() {
        each(rest);
    }
    Ok(())
}
