//! What people see of a trial: its progress, and what it proved.

use std::fmt::Write as _;
use std::path::Path;

use doorward_model::site::TestExchange;
use doorward_model::trial::{KeptStep, TrialPlace, TrialReport};
use doorward_report::escape;
use doorward_search::Progress;
use doorward_trial::{Manner, Observer, Record, Rehearsal};

use crate::commands::site::check::text::touched;
use crate::output::{self, count};
use crate::progress::Trials;

/// Lines of an answer that are shown beside the good one.
const MOST_LINES: usize = 6;

/// Shows a trial's progress, and keeps what was tried.
pub(super) struct Told<'a> {
    pub(super) record: &'a Path,
    pub(super) bar: Trials,
    /// Why the record could not be written.
    pub(super) failed: Option<String>,
}

impl Observer for Told<'_> {
    fn round(&mut self, manner: Manner, progress: Option<Progress>, lanes: &[Rehearsal]) {
        let shut: Vec<usize> = lanes.iter().map(|lane| lane.shut.len()).collect();
        self.bar.round(manner, progress, &shut);
    }

    fn tried(&mut self, record: &Record) {
        if let Err(why) = output::write_file(self.record, &record.print()) {
            self.failed = Some(format!("{why:#}"));
        }
        if let Some(last) = record.trials.last() {
            let names: Vec<&str> = last.failures().collect();
            let what = match (last.shut.len(), last.shut.first()) {
                (1, Some(step)) => format!("{} off", escape(&step.0)),
                (steps, _) => format!("{steps} steps off"),
            };
            let came = match (names.as_slice(), &last.problem) {
                ([], _) => "all tests pass".to_owned(),
                (_, Some(problem)) => escape(problem).into_owned(),
                ([one], None) => format!("{} fails", escape(one)),
                ([first, rest @ ..], None) => format!("{} and {} more fail", escape(first), rest.len()),
            };
            let number = record.trials.len();
            self.bar.say(&format!("trial {number}, {what}: {came} ({:.1} s)", last.took.as_secs_f64()));
        }
    }

    fn unsteady(&mut self, tests: &[String]) {
        let names: Vec<_> = tests.iter().map(|test| escape(test)).collect();
        self.bar.say(&format!(
            "results contradict each other ({}): trials are repeated until that does not matter",
            names.join(", ")
        ));
    }
}

/// So many copies, in words.
pub(super) fn copies(count: usize) -> String {
    if count == 1 { "a copy of this host".to_owned() } else { format!("{count} copies of this host") }
}

/// What was proved, for people.
pub(super) fn text(report: &TrialReport) -> String {
    let mut out = String::new();
    let place = match report.place {
        TrialPlace::Clone => "on a copy of this host",
        TrialPlace::Host => "on the test server",
        TrialPlace::Live => "on this host",
    };
    let _ = writeln!(
        out,
        "{} · {} proved unneeded, {} needed; {} {place}, {:.0} s",
        escape(&report.site),
        count(report.shut.len(), "step"),
        report.kept.len(),
        count(report.trials, "trial"),
        report.seconds
    );
    kept(&mut out, report);
    if !report.unmissed.is_empty() {
        let rows = report.unmissed.iter().map(|one| vec![one.service.clone(), one.why.clone()]);
        table(&mut out, "KEPT, MISSED BY NO TEST", "WHY", rows.collect());
    }
    if !report.not_tried.is_empty() {
        let rows = report.not_tried.iter().map(|one| vec![one.step.clone(), one.why.clone()]);
        table(&mut out, "NOT TRIED", "WHY", rows.collect());
    }
    if !report.shut.is_empty() {
        let rows = report.shut.iter().map(|shut| {
            let more = if shut.only_disabled { " (disabled: the site misses its package)" } else { "" };
            vec![format!("{}{more}", shut.step), shut.services.join(", ")]
        });
        table(&mut out, "PROVED UNNEEDED", "SHUTS", rows.collect());
    }
    out.push('\n');
    out.push_str(&rests_on(report));
    for line in report.coverage.iter().flat_map(touched) {
        let _ = writeln!(out, "{line}");
    }
    if !report.differences.is_empty() {
        out.push_str("\nThe copy is not in all like this host:\n");
    }
    for difference in &report.differences {
        let _ = writeln!(out, "  {} {}", escape(&difference.what), escape(&difference.how));
    }
    out
}

fn kept(out: &mut String, report: &TrialReport) {
    if report.kept.is_empty() {
        return;
    }
    out.push_str("\nNEEDED\n");
    for kept in &report.kept {
        let whose = if kept.needed == kept.step { String::new() } else { format!(" for {}", kept.needed) };
        let _ = writeln!(
            out,
            "  {}{}: without it, in trial {}, {} fails\n      {}",
            escape(&kept.step),
            escape(&whose),
            kept.trial,
            escape(&kept.test),
            first_line(&kept.how)
        );
        beside(out, kept);
    }
}

/// Text that goes on, as a page does, is shown beside the good one.
fn first_line(text: &str) -> String {
    let (first, more) = text.split_once('\n').map_or((text, ""), |(first, _)| (first, " …"));
    format!("{}{more}", escape(first))
}

/// The last answer that differs, beside the good one: a test ends where it fails.
fn beside(out: &mut String, kept: &KeptStep) {
    let Some(failure) = kept.failures.first() else { return };
    let differing = failure.good.iter().zip(&failure.bad).rfind(|(good, bad)| good != bad);
    let Some((good, bad)) = differing else { return };
    let _ = writeln!(out, "      {}", escape(&good.asked));
    for (word, answer, other) in [("good", good, bad), ("now", bad, good)] {
        let status = answer.status.map(|status| format!("{status}, ")).unwrap_or_default();
        let _ = writeln!(out, "      {word:<5}{status}{} bytes", answer.size);
        for line in new_lines(answer, other) {
            let _ = writeln!(out, "           {}", escape(&line));
        }
    }
}

/// The first lines of an answer that the other has not.
fn new_lines(answer: &TestExchange, other: &TestExchange) -> Vec<String> {
    let known: Vec<&str> = other.text.lines().map(str::trim).collect();
    let lines = answer.text.lines().map(str::trim).filter(|line| !line.is_empty() && !known.contains(line));
    lines.take(MOST_LINES).map(|line| line.chars().take(90).collect()).collect()
}

fn table(out: &mut String, first: &str, second: &str, rows: Vec<Vec<String>>) {
    let width = output::style().width.saturating_sub(2);
    let escaped: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| escape(cell).into_owned()).collect()).collect();
    out.push('\n');
    for lines in doorward_report::table(&[first, second], &escaped, width) {
        for line in lines {
            let _ = writeln!(out, "  {}", line.trim_end());
        }
    }
}

/// What the proof rests on, and what it does not tell.
fn rests_on(report: &TrialReport) -> String {
    let mut out = String::new();
    match (report.confirmed_by, report.as_applied) {
        (Some(trial), true) => {
            let _ = writeln!(
                out,
                "In trial {trial} all of it was done as planned, packages removed, and after a reboot every test passed."
            );
        }
        (Some(trial), false) => {
            let _ = writeln!(out, "In trial {trial} all of it was shut together, and every test passed.");
        }
        (None, _) => out.push_str("Nothing of the plan can be done without breaking the site.\n"),
    }
    let flaky = report.tests.iter().filter(|test| test.false_fail_rate > 0.0).count();
    let _ = writeln!(
        out,
        "It rests on {}, run {} times on the untouched site{}; what they do not ask for is not proved.",
        count(report.tests.len(), "test"),
        report.baseline_runs,
        if flaky == 0 { String::new() } else { format!(" ({flaky} of them now and then not)") }
    );
    let _ = writeln!(
        out,
        "To find it out with one test that passes or fails takes {:.0} trials at least.",
        report.bound_bits.ceil()
    );
    out
}
