//! What is shown of an audit, and in what order: the one source of the text and Markdown forms.

use doorward_model::{Audit, AuditService, Door, EvidenceKind, Finding, State, Unseen, Verdict};

use crate::escape;
use doors::{door_section, merged};

mod doors;

pub(crate) use doors::reached_by;

/// A page: a heading, a summary, sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Host, system and role.
    pub heading: String,
    /// One line of numbers.
    pub summary: String,
    /// The tables, in order.
    pub sections: Vec<Section>,
    /// What to do next.
    pub next: String,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// Column headings.
    pub columns: Vec<&'static str>,
    /// Rows; every cell is escaped.
    pub rows: Vec<Row>,
    /// What is said when there are no rows.
    pub empty: &'static str,
}

/// One row with the verdict that colours it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// Escaped cells, as many as columns.
    pub cells: Vec<String>,
}

impl View {
    /// The view of an audit.
    pub fn of(audit: &Audit) -> Self {
        let (http, others): (Vec<&Door>, Vec<&Door>) = audit.doors.iter().partition(|d| d.http);
        let doorless = doorless(audit);
        let summary = summary(&http, &others, &doorless, audit);
        let roles = if audit.host.roles.is_empty() {
            "no web server".to_owned()
        } else {
            audit.host.roles.join(", ")
        };
        let name = if audit.host.name.is_empty() { "this host" } else { &audit.host.name };
        let os = if audit.host.os.is_empty() { "unknown system" } else { &audit.host.os };
        let mut sections = vec![
            door_section("The site's own doors (HTTP)", &http, "none found"),
            door_section("Other doors", &others, "none"),
            Section {
                title: "Services without a door that run, or start at boot, unneeded".to_owned(),
                columns: vec!["SERVICE", "STATE", "START", "MEMORY", "PACKAGE", "VERDICT", "WHY"],
                rows: doorless.iter().map(|s| service_row(audit, s)).collect(),
                empty: "none",
            }
            .without_empty_columns(),
        ];
        if !audit.findings.is_empty() {
            sections.push(findings_section(&audit.findings));
        }
        sections.push(Section {
            title: "Not seen".to_owned(),
            columns: vec!["WHAT", "WHY", "WHAT WOULD SHOW IT"],
            rows: audit.unseen.iter().map(unseen_row).collect(),
            empty: "nothing: everything asked for was answered",
        });
        Self {
            heading: format!("{} · {} · {}", escape(name), escape(os), escape(&roles)),
            summary,
            sections,
            next: next(audit, &others, &doorless),
        }
    }
}

fn next(audit: &Audit, others: &[&Door], doorless: &[&AuditService]) -> String {
    let worst = others.iter().find(|d| d.verdict.is_candidate()).and_then(|d| d.service.as_deref());
    match worst.or_else(|| doorless.first().map(|s| s.name.as_str())) {
        Some(name) => {
            let source =
                if audit.host.source.is_some() { ", with the option that named this host" } else { "" };
            format!("One service on one card: doorward explain '{}'{source}", escape(short(name)))
        }
        None => "Nothing to shut was found.".to_owned(),
    }
}

fn summary(http: &[&Door], others: &[&Door], doorless: &[&AuditService], audit: &Audit) -> String {
    let count = |v: Verdict| merged(others).iter().filter(|d| d.door.verdict == v).count();
    let mut parts = vec![format!("{} of the site", plural(merged(http).len(), "door"))];
    let total = merged(others).len();
    let by_verdict: Vec<String> =
        [Verdict::Dangerous, Verdict::Unneeded, Verdict::Unknown, Verdict::Needed, Verdict::Required]
            .into_iter()
            .filter(|&v| count(v) > 0)
            .map(|v| format!("{} {}", count(v), v.as_str()))
            .collect();
    if total == 0 {
        parts.push("no other".to_owned());
    } else {
        parts.push(format!("{total} other ({})", by_verdict.join(", ")));
    }
    parts.push(format!("{} unneeded without a door", plural(doorless.len(), "service")));
    if !audit.unseen.is_empty() {
        parts.push(format!("{} not seen", plural(audit.unseen.len(), "thing")));
    }
    parts.join("; ")
}

fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

impl Section {
    /// Leaves out the columns of what nothing is known of.
    fn without_empty_columns(mut self) -> Self {
        for column in ["STATE", "MEMORY", "PACKAGE"] {
            let Some(at) = self.columns.iter().position(|c| *c == column) else { continue };
            let is_empty = |row: &Row| matches!(row.cells[at].as_str(), "-" | "unknown");
            if !self.rows.is_empty() && self.rows.iter().all(is_empty) {
                self.columns.remove(at);
                for row in &mut self.rows {
                    row.cells.remove(at);
                }
            }
        }
        self
    }
}

/// A unit's name as systemd's own tools take it: `ssh` for `ssh.service`.
fn short(name: &str) -> &str {
    name.strip_suffix(".service").unwrap_or(name)
}

/// Services that run, or will, although nothing needs them, and that have no door of their own. A unit that only
/// starts such a service (socket, timer, path) is shown with it, not besides it.
fn doorless(audit: &Audit) -> Vec<&AuditService> {
    let has_door = |name: &str| {
        audit.doors.iter().any(|d| d.service.as_deref() == Some(name) || d.via.as_deref() == Some(name))
    };
    let candidates: Vec<&AuditService> = audit
        .services
        .iter()
        .filter(|s| s.verdict.is_candidate() && s.lives() && !has_door(&s.name))
        .collect();
    candidates
        .iter()
        .filter(|s| {
            !(is_trigger(&s.name)
                && s.links.iter().any(|l| {
                    l.from == s.name && (has_door(&l.to) || candidates.iter().any(|c| c.name == l.to))
                }))
        })
        .copied()
        .collect()
}

fn is_trigger(name: &str) -> bool {
    [".socket", ".timer", ".path"].iter().any(|suffix| name.ends_with(suffix))
}

fn service_row(audit: &Audit, s: &AuditService) -> Row {
    let triggers: Vec<&str> = audit
        .services
        .iter()
        .filter(|t| is_trigger(&t.name) && t.links.iter().any(|l| l.from == t.name && l.to == s.name))
        .filter_map(|t| t.name.rsplit('.').next())
        .collect();
    let name = match triggers.as_slice() {
        [] => short(&s.name).to_owned(),
        triggers => format!("{} (+{})", short(&s.name), triggers.join(", ")),
    };
    let why = s.evidence.iter().find(|e| e.kind != EvidenceKind::Nothing).or(s.evidence.first());
    Row {
        verdict: Some(s.verdict),
        cells: [
            name,
            state_word(s.state).to_owned(),
            start_of(s),
            s.memory_bytes.map_or_else(|| "-".to_owned(), bytes),
            s.package.clone().unwrap_or_else(|| "-".to_owned()),
            s.verdict.as_str().to_owned(),
            why.map(|e| e.detail.clone()).unwrap_or_default(),
        ]
        .iter()
        .map(|c| escape(c).into_owned())
        .collect(),
    }
}

fn findings_section(findings: &[Finding]) -> Section {
    let row = |f: &Finding| {
        let remedy = f.remedy.as_deref().unwrap_or("-");
        let cells = [f.text.as_str(), &f.value, f.service.as_deref().unwrap_or("-"), remedy, &f.place];
        Row { verdict: Some(f.verdict), cells: cells.iter().map(|c| escape(c).into_owned()).collect() }
    };
    Section {
        title: "Settings that let in more than they should".to_owned(),
        columns: vec!["WHAT", "VALUE", "SERVICE", "INSTEAD", "PLACE"],
        rows: findings.iter().map(row).collect(),
        empty: "none",
    }
}

fn unseen_row(u: &Unseen) -> Row {
    let cells = [u.what.clone(), u.why.clone(), u.remedy.clone().unwrap_or_else(|| "-".to_owned())];
    Row { verdict: None, cells: cells.iter().map(|c| escape(c).into_owned()).collect() }
}

/// A state in one word.
pub(crate) fn state_word(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Exited => "exited",
        State::Stopped => "stopped",
        State::Failed => "failed",
        State::Changing => "changing",
        State::Unknown => "unknown",
    }
}

/// How a service starts, in its manager's own words.
pub(crate) fn start_of(service: &AuditService) -> String {
    let Some(windows) = &service.windows else { return service.start.as_str().to_owned() };
    let word = match windows.start {
        0 => "boot",
        1 => "system",
        2 => "automatic",
        3 => "manual",
        4 => "disabled",
        other => return format!("unknown ({other})"),
    };
    if windows.triggers > 0 { format!("{word}, by event") } else { word.to_owned() }
}

/// A size in the largest unit that keeps it above one: `12.3 MB`, of 1,000,000 bytes.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}
