//! Order of Debian version numbers (Debian Policy 5.6.12).

use std::cmp::Ordering;

/// Compares two versions, `[epoch:]upstream[-revision]`.
pub(in crate::packages) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (Version::of(a), Version::of(b));
    let epochs = numbers(a.epoch, b.epoch);
    epochs.then_with(|| parts(a.upstream, b.upstream)).then_with(|| parts(a.revision, b.revision))
}

struct Version<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Version<'a> {
    fn of(text: &'a [u8]) -> Self {
        let text = text.trim_ascii();
        let (epoch, rest) = split(text, memchr::memchr(b':', text)).unwrap_or((b"", text));
        let (upstream, revision) = split(rest, memchr::memrchr(b'-', rest)).unwrap_or((rest, b""));
        Self { epoch, upstream, revision }
    }
}

/// The parts before and after a position.
fn split(text: &[u8], at: Option<usize>) -> Option<(&[u8], &[u8])> {
    let at = at?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Runs of other characters and runs of digits by turns.
fn parts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let (text_a, rest_a) = a.split_at(a.iter().take_while(|c| !c.is_ascii_digit()).count());
        let (text_b, rest_b) = b.split_at(b.iter().take_while(|c| !c.is_ascii_digit()).count());
        let (number_a, rest_a) = rest_a.split_at(rest_a.iter().take_while(|c| c.is_ascii_digit()).count());
        let (number_b, rest_b) = rest_b.split_at(rest_b.iter().take_while(|c| c.is_ascii_digit()).count());
        let order = texts(text_a, text_b).then_with(|| numbers(number_a, number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// A tilde sorts before the end, the end before letters, letters before all else.
fn texts(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |c: Option<&u8>| match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    };
    let longest = a.len().max(b.len());
    let orders = (0..longest).map(|i| weight(a.get(i)).cmp(&weight(b.get(i))));
    orders.fold(Ordering::Equal, Ordering::then)
}

/// Digits as numbers of any size; nothing is zero.
pub(in crate::packages) fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().take_while(|c| **c == b'0').count();
    let (a, b) = (a.split_at(significant(a)).1, b.split_at(significant(b)).1);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
