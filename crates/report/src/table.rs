//! Columns that fit: widths by content, the last column takes what is left and is cut with an ellipsis.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Space between columns.
const GAP: usize = 2;
/// No column but the last is wider.
const WIDEST: usize = 26;
/// The last column keeps at least this.
const LEAST_LAST: usize = 16;

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
        // Too narrow: shrink the widest of the others.
        let Some(widest) = (0..last).max_by_key(|&at| widths[at]).filter(|&at| widths[at] > 4) else {
            widths[last] = LEAST_LAST.min(widths[last]);
            return widths;
        };
        widths[widest] -= 1;
    }
}

/// One line of a table, without trailing space.
pub(crate) fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (at, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if at > 0 {
            line.push_str("  ");
        }
        let cut = cut(cell, width);
        let pad = width.saturating_sub(cut.width());
        line.push_str(&cut);
        line.extend(std::iter::repeat_n(' ', pad));
    }
    line.trim_end().to_owned()
}

/// The text, cut to a width with an ellipsis.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        used += w;
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// Breaks text at spaces into lines of at most `width`; words longer than that are cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = cut(word, width);
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_line_fits(
            rows in prop::collection::vec(prop::collection::vec("[a-zäß /:*.-]{0,60}", 7), 0..8),
            width in 80usize..200,
        ) {
            let headings = ["DOOR", "ADDRESS", "REACHED BY", "VERDICT", "SERVICE", "PACKAGE", "WHY"];
            let slices: Vec<&[String]> = rows.iter().map(Vec::as_slice).collect();
            let widths = widths(&headings, &slices, width);
            for row in &rows {
                prop_assert!(line(row, &widths).width() <= width);
            }
        }

        #[test]
        fn wrapping_loses_no_word(text in "[a-z ]{0,200}") {
            let words: Vec<_> = wrap(&text, 30).join(" ").split(' ').map(str::to_owned).collect();
            let expected: Vec<_> = text.split_whitespace().map(|w| cut(w, 30)).collect();
            prop_assert_eq!(words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>(), expected);
        }
    }
}
