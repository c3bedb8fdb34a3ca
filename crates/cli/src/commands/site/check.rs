//! `doorward site check`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, bail};
use doorward_report::escape;
use doorward_site::{Baseline, Coverage, LogPaths, NoBaseline, Outcome, Outcomes, Settings, Site, Verdict};

use crate::args::{CheckArgs, SiteFormat};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::progress::Checks;
use crate::{output, source};

/// The version of the JSON form.
const VERSION: u32 = 1;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let site = read(&args.file)?;
    let logs = super::record::read_logs(&args.logs)?;
    let coverage = (!args.logs.is_empty()).then(|| doorward_site::coverage(&site, &[], &logs));
    let mut settings = Settings::default();
    settings.address = args.address;
    settings.lanes = args.lanes;
    let interrupt = Interrupt::watch()?;
    settings.stop = interrupt.stop();
    let runs = run_all(&site, &settings, args.repeat.get());
    let stopped = interrupt.exit();
    let failed = runs.iter().any(|run| run.failed().next().is_some());
    let text = match args.format {
        SiteFormat::Text => text(&site, &runs, coverage.as_ref(), stopped.is_some()),
        SiteFormat::Json => json(&site, &runs, coverage.as_ref(), stopped.is_some())?,
        SiteFormat::Junit => doorward_site::write_junit(site.url.as_str(), &runs),
    };
    output::print(&text)?;
    if let Some(exit) = stopped {
        eprintln!("doorward: stopped before all tests were run");
        return Ok(exit);
    }
    Ok(if failed { Exit::Found } else { Exit::Done })
}

fn run_all(site: &Site, settings: &Settings, times: usize) -> Vec<Outcomes> {
    let progress = Checks::new(site.len() * times);
    let done = |outcomes: &[Outcome]| progress.done(outcomes.iter().any(|o| o.verdict == Verdict::Failed));
    let mut runs = Vec::new();
    while runs.len() < times && !settings.stop.load(Ordering::Relaxed) {
        runs.push(doorward_site::run(site, settings, &done));
    }
    runs
}

/// Reads the tests. Programs that they name are run as whoever runs this, so nobody else may have written them.
pub(crate) fn read(file: &Path) -> anyhow::Result<Site> {
    let name = || file.display().to_string();
    let text = source::text(file, doorward_site::LONGEST as u64)?;
    let site = doorward_site::read(&text).with_context(name)?;
    if !(site.command.is_empty() && site.suite.is_empty()) && file != Path::new("-") {
        let mode = file.metadata().with_context(name)?.permissions().mode();
        if mode & 0o022 != 0 {
            bail!("{}: it names programs to run, and others may write it; chmod go-w it first", name());
        }
    }
    if site.is_empty() {
        bail!("{}: there is no check in it; add some, or let doorward site record URL write them", name());
    }
    Ok(site)
}

fn json(
    site: &Site,
    runs: &[Outcomes],
    coverage: Option<&Coverage>,
    stopped: bool,
) -> anyhow::Result<String> {
    // Of a run that was broken off no test is missing.
    let whole = &runs[..runs.len() - usize::from(stopped && !runs.is_empty())];
    let rates = if whole.len() > 1 { doorward_site::rates(whole) } else { Vec::new() };
    let value = serde_json::json!({"schema_version": VERSION, "site": site.url, "stopped": stopped, "runs": runs, "rates": rates, "coverage": coverage});
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

/// How a test did in all runs.
struct Row<'a> {
    name: &'a str,
    passed: usize,
    failed: usize,
    seconds: f64,
    /// The first run that it failed.
    worst: Option<&'a Outcome>,
}

fn text(site: &Site, runs: &[Outcomes], coverage: Option<&Coverage>, stopped: bool) -> String {
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
    if let Some(coverage) = coverage {
        out.extend([String::new(), coverage_line(coverage)]);
        let missed = coverage.missed.iter();
        out.extend(missed.map(|(path, hits)| format!("  not tested: {} ({hits} requests)", escape(path))));
    }
    out.push(String::new());
    out.join("\n")
}

/// What of the logs' paths the tests touch, in one line.
pub(super) fn log_coverage(site: &Site, logs: &LogPaths) -> String {
    coverage_line(&doorward_site::coverage(site, &[], logs))
}

fn coverage_line(coverage: &Coverage) -> String {
    format!(
        "The tests touch {} of {} paths that the logs know, and so {} of {} requests",
        coverage.paths_touched, coverage.paths, coverage.requests_touched, coverage.requests
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
        format!("{passed} tests passed{times}")
    } else {
        format!("{failed} tests failed, {passed} passed{times}")
    }
}
