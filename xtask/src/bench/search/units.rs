//! Real units of Debian packages, and graphs sampled from them.

use std::collections::HashMap;

use fastrand::Rng;

use super::instance::closures;

/// The units' dependencies, without cycles.
pub(super) struct Units {
    requires: Vec<Vec<usize>>,
    closures: Vec<Vec<usize>>,
}

impl Units {
    /// Those of `data/debian-units.txt`.
    pub(super) fn debian() -> Self {
        let lines =
            || include_str!("../../../data/debian-units.txt").lines().filter(|line| !line.starts_with('#'));
        let number: HashMap<&str, usize> =
            lines().filter_map(|line| line.split(' ').next()).zip(0..).collect();
        let mut requires = vec![Vec::new(); number.len()];
        for (at, line) in lines().enumerate() {
            for on in line.split(' ').skip(1).filter_map(|on| number.get(on).copied()) {
                // Cycles are cut where they close: at an edge whose end already requires its beginning.
                if !reaches(&requires, on, at) {
                    requires[at].push(on);
                }
            }
        }
        let closures = closures(&requires);
        Self { requires, closures }
    }

    /// So many units: random ones with all that they require, in as many copies as it takes.
    pub(super) fn sample(&self, count: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        let mut sampled: Vec<Vec<usize>> = Vec::with_capacity(count);
        while sampled.len() < count {
            // One copy of the units.
            let mut order: Vec<usize> = (0..self.requires.len()).collect();
            rng.shuffle(&mut order);
            let mut place: HashMap<usize, usize> = HashMap::new();
            for unit in order {
                let new: Vec<usize> =
                    self.closures[unit].iter().copied().filter(|on| !place.contains_key(on)).collect();
                if sampled.len() + new.len() > count {
                    continue;
                }
                for on in &new {
                    place.insert(*on, sampled.len());
                    sampled.push(Vec::new());
                }
                for on in new {
                    sampled[place[&on]] = self.requires[on].iter().map(|below| place[below]).collect();
                }
            }
        }
        sampled
    }
}

fn reaches(requires: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = vec![from];
    let mut at = 0;
    while at < seen.len() {
        if seen[at] == to {
            return true;
        }
        for &on in &requires[seen[at]] {
            if !seen.contains(&on) {
                seen.push(on);
            }
        }
        at += 1;
    }
    false
}
