//! The view for a terminal or a pager.

use std::fmt::Write as _;

use doorward_model::Verdict;

use crate::TextStyle;
use crate::table::{cut, line, widths};
use crate::view::{Section, View};

pub(crate) fn render(view: &View, style: TextStyle) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", bold(&cut(&view.heading, style.width), style));
    let _ = writeln!(out, "{}", cut(&view.summary, style.width));
    for section in &view.sections {
        let _ = writeln!(out, "\n{}", bold(&section.title, style));
        table(&mut out, section, style);
    }
    let _ = writeln!(out, "\n{}", view.next);
    out
}

fn table(out: &mut String, section: &Section, style: TextStyle) {
    if section.rows.is_empty() {
        let _ = writeln!(out, "  {}", section.empty);
        return;
    }
    let rows: Vec<&[String]> = section.rows.iter().map(|r| r.cells.as_slice()).collect();
    let widths = widths(&section.columns, &rows, style.width.saturating_sub(2));
    let headings: Vec<String> = section.columns.iter().map(|&c| c.to_owned()).collect();
    let _ = writeln!(out, "  {}", line(&headings, &widths));
    for row in &section.rows {
        let text = line(&row.cells, &widths);
        let _ = writeln!(out, "{} {}", mark(row.verdict), coloured(&text, row.verdict, style));
    }
}

/// The mark before a row: readable without colour.
fn mark(verdict: Option<Verdict>) -> char {
    match verdict {
        Some(Verdict::Dangerous) => '!',
        Some(Verdict::Unneeded) => '-',
        Some(Verdict::Unknown) => '?',
        _ => ' ',
    }
}

pub(crate) fn coloured(text: &str, verdict: Option<Verdict>, style: TextStyle) -> String {
    let code = match verdict {
        Some(Verdict::Dangerous) => "31",
        Some(Verdict::Unneeded) => "33",
        Some(Verdict::Unknown) => "35",
        _ => return text.to_owned(),
    };
    if style.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

pub(crate) fn bold(text: &str, style: TextStyle) -> String {
    if style.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}
