//! How the checks do on the untouched site: it must pass, and how often each test fails by itself is measured.

use serde::Serialize;

use crate::file::Site;
use crate::outcome::{Mismatch, Outcome, Outcomes, Test, Verdict};
use crate::run::{Settings, run};

/// A test that fails in this share of the runs, or more, is broken rather than flaky.
const BROKEN: f64 = 0.5;

/// What the untouched site does, and how sure that is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// How many runs it rests on.
    pub runs: usize,
    /// The tests that were run each time, with how they did. Later runs are judged by these, in this order.
    pub tests: Vec<Measured>,
}

/// A test of the untouched site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Its outcome in a run that it passed, to be held beside a later one.
    pub good: Outcome,
    /// Runs that it failed.
    pub failed: usize,
    /// Share of runs that it failed.
    pub false_fail_rate: f64,
    /// With a confidence of 95 %, it fails no more often than this (one-sided, by Clopper and Pearson 1934).
    pub at_most: f64,
    /// How it failed first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<Mismatch>,
}

impl Measured {
    /// Which test.
    pub fn test(&self) -> &Test {
        &self.good.test
    }
}

/// Why there is no baseline: the site, or its checks, must be mended first.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoBaseline {
    /// There is nothing to run, or all that there is was skipped.
    #[error("the site has no test that says anything: add checks, or let doorward site record write them")]
    NoTests,
    /// Tests that fail on the untouched site, with how they did.
    #[error("{} of the site's tests fail although nothing was changed: {}", .0.len(), .0.iter().map(broken).collect::<Vec<_>>().join("; "))]
    Failing(Vec<Broken>),
    /// Somebody stopped it.
    #[error("stopped before the site was known")]
    Stopped,
}

/// A test that fails on the untouched site.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// Which.
    pub test: Test,
    /// Runs that it failed, or in which it was missing.
    pub failed: usize,
    /// Of so many.
    pub runs: usize,
    /// How, the first time.
    pub mismatches: Vec<Mismatch>,
}

fn broken(broken: &Broken) -> String {
    let why = broken.mismatches.first().map_or_else(|| "it was not run".to_owned(), ToString::to_string);
    format!("{} ({} of {} runs; {why})", broken.test.0, broken.failed, broken.runs)
}

impl Baseline {
    /// Runs the checks so many times, and tells how they do. `done` is told of each run's number, from 0, and outcomes.
    pub fn measure(
        site: &Site,
        settings: &Settings,
        runs: usize,
        done: &(dyn Fn(usize, &[Outcome]) + Sync),
    ) -> Result<Self, NoBaseline> {
        let mut all = Vec::new();
        for at in 0..runs.max(1) {
            all.push(run(site, settings, &|outcomes| done(at, outcomes)));
            if settings.stop.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(NoBaseline::Stopped);
            }
        }
        Self::of(&all)
    }

    /// The same of runs that were made already.
    pub fn of(runs: &[Outcomes]) -> Result<Self, NoBaseline> {
        let mut tests = Vec::new();
        let mut failing = Vec::new();
        for (test, found, failed) in counted(runs) {
            let first = found.iter().find(|o| o.verdict == Verdict::Failed);
            let mismatches = first.map(|o| o.mismatches.clone()).unwrap_or_default();
            let good = found.iter().find(|o| o.verdict == Verdict::Passed);
            let rate = share(failed, runs.len());
            match good {
                Some(&good) if rate < BROKEN => tests.push(Measured {
                    good: good.clone(),
                    failed,
                    false_fail_rate: rate,
                    at_most: upper_bound(failed, runs.len()),
                    mismatches,
                }),
                _ => failing.push(Broken { test, failed, runs: runs.len(), mismatches }),
            }
        }
        match (failing.is_empty(), tests.is_empty()) {
            (false, _) => Err(NoBaseline::Failing(failing)),
            (true, true) => Err(NoBaseline::NoTests),
            (true, false) => Ok(Self { runs: runs.len(), tests }),
        }
    }

    /// Tests that failed now and then.
    pub fn flaky(&self) -> impl Iterator<Item = &Measured> {
        self.tests.iter().filter(|t| t.failed > 0)
    }

    /// How a later run did: for each test of the baseline, in its order, whether it passed. One that was not run, or
    /// was skipped this time, did not.
    pub fn judge(&self, run: &Outcomes) -> Vec<bool> {
        let passed = |test: &Test| run.get(test).is_some_and(|o| o.verdict == Verdict::Passed);
        self.tests.iter().map(|measured| passed(measured.test())).collect()
    }
}

/// How often a test failed, of which nothing is judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rate {
    /// Which test.
    pub test: Test,
    /// Runs that it failed, or in which it was missing.
    pub failed: usize,
    /// Share of runs that it failed.
    pub false_fail_rate: f64,
    /// With a confidence of 95 %, it fails no more often than this (see [`Measured::at_most`]).
    pub at_most: f64,
}

/// How often each test failed, those aside that were always skipped.
pub fn rates(runs: &[Outcomes]) -> Vec<Rate> {
    let rate = |(test, _, failed)| Rate {
        test,
        failed,
        false_fail_rate: share(failed, runs.len()),
        at_most: upper_bound(failed, runs.len()),
    };
    counted(runs).into_iter().map(rate).collect()
}

/// Each test that was not always skipped, its outcomes, and in how many runs it did not pass.
fn counted(runs: &[Outcomes]) -> Vec<(Test, Vec<&Outcome>, usize)> {
    let of = |test: Test| {
        let found: Vec<&Outcome> = runs.iter().filter_map(|run| run.get(&test)).collect();
        let passed = found.iter().filter(|o| o.verdict == Verdict::Passed).count();
        let is_told = found.iter().any(|o| o.verdict != Verdict::Skipped);
        is_told.then(|| (test, found, runs.len() - passed))
    };
    names(runs).into_iter().filter_map(of).collect()
}

/// Every test that any run had, in the order of the first that had it.
fn names(runs: &[Outcomes]) -> Vec<Test> {
    let mut seen = std::collections::HashSet::new();
    let all = runs.iter().flat_map(|run| &run.tests);
    all.filter(|o| seen.insert(&o.test)).map(|o| o.test.clone()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "nobody runs the checks 2^52 times")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The rate at which so few failures or fewer have a probability of 5 %.
fn upper_bound(failed: usize, runs: usize) -> f64 {
    if failed >= runs {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if at_most(failed, runs, middle) > 0.05 { low = middle } else { high = middle }
    }
    high
}

/// The probability of at most so many failures.
fn at_most(failed: usize, runs: usize, rate: f64) -> f64 {
    // The term of no failure, then each from the one before, in logarithms: powers of small numbers vanish.
    let mut term = share(runs, 1) * (1.0 - rate).ln();
    let mut sum = term.exp();
    for k in 1..=failed {
        term += share(runs - k + 1, k).ln() + (rate / (1.0 - rate)).ln();
        sum += term.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn runs(of: &[&[(&str, Verdict)]]) -> Vec<Outcomes> {
        let outcome = |&(name, verdict): &(&str, Verdict)| {
            let wrong = vec![Mismatch::new("status", "200", "500")];
            let wrong = if verdict == Verdict::Failed { wrong } else { Vec::new() };
            Outcome { verdict, ..Outcome::of(name, Duration::ZERO, wrong, Vec::new()) }
        };
        of.iter().map(|run| Outcomes { tests: run.iter().map(outcome).collect() }).collect()
    }

    const GOOD: Verdict = Verdict::Passed;
    const BAD: Verdict = Verdict::Failed;

    #[test]
    fn flaky_tests_are_measured_and_later_runs_judged() {
        let runs = runs(&[
            &[("a", GOOD), ("b", GOOD), ("c", Verdict::Skipped)],
            &[("a", GOOD), ("b", BAD)],
            &[("a", GOOD), ("b", GOOD)],
            &[("a", GOOD), ("b", GOOD)],
        ]);
        let baseline = Baseline::of(&runs).unwrap();
        let rates: Vec<f64> = baseline.tests.iter().map(|t| t.false_fail_rate).collect();
        assert_eq!(rates, [0.0, 0.25]);
        assert_eq!(baseline.flaky().map(|t| t.test().0.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(baseline.judge(&runs[1]), [true, false]);
        assert_eq!(baseline.judge(&Outcomes::default()), [false, false]);
    }

    #[test]
    fn a_failing_site_has_no_baseline_and_the_reason_is_told() {
        let error = Baseline::of(&runs(&[&[("a", GOOD), ("b", BAD)], &[("a", GOOD)]])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "1 of the site's tests fail although nothing was changed: b (2 of 2 runs; status: expected 200, seen 500)"
        );
        let broken = rates(&runs(&[&[("a", GOOD), ("b", BAD)], &[("a", GOOD)]]));
        let failed: Vec<(&str, usize)> = broken.iter().map(|r| (r.test.0.as_str(), r.failed)).collect();
        assert_eq!(failed, [("a", 0), ("b", 2)], "the rates are told all the same");
        assert_eq!(Baseline::of(&runs(&[&[("a", Verdict::Skipped)]])), Err(NoBaseline::NoTests));
        assert_eq!(Baseline::of(&[]), Err(NoBaseline::NoTests));
    }

    #[test]
    fn bounds_are_those_of_the_binomial_distribution() {
        // Without a failure: 1 - 0.05^(1/n). With one in two: (1-p)^2 + 2p(1-p) = 0.05, so p = sqrt(0.95).
        for (failed, runs, bound) in
            [(0, 1, 0.95), (0, 5, 1.0 - 0.05f64.powf(0.2)), (1, 2, 0.95f64.sqrt()), (3, 3, 1.0)]
        {
            assert!((upper_bound(failed, runs) - bound).abs() < 1e-9, "{failed} of {runs}");
        }
        assert!(upper_bound(2, 100_000) < 1e-4);
    }
}
