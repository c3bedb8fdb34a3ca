//! Order of apk's versions: `1.2.3b_rc4_p5~hash-r6` (apk-package(5): number, letter, suffixes, commit, revision).

use std::cmp::Ordering;

use crate::packages::dpkg::version::numbers;

/// Suffixes in their order; those before the middle make a version older than one without.
const SUFFIXES: [(&[u8], i8); 9] = [
    (b"alpha", -4),
    (b"beta", -3),
    (b"pre", -2),
    (b"rc", -1),
    (b"cvs", 1),
    (b"svn", 2),
    (b"git", 3),
    (b"hg", 4),
    (b"p", 5),
];

/// One part of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Number { digits: &'a [u8], first: bool },
    Letter(u8),
    Suffix(i8, &'a [u8]),
    Commit(&'a [u8]),
    Revision(&'a [u8]),
    End,
    Invalid,
}

/// Compares two versions part by part.
pub(in crate::packages) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (Parts { rest: a, first: true }, Parts { rest: b, first: true });
    loop {
        let (part_a, part_b) = (a.next(), b.next());
        let order = order(part_a, part_b);
        if order.is_ne() || matches!(part_a, Part::End | Part::Invalid) {
            return order;
        }
    }
}

/// Whether `version` is `prefix`, or `prefix` with more parts.
pub(in crate::packages) fn begins_with(version: &[u8], prefix: &[u8]) -> bool {
    let mut version = Parts { rest: version, first: true };
    let mut prefix = Parts { rest: prefix, first: true };
    loop {
        match prefix.next() {
            Part::End => return true,
            Part::Invalid => return false,
            part if order(version.next(), part).is_ne() => return false,
            _ => {}
        }
    }
}

fn order(a: Part<'_>, b: Part<'_>) -> Ordering {
    match (a, b) {
        // After the first number one that starts with zero is read as decimal places: 1.05 comes before 1.1.
        (Part::Number { digits: a, first: false }, Part::Number { digits: b, first: false })
            if a.starts_with(b"0") || b.starts_with(b"0") =>
        {
            a.cmp(b)
        }
        (Part::Number { digits: a, .. }, Part::Number { digits: b, .. })
        | (Part::Revision(a), Part::Revision(b)) => numbers(a, b),
        (Part::Letter(a), Part::Letter(b)) => a.cmp(&b),
        (Part::Suffix(a, number_a), Part::Suffix(b, number_b)) => {
            a.cmp(&b).then_with(|| numbers(number_a, number_b))
        }
        (Part::Commit(a), Part::Commit(b)) => a.cmp(b),
        _ => class(a).cmp(&class(b)),
    }
}

/// The order of unlike parts at the same place.
fn class(part: Part<'_>) -> i8 {
    match part {
        Part::Suffix(order, _) if order < 0 => 0,
        Part::Invalid => 1,
        Part::End => 2,
        Part::Revision(_) => 3,
        Part::Commit(_) => 4,
        Part::Suffix(..) => 5,
        Part::Letter(_) => 6,
        Part::Number { .. } => 7,
    }
}

struct Parts<'a> {
    rest: &'a [u8],
    first: bool,
}

impl<'a> Parts<'a> {
    fn next(&mut self) -> Part<'a> {
        let first = std::mem::take(&mut self.first);
        let Some((lead, rest)) = self.rest.split_first() else { return Part::End };
        match lead {
            b'0'..=b'9' if first => Part::Number { digits: self.digits(), first },
            b'.' if rest.first().is_some_and(u8::is_ascii_digit) => {
                self.rest = rest;
                Part::Number { digits: self.digits(), first }
            }
            b'a'..=b'z' => {
                self.rest = rest;
                Part::Letter(*lead)
            }
            b'_' => {
                let len = rest.iter().take_while(|c| c.is_ascii_lowercase()).count();
                let (name, after) = rest.split_at(len);
                self.rest = after;
                let known = SUFFIXES.iter().find(|(suffix, _)| *suffix == name);
                known.map_or(Part::Invalid, |(_, order)| Part::Suffix(*order, self.digits()))
            }
            b'~' => {
                let (hash, after) = rest.split_at(rest.iter().take_while(|c| c.is_ascii_hexdigit()).count());
                self.rest = after;
                Part::Commit(hash)
            }
            b'-' if rest.first() == Some(&b'r') => {
                self.rest = rest.get(1..).unwrap_or_default();
                Part::Revision(self.digits())
            }
            _ => {
                self.rest = b"";
                Part::Invalid
            }
        }
    }

    fn digits(&mut self) -> &'a [u8] {
        let (digits, rest) = self.rest.split_at(self.rest.iter().take_while(|c| c.is_ascii_digit()).count());
        self.rest = rest;
        digits
    }
}
