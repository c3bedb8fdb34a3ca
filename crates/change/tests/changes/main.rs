//! Changes on the fake host, and their undoing, whatever goes wrong.

mod cases;
mod held;
mod property;
mod random;

use doorward_change::fake::{FakeHost, FakeStore};
use doorward_change::journal::{Header, JOURNAL_VERSION};
use doorward_change::{Journal, System};
use doorward_plan::{
    Action, PLAN_VERSION, Parts, Plan, PlanHost, Prefer, Recorded, Saves, Step, StepId, Units,
};

pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        schema_version: PLAN_VERSION,
        doorward: "0.1.0".to_owned(),
        host: PlanHost { name: "web".to_owned(), os: "Debian".to_owned() },
        snapshot: "00".repeat(32),
        prefer: Prefer::Uninstall,
        steps,
        recorded: Recorded::default(),
    }
}

pub(crate) fn step(id: &str, action: Action) -> Step {
    Step {
        id: StepId::from(id),
        on: true,
        action,
        why: String::new(),
        danger: None,
        undo: String::new(),
        closes: Vec::new(),
        needed_by: Vec::new(),
        takes_along: Vec::new(),
        cycle: None,
        saves: Saves::default(),
        trial: None,
    }
}

pub(crate) fn units(names: &[&str]) -> Units {
    let systemd = names.iter().map(|n| (*n).to_owned()).collect();
    Units::new(Parts { systemd, ..Parts::default() }).expect("units")
}

pub(crate) fn header(host: &FakeHost) -> Header {
    Header {
        version: JOURNAL_VERSION,
        doorward: "0.1.0".to_owned(),
        host: "web".to_owned(),
        plan: "00".repeat(32),
        boot_id: host.boot_id().unwrap_or_default(),
        time: 1,
        reboot_proof: false,
    }
}

pub(crate) fn journal(host: &FakeHost) -> (FakeStore, Option<Journal>) {
    let store = host.store();
    let journal = Journal::begin(Box::new(store.clone()), header(host)).ok();
    (store, journal)
}
