//! What `doorward trial` says as JSON: `--format json`. Its names are a contract, published in `schema/`. Texts are the
//! host's and the site's own: whoever shows them escapes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::site::{SiteCoverage, TestExchange, TestRate};

/// The version of this form. It grows when a name changes its meaning or goes; new names may come without it.
pub const TRIAL_VERSION: u32 = 1;

/// What a trial proved, and what that rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialReport {
    /// Version of this form.
    pub schema_version: u32,
    /// The host that the plan is for.
    pub host: String,
    /// Where it was tried.
    pub place: TrialPlace,
    /// The site.
    pub site: String,
    /// Steps that the site does not miss, all together.
    pub shut: Vec<ShutStep>,
    /// Steps that it misses, and services that the plan keeps and it misses indeed.
    pub kept: Vec<KeptStep>,
    /// Services that the plan keeps, though no test misses them.
    pub unmissed: Vec<UnmissedService>,
    /// Steps that could not be tried, and are off in the plan that comes out.
    pub not_tried: Vec<NotTried>,
    /// Trials that were made, those of earlier runs that were still of use included.
    pub trials: usize,
    /// Bits that had to be found out: with one test that passes or fails, no search needs fewer trials.
    pub bound_bits: f64,
    /// The trial in which all of `shut` was shut and every test passed; nothing where nothing can be shut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<usize>,
    /// Whether that trial went as far as applying does: packages removed, and tested after a reboot.
    pub as_applied: bool,
    /// The tests, and how often each fails by itself.
    pub tests: Vec<TestRate>,
    /// Runs of the tests on the untouched site.
    pub baseline_runs: usize,
    /// What of the host's web servers, and of what visitors ask for, the tests touch, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<SiteCoverage>,
    /// How the place differs from the host, where that is known.
    pub differences: Vec<PlaceDifference>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Where a plan was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrialPlace {
    /// On copies of the host, booted beside it.
    Clone,
    /// On another machine.
    Host,
    /// On the host itself.
    Live,
}

/// A step that the site does not miss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShutStep {
    /// The step.
    pub step: String,
    /// What it shuts.
    pub services: Vec<String>,
    /// The trial in which it was done and every test passed.
    pub trial: usize,
    /// The site misses something that its package brings: it is disabled rather than uninstalled.
    pub only_disabled: bool,
}

/// A service that the plan keeps, though no test misses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnmissedService {
    /// The service.
    pub service: String,
    /// Why the plan keeps it.
    pub why: String,
    /// The trial in which it was shut and every test passed.
    pub trial: usize,
}

/// A step that the site misses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptStep {
    /// The step.
    pub step: String,
    /// The first service that it would have shut.
    pub service: String,
    /// All of them.
    pub services: Vec<String>,
    /// The step that the site misses: this one, or one that needs what it shuts.
    pub needed: String,
    /// The trial that did it on top of what can be shut, or of a part of that, and failed.
    pub trial: usize,
    /// The first test that failed in it.
    pub test: String,
    /// How, in words.
    pub how: String,
    /// Each test that failed in it, with what was asked and answered then and on the untouched site.
    pub failures: Vec<FailedTest>,
}

/// A test that fails without what a step shuts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailedTest {
    /// The test.
    pub test: String,
    /// How, in words.
    pub how: String,
    /// What was asked and answered on the untouched site.
    pub good: Vec<TestExchange>,
    /// What was asked and answered in the trial.
    pub bad: Vec<TestExchange>,
}

/// A step that could not be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotTried {
    /// The step.
    pub step: String,
    /// Why.
    pub why: String,
}

/// Something that is not as on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaceDifference {
    /// What.
    pub what: String,
    /// How it differs.
    pub how: String,
}
