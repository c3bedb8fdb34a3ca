//! Tests that fail now and then.

use std::cell::Cell;

use doorward_trial::{Proof, Record, TrialError};

type Steps = std::collections::BTreeSet<doorward_plan::StepId>;
use crate::host::{Broken, FakeTest, Shows};
use crate::proofs::left_out;
use crate::world::{self, World, random};
use crate::{USUAL, for_cases, go_on, is_alone};

/// How often a test fails by itself.
const ERRS: f64 = 0.02;

/// A random world whose tests all err, which its baseline knows.
fn flaky(seed: u64) -> World {
    let mut world = random(seed);
    for test in &mut world.truth.tests {
        test.errs = ERRS;
    }
    // As many runs as it takes to see most of them fail.
    world.baseline_runs = 100;
    world
}

/// Whether what was proved passes, and is all that can be shut.
fn is_right(world: &World, proof: &Proof) -> bool {
    let shut = proof.steps();
    let stay = |step: &doorward_plan::StepId| {
        proof.proved.iter().any(|proved| proved.step == *step && proved.only_disabled)
    };
    let uninstall = |step: &&doorward_plan::Step| step.action.packages().next().is_some();
    let removing = world.plan.steps.iter().filter(uninstall).map(|step| step.id.clone());
    let removed = removing.filter(|id| shut.contains(id) && !stay(id)).collect();
    let nothing = Steps::new();
    let breaks = |shut: &Steps, removed: &Steps| world.truth.broken(shut, removed, true) != Broken::new();
    let left_out = left_out(world);
    let others =
        world.plan.steps.iter().filter(|step| !shut.contains(&step.id) && !left_out.contains(&step.id));
    let with = |id: &doorward_plan::StepId| world.closed(shut.iter().chain([id]).cloned());
    !breaks(&shut, &removed) && others.map(|step| with(&step.id)).all(|with| breaks(&with, &nothing))
}

#[test]
fn flaky_tests_seldom_mislead() {
    let (cases, wrong, gave_up) = (Cell::new(0), Cell::new(Vec::new()), Cell::new(0));
    for_cases(100, |seed| {
        let world = flaky(seed);
        let mut record = Record::new(&world.plan);
        let (proof, _) = go_on(&world, USUAL, &mut record);
        cases.set(cases.get() + 1);
        match proof {
            Ok(proof) if is_right(&world, &proof) => {
                assert!(proof.trials <= record.trials.len());
                let (again, _) = go_on(&world, USUAL, &mut record);
                assert!(again.is_ok(), "{again:?}");
            }
            Ok(_) => {
                let mut seeds = wrong.take();
                seeds.push(seed);
                wrong.set(seeds);
            }
            Err(TrialError::Unsteady) => gave_up.set(gave_up.get() + 1),
            Err(why) => panic!("{why}"),
        }
    });
    let (cases, wrong, gave_up) = (cases.get(), wrong.take(), gave_up.get());
    println!("{cases} cases, wrong: {wrong:?}, {gave_up} gave up");
    assert!(
        (wrong.len() + gave_up) * 100 <= cases,
        "of {cases} cases, {gave_up} gave up, wrong with DOORWARD_SEED={wrong:?}"
    );
}

/// Ten steps, of which two are needed, and a test that fails by itself, which no run before showed.
fn sly(seed: u64) -> World {
    let mut world = world::world(seed, (0..10).map(world::disable).collect());
    world.truth.tests.push(FakeTest { name: "mail".to_owned(), is_silent: false, errs: 0.3 });
    world.needs(Shows::Stopped, &["disable:s2.service"], Some(0));
    world.needs(Shows::Stopped, &["disable:s7.service"], Some(0));
    world.baseline_runs = 1;
    world
}

#[test]
fn results_that_contradict_each_other_are_noticed_and_repeated() {
    let (noticed, right, again_right) = (Cell::new(0), Cell::new(0), Cell::new(0));
    for_cases(80, |seed| {
        let world = sly(seed);
        let mut record = Record::new(&world.plan);
        let (proof, told) = go_on(&world, USUAL, &mut record);
        if told.unsteady.is_empty() {
            return;
        }
        noticed.set(noticed.get() + 1);
        assert_eq!(told.unsteady, [["mail"]], "the one that errs is named, once");
        right.set(right.get() + i32::from(proof.as_ref().is_ok_and(|proof| is_right(&world, proof))));
        // A later trial knows it from the beginning.
        let mut record = Record::read(&record.print(), &world.plan).unwrap();
        let (again, told) = go_on(&world, USUAL, &mut record);
        assert_eq!(told.unsteady, [["mail"]]);
        again_right.set(again_right.get() + i32::from(again.is_ok_and(|again| is_right(&world, &again))));
    });
    let (noticed, right, again_right) = (noticed.get(), right.get(), again_right.get());
    println!("{noticed} noticed, {right} of them right, {again_right} when gone on from");
    assert!(is_alone() || noticed > 10 && right.min(again_right) * 10 >= noticed * 9);
}
