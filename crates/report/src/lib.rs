//! One audit shown as text, Markdown, JSON and SARIF.
//!
//! Text and Markdown are two renderings of one [`View`]; JSON is the audit itself; SARIF is made from the audit.
//! Nothing from the host reaches an output raw: see [`escape`].
#![forbid(unsafe_code)]

mod card;
mod escape;
mod markdown;
mod reach;
mod sarif;
mod table;
mod text;
mod view;

pub use escape::escape;
pub use view::{Section, View};

use doorward_assess::explain::Card;
use doorward_model::Audit;
use doorward_model::reach::ReachReport;

/// The lines of a table's heading, and of each row, fitted to so many columns. Cells are shown as they are.
pub fn table(headings: &[&str], rows: &[Vec<String>], width: usize) -> Vec<Vec<String>> {
    let cells: Vec<&[String]> = rows.iter().map(Vec::as_slice).collect();
    let widths = table::widths(headings, &cells, width);
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    std::iter::once(&headings).chain(rows).map(|cells| table::lines(cells, &widths)).collect()
}

/// How text is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextStyle {
    /// Columns that a line may take.
    pub width: usize,
    /// Whether the terminal takes colour.
    pub colour: bool,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self { width: 100, colour: false }
    }
}

/// The audit as a table for people.
pub fn text(audit: &Audit, style: TextStyle) -> String {
    text::render(&View::of(audit), style)
}

/// The audit as Markdown.
pub fn markdown(audit: &Audit) -> String {
    markdown::render(&View::of(audit))
}

/// The audit as JSON: `schema/audit.schema.json`.
pub fn json(audit: &Audit) -> String {
    to_json(audit)
}

/// Writes the same as [`json`], without holding it.
pub fn write_json(audit: &Audit, mut out: impl std::io::Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut out, audit)?;
    out.write_all(b"\n")
}

/// The audit as JSON on a single line, for many in one stream.
pub fn json_line(audit: &Audit) -> String {
    let mut text =
        serde_json::to_string(audit).unwrap_or_else(|e| format!("{{\"error\": {:?}}}", e.to_string()));
    text.push('\n');
    text
}

/// Whether a client gets through to a port, for people.
pub fn reach_text(report: &ReachReport, style: TextStyle) -> String {
    reach::text(report, style)
}

/// Audits as SARIF 2.1.0: a run each, with one result for each door, service and setting that is no part of the site.
pub fn sarif(audits: &[Audit], version: &str) -> String {
    to_json(&sarif::log(audits, version))
}

/// Cards for people.
pub fn cards_text(cards: &[Card], style: TextStyle) -> String {
    card::text(cards, style)
}

/// Cards as Markdown.
pub fn cards_markdown(cards: &[Card]) -> String {
    card::markdown(cards)
}

/// Cards as JSON.
pub fn cards_json(cards: &[Card]) -> String {
    to_json(cards)
}

fn to_json(value: &(impl serde::Serialize + ?Sized)) -> String {
    let mut text =
        serde_json::to_string_pretty(value).unwrap_or_else(|e| format!("{{\"error\": {:?}}}", e.to_string()));
    text.push('\n');
    text
}
