//! From a plan to what the site's tests allow of it.

use std::collections::BTreeSet;

use doorward_plan::{Plan, StepId};
use doorward_search::{Found, Item, ProblemError, Progress, StartError};
use doorward_site::{Baseline, Site};

use crate::carry::Aim;
use crate::lane::{Lane, LaneError};
use crate::lead::Lead;
use crate::rehearse::removing;
use crate::{Candidates, Failure, Kept, Manner, Proof, Proved, Record, Rehearsal};

/// Is told how far a trial is.
pub trait Observer {
    /// A round begins: these steps are shut, each set in a lane of its own. No progress is known while confirming.
    fn round(&mut self, manner: Manner, progress: Option<Progress>, lanes: &[Rehearsal]);
    /// A trial was made; it is the last in the record, which is to be saved.
    fn tried(&mut self, record: &Record);
    /// Results contradict each other: from now on tests are taken to flake.
    fn unsteady(&mut self, tests: &[String]);
}

/// Why a trial proved nothing.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// A lane cannot go on.
    #[error(transparent)]
    Lane(#[from] LaneError),
    /// The search's problem is none.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The record does not fit.
    #[error("the record of earlier trials: {0}")]
    Start(#[from] StartError),
    /// The same was shut and passed, then failed, though that was allowed for.
    #[error(
        "the tests contradict each other too often to prove anything: look at them with doorward site check --repeat 20"
    )]
    Unsteady,
    /// What passed in an earlier run fails now.
    #[error(
        "what passed in earlier trials fails now, so the site or its host has changed: forget them with --anew"
    )]
    Changed,
    /// A reboot alone breaks the site.
    #[error(
        "after a reboot the site fails even with nothing shut: the lane cannot be used to prove anything"
    )]
    Reboot,
}

/// A trial of a plan.
pub struct Trial<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Those of its steps that are tried.
    pub candidates: &'a Candidates,
    /// The site's tests.
    pub site: &'a Site,
    /// How they do on the untouched site.
    pub baseline: &'a Baseline,
    /// Places to try, at least one.
    pub lanes: &'a mut [Box<dyn Lane>],
    /// Whether they can be rebooted and thrown away, so that what was found can be tried as it will be applied.
    pub disposable: bool,
    /// Whether what was found has to pass once more as it will be applied, though an earlier run saw it pass: the site may
    /// have changed in a way that the plan does not show.
    pub again: bool,
    /// What is known already.
    pub record: &'a mut Record,
    /// Is told how far it is.
    pub observer: &'a mut dyn Observer,
}

impl Trial<'_> {
    /// Finds the largest part of the plan that the site's tests allow, and proves it. Whatever comes, the record holds
    /// what was learned.
    pub fn run(self) -> Result<Proof, TrialError> {
        let tests =
            self.baseline.tests.iter().map(|one| (one.test().0.clone(), self.site.sum_of(one.test())));
        self.record.meet(self.plan, tests);
        let is_disposable = self.disposable;
        let mut lead = Lead::new(self);
        let mut proof = most(&mut lead, Manner::Disabled)?;
        let bound_bits = proof.bound_bits;
        if proof.proved.is_empty() {
            // Nothing was found that could have changed since.
        } else if is_disposable {
            proof = confirmed(&mut lead, proof)?;
        } else if let Some(rehearsal) = lead.is_of_earlier_runs(&proof) {
            let trial = lead.passes(&rehearsal, Manner::Disabled)?.ok_or(TrialError::Changed)?;
            proof.passed = Some(trial);
            proof.proved.iter_mut().for_each(|proved| proved.trial = trial);
        }
        Ok(Proof { trials: lead.trials(), bound_bits, ..proof })
    }
}

/// The most that can be shut with nothing removed.
fn most(lead: &mut Lead<'_>, manner: Manner) -> Result<Proof, TrialError> {
    let candidates = lead.trial.candidates;
    let (found, numbers) = lead.search(candidates, &Aim::Shut(manner))?;
    Ok(proof(lead, &found, &numbers))
}

/// Tries what was found as it will be applied, over a reboot, and what does not hold then in parts.
fn confirmed(lead: &mut Lead<'_>, mut proof: Proof) -> Result<Proof, TrialError> {
    if let Some(trial) = as_planned(lead, &proof)? {
        return Ok(proof.with(trial, &BTreeSet::new()));
    }
    let mut rebooted = lead.passes(&Rehearsal::disabled(proof.steps()), Manner::Rebooted)?;
    if rebooted.is_none() {
        // The reboot shows what stopping did not.
        if lead.passes(&Rehearsal::default(), Manner::Rebooted)?.is_none() {
            return Err(TrialError::Reboot);
        }
        proof = most(lead, Manner::Rebooted)?;
        if proof.proved.is_empty() {
            return Ok(proof);
        }
        if let Some(trial) = as_planned(lead, &proof)? {
            return Ok(proof.with(trial, &BTreeSet::new()));
        }
        rebooted = proof.passed;
    }
    // A package brings something else that the site misses.
    let removing = removing(lead.trial.plan, &proof.steps());
    let among = Candidates::among(lead.trial.plan, &removing);
    let (found, numbers) = lead.search(&among, &Aim::Removed(proof.steps()))?;
    let report = found.report();
    let good: BTreeSet<StepId> = report.shut.iter().map(|item| among.steps()[item.index()].clone()).collect();
    let trial = report.passed.map(|trial| numbers[trial - 1]).or(rebooted);
    let stay = removing.difference(&good).cloned().collect();
    Ok(proof.with(trial.unwrap_or_default(), &stay))
}

/// The trial that shows that all that was found can be applied as planned.
fn as_planned(lead: &mut Lead<'_>, proof: &Proof) -> Result<Option<usize>, TrialError> {
    let shut = proof.steps();
    let whole = Rehearsal { removed: removing(lead.trial.plan, &shut), shut };
    lead.passes(&whole, whole.farthest())
}

fn proof(lead: &Lead<'_>, found: &Found, numbers: &[usize]) -> Proof {
    let report = found.report();
    let step = |item: Item| lead.trial.candidates.steps()[item.index()].clone();
    let passed = report.passed.map(|trial| numbers[trial - 1]);
    let kept = |kept: &doorward_search::Kept| {
        let trial = numbers[kept.trial - 1];
        let failures = Failure::of(&lead.trial.record.trials[trial - 1], lead.trial.baseline);
        Kept { step: step(kept.item), needed: step(kept.needed), trial, failures }
    };
    let trial = passed.unwrap_or_default();
    let proved = |item: &Item| Proved { step: step(*item), trial, only_disabled: false };
    Proof {
        proved: report.shut.iter().map(proved).collect(),
        kept: report.kept.iter().map(kept).collect(),
        passed,
        as_applied: false,
        trials: 0,
        bound_bits: report.bound.bits(),
    }
}

impl Proof {
    /// As applied in that trial, with the packages of some steps left.
    fn with(mut self, trial: usize, stay: &BTreeSet<StepId>) -> Self {
        for proved in &mut self.proved {
            proved.trial = trial;
            proved.only_disabled = stay.contains(&proved.step);
        }
        Self { passed: Some(trial), as_applied: true, ..self }
    }
}
