//! Trials that go on from what earlier ones learned.

use std::cell::Cell;

use doorward_trial::{LaneError, Record, TrialError};

use crate::changed::change;
use crate::proofs::check;
use crate::world::random;
use crate::{How, USUAL, for_cases, go_on, try_out};

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
        assert_eq!(resumed.unwrap(), proof);
        assert_eq!(record, whole);
        // Nothing is left to be tried.
        let (again, _) = go_on(&world, How { stop_at: Some(0), ..USUAL }, &mut record);
        assert_eq!(again.unwrap(), proof);
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
    assert!(cut <= uncut + most || std::env::var_os("DOORWARD_SEED").is_some());
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
    assert!(
        with * 3 < without * 2 || std::env::var_os("DOORWARD_SEED").is_some(),
        "{with} trials with records, {without} without"
    );
}
