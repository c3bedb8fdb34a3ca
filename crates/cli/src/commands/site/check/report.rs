//! The tests' results as `--format json`.

use doorward_model::site::{
    MissedPath, SITE_VERSION, SiteCoverage, SiteEndpoint, SiteLogUnread, SiteReport, SiteRun, TestExchange,
    TestMismatch, TestOutcome, TestRate, TestVerdict,
};
use doorward_site::{Coverage, Exchange, Mismatch, Outcome, Outcomes, Rate, Site, Verdict};

pub(super) fn report(
    site: &Site,
    runs: &[Outcomes],
    stopped: bool,
    coverage: Option<SiteCoverage>,
) -> SiteReport {
    // Of a run that was broken off no test is missing.
    let whole = &runs[..runs.len() - usize::from(stopped && !runs.is_empty())];
    let rates = if whole.len() > 1 { doorward_site::rates(whole) } else { Vec::new() };
    SiteReport {
        schema_version: SITE_VERSION,
        site: site.url.to_string(),
        stopped,
        runs: runs.iter().map(|run| SiteRun { tests: run.tests.iter().map(outcome).collect() }).collect(),
        rates: rates.into_iter().map(rate).collect(),
        coverage,
    }
}

fn outcome(outcome: &Outcome) -> TestOutcome {
    TestOutcome {
        test: outcome.test.0.clone(),
        verdict: match outcome.verdict {
            Verdict::Passed => TestVerdict::Passed,
            Verdict::Failed => TestVerdict::Failed,
            Verdict::Skipped => TestVerdict::Skipped,
        },
        seconds: (outcome.took.as_secs_f64() * 1e6).round() / 1e6,
        mismatches: outcome.mismatches.iter().map(mismatch).collect(),
        exchanges: outcome.exchanges.iter().map(exchange).collect(),
    }
}

fn mismatch(mismatch: &Mismatch) -> TestMismatch {
    let Mismatch { place, what, expected, seen } = mismatch.clone();
    TestMismatch { place, what, expected, seen }
}

pub(crate) fn exchange(exchange: &Exchange) -> TestExchange {
    let Exchange { asked, status, size, sha256, text } = exchange.clone();
    TestExchange { asked, status, size, sha256: sha256.to_string(), text }
}

fn rate(rate: Rate) -> TestRate {
    let Rate { test, failed, false_fail_rate, at_most } = rate;
    TestRate { test: test.0, failed, false_fail_rate, at_most }
}

/// What the tests touch, in the published form.
pub(crate) fn coverage(coverage: Coverage, logs_unread: Vec<SiteLogUnread>) -> SiteCoverage {
    let endpoint =
        |(e, touched): (doorward_site::Endpoint, bool)| SiteEndpoint { host: e.host, port: e.port, touched };
    SiteCoverage {
        endpoints: coverage.endpoints.into_iter().map(endpoint).collect(),
        paths: coverage.paths,
        paths_touched: coverage.paths_touched,
        requests: coverage.requests,
        requests_touched: coverage.requests_touched,
        missed: coverage.missed.into_iter().map(|(path, requests)| MissedPath { path, requests }).collect(),
        logs_unread,
    }
}
