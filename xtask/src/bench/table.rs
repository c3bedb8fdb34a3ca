//! Figures as a Markdown table.

use std::fmt;

use super::measure::Figures;

pub(super) struct Table {
    headings: [&'static str; 5],
    rows: Vec<[String; 5]>,
}

impl Table {
    pub(super) fn new(headings: [&'static str; 5]) -> Self {
        Self { headings, rows: Vec::new() }
    }

    /// A row; `audit` to say how many times its wall time the audit takes.
    pub(super) fn row(&mut self, name: &str, figures: &Figures, audit: Option<&Figures>) {
        self.rows.push([
            name.to_owned(),
            format!("{:.1} ms", figures.wall * 1e3),
            format!("{:.1} ms", figures.cpu * 1e3),
            format!("{:.1} MB", figures.peak_megabytes()),
            audit.map_or_else(|| "-".to_owned(), |a| format!("{:.4}", a.wall / figures.wall)),
        ]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.headings.join(" | "))?;
        writeln!(f, "|---|---:|---:|---:|---:|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}
