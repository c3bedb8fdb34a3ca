//! The view for a terminal or a pager.

use std::fmt::Write as _;

use doorward_model::Verdict;

use crate::TextStyle;
use crate::table::{lines, widths, wrap};
use crate::view::{Section, View};

pub(crate) fn render(view: &View, style: TextStyle) -> String {
    let mut out = String::new();
    for line in wrap(&view.heading, style.width) {
        let _ = writeln!(out, "{}", bold(&line, style));
    }
    for line in wrap(&view.summary, style.width) {
        let _ = writeln!(out, "{line}");
    }
    for section in &view.sections {
        let _ = writeln!(out, "\n{}", bold(&section.title, style));
        table(&mut out, section, style);
    }
    out.push('\n');
    for line in wrap(&view.next, style.width) {
        let _ = writeln!(out, "{line}");
    }
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
    for line in lines(&headings, &widths) {
        let _ = writeln!(out, "  {line}");
    }
    for row in &section.rows {
        for (at, line) in lines(&row.cells, &widths).iter().enumerate() {
            let mark = if at == 0 { mark(row.verdict) } else { ' ' };
            let _ = writeln!(out, "{mark} {}", coloured(line, row.verdict, style));
        }
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
