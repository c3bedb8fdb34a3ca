//! Checks run against servers on loopback that do well, badly, or never end. Each test is bounded in time by the checks'
//! own limits.

mod http;
mod programs;
mod record;
mod server;
mod sockets;

use doorward_site::{Outcome, Outcomes, Settings, Site, Verdict, read};

/// Runs the checks of a file's text once.
fn run(text: &str) -> Outcomes {
    let site: Site = read(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    doorward_site::run(&site, &Settings::default(), &|_| {})
}

/// The one outcome of a file with one check.
fn one(text: &str) -> Outcome {
    let mut outcomes = run(text);
    assert_eq!(outcomes.tests.len(), 1, "{outcomes:?}");
    outcomes.tests.remove(0)
}

/// Nothing where it passed, else why it did not.
fn why(outcome: &Outcome) -> String {
    assert_eq!(outcome.verdict == Verdict::Passed, outcome.mismatches.is_empty());
    outcome.mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
