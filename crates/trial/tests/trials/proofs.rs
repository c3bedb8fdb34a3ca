//! What is proved is so, is the most that can be proved, and each step that is kept has its witness.

use std::cell::Cell;
use std::collections::BTreeSet;

use doorward_plan::{Action, Plan, StepId};
use doorward_search::Purpose;
use doorward_trial::{Failure, Kept, Manner, Proof, Record, Tried};

use crate::host::Broken;
use crate::world::{World, random};
use crate::{How, USUAL, for_cases, is_alone, try_out};

#[test]
fn proofs_are_right_maximal_and_witnessed() {
    let lent = Cell::new(0);
    for_cases(300, |seed| {
        let world = random(seed);
        for disposable in [true, false] {
            let (proof, record) = try_out(&world, How { disposable, ..USUAL });
            check(&world, disposable, &proof, &record);
            assert_eq!(proof.trials, record.trials.len());
            check_marked(&world, &proof, &record);
            let searched =
                |tried: &Tried| (tried.manner, tried.purpose) == (Manner::Rebooted, Purpose::Search);
            let without = |kept: &&Kept| record.trials[kept.trial - 1].manner == Manner::Disabled;
            if record.trials.iter().any(searched) {
                lent.set(lent.get() + proof.kept.iter().filter(without).count());
            }
        }
    });
    assert!(lent.get() > 0 || is_alone(), "what failed without a reboot is not tried once more with it");
}

pub(crate) fn check(world: &World, disposable: bool, proof: &Proof, record: &Record) {
    let shut = proof.steps();
    let removed = removed(&world.plan, proof, disposable);
    let broken =
        |shut: &BTreeSet<StepId>, removed: &BTreeSet<StepId>| world.truth.broken(shut, removed, disposable);
    assert_eq!(broken(&shut, &removed), Broken::new(), "breaks the site");
    assert_eq!(world.closed(shut.clone()), shut, "is shut with all that requires it");
    check_passed(world, disposable, proof, record);

    // Nothing can be added.
    let with = |step: &StepId| world.closed(shut.iter().chain([step]).cloned());
    let left_out = left_out(world);
    for step in &world.plan.steps {
        let id = &step.id;
        let kept: Vec<&Kept> = proof.kept.iter().filter(|kept| kept.step == *id).collect();
        let told = (shut.contains(id), kept.len(), left_out.contains(id));
        assert!([(true, 0, false), (false, 1, false), (false, 0, true)].contains(&told), "{id}: {told:?}");
        for kept in kept {
            assert_ne!(broken(&with(id), &BTreeSet::new()), Broken::new(), "{id} can be shut too");
            check_witness(world, &with(&kept.needed), kept, record);
        }
    }
    let removable: BTreeSet<&StepId> = shut.iter().filter(|id| uninstalls(&world.plan, id)).collect();
    if disposable {
        for step in removable.into_iter().filter(|step| !removed.contains(*step)) {
            let mut more = removed.clone();
            more.extend(removed_with(world, step, &shut));
            assert_ne!(broken(&shut, &more), Broken::new(), "the package of {step} can be removed too");
        }
    }
}

/// Steps that cannot be tried, with what they require.
pub(crate) fn left_out(world: &World) -> BTreeSet<StepId> {
    let is_out = |id: &StepId| !world.closed([id.clone()]).is_disjoint(&world.left_out);
    let out = world.plan.steps.iter().filter(|step| !step.on || is_out(&step.id));
    out.map(|step| step.id.clone()).collect()
}

fn uninstalls(plan: &Plan, id: &StepId) -> bool {
    matches!(plan.step(id).unwrap().action, Action::Uninstall { .. })
}

fn removed(plan: &Plan, proof: &Proof, disposable: bool) -> BTreeSet<StepId> {
    let removing = proof.proved.iter().filter(|proved| disposable && uninstalls(plan, &proved.step));
    removing.filter(|proved| !proved.only_disabled).map(|proved| proved.step.clone()).collect()
}

/// What has to be removed with it, of what is shut.
fn removed_with(world: &World, step: &StepId, shut: &BTreeSet<StepId>) -> BTreeSet<StepId> {
    let removable = |id: &StepId| shut.contains(id) && uninstalls(&world.plan, id);
    let edges = world.edges.iter().filter(|(a, b)| removable(a) && removable(b)).cloned().collect();
    World { edges, ..world.clone() }.closed([step.clone()])
}

/// The trial that is named did what was proved, and all tests passed.
fn check_passed(world: &World, disposable: bool, proof: &Proof, record: &Record) {
    let shut = proof.steps();
    assert_eq!(proof.passed.is_some(), !shut.is_empty());
    assert_eq!(proof.as_applied, disposable && !shut.is_empty());
    let Some(trial) = proof.passed else { return };
    let tried = &record.trials[trial - 1];
    let removed = removed(&world.plan, proof, disposable);
    assert!(shut.is_subset(&tried.shut) && removed.is_subset(&tried.removed), "{tried:?}");
    assert!(
        tried.problem.is_none() && world.truth.tests.iter().all(|test| tried.passed.contains(&test.name))
    );
    let least = if disposable { Manner::Rebooted } else { Manner::Disabled };
    assert!(tried.manner >= least, "{tried:?}");
    for proved in &proof.proved {
        assert_eq!(proved.trial, trial);
        let stays = disposable && uninstalls(&world.plan, &proved.step) && !removed.contains(&proved.step);
        assert_eq!(proved.only_disabled, stays);
    }
}

/// Its trial failed, and nothing was shut in it but what is shut in the end, and the needed step with what requires it.
fn check_witness(world: &World, within: &BTreeSet<StepId>, kept: &Kept, record: &Record) {
    let tried = &record.trials[kept.trial - 1];
    assert!(world.closed([kept.step.clone()]).contains(&kept.needed), "{} for {}", kept.step, kept.needed);
    let is_within = |id: &StepId| within.contains(id) || world.truth.gone.contains(id);
    assert!(tried.shut.iter().all(is_within), "{kept:?}: {tried:?}");
    let was_away = record.steps[&kept.needed].there >= kept.trial;
    assert!(tried.shut.contains(&kept.needed) || was_away, "{kept:?}: {tried:?}");
    assert!(tried.removed.is_empty());
    let told: BTreeSet<&str> = kept.failures.iter().map(|failure| failure.test.as_str()).collect();
    let is_here =
        |name: &&str| tried.problem.is_some() || world.truth.tests.iter().any(|test| test.name == *name);
    let failed: BTreeSet<&str> = tried.failures().filter(is_here).collect();
    assert_eq!(told, failed);
    assert!(!told.is_empty());
    let names = failures(world, within, tried);
    for failure in &kept.failures {
        check_failure(world, failure, &names);
    }
}

/// The tests that fail with all that the trial may shut; steps that were away were as good as shut in it.
fn failures(world: &World, within: &BTreeSet<StepId>, tried: &Tried) -> Vec<Option<String>> {
    let missing = world.truth.missing(within, &BTreeSet::new(), tried.manner != Manner::Disabled);
    missing.iter().map(|test| test.map(|at| world.truth.tests[at].name.clone())).collect()
}

fn check_failure(world: &World, failure: &Failure, names: &[Option<String>]) {
    let Some((good, bad)) = &failure.outcomes else {
        assert!(names.contains(&None), "{failure:?}");
        return assert_eq!(failure.how, "it does not stop");
    };
    assert!(names.contains(&Some(failure.test.clone())), "{failure:?}");
    assert_eq!((&good.test.0, &bad.test.0), (&failure.test, &failure.test));
    let test = world.truth.tests.iter().find(|test| test.name == failure.test).unwrap();
    let how = if test.is_silent {
        "test: expected an outcome, seen it was not run"
    } else {
        "status: expected 200, seen 502"
    };
    assert_eq!(failure.how, how);
}

/// The plan says what was proved, and keeps it as a file.
fn check_marked(world: &World, proof: &Proof, record: &Record) {
    let marked = proof.mark(&world.plan, record);
    assert_eq!(doorward_plan::read(&doorward_plan::print(&marked)).as_ref(), Ok(&marked));
    assert_eq!(marked.changes().map(|step| step.id.clone()).collect::<BTreeSet<_>>(), proof.steps());
    for (step, before) in marked.steps.iter().zip(&world.plan.steps) {
        let text = step.trial.as_deref().unwrap();
        let proved = proof.proved.iter().find(|proved| proved.step == step.id);
        let kept = proof.kept.iter().find(|kept| kept.step == step.id);
        match (proved, kept) {
            (Some(proved), _) => {
                let number = format!("proved unneeded (trial {} of {})", proved.trial, record.trials.len());
                assert!(step.on && text.starts_with(&number), "{text}");
                assert_eq!(text.contains("its package stays"), proved.only_disabled, "{text}");
                let is_disabled = matches!(step.action, Action::Disable { .. });
                assert!(step.action == before.action && !proved.only_disabled || is_disabled);
            }
            (None, Some(kept)) => {
                let test = &kept.failures[0].test;
                let said = format!("{test:?} fails: ");
                assert!(
                    text.contains(&said) || text.contains("it cannot be shut: it does not stop"),
                    "{text}"
                );
                assert!(text.contains(&format!("(trial {})", kept.trial)), "{text}");
                assert_eq!(text.contains(&format!("needed for {} ", kept.needed)), kept.needed != kept.step);
            }
            (None, None) => assert_eq!(text, "not tried, so nothing is proved of it"),
        }
    }
}
