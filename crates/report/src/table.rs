//! Columns that fit: widths by content; cells that do not fit go on below, so that no name is ever cut short.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Space between columns.
const GAP: usize = 2;
/// No column but the last is wider, or made narrower to make room, than these.
const WIDEST: usize = 28;
const NARROWEST: usize = 12;
/// The last column gets at least this, if it has so much to say.
const LEAST_LAST: usize = 26;

/// Widths for the columns of a table that fits `width` columns.
pub(crate) fn widths(headings: &[&str], rows: &[&[String]], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = headings.iter().map(|h| h.width()).collect();
    for row in rows {
        for (w, cell) in widths.iter_mut().zip(row.iter()) {
            *w = (*w).max(cell.width());
        }
    }
    let Some(last) = widths.len().checked_sub(1) else { return widths };
    for w in &mut widths[..last] {
        *w = (*w).min(WIDEST);
    }
    loop {
        let before: usize = widths[..last].iter().map(|w| w + GAP).sum();
        let left = width.saturating_sub(before);
        if left >= LEAST_LAST.min(widths[last]) {
            widths[last] = widths[last].min(left);
            return widths;
        }
        let Some(widest) = (0..last).max_by_key(|&at| widths[at]).filter(|&at| widths[at] > NARROWEST) else {
            widths[last] = left.clamp(1, widths[last]);
            return widths;
        };
        widths[widest] -= 1;
    }
}

/// The lines of one row, without trailing space.
pub(crate) fn lines(cells: &[String], widths: &[usize]) -> Vec<String> {
    let wrapped: Vec<Vec<String>> =
        cells.iter().zip(widths).map(|(cell, &width)| wrap(cell, width)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0).max(1);
    (0..height).map(|at| line(wrapped.iter().map(|lines| lines.get(at)), widths)).collect()
}

fn line<'a>(cells: impl Iterator<Item = Option<&'a String>>, widths: &[usize]) -> String {
    let mut line = String::new();
    for (at, (cell, &width)) in cells.zip(widths).enumerate() {
        if at > 0 {
            line.extend(std::iter::repeat_n(' ', GAP));
        }
        let cell = cell.map_or("", String::as_str);
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
    }
    line.trim_end().to_owned()
}

/// Breaks text into lines of at most `width`: at spaces where it can, within words that are longer.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut pieces = pieces(word, width.max(2)).into_iter();
        let Some(first) = pieces.next() else { continue };
        match lines.last_mut() {
            Some(line) if line.width() + 1 + first.width() <= width => {
                line.push(' ');
                line.push_str(&first);
            }
            _ => lines.push(first),
        }
        lines.extend(pieces);
    }
    lines
}

/// A word in pieces of at most `width`, broken after punctuation where there is some.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for c in word.chars() {
        if piece.width() + c.width().unwrap_or(0) > width {
            let natural = piece.rfind(['-', '.', '@', '/', ':', ',', '_']).map_or(0, |at| at + 1);
            let keep = if natural * 2 > piece.len() { natural } else { piece.len() };
            let rest = piece.split_off(keep);
            pieces.push(std::mem::replace(&mut piece, rest));
        }
        piece.push(c);
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_break_after_punctuation() {
        assert_eq!(
            wrap("a systemd-networkd-wait-online.service b", 20),
            ["a systemd-networkd-", "wait-online.service", "b"]
        );
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    proptest! {
        #[test]
        fn every_line_fits(
            rows in prop::collection::vec(prop::collection::vec("[a-zäß /:*.-]{0,60}", 7), 0..8),
            width in 98usize..200,
        ) {
            let headings = ["DOOR", "ADDRESS", "REACHED BY", "VERDICT", "SERVICE", "PACKAGE", "WHY"];
            let slices: Vec<&[String]> = rows.iter().map(Vec::as_slice).collect();
            let widths = widths(&headings, &slices, width);
            for row in &rows {
                for line in lines(row, &widths) {
                    prop_assert!(line.width() <= width, "{} > {width}: {line}", line.width());
                }
            }
        }

        #[test]
        fn wrapping_loses_nothing(text in "[a-z./ -]{0,200}", width in 4usize..40) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|l| l.width() <= width));
            let bare = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&lines.concat()), bare(&text));
        }
    }
}
