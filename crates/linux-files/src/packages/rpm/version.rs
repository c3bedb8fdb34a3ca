//! Order of rpm's versions (rpm-version(7)).

use std::cmp::Ordering;

use crate::packages::dpkg::version::numbers;

/// `[epoch:]version[-release]`, borrowed.
#[derive(Debug, Clone, Copy)]
pub(in crate::packages) struct Evr<'a> {
    epoch: &'a [u8],
    version: &'a [u8],
    release: Option<&'a [u8]>,
}

impl<'a> Evr<'a> {
    pub(in crate::packages) fn of(text: &'a [u8]) -> Self {
        let (epoch, rest) = match memchr::memchr(b':', text) {
            Some(colon) if text.iter().take(colon).all(u8::is_ascii_digit) => text.split_at(colon),
            _ => (&[][..], text),
        };
        let rest = rest.strip_prefix(b":").unwrap_or(rest);
        match memchr::memrchr(b'-', rest) {
            Some(dash) => {
                let (version, release) = rest.split_at(dash);
                Self { epoch, version, release: release.get(1..) }
            }
            None => Self { epoch, version: rest, release: None },
        }
    }

    /// The order of two; a release that one of them lacks does not count.
    pub(in crate::packages) fn compare(self, other: Self) -> Ordering {
        let releases = match (self.release, other.release) {
            (Some(a), Some(b)) => compare(a, b),
            _ => Ordering::Equal,
        };
        numbers(self.epoch, other.epoch).then_with(|| compare(self.version, other.version)).then(releases)
    }
}

/// Compares two versions or two releases: runs of letters and runs of digits one after the other, whatever parts them.
pub(in crate::packages) fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        (a, b) = (skip_separators(a), skip_separators(b));
        let order = class(a.first()).cmp(&class(b.first()));
        if order.is_ne() || a.is_empty() {
            return order;
        }
        let (order, rest_a, rest_b) = match class(a.first()) {
            Class::Digits => {
                let ((a, rest_a), (b, rest_b)) = (run(a, u8::is_ascii_digit), run(b, u8::is_ascii_digit));
                (numbers(a, b), rest_a, rest_b)
            }
            Class::Letters => {
                let ((a, rest_a), (b, rest_b)) =
                    (run(a, u8::is_ascii_alphabetic), run(b, u8::is_ascii_alphabetic));
                (a.cmp(b), rest_a, rest_b)
            }
            Class::Tilde | Class::End | Class::Caret => (Ordering::Equal, a.split_at(1).1, b.split_at(1).1),
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// What comes next, in its order: a tilde before the end, a caret right after it, numbers newer than letters.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Tilde,
    End,
    Caret,
    Letters,
    Digits,
}

fn class(next: Option<&u8>) -> Class {
    match next {
        Some(b'~') => Class::Tilde,
        None => Class::End,
        Some(b'^') => Class::Caret,
        Some(c) if c.is_ascii_digit() => Class::Digits,
        Some(_) => Class::Letters,
    }
}

fn run(text: &[u8], of: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|c| of(c)).count())
}

fn skip_separators(text: &[u8]) -> &[u8] {
    run(text, |c| !c.is_ascii_alphanumeric() && !matches!(c, b'~' | b'^')).1
}
