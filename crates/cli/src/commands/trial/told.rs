//! What a trial proved, in the form that is published.

use std::time::Duration;

use doorward_model::site::{SiteCoverage, TestRate};
use doorward_model::trial::{
    FailedTest, KeptStep, NotTried, PlaceDifference, ShutStep, TRIAL_VERSION, TrialPlace, TrialReport,
    UnmissedService,
};
use doorward_plan::{Action, Plan, Step, StepId, Units};
use doorward_site::{Baseline, Outcome, Site};
use doorward_trial::{Failure, Kept, Proof, Proved};

use crate::commands::site::check::report::exchange;

/// What is told.
pub(super) struct Facts<'a> {
    pub(super) plan: &'a Plan,
    pub(super) site: &'a Site,
    pub(super) place: TrialPlace,
    pub(super) baseline: &'a Baseline,
    pub(super) proof: &'a Proof,
    pub(super) not_tried: Vec<NotTried>,
    pub(super) differences: Vec<PlaceDifference>,
    pub(super) coverage: Option<SiteCoverage>,
    pub(super) took: Duration,
}

pub(super) fn report(of: Facts<'_>) -> TrialReport {
    let (shut, unmissed): (Vec<&Proved>, Vec<&Proved>) =
        of.proof.proved.iter().partition(|proved| of.plan.step(&proved.step).is_some_and(Step::changes));
    let unmissed = unmissed.into_iter().map(|proved| UnmissedService {
        service: services(of.plan, &proved.step).into_iter().next().unwrap_or_default(),
        why: of.plan.step(&proved.step).map(|step| step.why.clone()).unwrap_or_default(),
        trial: proved.trial,
    });
    let shut = shut.into_iter().map(|proved| ShutStep {
        step: proved.step.to_string(),
        services: services(of.plan, &proved.step),
        trial: proved.trial,
        only_disabled: proved.only_disabled && of.proof.as_applied && uninstalls(of.plan, &proved.step),
    });
    let test = |measured: &doorward_site::Measured| TestRate {
        test: measured.test().0.clone(),
        failed: measured.failed,
        false_fail_rate: measured.false_fail_rate,
        at_most: measured.at_most,
    };
    TrialReport {
        schema_version: TRIAL_VERSION,
        host: of.plan.host.name.clone(),
        place: of.place,
        site: of.site.url.to_string(),
        shut: shut.collect(),
        kept: of.proof.kept.iter().map(|kept| needed(of.plan, kept)).collect(),
        unmissed: unmissed.collect(),
        not_tried: of.not_tried,
        trials: of.proof.trials,
        bound_bits: of.proof.bound_bits,
        confirmed_by: of.proof.passed,
        as_applied: of.proof.as_applied,
        tests: of.baseline.tests.iter().map(test).collect(),
        baseline_runs: of.baseline.runs,
        coverage: of.coverage,
        differences: of.differences,
        seconds: of.took.as_secs_f64(),
    }
}

fn needed(plan: &Plan, kept: &Kept) -> KeptStep {
    let services = services(plan, &kept.step);
    let first = kept.failures.first();
    KeptStep {
        step: kept.step.to_string(),
        service: services.first().cloned().unwrap_or_default(),
        services,
        needed: kept.needed.to_string(),
        trial: kept.trial,
        test: first.map(|failure| failure.test.clone()).unwrap_or_default(),
        how: first.map(|failure| failure.how.clone()).unwrap_or_default(),
        failures: kept.failures.iter().map(failed).collect(),
    }
}

fn failed(failure: &Failure) -> FailedTest {
    let exchanges = |outcome: &Outcome| outcome.exchanges.iter().map(exchange).collect();
    let (good, bad) = failure
        .outcomes
        .as_ref()
        .map_or_else(|| (Vec::new(), Vec::new()), |(good, bad)| (exchanges(good), exchanges(bad)));
    FailedTest { test: failure.test.clone(), how: failure.how.clone(), good, bad }
}

fn services(plan: &Plan, step: &StepId) -> Vec<String> {
    let step = plan.step(step);
    let named = step.and_then(|step| match &step.action {
        Action::Rebind(rebind) => Some(rebind.service.clone()),
        Action::Keep { service, .. } => Some(service.clone()),
        _ => None,
    });
    let units = step.and_then(|step| step.action.units()).into_iter().flat_map(Units::names);
    units.map(std::borrow::Cow::into_owned).chain(named).collect()
}

fn uninstalls(plan: &Plan, step: &StepId) -> bool {
    plan.step(step).is_some_and(|step| step.action.packages().next().is_some())
}
