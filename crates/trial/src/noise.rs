//! How far tests can be trusted.

use std::collections::BTreeSet;

use doorward_search::{Noise, Rates, Unsteady};
use doorward_site::Baseline;

/// How often each test errs, the one that tells of the shutting first; these did once more than was measured.
pub(crate) fn rates(baseline: &Baseline, known: &BTreeSet<usize>) -> Noise {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let measured = std::iter::once(0).chain(baseline.tests.iter().map(|test| test.failed));
    let rate = |(at, failed): (usize, usize)| {
        let more = usize::from(known.contains(&at));
        let worst = || Rates::estimate(3, 1).expect("a third");
        Rates::estimate(count(baseline.runs + more), count(failed + more)).unwrap_or_else(worst)
    };
    Noise::Flaky(measured.enumerate().map(rate).collect())
}

/// Tests that passed and failed alike.
pub(crate) fn contradicting(unsteady: &Unsteady) -> BTreeSet<usize> {
    let trial = |number: usize| unsteady.log().trials.get(number - 1);
    let pair = unsteady.trials.and_then(|(passed, failed)| Some((trial(passed)?, trial(failed)?)));
    let both = pair.map(|(passed, failed)| failed.failed.iter().filter(|at| passed.passed.contains(at)));
    let all: BTreeSet<usize> = both.into_iter().flatten().map(|at| *at as usize).collect();
    // What could not be shut failed everything.
    if all.contains(&0) { BTreeSet::from([0]) } else { all }
}
