//! Several trials at once, without noise: sets that split what is still possible most evenly together.
//!
//! Prefixes of one line tell at most `log2(lanes + 1)` bits a round; sets that overlap freely tell up to one bit a lane.
//! What is possible is drawn: each draw says who is needed, by the belief about each node, and fits the log. A greedy
//! choice then makes each lane's set the one whose result, together with those before it, tells the draws apart best.
//!
//! Draws take needed nodes to be needed one by one. Where two stand in for each other, the log ends up with a failure
//! that nothing explains; there is no draw for that, and the line, which asks for no such thing, takes over.

use fastrand::Rng;

use crate::choose::entropy;
use crate::engine::{Engine, explained};
use crate::graph::Set;

/// Draws of what is possible. Eight lanes tell eight bits at most.
const DRAWS: usize = 1024;
const WORDS: usize = DRAWS / 64;
/// A draw that cannot be made to fit the log is begun again so often.
const PATIENCE: usize = 20;
/// Rounds of improving a lane's set.
const SWEEPS: usize = 2;

/// In which draws something is so.
type Draws = [u64; WORDS];

pub(crate) struct Pool {
    /// By test: nodes that it was seen to pass without.
    pub(crate) irrelevant: Vec<Set>,
    /// Nodes without which each test passed, if not all at once.
    pub(crate) cleared: Set,
    /// Nodes that alone explain a failure.
    pub(crate) certain: Set,
    /// Sets with a needed node in each, the smallest first, none with another within. None where nothing explains
    /// a failure.
    suspects: Option<Vec<Set>>,
}

impl Pool {
    pub(crate) fn new(engine: &Engine) -> Self {
        let graph = &engine.graph;
        let irrelevant: Vec<Set> = (0..engine.tests)
            .map(|test| {
                let mut passed = graph.empty();
                let passes = engine.log.iter().filter(|entry| entry.passed.contains(test));
                passes.for_each(|entry| passed.union_with(&entry.shut));
                passed
            })
            .collect();
        let mut cleared = irrelevant.first().cloned().unwrap_or_default();
        for set in &irrelevant {
            cleared.intersect_with(set);
        }
        let mut all: Vec<Set> = Vec::new();
        let mut unexplained = false;
        for entry in &engine.log {
            for test in entry.failed.ones() {
                if explained(&entry.shut, &engine.kept, Some(&irrelevant[test])) {
                    continue;
                }
                let mut set = entry.shut.clone();
                set.difference_with(&irrelevant[test]);
                unexplained |= set.is_clear();
                all.push(set);
            }
        }
        all.sort_by_key(|set| set.count_ones(..));
        let mut smallest: Vec<Set> = Vec::new();
        for set in all {
            if !set.is_clear() && smallest.iter().all(|small| !small.is_subset(&set)) {
                smallest.push(set);
            }
        }
        let mut certain = graph.empty();
        smallest.iter().filter(|set| set.count_ones(..) == 1).for_each(|set| certain.union_with(set));
        Self { irrelevant, cleared, certain, suspects: (!unexplained).then_some(smallest) }
    }

    /// The sets to try; none if draws cannot tell.
    pub(crate) fn lanes(&self, engine: &Engine, belief: &[f64]) -> Vec<Set> {
        let Some(suspects) = &self.suspects else { return Vec::new() };
        let open: Vec<usize> =
            engine.line.order.iter().copied().filter(|&node| !self.cleared.contains(node)).collect();
        // The same log, the same draws.
        let mut rng = Rng::with_seed(engine.log.len() as u64);
        let Some(needed) = draw(suspects, &open, belief, &mut rng) else { return Vec::new() };
        let mut base = self.cleared.clone();
        base.difference_with(&engine.kept);
        let mut lanes = Vec::new();
        let tried = engine.log.iter().any(|entry| base.is_subset(&entry.shut));
        let passed = engine.log.iter().any(|entry| entry.sound(engine.tests) && base.is_subset(&entry.shut));
        if tried && !passed && !base.is_clear() {
            lanes.push(base.clone());
        }
        let mut parts = vec![0_usize; DRAWS];
        let mut count = 1;
        while lanes.len() < engine.lanes {
            let best = best(engine, &base, &open, &needed, &parts, count);
            let Some((set, broken)) = best else { break };
            count = refine(&mut parts, &broken);
            lanes.push(set);
        }
        lanes
    }
}

/// By node, the draws in which it is needed. None if the log cannot be fitted.
fn draw(suspects: &[Set], open: &[usize], belief: &[f64], rng: &mut Rng) -> Option<Vec<Draws>> {
    let mut needed = vec![[0; WORDS]; belief.len()];
    for draw in 0..DRAWS {
        let one = (0..PATIENCE).find_map(|_| draw_one(suspects, open, belief, rng))?;
        for node in one {
            needed[node][draw / 64] |= 1 << (draw % 64);
        }
    }
    Some(needed)
}

/// Who is needed: in each set of suspects someone, else by the belief. None if that did not work out.
fn draw_one(suspects: &[Set], open: &[usize], belief: &[f64], rng: &mut Rng) -> Option<Vec<usize>> {
    let mut drawn: Vec<Option<bool>> = vec![None; belief.len()];
    for set in suspects {
        if set.ones().any(|node| drawn[node] == Some(true)) {
            continue;
        }
        let free: Vec<usize> = set.ones().filter(|&node| drawn[node].is_none()).collect();
        // The first needed one of those not drawn yet, given that there is one.
        let none: f64 = free.iter().map(|&node| 1.0 - belief[node]).product();
        let mut left = rng.f64() * (1.0 - none);
        let mut before = 1.0;
        let mut found = false;
        for &node in &free {
            if found {
                drawn[node] = Some(rng.f64() < belief[node]);
                continue;
            }
            left -= before * belief[node];
            before *= 1.0 - belief[node];
            found = left <= 0.0;
            drawn[node] = Some(found);
        }
        if !found {
            return None;
        }
    }
    let needed = |node: &usize| drawn[*node].unwrap_or_else(|| rng.f64() < belief[*node]);
    Some(open.iter().copied().filter(needed).collect())
}

/// The set whose result tells the draws apart best, and the draws in which it breaks; none if no set tells anything.
fn best(
    engine: &Engine,
    base: &Set,
    open: &[usize],
    needed: &[Draws],
    parts: &[usize],
    count: usize,
) -> Option<(Set, Draws)> {
    let told = |set: &Set| {
        let broken = breaks(set, open, needed);
        (information(parts, count, &broken), broken)
    };
    // The best prefix on top of the base, then one node in or out at a time.
    let mut set = base.clone();
    let (mut most, mut broken) = (0.0, [0; WORDS]);
    let mut prefix = base.clone();
    for &node in open {
        prefix.insert(node);
        let (bits, breaks) = told(&prefix);
        if bits > most {
            (set, most, broken) = (prefix.clone(), bits, breaks);
        }
    }
    for _ in 0..SWEEPS {
        let mut better = false;
        for &node in open {
            let mut other = set.clone();
            if other.contains(node) {
                other.difference_with(&engine.graph.down[node]);
            } else {
                other.union_with(&engine.graph.up[node]);
            }
            let (bits, breaks) = told(&other);
            if bits > most + 1e-9 {
                (set, most, broken, better) = (other, bits, breaks, true);
            }
        }
        if !better {
            break;
        }
    }
    (most > 1e-3).then_some((set, broken))
}

/// The draws in which a set breaks the site.
fn breaks(set: &Set, open: &[usize], needed: &[Draws]) -> Draws {
    let mut broken = [0; WORDS];
    for &node in open.iter().filter(|&&node| set.contains(node)) {
        broken.iter_mut().zip(&needed[node]).for_each(|(all, one)| *all |= one);
    }
    broken
}

/// Bits that a result adds where the draws are told apart in parts already.
#[expect(clippy::cast_precision_loss, reason = "counts of draws")]
fn information(parts: &[usize], count: usize, broken: &Draws) -> f64 {
    let mut sizes = vec![(0_u32, 0_u32); count];
    for (draw, &part) in parts.iter().enumerate() {
        sizes[part].0 += 1;
        sizes[part].1 += u32::from(broken[draw / 64] >> (draw % 64) & 1 == 1);
    }
    let share =
        |(all, fails): &(u32, u32)| f64::from(*all) * entropy(f64::from(*fails) / f64::from((*all).max(1)));
    sizes.iter().map(share).sum::<f64>() / DRAWS as f64
}

/// Splits the parts by a result; returns how many there are now.
fn refine(parts: &mut [usize], broken: &Draws) -> usize {
    let mut numbers = std::collections::HashMap::new();
    for (draw, part) in parts.iter_mut().enumerate() {
        let key = (*part, broken[draw / 64] >> (draw % 64) & 1);
        let next = numbers.len();
        *part = *numbers.entry(key).or_insert(next);
    }
    numbers.len()
}
