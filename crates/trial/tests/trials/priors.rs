//! What is expected of steps before anything was tried.

use std::sync::LazyLock;

use doorward_assess::{Options, assess};
use doorward_knowledge::{Index, Knowledge};
use doorward_model::{Connection, Manager, Service, Snapshot, Start, State, Transport};
use doorward_plan::{Action, KeepReason, Parts, Step, Units};
use doorward_trial::{Expectation, expect};

use crate::world::{rebind, step};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);

/// A host with these services, of which some were seen to talk to others.
fn expected(steps: &[&Step], services: &[&str], talk: &[(&str, &str)]) -> Vec<Expectation> {
    let service = |name: &&str| Service {
        name: (*name).to_owned(),
        manager: Manager::Systemd,
        state: State::Running,
        start: Start::Enabled,
        ..Service::default()
    };
    let connection = |(from, to): &(&str, &str)| Connection {
        from: (*from).to_owned(),
        to: (*to).to_owned(),
        transport: Transport::Tcp,
        at: "127.0.0.1:6379".to_owned(),
        count: 1,
    };
    let mut snapshot = Snapshot {
        services: services.iter().map(service).collect(),
        connections: talk.iter().map(connection).collect(),
        ..Snapshot::default()
    };
    snapshot.sort();
    let index = Index::new(&KNOWLEDGE);
    let assessment = assess(&snapshot, &index, &Options::default());
    let plan =
        doorward_plan::plan(&assessment, &snapshot, &index, doorward_plan::Options::default()).unwrap();
    steps.iter().map(|step| expect(step, &plan, &assessment, &index)).collect()
}

fn disable(names: &[&str]) -> Step {
    let systemd = names.iter().map(|name| (*name).to_owned()).collect();
    let units = Units::new(Parts { systemd, ..Parts::default() }).unwrap();
    step(format!("disable:{}", names[0]), Action::Disable { units })
}

fn needed(expected: &[Expectation]) -> Vec<f64> {
    expected.iter().map(|expectation| expectation.needed.get()).collect()
}

const REDIS: &str = "redis-server.service";
const OWN: &str = "somebodys-own.service";

#[test]
fn a_store_is_likelier_needed_than_a_printer_and_nobody_knows_of_ones_own() {
    let (store, printer, own) = (disable(&[REDIS]), disable(&["cups.service"]), disable(&[OWN]));
    let all = expected(&[&store, &own, &printer], &[REDIS, "cups.service", OWN], &[]);
    let [store, own, printer] = needed(&all)[..] else { panic!("three") };
    assert!(store > own && own > printer, "{store} {own} {printer}");
    assert!(all.iter().all(|expectation| !expectation.risky));
}

#[test]
fn the_likeliest_of_a_steps_services_counts() {
    let (both, store) = (disable(&["cups.service", REDIS]), disable(&[REDIS]));
    let all = needed(&expected(&[&both, &store], &[REDIS, "cups.service"], &[]));
    assert_eq!(all[0].to_bits(), all[1].to_bits());
}

#[test]
fn what_something_was_seen_to_talk_to_is_likelier_needed_but_never_sure() {
    let (store, own) = (disable(&[REDIS]), disable(&[OWN]));
    let silent = needed(&expected(&[&store, &own], &[REDIS, OWN, "a.service"], &[]));
    let talk = [("a.service", REDIS), ("a.service", OWN)];
    let spoken_to = needed(&expected(&[&store, &own], &[REDIS, OWN, "a.service"], &talk));
    for (before, after) in silent.iter().zip(&spoken_to) {
        assert!(after > before && *after <= 0.5, "{before} {after}");
    }
}

#[test]
fn names_and_the_way_in_are_risky_to_restart() {
    let (names, shell) = (disable(&["slapd.service"]), disable(&["ssh.service"]));
    let all = expected(&[&names, &shell], &["slapd.service", "ssh.service"], &[]);
    assert!(all.iter().all(|expectation| expectation.risky), "{all:?}");
}

#[test]
fn steps_that_shut_nothing_known_have_an_expectation_too() {
    let (rebound, gone) = (rebind(1), disable(&["gone.service"]));
    let all = needed(&expected(&[&rebound, &gone], &[], &[]));
    assert!(all[0] < all[1], "{all:?}");
}

#[test]
fn what_the_plan_keeps_for_the_role_is_likely_needed() {
    let snapshot = Snapshot::default();
    let index = Index::new(&KNOWLEDGE);
    let assessment = assess(&snapshot, &index, &Options::default());
    let mut plan =
        doorward_plan::plan(&assessment, &snapshot, &index, doorward_plan::Options::default()).unwrap();
    let doubt = Step { id: "keep:nginx.service".into(), ..disable(&["nginx.service"]) };
    let keep = |reason| Action::Keep { service: "nginx.service".to_owned(), reason };
    let mut expected = |reason| {
        plan.steps = vec![Step { action: keep(reason), ..doubt.clone() }];
        expect(&doubt, &plan, &assessment, &index).needed.get()
    };
    let (role, needed) = (expected(KeepReason::Role), expected(KeepReason::Needed));
    assert!(role > needed && needed > 0.5, "{role} {needed}");
}
