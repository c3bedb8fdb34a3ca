//! What else could search: each in its published form, on the same closures, counting trials.
//!
//! All are given what LBS is given: who requires whom, the priors where there are any (as order, or as probabilities), and
//! whether a set passes. A set that was run is not run again. None of them knows lanes, vectors of tests or noise.

use std::collections::HashMap;

use super::instance::Instance;

/// A way to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    OneAtATime,
    Ddmin,
    ProbDd,
    QuickXplain,
}

impl Peer {
    pub(super) const ALL: [Self; 4] = [Self::OneAtATime, Self::Ddmin, Self::ProbDd, Self::QuickXplain];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneAtATime => "one at a time",
            Self::Ddmin => "ddmin",
            Self::ProbDd => "ProbDD",
            Self::QuickXplain => "QuickXplain",
        }
    }

    /// How many trials it takes, and what it shuts in the end.
    pub(super) fn run(self, instance: &Instance, informed: bool) -> (usize, Vec<bool>) {
        let mut host = Host { instance, seen: HashMap::new() };
        let order = order(instance, &|item| if informed { instance.priors[item] } else { 0.0 });
        let kept = match self {
            Self::OneAtATime => one_at_a_time(&mut host, &order),
            Self::Ddmin => ddmin(&mut host, order),
            Self::ProbDd => prob_dd(&mut host, order, informed),
            Self::QuickXplain => {
                let likely_first: Vec<usize> = order.into_iter().rev().collect();
                quick_xplain(&mut host, &[], true, &likely_first)
            }
        };
        (host.seen.len(), host.shut_without(&kept))
    }
}

struct Host<'i> {
    instance: &'i Instance,
    seen: HashMap<Vec<bool>, bool>,
}

impl Host<'_> {
    fn passes(&mut self, shut: Vec<bool>) -> bool {
        let instance = self.instance;
        // Nothing shut is the untouched site, which passes.
        !shut.contains(&true) || *self.seen.entry(shut).or_insert_with_key(|shut| !instance.breaks(shut))
    }

    /// Everything but these and what they require.
    fn shut_without(&self, kept: &[usize]) -> Vec<bool> {
        let mut shut = vec![true; self.instance.up.len()];
        kept.iter().flat_map(|&item| &self.instance.down[item]).for_each(|&on| shut[on] = false);
        shut
    }

    fn passes_with(&mut self, kept: &[usize]) -> bool {
        let shut = self.shut_without(kept);
        self.passes(shut)
    }
}

/// The least likely needed first, as likely as what goes with it: so what requires an item lies before it, and prefixes
/// can be shut as they are.
fn order(instance: &Instance, likely: &dyn Fn(usize) -> f64) -> Vec<usize> {
    let key = |item: usize| instance.up[item].iter().map(|&above| likely(above)).fold(0.0, f64::max);
    let mut keyed: Vec<(f64, usize, usize)> =
        (0..instance.up.len()).map(|item| (key(item), instance.up[item].len(), item)).collect();
    keyed.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    keyed.into_iter().map(|(_, _, item)| item).collect()
}

/// Shuts one more at a time, on top of what could be shut.
fn one_at_a_time(host: &mut Host, order: &[usize]) -> Vec<usize> {
    let mut shut = vec![false; order.len()];
    let mut kept: Vec<usize> = Vec::new();
    for &item in order {
        let needed = |&on: &usize| host.instance.down[on].contains(&item);
        if shut[item] || kept.iter().any(needed) {
            continue;
        }
        let mut more = shut.clone();
        host.instance.up[item].iter().for_each(|&above| more[above] = true);
        if host.passes(more.clone()) {
            shut = more;
        } else {
            kept.push(item);
        }
    }
    kept
}

/// Zeller and Hildebrandt 2002: the kept set is made smaller, by subsets and complements of growing granularity.
fn ddmin(host: &mut Host, all: Vec<usize>) -> Vec<usize> {
    if host.passes_with(&[]) {
        return Vec::new();
    }
    let instance = host.instance;
    let (mut kept, mut parts) = (all, 2);
    while kept.len() > 1 {
        let size = kept.len().div_ceil(parts);
        // What a chunk requires is kept with it; what requires it goes with it.
        let chunks: Vec<&[usize]> = kept.chunks(size).collect();
        let only = |chunk: &[usize]| -> Vec<usize> {
            let required = |item: usize| chunk.iter().any(|&of| instance.down[of].contains(&item));
            kept.iter().copied().filter(|&item| required(item)).collect()
        };
        let without = |chunk: &[usize]| -> Vec<usize> {
            let goes = |item: usize| chunk.iter().any(|&of| instance.up[of].contains(&item));
            kept.iter().copied().filter(|&item| !goes(item)).collect()
        };
        let mut subsets = chunks.iter().map(|chunk| only(chunk)).filter(|set| set.len() < kept.len());
        let mut rests = chunks.iter().map(|chunk| without(chunk));
        if let Some(subset) = subsets.find(|subset| host.passes_with(subset)) {
            (kept, parts) = (subset, 2);
        } else if let Some(rest) = rests.find(|rest| host.passes_with(rest)) {
            (kept, parts) = (rest, (parts - 1).max(2));
        } else if parts >= kept.len() {
            break;
        } else {
            parts = (2 * parts).min(kept.len());
        }
    }
    kept
}

/// Its authors' default without priors.
const UNINFORMED: f64 = 0.1;

/// Wang et al. 2021: drops the set with the greatest expected gain, by probabilities that each failure raises.
#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn prob_dd(host: &mut Host, mut kept: Vec<usize>, informed: bool) -> Vec<usize> {
    let count = kept.len();
    let mut p: Vec<f64> =
        (0..count).map(|item| if informed { host.instance.priors[item] } else { UNINFORMED }).collect();
    loop {
        let order = order(host.instance, &|item| p[item]);
        let open: Vec<usize> =
            order.into_iter().filter(|item| p[*item] < 1.0 && kept.contains(item)).collect();
        if open.is_empty() {
            return kept;
        }
        let (mut sound, mut best, mut most) = (1.0, 1, 0.0);
        for (at, &item) in open.iter().enumerate() {
            sound *= 1.0 - p[item];
            let gain = (at + 1) as f64 * sound;
            if gain > most {
                (best, most) = (at + 1, gain);
            }
        }
        // What only goes with something that is all but known to be needed teaches nothing by failing with it.
        if open[..best].iter().map(|&item| 1.0 - p[item]).product::<f64>() < 1e-3 {
            best = 1;
        }
        let dropped = &open[..best];
        let rest: Vec<usize> = kept.iter().copied().filter(|item| !dropped.contains(item)).collect();
        if host.passes_with(&rest) {
            kept = rest;
        } else if best == 1 {
            for &on in &host.instance.down[open[0]] {
                p[on] = 1.0;
            }
        } else {
            let sound: f64 = dropped.iter().map(|&item| 1.0 - p[item]).product();
            for &item in dropped {
                p[item] = (p[item] / (1.0 - sound)).min(0.999_999);
            }
        }
    }
}

/// Junker 2004: a minimal set to keep, likely needed ones preferred.
fn quick_xplain(host: &mut Host, kept: &[usize], changed: bool, of: &[usize]) -> Vec<usize> {
    let of: Vec<usize> = of
        .iter()
        .copied()
        .filter(|item| !kept.iter().any(|&k| host.instance.down[k].contains(item)))
        .collect();
    if of.is_empty() || changed && host.passes_with(kept) {
        return Vec::new();
    }
    if of.len() == 1 {
        return of;
    }
    let (first, second) = of.split_at(of.len() / 2);
    let more = quick_xplain(host, &[kept, first].concat(), true, second);
    let rest = quick_xplain(host, &[kept, more.as_slice()].concat(), !more.is_empty(), first);
    [more, rest].concat()
}
