//! What was tried, as a file: nothing that was learned is lost, and a later trial goes on from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_plan::{Plan, StepId};
use doorward_search::{Item, Log, LogError, Problem, Purpose, Trial};
use doorward_site::Outcome;
use serde::{Deserialize, Serialize};

use crate::Manner;

/// The version of the file. It grows when a name changes its meaning or goes.
pub const RECORD_VERSION: u32 = 1;

/// All trials of one host and site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of the form.
    pub schema_version: u32,
    /// The host's name.
    pub host: String,
    /// What each step was when it was tried.
    pub steps: BTreeMap<StepId, String>,
    /// The trials, in their order.
    pub trials: Vec<Tried>,
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
    /// Whether every test passed.
    pub fn is_sound(&self) -> bool {
        self.problem.is_none() && self.failed.is_empty()
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
    Version(u32),
    /// It is of another host.
    #[error("it is of the host {0:?}")]
    Host(String),
}

impl Record {
    /// None yet, of that plan's host.
    pub fn new(plan: &Plan) -> Self {
        Self {
            schema_version: RECORD_VERSION,
            host: plan.host.name.clone(),
            steps: prints(plan),
            trials: Vec::new(),
        }
    }

    /// Reads the file, of the host that the plan is for.
    pub fn read(text: &str, plan: &Plan) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_str(text)?;
        if record.schema_version != RECORD_VERSION {
            return Err(RecordError::Version(record.schema_version));
        }
        if record.host != plan.host.name {
            return Err(RecordError::Host(record.host));
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

    /// The trials of that manner that still tell something about the problem, each with its number.
    pub(crate) fn carried(
        &self,
        problem: &Problem,
        plan: &Plan,
        manner: Manner,
    ) -> Result<(Log, Vec<usize>), LogError> {
        let now = prints(plan);
        let changed = |item: &Item| {
            let name = StepId(problem.candidate(*item).name.clone());
            self.steps.get(&name).is_some_and(|before| now.get(&name) != Some(before))
        };
        let changed: Vec<Item> = problem.items().filter(changed).collect();
        let names = |all: &dyn Fn(&Tried) -> Vec<String>| -> Vec<String> {
            let all: BTreeSet<String> = self.trials.iter().flat_map(all).collect();
            all.into_iter().collect()
        };
        let candidates = names(&|tried| tried.shut.iter().map(ToString::to_string).collect());
        let tests =
            names(&|tried| tried.passed.iter().cloned().chain(tried.failures().map(str::to_owned)).collect());
        let place = |all: &[String], name: &str| {
            all.binary_search_by(|other| other.as_str().cmp(name)).ok().and_then(|at| u32::try_from(at).ok())
        };
        let mut log = Log {
            candidates: problem.candidates().iter().map(|candidate| candidate.name.clone()).collect(),
            tests: problem.tests().to_vec(),
            trials: Vec::new(),
        };
        let mut numbers = Vec::new();
        for (at, tried) in self.trials.iter().enumerate().filter(|(_, tried)| tried.manner == manner) {
            let trial = Trial {
                round: tried.round,
                purpose: tried.purpose,
                shut: tried.shut.iter().filter_map(|step| place(&candidates, &step.0)).collect(),
                failed: tried.failures().filter_map(|test| place(&tests, test)).collect(),
                passed: tried.passed.iter().filter_map(|test| place(&tests, test)).collect(),
            };
            let alone = Log { candidates: candidates.clone(), tests: tests.clone(), trials: vec![trial] };
            for kept in alone.carried(problem, &changed)?.trials {
                log.trials.push(kept);
                numbers.push(at + 1);
            }
        }
        Ok((log, numbers))
    }
}

/// What each step does, to tell whether it changed.
fn prints(plan: &Plan) -> BTreeMap<StepId, String> {
    let print = |step: &doorward_plan::Step| {
        let units = step.action.units().into_iter().flat_map(doorward_plan::Units::names);
        let packages = step.action.packages().map(|p| format!("{} {}", p.name, p.version).into());
        let words: Vec<std::borrow::Cow<'_, str>> = packages.chain(units).collect();
        (step.id.clone(), words.join(", "))
    };
    plan.changes().map(print).collect()
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
