//! Single cases, each with its reason.

use doorward_plan::{Action, StepId};
use doorward_trial::{Manner, Proof, Record, TrialError};

use crate::host::Shows;
use crate::proofs::check;
use crate::world::{World, disable, ids, step, uninstall, world};
use crate::{How, USUAL, go_on, try_out};

fn shut(world: &World) -> (Proof, Record) {
    let (proof, record) = try_out(world, USUAL);
    check(world, true, &proof, &record);
    (proof, record)
}

#[test]
fn a_reboot_that_breaks_the_site_by_itself_is_told_as_such() {
    let mut world = world(1, (0..6).map(disable).collect());
    world.needs(Shows::Rebooted, &[], Some(0));
    let mut record = Record::new(&world.plan);
    let (proof, _) = go_on(&world, USUAL, &mut record);
    assert!(matches!(proof, Err(TrialError::Reboot)), "{proof:?}");
    let rebooted = record.trials.iter().filter(|tried| tried.manner != Manner::Disabled);
    assert_eq!(rebooted.count(), 2, "with all that can be shut, and with nothing");
    // Without reboots it is found.
    let (proof, record) = try_out(&world, How { disposable: false, ..USUAL });
    assert_eq!((proof.proved.len(), proof.as_applied), (6, false));
    assert!(record.trials.iter().all(|tried| tried.manner == Manner::Disabled));
}

#[test]
fn a_package_that_others_use_stays_and_its_service_is_disabled() {
    let mut world = world(1, (0..4).map(uninstall).collect());
    world.plan.steps[2].takes_along = vec!["p9".to_owned()];
    world.plan.steps[2].saves.pending_updates = 3;
    world.needs(Shows::Removed, &["uninstall:p2"], Some(0));
    let (proof, record) = shut(&world);
    let stay = proof.proved.iter().filter(|proved| proved.only_disabled);
    assert_eq!(stay.map(|proved| &proved.step.0).collect::<Vec<_>>(), ["uninstall:p2"]);
    assert!(proof.kept.is_empty());
    let marked = proof.mark(&world.plan, &record);
    let step = marked.step(&StepId::from("uninstall:p2")).unwrap();
    assert!(step.on && matches!(step.action, Action::Disable { .. }));
    assert_eq!(step.undo, "allow it to start again, then enable and start what was");
    assert!(step.takes_along.is_empty() && step.saves.pending_updates == 0);
    assert_eq!(
        step.trial.as_deref().unwrap(),
        format!(
            "proved unneeded (trial {0} of {0}): every test of the site passes without it, applied as planned, and after \
             a reboot; its package stays, for the site misses something of it",
            record.trials.len()
        )
    );
}

#[test]
fn all_packages_may_have_to_stay() {
    let mut world = world(1, (0..3).map(uninstall).collect());
    for id in ["uninstall:p0", "uninstall:p1", "uninstall:p2"] {
        world.needs(Shows::Removed, &[id], Some(0));
    }
    let (proof, record) = shut(&world);
    assert!(proof.proved.iter().all(|proved| proved.only_disabled));
    assert_eq!(record.trials[proof.passed.unwrap() - 1].manner, Manner::Rebooted);
}

#[test]
fn what_a_reboot_shows_to_be_needed_frees_the_other_part_of_an_or() {
    for (late, other) in
        [("disable:s0.service", "disable:s1.service"), ("disable:s1.service", "disable:s0.service")]
    {
        let mut world = world(1, (0..5).map(disable).collect());
        world.needs(Shows::Stopped, &["disable:s0.service", "disable:s1.service"], Some(0));
        world.needs(Shows::Rebooted, &[late], Some(0));
        world.needs(Shows::Stopped, &["disable:s3.service"], Some(0));
        let (proof, _) = shut(&world);
        assert!(proof.steps().contains(&StepId::from(other)));
        let kept: Vec<&str> = proof.kept.iter().map(|kept| kept.step.0.as_str()).collect();
        assert_eq!(kept, [late, "disable:s3.service"]);
    }
}

#[test]
fn what_cannot_be_shut_is_kept_with_the_reason() {
    let mut world = world(1, (0..5).map(disable).collect());
    world.needs(Shows::Stopped, &["disable:s4.service"], None);
    let (proof, record) = shut(&world);
    let marked = proof.mark(&world.plan, &record);
    let kept = marked.step(&StepId::from("disable:s4.service")).unwrap();
    let said = format!("needed (trial {}): it cannot be shut: it does not stop", proof.kept[0].trial);
    assert_eq!((kept.on, kept.trial.as_ref()), (false, Some(&said)));
}

#[test]
fn tests_that_do_not_end_are_no_passes() {
    let mut world = world(1, (0..5).map(disable).collect());
    // It is the only one: nothing is told at all.
    world.truth.tests[0].is_silent = true;
    world.needs(Shows::Stopped, &["disable:s3.service"], Some(0));
    world.needs(Shows::Rebooted, &["disable:s1.service"], Some(0));
    let (proof, _) = shut(&world);
    let kept: Vec<&str> = proof.kept.iter().map(|kept| kept.step.0.as_str()).collect();
    assert_eq!(kept, ["disable:s1.service", "disable:s3.service"]);
    let how = &proof.kept[0].failures[0].how;
    assert_eq!(how, "test: expected an outcome, seen it was not run");
}

#[test]
fn nothing_or_all_may_be_needed() {
    let mut world = world(1, (0..4).map(disable).collect());
    let (proof, record) = shut(&world);
    assert_eq!((proof.proved.len(), proof.kept.len(), proof.passed), (4, 0, Some(record.trials.len())));
    for at in 0..4 {
        world.needs(Shows::Stopped, &[&format!("disable:s{at}.service")], Some(0));
    }
    let (proof, record) = shut(&world);
    assert_eq!((proof.proved.len(), proof.kept.len(), proof.passed), (0, 4, None));
    assert!(record.trials.iter().all(|tried| tried.manner == Manner::Disabled), "nothing is left to confirm");
    world.left_out =
        ids(&["disable:s0.service", "disable:s1.service", "disable:s2.service", "disable:s3.service"]);
    let (proof, record) = shut(&world);
    assert_eq!((proof.proved.len(), proof.kept.len(), record.trials.len()), (0, 0, 0));
}

#[test]
fn what_is_only_stopped_is_back_after_a_reboot() {
    let stop = |at: usize| {
        let shown = disable(at);
        let units = shown.action.units().unwrap().clone();
        step(format!("stop:s{at}.service"), Action::Stop { units })
    };
    let mut world = world(1, (0..4).map(stop).collect());
    world.needs(Shows::Stopped, &["stop:s2.service"], Some(0));
    let (proof, _) = try_out(&world, USUAL);
    assert_eq!(proof.kept.iter().map(|kept| kept.step.0.as_str()).collect::<Vec<_>>(), ["stop:s2.service"]);
    assert_eq!((proof.proved.len(), proof.as_applied), (3, true));
}

#[test]
fn a_test_that_is_gone_is_no_reason() {
    let mut world = world(1, (0..4).map(disable).collect());
    let mail = crate::host::FakeTest { name: "mail".to_owned(), is_silent: false, errs: 0.0 };
    world.truth.tests.insert(0, mail);
    for test in [0, 1] {
        world.needs(Shows::Stopped, &["disable:s2.service"], Some(test));
    }
    let (proof, mut record) = try_out(&world, USUAL);
    assert_eq!(proof.kept[0].failures.len(), 2);
    world.truth.tests.remove(0);
    world.truth.needs.remove(0);
    world.truth.needs[0].test = Some(0);
    let before = record.trials.len();
    let (proof, _) = go_on(&world, USUAL, &mut record);
    let kept = &proof.unwrap().kept[0];
    assert_eq!(kept.failures.iter().map(|failure| failure.test.as_str()).collect::<Vec<_>>(), ["the shop"]);
    assert_eq!(record.trials.len(), before, "nothing is tried again");
}

#[test]
fn what_an_earlier_run_saw_pass_passes_once_more() {
    for disposable in [true, false] {
        let mut world = world(1, (0..4).map(disable).collect());
        world.needs(Shows::Stopped, &["disable:s2.service"], Some(0));
        let how = How { disposable, again: true, ..USUAL };
        let (proof, mut record) = try_out(&world, how);
        let before = record.trials.len();
        let (again, _) = go_on(&world, how, &mut record);
        assert_eq!(record.trials.len(), before + 1);
        let again = again.unwrap();
        assert_eq!((again.passed, again.steps()), (Some(before + 1), proof.steps()));
        // The site has changed: it needs something else now.
        world.needs(Shows::Stopped, &["disable:s1.service"], Some(0));
        let (changed, _) = go_on(&world, how, &mut record);
        assert!(changed.is_err() || !changed.unwrap().steps().contains(&"disable:s1.service".into()));
    }
}

/// The same names, another site: nothing that is known of the one is believed of the other.
#[test]
fn tests_that_ask_something_else_are_others() {
    let mut world = world(1, (0..4).map(disable).collect());
    world.needs(Shows::Stopped, &["disable:s2.service"], Some(0));
    let (_, mut record) = try_out(&world, USUAL);
    world.site.url = "http://blog.example/".parse().unwrap();
    world.truth.needs.clear();
    let (proof, _) = go_on(&world, USUAL, &mut record);
    assert_eq!(proof.unwrap().proved.len(), 4);
    world.needs(Shows::Stopped, &["disable:s1.service"], Some(0));
    world.site.time_limit = Some(doorward_site::TIME_LIMIT);
    let (proof, _) = go_on(&world, USUAL, &mut record);
    let kept = proof.unwrap().kept;
    assert_eq!(kept.iter().map(|kept| kept.step.0.as_str()).collect::<Vec<_>>(), ["disable:s1.service"]);
}
