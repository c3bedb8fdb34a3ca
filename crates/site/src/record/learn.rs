//! Learns which parts of a page change by themselves, from the page fetched several times.
//!
//! Two texts are compared word by word. Each place where they differ becomes an expression: what stands before it on the
//! line, the kind of text that was there both times, what stands behind. Without what these match both must be the same.

use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use crate::run::expect::without;
use crate::values::Pattern;

/// What stands before and behind a change, as far as it is looked at, in bytes.
const BEFORE: usize = 32;
const BEHIND: usize = 16;
/// Changes with fewer words between them, on one line, are one.
const APART: usize = 4;
/// Attempts, each on what the one before left.
const ROUNDS: usize = 6;
/// A page with more expressions changes too much to be compared.
const MOST: usize = 40;
/// So much of a text must be left, as a share: 1 in this many parts.
const LEAST_LEFT: usize = 4;
/// Comparing gives up being exact after this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Adds what must be ignored for both texts to be the same, or tells that this cannot be.
pub(super) fn learn(ignore: &mut Vec<Pattern>, first: &str, other: &str) -> bool {
    let known = ignore.clone();
    if refine(ignore, first, other) {
        return true;
    }
    // What was learned before fits these two only in part: what is learned of them alone goes before it.
    *ignore = changes(first, other);
    ignore.extend(known);
    refine(ignore, first, other)
}

fn refine(ignore: &mut Vec<Pattern>, first: &str, other: &str) -> bool {
    for _ in 0..ROUNDS {
        let a = without(first.as_bytes(), ignore);
        let b = without(other.as_bytes(), ignore);
        if a == b {
            return a.len() * LEAST_LEFT >= first.len();
        }
        let (Ok(a), Ok(b)) = (str::from_utf8(&a), str::from_utf8(&b)) else { return false };
        let found = changes(a, b);
        let before = ignore.len();
        for pattern in found {
            if !ignore.contains(&pattern) {
                ignore.push(pattern);
            }
        }
        if ignore.len() == before || ignore.len() > MOST {
            return false;
        }
    }
    false
}

fn changes(a: &str, b: &str) -> Vec<Pattern> {
    let (a, b) = (words(a), words(b));
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &a, &b, Some(Instant::now() + PATIENCE));
    // Places in both texts: from, to, from, to.
    let mut regions: Vec<[usize; 4]> = Vec::new();
    for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        let (old, new) = (op.old_range(), op.new_range());
        match regions.last_mut() {
            // What is put in may be told at the place before what is taken out.
            Some(last) if is_near(&a, last[1], old.start) => {
                last[1] = last[1].max(old.end);
                last[3] = last[3].max(new.end);
            }
            _ => regions.push([old.start, old.end, new.start, new.end]),
        }
    }
    let regions = widened(&a, &b, &regions);
    let ends: Vec<usize> = std::iter::once(0).chain(regions.iter().map(|r| r[1])).collect();
    let next = |at: usize| regions.get(at + 1).map_or(a.len(), |r| r[0]);
    let patterns = regions.iter().enumerate().filter_map(|(at, r)| {
        let before = tail(&a[ends[at]..r[0]]);
        let behind = head(&a[r[1]..next(at)]);
        pattern(&before, &a[r[0]..r[1]].concat(), &b[r[2]..r[3]].concat(), &behind)
    });
    patterns.collect()
}

/// A value that changes has parts that are the same twice by chance: a region reaches to the next blank, quote, bracket or
/// separator of a query, on both sides. Regions that meet become one.
fn widened(a: &[&str], b: &[&str], regions: &[[usize; 4]]) -> Vec<[usize; 4]> {
    let is_edge = |word: &&str| word.chars().all(|c| c.is_whitespace() || "\"'<>?&;".contains(c));
    let mut wide: Vec<[usize; 4]> = Vec::new();
    for &[mut start, mut end, mut other_start, mut other_end] in regions {
        // Outside of regions both texts are the same, so both are widened alike.
        let least = wide.last().map_or(0, |last| last[1]);
        while start > least && other_start > 0 && !is_edge(&a[start - 1]) {
            (start, other_start) = (start - 1, other_start - 1);
        }
        while end < a.len() && other_end < b.len() && !is_edge(&a[end]) {
            (end, other_end) = (end + 1, other_end + 1);
        }
        match wide.last_mut() {
            Some(last) if start <= last[1] => {
                *last = [last[0], end.max(last[1]), last[2], other_end.max(last[3])];
            }
            _ => wide.push([start, end, other_start, other_end]),
        }
    }
    wide
}

fn is_near(words: &[&str], end: usize, start: usize) -> bool {
    start <= end || (start - end < APART && !words[end..start].contains(&"\n"))
}

/// Words, and everything between them a character at a time.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end =
            if is_word(first) { rest.find(|c| !is_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        words.push(&rest[..end]);
        rest = &rest[end..];
    }
    words
}

/// The end of these words, on their last line; whole words.
fn tail(words: &[&str]) -> String {
    let mut length = 0;
    let last = words.iter().rev().take_while(|word| {
        length += word.len();
        **word != "\n" && length <= BEFORE
    });
    let mut last: Vec<&str> = last.copied().collect();
    last.reverse();
    last.concat()
}

fn head(words: &[&str]) -> String {
    let mut length = 0;
    let first = words.iter().take_while(|word| {
        length += word.len();
        **word != "\n" && length <= BEHIND
    });
    first.copied().collect()
}

/// Nothing where it would match about anything.
fn pattern(before: &str, a: &str, b: &str, behind: &str) -> Option<Pattern> {
    let all = |is: fn(char) -> bool| a.chars().chain(b.chars()).all(is);
    let any = if a.is_empty() || b.is_empty() { '*' } else { '+' };
    let kind = if all(|c| c.is_ascii_digit()) {
        format!("[0-9]{any}")
    } else if all(|c| c.is_ascii_hexdigit()) {
        format!("[0-9A-Fa-f]{any}")
    } else if all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
        format!("[0-9A-Za-z_-]{any}")
    } else if all(|c| !"<>\"'\n".contains(c)) {
        "[^<>\"'\\n]*".to_owned()
    } else if before.trim().len() > 3 && behind.trim().len() > 1 {
        "(?s:.*?)".to_owned()
    } else {
        return None;
    };
    if before.trim().is_empty() && behind.trim().is_empty() {
        return None;
    }
    let start = if before.is_empty() { "(?m:^)".to_owned() } else { regex::escape(before) };
    let end = if behind.is_empty() { "(?m:$)".to_owned() } else { regex::escape(behind) };
    format!("{start}{kind}{end}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn learned(first: &str, others: &[&str]) -> Option<Vec<String>> {
        let mut ignore = Vec::new();
        let fine = others.iter().all(|other| learn(&mut ignore, first, other));
        fine.then(|| ignore.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn tokens_times_and_counters_are_told_from_the_rest() {
        let page = |token: &str, time: &str, hits: u32| {
            format!(
                "<html>\n<title>Shop</title>\n<input name=\"csrf\" value=\"{token}\">\n<p>Now {time}.</p>\n\
                 <p>{hits} visitors</p>\n<p>{}</p>\n",
                "A text that stays as it is. ".repeat(5)
            )
        };
        let pages =
            [page("a8f0+Zz/9=", "18:05:59", 9), page("99ffab==", "18:06:00", 10), page("Q", "18:06:02", 12)];
        let found = learned(&pages[0], &[&pages[1], &pages[2]]).expect("all can be told");
        assert!(found.iter().any(|p| p.contains("value")), "{found:?}");
        let rest = |page: &str| {
            let ignore: Vec<Pattern> = found.iter().map(|p| p.parse().unwrap()).collect();
            String::from_utf8(without(page.as_bytes(), &ignore).into_owned()).unwrap()
        };
        // A page that nobody learned from, and one that is broken.
        assert_eq!(rest(&page("0000", "19:00:00", 4711)), rest(&pages[0]), "{found:?}");
        assert_ne!(rest(&page("0000", "19:00:00", 4711).replace("stays", "went")), rest(&pages[0]));
        assert!(rest(&pages[0]).contains("<title>Shop</title>"));
    }

    #[test]
    fn what_changes_as_a_whole_is_not_learned() {
        assert_eq!(learned("abc def ghi", &["xyz uvw rst"]), None);
        assert_eq!(learned("", &["a"]), None);
        assert_eq!(learned("same", &["same"]), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_is_learned_makes_both_the_same(a in "([a-c0-9<>\" ]{0,6}\n){0,8}", b in "([a-c0-9<>\" ]{0,6}\n){0,8}") {
            let mut ignore = Vec::new();
            if learn(&mut ignore, &a, &b) {
                prop_assert_eq!(without(a.as_bytes(), &ignore), without(b.as_bytes(), &ignore));
            }
        }
    }
}
