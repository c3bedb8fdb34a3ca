//! The tests' results for people.

use doorward_model::site::{SiteCoverage, SiteEndpoint};
use doorward_report::escape;
use doorward_site::{Baseline, NoBaseline, Outcome, Outcomes, Site, Verdict};

use crate::output::{self, count};

/// So many virtual hosts that no test asks are named.
const NAMED: usize = 20;

/// How a test did in all runs.
struct Row<'a> {
    name: &'a str,
    passed: usize,
    failed: usize,
    seconds: f64,
    /// The first run that it failed.
    worst: Option<&'a Outcome>,
}

pub(super) fn text(site: &Site, runs: &[Outcomes], coverage: Option<&SiteCoverage>, stopped: bool) -> String {
    let rows = rows(runs);
    let style = output::style();
    let mut out = vec![
        format!("{} · {}", escape(site.url.as_str()), summary(&rows, runs.len(), stopped)),
        String::new(),
    ];
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![escape(row.name).into_owned(), result(row, runs.len()), format!("{:.2} s", row.seconds)]
        })
        .collect();
    let table = doorward_report::table(&["TEST", "RESULT", "TIME"], &cells, style.width.saturating_sub(2));
    let (head, lines) = table.split_first().map_or((&[][..], &[][..]), |(h, rest)| (h.as_slice(), rest));
    out.extend(head.iter().map(|line| format!("  {line}")));
    for (row, lines) in rows.iter().zip(lines) {
        let mark = if row.failed > 0 { '!' } else { ' ' };
        out.extend(lines.iter().enumerate().map(|(at, line)| {
            let line = format!("{} {line}", if at == 0 { mark } else { ' ' });
            if row.failed > 0 && style.colour { format!("\x1b[31m{line}\x1b[0m") } else { line }
        }));
        let wrong = row.worst.iter().flat_map(|outcome| &outcome.mismatches);
        out.extend(wrong.map(|mismatch| format!("      {}", escape(&mismatch.to_string()))));
    }
    let is_judged = !stopped && rows.iter().all(|r| r.failed == 0);
    if let (true, Err(why @ NoBaseline::NoTests)) = (is_judged, Baseline::of(runs)) {
        out.extend([String::new(), why.to_string()]);
    }
    out.extend(coverage.iter().flat_map(|coverage| touched(coverage)));
    out.push(String::new());
    out.join("\n")
}

/// What the tests touch, and what they do not.
pub(crate) fn touched(coverage: &SiteCoverage) -> Vec<String> {
    let mut out = vec![String::new()];
    let all = coverage.endpoints.len();
    if all > 0 {
        let untouched: Vec<&SiteEndpoint> = coverage.endpoints.iter().filter(|e| !e.touched).collect();
        out.push(format!(
            "The tests ask {} of {all} virtual hosts and ports of the host's web servers",
            all - untouched.len()
        ));
        let name = |e: &SiteEndpoint| format!("{}:{}", e.host.as_deref().unwrap_or("*"), e.port);
        out.extend(untouched.iter().take(NAMED).map(|e| format!("  not tested: {}", escape(&name(e)))));
        if untouched.len() > NAMED {
            out.push(format!("  and {} more", untouched.len() - NAMED));
        }
    }
    if coverage.paths > 0 {
        out.push(paths_line(
            coverage.paths_touched,
            coverage.paths,
            coverage.requests_touched,
            coverage.requests,
        ));
        let missed = coverage.missed.iter();
        out.extend(missed.map(|m| {
            let requests = if m.requests == 1 { "request" } else { "requests" };
            format!("  not tested: {} ({} {requests})", escape(&m.path), m.requests)
        }));
    }
    let unread =
        coverage.logs_unread.iter().map(|unread| format!("A log was not read: {}", escape(&unread.why)));
    out.extend(unread);
    if out.len() > 1 { out } else { Vec::new() }
}

/// What of the logs' paths the tests touch, in one line.
pub(crate) fn paths_line(touched: usize, paths: usize, requests_touched: u64, requests: u64) -> String {
    format!(
        "The tests touch {touched} of {paths} paths that the logs know, and so {requests_touched} of {requests} requests"
    )
}

fn rows(runs: &[Outcomes]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for outcome in runs.iter().flat_map(|run| &run.tests) {
        let at = *places.entry(&outcome.test).or_insert_with(|| {
            rows.push(Row { name: &outcome.test.0, passed: 0, failed: 0, seconds: 0.0, worst: None });
            rows.len() - 1
        });
        let row = &mut rows[at];
        row.seconds = row.seconds.max(outcome.took.as_secs_f64());
        match outcome.verdict {
            Verdict::Passed => row.passed += 1,
            Verdict::Failed => {
                row.failed += 1;
                row.worst = row.worst.or(Some(outcome));
            }
            Verdict::Skipped => {}
        }
    }
    rows
}

fn result(row: &Row<'_>, runs: usize) -> String {
    match (row.passed, row.failed) {
        (0, 0) => "skipped".to_owned(),
        (passed, 0) if passed == runs => "passed".to_owned(),
        (passed, 0) => format!("passed {passed} of {runs}"),
        (_, failed) if runs == 1 && failed == 1 => "failed".to_owned(),
        (_, failed) => format!("failed {failed} of {runs}"),
    }
}

fn summary(rows: &[Row<'_>], runs: usize, stopped: bool) -> String {
    let failed = rows.iter().filter(|r| r.failed > 0).count();
    let passed = rows.iter().filter(|r| r.failed == 0 && r.passed > 0).count();
    let times = if runs == 1 { String::new() } else { format!(" in {runs} runs") };
    let times = if stopped { times + ", then it was stopped" } else { times };
    if failed == 0 {
        format!("{} passed{times}", count(passed, "test"))
    } else {
        format!("{} failed, {passed} passed{times}", count(failed, "test"))
    }
}
