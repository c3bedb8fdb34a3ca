//! Runs cells, checks every result, sums up.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use doorward_search::{Item, Noise, Outcome, Probability, Rates, Report, Search, Settings};
use fastrand::Rng;

use super::cells::Cell;
use super::instance::{Instance, Kind, Needed};
use super::peers::Peer;
use super::units::Units;

/// Mean, 95th percentile and maximum.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) p95: f64,
    pub(super) max: f64,
}

impl Spread {
    #[expect(clippy::cast_precision_loss, reason = "counts")]
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let Some(&max) = values.last() else { return Self::default() };
        let p95 = values[(values.len() * 95).div_ceil(100) - 1];
        Self { mean: values.iter().sum::<f64>() / values.len() as f64, p95, max }
    }
}

/// Figures of a cell.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) instances: usize,
    pub(super) bound: f64,
    pub(super) lbs: Spread,
    pub(super) rounds: Spread,
    /// Seconds that the trials would take on a site.
    pub(super) seconds: Spread,
    /// Seconds of processor an instance.
    pub(super) cpu: f64,
    /// Seeds of instances whose result was wrong.
    pub(super) wrong: Vec<u64>,
    /// Each peer with its trials and how often its result was wrong.
    pub(super) peers: Vec<(Peer, Spread, usize)>,
}

impl Figures {
    /// Trials for each bit.
    pub(super) fn ratio(&self) -> f64 {
        self.lbs.mean / self.bound
    }
}

/// A search that takes so many trials a candidate went astray.
const LIMIT: usize = 10;

/// One instance.
struct Measured {
    seed: u64,
    bound: f64,
    trials: usize,
    rounds: usize,
    seconds: f64,
    cpu: f64,
    right: bool,
    peers: Vec<(usize, bool)>,
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(super) fn measure(cell: &Cell, instances: usize, seed: u64, threads: usize, peers: bool) -> Figures {
    let units = Units::debian();
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::with_capacity(instances));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= instances {
                        break;
                    }
                    let measured = one(cell, &units, seed + at as u64, peers);
                    all.lock().unwrap_or_else(PoisonError::into_inner).push(measured);
                }
            });
        }
    });
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|measured| measured.seed);
    let spread = |of: &dyn Fn(&Measured) -> f64| Spread::of(all.iter().map(of).collect());
    let of_peers = if peers && cell.noise.is_none() && cell.lanes == 1 { &Peer::ALL[..] } else { &[] };
    Figures {
        instances,
        bound: spread(&|m| m.bound).mean,
        lbs: spread(&|m| m.trials as f64),
        rounds: spread(&|m| m.rounds as f64),
        seconds: spread(&|m| m.seconds),
        cpu: spread(&|m| m.cpu).mean,
        wrong: all.iter().filter(|m| !m.right).map(|m| m.seed).collect(),
        peers: of_peers
            .iter()
            .enumerate()
            .map(|(at, &peer)| {
                let wrong = all.iter().filter(|m| !m.peers[at].1).count();
                (peer, spread(&|m| m.peers[at].0 as f64), wrong)
            })
            .collect(),
    }
}

fn one(cell: &Cell, units: &Units, seed: u64, peers: bool) -> Measured {
    let mut rng = Rng::with_seed(seed);
    let kind = if seed.is_multiple_of(2) { Kind::Systemd } else { Kind::Windows };
    let instance = Instance::new(&cell.shape, kind, units, &mut rng);
    let began = Instant::now();
    let (mut rounds, mut seconds) = (0, 0.0);
    let mut search =
        Search::start(&instance.problem, &settings(cell, instance.tests)).expect("settings that fit");
    // What each lane's host has shut.
    let mut before = vec![vec![false; instance.up.len()]; cell.lanes];
    let found = loop {
        match search {
            Search::Done(found) => break Some(found.report().clone()),
            Search::Unsteady(_) => break None,
            Search::Asks(round) => {
                rounds += 1;
                let mut slowest: f64 = 0.0;
                let mut results = Vec::new();
                for (lane, before) in round.lanes().iter().zip(&mut before) {
                    let shut = flags(&instance, lane.shut.iter().map(|item| item.index()));
                    let changed =
                        shut.iter().zip(before.iter()).filter(|(now, before)| now != before).count();
                    #[expect(clippy::cast_precision_loss, reason = "counts")]
                    let time = 38.0 + 2.0 * changed as f64;
                    slowest = slowest.max(time);
                    results.push(outcomes(&instance, cell, &shut, &mut rng));
                    *before = shut;
                }
                seconds += slowest;
                search = round.answer(&results).expect("answers that fit");
            }
        }
    };
    let cpu = began.elapsed().as_secs_f64();
    let informed = cell.shape.needed == Needed::ByPriors;
    let peers = if peers && cell.noise.is_none() && cell.lanes == 1 {
        Peer::ALL
            .iter()
            .map(|peer| {
                let (trials, shut) = peer.run(&instance, informed);
                (trials, right(&instance, &shut))
            })
            .collect()
    } else {
        Vec::new()
    };
    Measured {
        seed,
        bound: instance.bound,
        trials: found.as_ref().map_or(0, |report| report.trials),
        rounds,
        seconds,
        cpu,
        right: found.is_some_and(|report| certified(&instance, cell, &report)),
        peers,
    }
}

fn settings(cell: &Cell, tests: usize) -> Settings {
    let noise = cell.noise.map_or(Noise::None, |(fail, pass)| {
        let probability = |p| Probability::new(p).expect("a rate");
        Noise::Flaky(vec![Rates::new(probability(fail), probability(pass)).expect("below a half"); tests])
    });
    Settings { lanes: NonZeroUsize::new(cell.lanes).expect("lanes"), noise, ..Settings::default() }
}

fn outcomes(instance: &Instance, cell: &Cell, shut: &[bool], rng: &mut Rng) -> Vec<Outcome> {
    (0..instance.tests)
        .map(|test| {
            let fails = instance.fails(shut, test);
            let errs = cell.noise.is_some_and(|(fail, pass)| rng.f64() < if fails { pass } else { fail });
            if fails == errs { Outcome::Passed } else { Outcome::Failed }
        })
        .collect()
}

fn flags(instance: &Instance, items: impl Iterator<Item = usize>) -> Vec<bool> {
    let mut flags = vec![false; instance.up.len()];
    items.for_each(|item| flags[item] = true);
    flags
}

/// The result is right, and all of its proof is there.
fn certified(instance: &Instance, cell: &Cell, report: &Report) -> bool {
    let shut = flags(instance, report.shut.iter().copied().map(Item::index));
    let witnessed = |item: usize| shut[item] != report.kept.iter().any(|kept| kept.item.index() == item);
    let seen = report.passed.is_some() || report.shut.is_empty();
    right(instance, &shut)
        && seen
        && (0..shut.len()).all(witnessed)
        && report.trials <= LIMIT * cell.shape.candidates
}

/// It passes, and nothing more can be shut.
fn right(instance: &Instance, shut: &[bool]) -> bool {
    if instance.breaks(shut) {
        return false;
    }
    (0..shut.len()).filter(|&item| !shut[item]).all(|item| {
        let mut more = shut.to_vec();
        instance.up[item].iter().for_each(|&above| more[above] = true);
        instance.breaks(&more)
    })
}
