//! Trials of made plans on made hosts, whose truth is known.
//!
//! `DOORWARD_CASES` says how many random cases are tried, `DOORWARD_SEED` which one alone.

mod cases;
mod changed;
mod flaky;
mod host;
mod lanes;
mod priors;
mod proofs;
mod records;
mod resumed;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use doorward_trial::{Candidates, Lane, Observer, Proof, Record, Rehearsal, Trial, TrialError};
use world::World;

/// Tries so many cases; of one that fails the seed is told, and what it was.
pub(crate) fn for_cases(usual: u64, case: impl Fn(u64)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seeds = match number("DOORWARD_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DOORWARD_CASES").unwrap_or(usual),
    };
    for seed in seeds {
        let tried = catch_unwind(AssertUnwindSafe(|| case(seed)));
        assert!(tried.is_ok(), "DOORWARD_SEED={seed}");
    }
}

/// Whether one case alone is tried, which says nothing about all.
pub(crate) fn is_alone() -> bool {
    std::env::var_os("DOORWARD_SEED").is_some()
}

/// Remembers what it is told.
#[derive(Default)]
pub(crate) struct Told {
    /// Sets of each round.
    pub(crate) rounds: Vec<usize>,
    /// The record as it was last saved.
    pub(crate) saved: Option<Record>,
    /// Tests that contradicted themselves.
    pub(crate) unsteady: Vec<Vec<String>>,
}

impl Observer for Told {
    fn round(
        &mut self,
        _: doorward_trial::Manner,
        progress: Option<doorward_search::Progress>,
        lanes: &[Rehearsal],
    ) {
        assert!(progress.is_none_or(|progress| progress.about >= progress.trial));
        self.rounds.push(lanes.len());
    }

    fn tried(&mut self, record: &Record) {
        self.saved = Some(record.clone());
    }

    fn unsteady(&mut self, tests: &[String]) {
        self.unsteady.push(tests.to_vec());
    }
}

/// How a trial is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) lanes: usize,
    pub(crate) disposable: bool,
    /// Lanes stop at this attempt, counted over all of them from 0.
    pub(crate) stop_at: Option<usize>,
    /// Whether what an earlier run saw pass has to pass once more.
    pub(crate) again: bool,
}

pub(crate) const USUAL: How = How { lanes: 1, disposable: true, stop_at: None, again: false };

/// A trial from a record on.
pub(crate) fn go_on(world: &World, how: How, record: &mut Record) -> (Result<Proof, TrialError>, Told) {
    run(world, &mut world.lanes(how.lanes, how.stop_at), how, record)
}

/// The same on lanes that are given.
pub(crate) fn run(
    world: &World,
    lanes: &mut [Box<dyn Lane>],
    how: How,
    record: &mut Record,
) -> (Result<Proof, TrialError>, Told) {
    let candidates = Candidates::of(&world.plan, &world.left_out, |step| world.expect(step));
    let baseline = world.baseline();
    let mut told = Told::default();
    let observer = &mut told;
    let (plan, site, candidates, baseline) = (&world.plan, &world.site, &candidates, &baseline);
    let How { disposable, again, .. } = how;
    let trial = Trial { plan, candidates, site, baseline, lanes, disposable, again, record, observer };
    (trial.run(), told)
}

/// A trial from nothing.
pub(crate) fn try_out(world: &World, how: How) -> (Proof, Record) {
    let mut record = Record::new(&world.plan);
    let (proof, told) = go_on(world, how, &mut record);
    let proof = proof.unwrap_or_else(|why| panic!("{why}"));
    assert!(told.saved.is_none_or(|saved| saved == record), "all of it was saved");
    (proof, record)
}
