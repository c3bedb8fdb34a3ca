//! How likely each node is needed, from the priors and what was found so far.
//!
//! Priors may be wrong in scale, or worthless. Two views are held beside each other: the priors, scaled by how many
//! needed nodes they foretold and how many there were; and one rate for all. Each counts by how well it foretold
//! what was found. So misleading priors cost some trials until they are found out, and never the answer.

use crate::graph::{Graph, Set};

/// Without priors, about so many are needed of all.
const NEEDED: f64 = 3.0;
/// So much is it believed, before the first trial, that the priors are worthless.
const WORTHLESS: f64 = 0.1;
/// The priors' scale counts as if so many had been found where as many were foretold.
const INERTIA: f64 = 4.0;
/// Scales outside of this are the flat rate's business.
const SCALE: std::ops::RangeInclusive<f64> = 0.1..=8.0;

/// What is settled so far.
pub(crate) struct Settled<'s> {
    /// Needed themselves.
    pub(crate) needed: &'s [usize],
    /// Shut without harm.
    pub(crate) shut: &'s [usize],
}

/// The belief about each node, settled or not.
#[expect(clippy::cast_precision_loss, reason = "counts of nodes")]
pub(crate) fn belief(graph: &Graph, settled: &Settled) -> Vec<f64> {
    let count = graph.len() as f64;
    let found = settled.needed.len() as f64;
    let resolved = found + settled.shut.len() as f64;
    let others = (count / NEEDED).max(1.0);
    let flat = ((1.0 + found) / (others + 1.0 + resolved)).min(0.5);
    let Some(priors) = &graph.priors else { return vec![flat; graph.len()] };

    let foretold: f64 = settled.needed.iter().chain(settled.shut).map(|&node| priors[node]).sum();
    let scale = ((INERTIA + found) / (INERTIA + foretold)).clamp(*SCALE.start(), *SCALE.end());
    let by_priors = settled.needed.iter().map(|&node| priors[node].ln()).sum::<f64>()
        + settled.shut.iter().map(|&node| (1.0 - priors[node]).ln()).sum::<f64>();
    let by_flat = sequence(found, resolved - found, others);
    let odds = WORTHLESS / (1.0 - WORTHLESS) * (by_flat - by_priors).exp();
    let weight = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
    priors
        .iter()
        .map(|prior| weight * flat + (1.0 - weight) * (scale * prior).min(0.95_f64.max(*prior)))
        .collect()
}

/// Logarithm of how likely it is to find so many of so many others, of a rate that is Beta(1, `others`).
fn sequence(found: f64, not: f64, others: f64) -> f64 {
    // B(1 + found, others + not) / B(1, others), by the steps of one found or not after another.
    let mut log = 0.0;
    let mut total = 1.0 + others;
    let mut step = 0.0;
    while step < found {
        log += ((1.0 + step) / total).ln();
        total += 1.0;
        step += 1.0;
    }
    step = 0.0;
    while step < not {
        log += ((others + step) / total).ln();
        total += 1.0;
        step += 1.0;
    }
    log
}

/// How often a test needs what the site needs: one test all of it, several each some.
#[expect(clippy::cast_precision_loss, reason = "counts of tests")]
pub(crate) fn relevance(tests: usize, needed: &[usize], by: &[Set]) -> f64 {
    if tests == 1 {
        return 1.0;
    }
    let pairs: usize = needed.iter().map(|&node| by[node].count_ones(..)).sum();
    (1.0 + pairs as f64) / (2.0 + (needed.len() * tests) as f64)
}
