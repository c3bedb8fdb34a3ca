//! What was tried, as a file: nothing that was learned is lost, and a later trial goes on from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_plan::{Action, Plan, Step, StepId, Units};
use doorward_search::Purpose;
use doorward_site::{Outcome, Sha256};
use serde::{Deserialize, Serialize};

use crate::Manner;
use crate::rehearse::removes;

/// The version of the file. It grows when a name changes its meaning or goes.
pub const RECORD_VERSION: u32 = 1;

/// All trials of one host and site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of the form.
    pub schema_version: u32,
    /// The host's name.
    pub host: String,
    /// All steps that a plan had.
    pub steps: BTreeMap<StepId, Known>,
    /// Tests, each with a sum of what it asks: where that changed, it is another test, of which nothing is known.
    pub tests: BTreeMap<String, Sha256>,
    /// Tests that contradicted themselves.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unsteady: BTreeSet<String>,
    /// The trials, in their order.
    pub trials: Vec<Tried>,
}

/// A step, as it was when it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What it does: another version of a package makes it another step.
    pub does: String,
    /// Whether packages go with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removes: bool,
    /// Services that it shuts, of those that the plan recorded.
    pub services: BTreeSet<String>,
    /// It was that from this trial on, from 0.
    pub since: usize,
    /// A plan had it, as this or as something else, from this trial on.
    pub there: usize,
    /// No plan has it from this trial on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<usize>,
}

/// One trial. It is named by its place in the record, from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// Trials of one round were made together.
    pub round: u32,
    /// Why it was made.
    pub purpose: Purpose,
    /// How far it went.
    pub manner: Manner,
    /// The steps that were carried out.
    pub shut: BTreeSet<StepId>,
    /// Those of them that removed packages.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<StepId>,
    /// Why not all could be shut, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Tests that passed.
    pub passed: Vec<String>,
    /// Tests that failed, with what was asked and answered.
    pub failed: Vec<Outcome>,
    /// How long it took.
    #[serde(with = "seconds", rename = "seconds")]
    pub took: Duration,
}

/// The name of the test that everything could be shut and what stays goes on.
pub(crate) const WHOLE: &str = "what is shut can be shut, and what stays runs";

impl Tried {
    /// Those of the tests that passed, as the search is told: none, where not all could be shut.
    pub(crate) fn passes_in<'t>(&self, tests: &'t [String]) -> impl Iterator<Item = &'t str> {
        let passed = |test: &&String| self.problem.is_none() && self.passed.contains(test);
        tests.iter().filter(passed).map(String::as_str)
    }

    /// Those that failed: all, where not all could be shut. They may not have been run then, and a search that is never
    /// told of a test would ask for ever.
    pub(crate) fn fails_in<'t>(&self, tests: &'t [String]) -> impl Iterator<Item = &'t str> {
        let failed = |test: &&String| self.problem.is_some() || self.failures().any(|failed| failed == *test);
        tests.iter().filter(failed).map(String::as_str)
    }

    /// The names of the tests that failed.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        let whole = self.problem.is_some().then_some(WHOLE);
        whole.into_iter().chain(self.failed.iter().map(|outcome| outcome.test.0.as_str()))
    }
}

/// Why a record is of no use.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is no record, or a damaged one.
    #[error("it is not a record of trials: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is of another program.
    #[error("it is of version {0}, and this program knows version {RECORD_VERSION}")]
    Version(u64),
    /// It is of another host.
    #[error("it is of the host {0:?}")]
    Host(String),
    /// Trials that cannot have been.
    #[error("it is damaged: trial {trial} {what}")]
    Damaged {
        /// The trial's number.
        trial: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Record {
    /// None yet, of that plan's host.
    pub fn new(plan: &Plan) -> Self {
        let mut record = Self {
            schema_version: RECORD_VERSION,
            host: plan.host.name.clone(),
            steps: BTreeMap::new(),
            tests: BTreeMap::new(),
            unsteady: BTreeSet::new(),
            trials: Vec::new(),
        };
        record.meet_plan(plan);
        record
    }

    /// Reads the file, of the host that the plan is for.
    pub fn read(text: &str, plan: &Plan) -> Result<Self, RecordError> {
        // Told before anything else, as the rest may mean something new.
        #[derive(Deserialize)]
        struct Version {
            schema_version: u64,
        }
        let Version { schema_version } = serde_json::from_str(text)?;
        if schema_version != u64::from(RECORD_VERSION) {
            return Err(RecordError::Version(schema_version));
        }
        let record: Self = serde_json::from_str(text)?;
        if record.host != plan.host.name {
            return Err(RecordError::Host(record.host));
        }
        let mut round = 0;
        for (tried, trial) in record.trials.iter().zip(1..) {
            let damaged = |what| Err(RecordError::Damaged { trial, what });
            if tried.round < round {
                return damaged("is of an earlier round than the one before");
            }
            if !tried.removed.is_subset(&tried.shut) {
                return damaged("removed what it did not shut");
            }
            if tried.failures().any(|test| tried.passed.iter().any(|passed| passed == test)) {
                return damaged("has a test that passed and failed");
            }
            round = tried.round;
        }
        Ok(record)
    }

    /// The file.
    ///
    /// # Panics
    /// Never: all of it has a form in JSON.
    pub fn print(&self) -> String {
        serde_json::to_string_pretty(self).expect("all of it has a form") + "\n"
    }

    /// Takes note of the plan that is tried from now on, and of the tests.
    pub(crate) fn meet(&mut self, plan: &Plan, tests: impl Iterator<Item = (String, Sha256)>) {
        self.meet_plan(plan);
        for (test, sum) in tests {
            if self.tests.insert(test.clone(), sum).is_some_and(|before| before != sum) {
                self.unsteady.remove(&test);
                for tried in &mut self.trials {
                    tried.passed.retain(|passed| *passed != test);
                    tried.failed.retain(|failed| failed.test.0 != test);
                }
            }
        }
    }

    fn meet_plan(&mut self, plan: &Plan) {
        let now = self.trials.len();
        for (id, known) in &mut self.steps {
            if plan.step(id).is_none() {
                known.until.get_or_insert(now);
            }
        }
        for step in plan.steps.iter().filter(|step| step.action.is_change()) {
            let does = does(step);
            let before = self.steps.get(&step.id).filter(|known| known.until.is_none());
            if before.is_none_or(|known| known.does != does) {
                let there = before.map_or(now, |known| known.there);
                let services = step.action.units().into_iter().flat_map(Units::names);
                let recorded = services.filter(|name| plan.recorded.services.contains_key(name.as_ref()));
                let services = recorded.map(std::borrow::Cow::into_owned).collect();
                let removes = removes(step);
                let known = Known { does, removes, services, since: now, there, until: None };
                self.steps.insert(step.id.clone(), known);
            }
        }
    }
}

/// What a step does, to tell whether it changed.
fn does(step: &Step) -> String {
    let units = step.action.units().into_iter().flat_map(Units::names);
    let packages = step.action.packages().map(|p| format!("{} {}", p.name, p.version).into());
    let rebound = match &step.action {
        Action::Rebind(to) => Some(format!("{} {} {}", to.file, to.setting, to.to).into()),
        _ => None,
    };
    let words: Vec<std::borrow::Cow<'_, str>> = packages.chain(units).chain(rebound).collect();
    words.join(", ")
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}
