//! What came of a site's tests, as JSON: `doorward site check --format json`. Its names are a contract, published in
//! `schema/`. Texts are the site's and its suites' own: whoever shows them escapes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of this form. It grows when a name changes its meaning or goes; new names may come without it.
pub const SITE_VERSION: u32 = 1;

/// `doorward site check`: how each test did in each run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SiteReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Where the site begins.
    pub site: String,
    /// Whether it was stopped: outcomes are missing from the last run.
    pub stopped: bool,
    /// One a run.
    pub runs: Vec<SiteRun>,
    /// How often each test failed; empty for fewer than two whole runs.
    pub rates: Vec<TestRate>,
    /// What of the site the tests touch; none where neither logs nor a web server's configuration were looked at.
    pub coverage: Option<SiteCoverage>,
}

/// One run of all tests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SiteRun {
    /// One a test, in an order that is the same in each run.
    pub tests: Vec<TestOutcome>,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestOutcome {
    /// Its name: of a check, or of a suite and its test (`browser: pays by card`).
    pub test: String,
    /// Passed or not.
    pub verdict: TestVerdict,
    /// How long it took.
    pub seconds: f64,
    /// What was not as expected; at least one where it failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<TestMismatch>,
    /// What was asked and answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<TestExchange>,
}

/// Passed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TestVerdict {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed,
    /// A suite left it out: it says nothing.
    Skipped,
}

/// One thing that was not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestMismatch {
    /// Where: `request 2: POST https://shop.example/login`; left out where there is only one place.
    #[serde(default, rename = "where", skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What: `status`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestExchange {
    /// What was asked: `GET https://shop.example/`.
    pub asked: String,
    /// Status of the answer, where its protocol has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// Size of the answer, in bytes.
    pub size: u64,
    /// SHA-256 of the answer without what the test ignores, in hexadecimal digits.
    pub sha256: String,
    /// Its beginning, at most 16 KiB, without what is ignored; empty where it is no text.
    pub text: String,
}

/// How often a test failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestRate {
    /// Its name.
    pub test: String,
    /// Runs that it failed, or in which it was missing.
    pub failed: usize,
    /// Share of the runs that it failed.
    pub false_fail_rate: f64,
    /// With a confidence of 95 %, it fails no more often than this (one-sided, by Clopper and Pearson 1934).
    pub at_most: f64,
}

/// What of the site the tests touch. A test of a path tells nothing of what else lies behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteCoverage {
    /// Where the host's web servers take requests.
    pub endpoints: Vec<SiteEndpoint>,
    /// Different paths that the access logs know, queries aside.
    pub paths: usize,
    /// Of these, the ones that a test asks for.
    pub paths_touched: usize,
    /// Requests that the logs know.
    pub requests: u64,
    /// Of these, the ones for such a path.
    pub requests_touched: u64,
    /// Paths that no test asks for, most requests first; at most 20.
    pub missed: Vec<MissedPath>,
    /// Access logs that could not be read.
    pub logs_unread: Vec<SiteLogUnread>,
}

/// A virtual host on a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteEndpoint {
    /// Name that requests carry; nothing where any does.
    pub host: Option<String>,
    /// Port.
    pub port: u16,
    /// Whether a test asks there.
    pub touched: bool,
}

/// A path that visitors ask for, and no test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MissedPath {
    /// The path, behind its host where that is not the site's.
    pub path: String,
    /// Requests for it.
    pub requests: u64,
}

/// An access log that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteLogUnread {
    /// Its path.
    pub log: String,
    /// Why.
    pub why: String,
}
