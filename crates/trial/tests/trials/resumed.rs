//! Trials that go on from what earlier ones learned.

use std::cell::Cell;

use doorward_plan::{RecordedService, Step, Units};
use doorward_trial::{LaneError, Record, TrialError};

use crate::changed::change;
use crate::host::Shows;
use crate::proofs::check;
use crate::world::{World, disable, ids, random, uninstall};
use crate::{How, USUAL, for_cases, go_on, is_alone, try_out, world};

#[test]
fn a_trial_that_was_stopped_goes_on_as_if_it_had_not_been() {
    for_cases(300, |seed| {
        let world = random(seed);
        let (proof, whole) = try_out(&world, USUAL);
        let stop_at = fastrand::Rng::with_seed(seed).usize(0..=whole.trials.len());
        let mut record = Record::new(&world.plan);
        let (stopped, told) = go_on(&world, How { stop_at: Some(stop_at), ..USUAL }, &mut record);
        if stop_at < whole.trials.len() {
            assert!(matches!(stopped, Err(TrialError::Lane(LaneError::Stopped))), "{stopped:?}");
        }
        assert_eq!(record.trials, whole.trials[..stop_at]);
        let saved = told.saved.unwrap_or(record).print();
        let mut record = Record::read(&saved, &world.plan).unwrap();
        let (resumed, _) = go_on(&world, USUAL, &mut record);
        let resumed = resumed.unwrap();
        check(&world, true, &resumed, &record);
        assert_eq!(resumed.steps(), proof.steps());
        let (all, before) = (record.trials.len(), whole.trials.len());
        // The one that was cut is made again.
        assert!(all <= before + 1, "{all} trials, {before} without the stop");
        // Nothing is left to be tried.
        let (again, _) = go_on(&world, How { stop_at: Some(0), ..USUAL }, &mut record);
        let again = again.unwrap();
        check(&world, true, &again, &record);
        assert_eq!(again.proved, resumed.proved);
    });
}

#[test]
fn a_round_that_was_cut_costs_little_more_than_itself() {
    let (cut, uncut, most) = (Cell::new(0), Cell::new(0), Cell::new(0));
    for_cases(100, |seed| {
        let world = random(seed);
        let mut random = fastrand::Rng::with_seed(seed);
        let how = How { lanes: random.usize(2..5), ..USUAL };
        let (_, whole) = try_out(&world, how);
        let stop_at = random.usize(0..=whole.trials.len());
        let mut record = Record::new(&world.plan);
        let _ = go_on(&world, How { stop_at: Some(stop_at), ..how }, &mut record);
        assert_eq!(record.trials.len(), stop_at);
        let (proof, _) = go_on(&world, how, &mut record);
        check(&world, true, &proof.unwrap(), &record);
        cut.set(cut.get() + record.trials.len());
        uncut.set(uncut.get() + whole.trials.len());
        most.set(most.get() + how.lanes);
    });
    // A part of a round may lead elsewhere: to another part of an "or", and to other trials.
    let (cut, uncut, most) = (cut.get(), uncut.get(), most.get());
    println!("{cut} trials with rounds that were cut, {uncut} without; {most} lanes");
    assert!(cut <= uncut + most || is_alone());
}

#[test]
fn what_changed_is_tried_again_and_nothing_wrong_is_believed() {
    let (from_records, from_nothing) = (Cell::new(0), Cell::new(0));
    for_cases(120, |seed| {
        let mut world = random(seed);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut record = Record::new(&world.plan);
        let mut away = Vec::new();
        for _ in 0..7 {
            let disposable = random.u8(0..4) > 0;
            let (began, how) = (record.trials.len(), How { disposable, ..USUAL });
            let stop_at = (random.u8(0..3) == 0).then(|| random.usize(0..6));
            let (proof, _) = go_on(&world, How { stop_at, ..how }, &mut record);
            match proof {
                Ok(proof) => {
                    check(&world, disposable, &proof, &record);
                    assert!(proof.trials <= record.trials.len());
                    from_records.set(from_records.get() + record.trials.len() - began);
                    from_nothing.set(from_nothing.get() + try_out(&world, how).1.trials.len());
                }
                Err(why) => assert!(stop_at.is_some(), "{why}"),
            }
            // One at a time: of two changes of one step the record would see the last alone.
            if random.u8(0..4) > 0 {
                let left = change(&mut world, &mut away, &mut random);
                away.extend(left);
            }
            record = Record::read(&record.print(), &world.plan).unwrap();
        }
    });
    let (with, without) = (from_records.get(), from_nothing.get());
    println!("{with} trials with records, {without} without");
    assert!(with * 3 < without * 2 || is_alone(), "{with} trials with records, {without} without");
}

/// A step goes for good, and its services with it.
fn gone(world: &mut World, id: &str) -> Step {
    let at = world.plan.steps.iter().position(|step| step.id.0 == id).unwrap();
    let step = world.plan.steps.remove(at);
    for name in step.action.units().into_iter().flat_map(Units::names) {
        world.plan.recorded.services.remove(name.as_ref()).unwrap();
    }
    world.truth.gone.insert(step.id.clone());
    step
}

#[test]
fn what_passed_with_something_running_tells_nothing_once_that_is_gone() {
    let mut world = world::world(3, (0..3).map(disable).collect());
    world.needs(Shows::Stopped, &["disable:s0.service", "disable:s1.service"], Some(0));
    let (proof, mut record) = try_out(&world, USUAL);
    let [kept] = &proof.kept[..] else { panic!("one of the two") };
    gone(&mut world, &kept.step.0);
    let (proof, _) = go_on(&world, USUAL, &mut record);
    let proof = proof.unwrap();
    check(&world, true, &proof, &record);
    assert_eq!(proof.steps(), ids(&["disable:s2.service"]));
}

#[test]
fn what_passed_with_something_disabled_tells_nothing_once_its_package_is_gone() {
    let mut world = world::world(3, (0..3).map(uninstall).collect());
    world.needs(Shows::Removed, &["uninstall:p0", "uninstall:p1"], Some(0));
    let (proof, mut record) = try_out(&world, USUAL);
    let stays = proof.proved.iter().find(|proved| proved.only_disabled).unwrap();
    gone(&mut world, &stays.step.0);
    let (proof, _) = go_on(&world, USUAL, &mut record);
    let proof = proof.unwrap();
    check(&world, true, &proof, &record);
    assert_eq!(proof.proved.iter().filter(|proved| proved.only_disabled).count(), 1);
}

#[test]
fn what_failed_with_something_gone_tells_of_both_once_that_is_back() {
    let mut world = world::world(3, (0..3).map(disable).collect());
    world.needs(Shows::Stopped, &["disable:s0.service", "disable:s1.service"], Some(0));
    let step = gone(&mut world, "disable:s0.service");
    let (proof, mut record) = try_out(&world, USUAL);
    assert_eq!(proof.steps(), ids(&["disable:s2.service"]));
    world.plan.steps.push(step);
    world.plan.recorded.services.insert("s0.service".to_owned(), RecordedService::default());
    world.truth.gone.clear();
    world.needs(Shows::Stopped, &["disable:s0.service"], Some(0));
    let (proof, _) = go_on(&world, USUAL, &mut record);
    let proof = proof.unwrap();
    check(&world, true, &proof, &record);
    assert_eq!(proof.steps(), ids(&["disable:s1.service", "disable:s2.service"]));
}

#[test]
fn what_was_applied_needs_no_trial_again() {
    let mut world = world::world(3, (0..6).map(uninstall).collect());
    world.needs(Shows::Stopped, &["uninstall:p1"], Some(0));
    world.needs(Shows::Stopped, &["uninstall:p4"], Some(0));
    let (proof, mut record) = try_out(&world, USUAL);
    for step in proof.steps() {
        gone(&mut world, &step.0);
    }
    let (again, _) = go_on(&world, How { stop_at: Some(0), ..USUAL }, &mut record);
    let again = again.unwrap();
    check(&world, true, &again, &record);
    let kept: Vec<&str> = again.kept.iter().map(|kept| kept.step.0.as_str()).collect();
    assert_eq!(kept, ["uninstall:p1", "uninstall:p4"]);
}
