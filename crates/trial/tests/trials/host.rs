//! A host that does as its truth says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_plan::{Action, Plan, StepId};
use doorward_site::{Mismatch, Outcome, Outcomes, Test, Verdict};
use doorward_trial::{Attempt, Lane, LaneError};

/// When something that is missed shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// As soon as it is stopped.
    Stopped,
    /// After a reboot.
    Rebooted,
    /// Where its package is removed.
    Removed,
}

/// One of these is needed.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    pub(crate) any: BTreeSet<StepId>,
    pub(crate) shows: Shows,
    /// The test that fails without; none: they cannot all be shut.
    pub(crate) test: Option<usize>,
}

/// A test of the site.
#[derive(Debug, Clone)]
pub(crate) struct FakeTest {
    pub(crate) name: String,
    /// Where it would fail, nothing is told of it.
    pub(crate) is_silent: bool,
    /// How often it fails by itself.
    pub(crate) errs: f64,
}

/// What is so, whoever looks.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) tests: Vec<FakeTest>,
    pub(crate) needs: Vec<Need>,
    /// Steps of earlier plans whose services are there no more.
    pub(crate) gone: BTreeSet<StepId>,
}

/// What breaks: tests by place, or none for the shutting itself.
pub(crate) type Broken = BTreeSet<Option<usize>>;

impl Truth {
    /// What a trial shows.
    pub(crate) fn broken(&self, shut: &BTreeSet<StepId>, removed: &BTreeSet<StepId>, reboot: bool) -> Broken {
        let broken = self.missing(shut, removed, reboot);
        // What cannot be shut is not tested.
        if broken.contains(&None) { BTreeSet::from([None]) } else { broken }
    }

    pub(crate) fn missing(
        &self,
        shut: &BTreeSet<StepId>,
        removed: &BTreeSet<StepId>,
        reboot: bool,
    ) -> Broken {
        let all_in = |need: &Need, done: &BTreeSet<StepId>| {
            need.any.iter().all(|step| done.contains(step) || self.gone.contains(step))
        };
        let shows = |need: &&Need| match need.shows {
            Shows::Stopped => all_in(need, shut),
            Shows::Rebooted => reboot && all_in(need, shut),
            Shows::Removed => all_in(need, removed),
        };
        self.needs.iter().filter(shows).map(|need| need.test).collect()
    }

    pub(crate) fn outcomes(&self, broken: &Broken, random: &mut fastrand::Rng) -> Outcomes {
        let one = |(at, test): (usize, &FakeTest)| {
            let fails = broken.contains(&Some(at)) || random.f64() < test.errs;
            (!(fails && test.is_silent)).then(|| outcome(&test.name, !fails))
        };
        Outcomes { tests: self.tests.iter().enumerate().filter_map(one).collect() }
    }
}

pub(crate) fn outcome(name: &str, passed: bool) -> Outcome {
    let wrong = Mismatch {
        place: String::new(),
        what: "status".to_owned(),
        expected: "200".to_owned(),
        seen: "502".to_owned(),
    };
    Outcome {
        test: Test(name.to_owned()),
        verdict: if passed { Verdict::Passed } else { Verdict::Failed },
        took: Duration::from_millis(250),
        mismatches: if passed { Vec::new() } else { vec![wrong] },
        exchanges: Vec::new(),
    }
}

/// A place to try on such a host.
pub(crate) struct FakeLane {
    pub(crate) truth: Truth,
    pub(crate) random: fastrand::Rng,
    /// Attempts of all lanes.
    pub(crate) attempts: Arc<AtomicUsize>,
    /// From that attempt on it does not go on.
    pub(crate) stop_at: Option<usize>,
    pub(crate) error: LaneError,
}

impl Lane for FakeLane {
    fn attempt(&mut self, plan: &Plan, reboot: bool) -> Result<Attempt, LaneError> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        assert!(attempt < 2_000, "the search goes astray");
        if self.stop_at.is_some_and(|stop| attempt >= stop) {
            return Err(self.error.clone());
        }
        // What is only stopped is back after a reboot.
        let steps = plan.changes().filter(|step| !(reboot && matches!(step.action, Action::Stop { .. })));
        let shut: BTreeSet<StepId> = steps.map(|step| step.id.clone()).collect();
        let removes = plan.changes().filter(|step| step.action.packages().next().is_some());
        let removed = removes.map(|step| step.id.clone()).collect();
        let broken = self.truth.broken(&shut, &removed, reboot);
        let took = Duration::from_millis(1500);
        if broken.contains(&None) {
            let problem = Some("it does not stop".to_owned());
            return Ok(Attempt { problem, outcomes: Outcomes::default(), took });
        }
        Ok(Attempt { problem: None, outcomes: self.truth.outcomes(&broken, &mut self.random), took })
    }
}
