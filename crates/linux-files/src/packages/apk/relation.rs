//! A dependency of apk's: `name`, `name>=1.2`, `name~1.2`, `so:libc.musl-x86_64.so.1`, `cmd:sh=1.36`, `/bin/sh`.

use std::cmp::Ordering;

use super::version;

/// One dependency, or one thing provided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relation<'a> {
    pub(super) name: &'a [u8],
    /// Operator (`<`, `<=`, `=`, `>=`, `>`, `~` and their mixtures) and version.
    pub(super) bound: Option<(&'a [u8], &'a [u8])>,
}

/// Parses one word; nothing for conflicts (`!name`).
pub(super) fn relation(word: &[u8]) -> Option<Relation<'_>> {
    if word.is_empty() || word.starts_with(b"!") {
        return None;
    }
    // `name@repository` pins where it comes from.
    let operator =
        word.iter().position(|c| matches!(c, b'<' | b'>' | b'=' | b'~' | b'@')).unwrap_or(word.len());
    let (name, rest) = word.split_at(operator);
    let rest = rest.split(|c| *c == b'@').next().unwrap_or_default();
    let len = rest.iter().take_while(|c| matches!(c, b'<' | b'>' | b'=' | b'~')).count();
    let (operator, version) = rest.split_at(len);
    Some(Relation { name, bound: (!version.is_empty()).then_some((operator, version)) })
}

impl Relation<'_> {
    /// Whether a version does; one that provides a name without a version does for every one.
    pub(super) fn is_met_by(&self, offered: Option<&[u8]>) -> bool {
        let (Some((operator, wanted)), Some(offered)) = (self.bound, offered) else { return true };
        let has = |c| operator.contains(&c);
        if has(b'~') && version::begins_with(offered, wanted) {
            return true;
        }
        match version::compare(offered, wanted) {
            Ordering::Less => has(b'<'),
            Ordering::Equal => has(b'=') || has(b'~'),
            Ordering::Greater => has(b'>'),
        }
    }
}
