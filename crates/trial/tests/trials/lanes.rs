//! Several lanes, and lanes that end.

use doorward_plan::StepId;
use doorward_trial::{Lane, LaneError, Manner, Record, TrialError};

use crate::host::{FakeLane, Shows};
use crate::proofs::check;
use crate::world::{self, World, random};
use crate::{How, USUAL, for_cases, run, try_out};

#[test]
fn several_lanes_find_the_same() {
    for_cases(60, |seed| {
        let mut world = random(seed);
        // Without "or" there is one greatest set.
        for need in &mut world.truth.needs {
            need.any = need.any.iter().take(1).cloned().collect();
        }
        let (one, _) = try_out(&world, USUAL);
        for lanes in [2, 4] {
            let (several, record) = try_out(&world, How { lanes, ..USUAL });
            check(&world, true, &several, &record);
            assert_eq!(several.steps(), one.steps(), "{lanes} lanes");
            let only_disabled = |proof: &doorward_trial::Proof| -> Vec<StepId> {
                let stay = proof.proved.iter().filter(|proved| proved.only_disabled);
                stay.map(|proved| proved.step.clone()).collect()
            };
            assert_eq!(only_disabled(&several), only_disabled(&one));
        }
    });
}

#[test]
fn several_lanes_find_what_is_right_with_or() {
    for_cases(80, |seed| {
        let world = random(seed);
        let (proof, record) = try_out(&world, How { lanes: 3, ..USUAL });
        check(&world, true, &proof, &record);
        // Trials of one round were made together, no more than there are lanes.
        for round in record.trials.chunk_by(|a, b| a.round == b.round) {
            assert!(round.len() <= 3 && round.iter().all(|tried| tried.manner == round[0].manner));
        }
    });
}

/// Eight steps, of which one is needed.
fn eight() -> World {
    let mut world = world::world(7, (0..8).map(world::disable).collect());
    world.needs(Shows::Stopped, &["disable:s3.service"], Some(0));
    world
}

/// A trial on lanes that end with these errors, or go on.
fn on(world: &World, errors: &[Option<LaneError>]) -> (TrialError, Record) {
    let lane = |(at, error): (u64, &Option<LaneError>)| FakeLane {
        truth: world.truth.clone(),
        random: fastrand::Rng::with_seed(at),
        attempts: std::sync::Arc::default(),
        stop_at: error.as_ref().map(|_| 1),
        error: error.clone().unwrap_or(LaneError::Stopped),
    };
    let mut lanes: Vec<Box<dyn Lane>> =
        (0..).zip(errors).map(|one| Box::new(lane(one)) as Box<dyn Lane>).collect();
    let mut record = Record::new(&world.plan);
    let (proof, told) = run(world, &mut lanes, USUAL, &mut record);
    assert_eq!(told.saved.as_ref(), Some(&record), "what was learned is saved");
    (proof.expect_err("a lane ended"), record)
}

#[test]
fn the_worst_of_what_ends_lanes_is_told_and_what_others_learned_is_kept() {
    let ended = || Some(LaneError::Ended("out of memory".to_owned()));
    let not_restored = || Some(LaneError::NotRestored("ssh is off".to_owned()));
    let world = eight();
    for (errors, text) in [
        (vec![Some(LaneError::Stopped), ended(), None], "out of memory"),
        (
            vec![ended(), not_restored(), Some(LaneError::Stopped)],
            "not everything could be put back: ssh is off",
        ),
        (vec![None, None, Some(LaneError::Stopped)], "stopped"),
    ] {
        let (error, record) = on(&world, &errors);
        assert_eq!(error.to_string(), text);
        assert!(matches!(error, TrialError::Lane(_)));
        let last = record.trials.last().unwrap().round;
        assert!(last >= 2 || record.trials.len() == 3, "the first round was whole");
        let mut record = Record::read(&record.print(), &world.plan).unwrap();
        let (proof, _) = crate::go_on(&world, USUAL, &mut record);
        check(&world, true, &proof.unwrap(), &record);
    }
}

#[test]
fn a_lane_that_ends_while_confirming_leaves_what_was_found() {
    let world = eight();
    let (_, whole) = try_out(&world, USUAL);
    let confirming = whole.trials.iter().position(|tried| tried.manner != Manner::Disabled).unwrap();
    let mut record = Record::new(&world.plan);
    let how = How { stop_at: Some(confirming), ..USUAL };
    let (stopped, _) = crate::go_on(&world, how, &mut record);
    assert!(matches!(stopped, Err(TrialError::Lane(LaneError::Stopped))));
    assert_eq!(record.trials, whole.trials[..confirming]);
}
