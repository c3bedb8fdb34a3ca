//! Suites: one program, many tests.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Settings;
use super::program::{Ended, Program, tail};
use crate::file::{ResultForm, Site, SuiteCheck};
use crate::outcome::{Exchange, Mismatch, Outcome, Test, Verdict};
use crate::results::{self, Case, Ending};

/// Results are no longer, in bytes.
const MOST_RESULTS: u64 = 64 << 20;

/// The outcome of the run itself, then one of each test.
pub(super) fn run(check: &SuiteCheck, site: &Site, settings: &Settings) -> Vec<Outcome> {
    let began = Instant::now();
    let before = check.file.as_deref().and_then(state);
    let program = Program {
        run: &check.run,
        directory: check.directory.as_deref(),
        environment: &check.environment,
        time_limit: check.time_limit,
        most: MOST_RESULTS,
    };
    let asked = check.run.join(" ");
    let mut exchanges = Vec::new();
    let result = program.run(site, settings).map_err(|e| Mismatch::new("program", "starts", e.to_string()));
    let read = result.and_then(|ended| {
        let status = ended.status.and_then(|s| s.code());
        exchanges.push(Exchange::of(&asked, status, ended.output.len() as u64, &ended.output));
        cases(check, before, &ended)
    });
    let (cases, wrong) = match read {
        Ok(cases) => (cases, Vec::new()),
        Err(mismatch) => (Vec::new(), vec![mismatch.at(&asked)]),
    };
    let mut outcomes = vec![Outcome::of(&check.name, began.elapsed(), wrong, exchanges)];
    outcomes.extend(cases.into_iter().map(|case| outcome(&check.name, case)));
    outcomes
}

fn outcome(suite: &str, case: Case) -> Outcome {
    let (verdict, mismatches) = match case.ending {
        Ending::Passed => (Verdict::Passed, Vec::new()),
        Ending::Skipped => (Verdict::Skipped, Vec::new()),
        Ending::Failed(why) => (Verdict::Failed, vec![Mismatch::new("test", "passes", why)]),
    };
    let took = case.took.unwrap_or(Duration::ZERO);
    Outcome {
        test: Test(format!("{suite}: {}", case.name)),
        verdict,
        took,
        mismatches,
        exchanges: Vec::new(),
    }
}

fn cases(check: &SuiteCheck, before: Option<State>, ended: &Ended) -> Result<Vec<Case>, Mismatch> {
    let words = || {
        let errors = String::from_utf8_lossy(&ended.errors).into_owned();
        let output = String::from_utf8_lossy(&ended.output).into_owned();
        tail(if errors.trim().is_empty() { &output } else { &errors }).to_owned()
    };
    if ended.status.is_none() {
        return Err(Mismatch::new("program", "ends", format!("{}; {}", ended.how(), words())));
    }
    let text = match &check.file {
        None => ended.output.clone(),
        Some(file) if state(file).is_some() && state(file) == before => {
            let seen = format!("{} is as it was before; {}", file.display(), words());
            return Err(Mismatch::new("results", "written", seen));
        }
        Some(file) => content(file).map_err(|e| {
            Mismatch::new("results", "written", format!("{}: {e}; {}", file.display(), words()))
        })?,
    };
    let read = match check.results {
        ResultForm::Junit => results::junit(&text),
        ResultForm::Tap => results::tap(&text),
    };
    let cases = read.map_err(|e| Mismatch::new("results", "readable", format!("{e}; {}", words())))?;
    if cases.is_empty() {
        return Err(Mismatch::new("results", "a test", format!("none; {}", words())));
    }
    let failed = cases.iter().any(|case| matches!(case.ending, Ending::Failed(_)));
    if !failed && !ended.status.is_some_and(|s| s.success()) {
        let seen = format!("{}, although no test failed; {}", ended.how(), words());
        return Err(Mismatch::new("exit status", "0", seen));
    }
    Ok(cases)
}

/// A file as it is, to see whether it is written again: inode, length, and when.
type State = (u64, u64, i64, i64);

fn state(file: &Path) -> Option<State> {
    let of = file.metadata().ok()?;
    Some((of.ino(), of.len(), of.mtime(), of.mtime_nsec()))
}

fn content(file: &Path) -> io::Result<Vec<u8>> {
    // A pipe would never end.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("no regular file"));
    }
    let mut text = Vec::new();
    File::open(file)?.take(MOST_RESULTS + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST_RESULTS { Err(io::Error::other("longer than 64 MiB")) } else { Ok(text) }
}
