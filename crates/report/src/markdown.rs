//! The view as Markdown, for tickets and wikis.

use std::fmt::Write as _;

use crate::view::View;

pub(crate) fn render(view: &View) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}\n\n{}", cell(&view.heading), cell(&view.summary));
    for section in &view.sections {
        let _ = writeln!(out, "\n## {}\n", section.title);
        if section.rows.is_empty() {
            let _ = writeln!(out, "{}", section.empty);
            continue;
        }
        let _ = writeln!(out, "| {} |", section.columns.join(" | "));
        let _ = writeln!(out, "|{}", "---|".repeat(section.columns.len()));
        for row in &section.rows {
            let cells: Vec<String> = row.cells.iter().map(|c| cell(c)).collect();
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    out
}

/// Text that Markdown and the HTML made of it show as it is.
pub(crate) fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' => {
                safe.push('\\');
                safe.push(c);
            }
            _ => safe.push(c),
        }
    }
    safe
}
