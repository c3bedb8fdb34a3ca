//! Sets of addresses and ports, as sorted ranges.
//!
//! A block list has 50,000 elements and is met by every rule after it, so all operations are linear in the smaller
//! operand wherever the result allows.

/// A set of integers: sorted, disjoint, non-adjacent inclusive ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    /// One range; empty if `low > high`.
    pub(crate) fn of(low: u128, high: u128) -> Self {
        if low <= high { Self(vec![(low, high)]) } else { Self::default() }
    }

    /// Any ranges in any order, overlaps allowed.
    pub(crate) fn collect(mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.retain(|(low, high)| low <= high);
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for range in ranges {
            push(&mut merged, range);
        }
        Self(merged)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges it takes to write the set down.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u128, u128)> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn contains(&self, value: u128) -> bool {
        self.0.get(self.first_reaching(0, value)).is_some_and(|&(low, _)| low <= value)
    }

    /// How many integers are in it, as a float: only shares of a whole are asked for.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn size(&self) -> f64 {
        self.0.iter().map(|(low, high)| (high - low) as f64 + 1.0).sum()
    }

    pub(crate) fn intersect(&self, other: &Self) -> Self {
        let (small, large) = if self.len() <= other.len() { (self, other) } else { (other, self) };
        let mut common = Vec::new();
        let mut at = 0;
        for &(low, high) in &small.0 {
            at = large.first_reaching(at, low);
            for &(l, h) in large.0.iter().skip(at).take_while(|(l, _)| *l <= high) {
                common.push((l.max(low), h.min(high)));
            }
        }
        Self(common)
    }

    /// With those of `holes` filled in that lie between two members.
    pub(crate) fn bridged(&self, holes: &[u128]) -> Self {
        let between = |hole: &&u128| {
            let below = hole.checked_sub(1).is_some_and(|n| self.contains(n));
            below && hole.checked_add(1).is_some_and(|n| self.contains(n))
        };
        let filled = holes.iter().filter(between).map(|hole| (*hole, *hole)).collect();
        self.union(&Self::collect(filled))
    }

    /// What is in `self` and not in `other`.
    pub(crate) fn subtract(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut at = 0;
        for &(low, high) in &self.0 {
            at = other.first_reaching(at, low);
            let mut from = Some(low);
            for &(l, h) in other.0.iter().skip(at).take_while(|(l, _)| *l <= high) {
                if let Some(start) = from.filter(|start| *start < l) {
                    rest.push((start, l - 1));
                }
                from = h.checked_add(1).filter(|next| *next <= high);
            }
            if let Some(start) = from {
                rest.push((start, high));
            }
        }
        Self(rest)
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut merged = Vec::with_capacity(self.len().max(other.len()));
        loop {
            let next = match (a.peek(), b.peek()) {
                (Some(x), Some(y)) if x <= y => a.next(),
                (_, Some(_)) => b.next(),
                (_, None) => a.next(),
            };
            match next {
                Some(&range) => push(&mut merged, range),
                None => return Self(merged),
            }
        }
    }

    /// Index of the first range at or after `from` that does not end before `value`.
    fn first_reaching(&self, from: usize, value: u128) -> usize {
        let tail = self.0.get(from..).unwrap_or_default();
        // Mostly the next one or none: look there before searching.
        match tail.first() {
            Some(&(_, high)) if high >= value => from,
            None => from,
            _ => from + tail.partition_point(|&(_, high)| high < value),
        }
    }
}

/// Appends a range that starts at or after all others, joining it to the last where they touch.
fn push(merged: &mut Vec<(u128, u128)>, (low, high): (u128, u128)) {
    match merged.last_mut() {
        Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
        _ => merged.push((low, high)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sample() -> impl Strategy<Value = Ranges> {
        proptest::collection::vec((0u128..60, 0u128..6), 0..8)
            .prop_map(|v| Ranges::collect(v.into_iter().map(|(low, n)| (low, low + n)).collect()))
    }

    fn members(r: &Ranges) -> BTreeSet<u128> {
        r.iter().flat_map(|(low, high)| low..=high).collect()
    }

    fn is_normal(r: &Ranges) -> bool {
        r.0.windows(2).all(|w| w[0].1 + 1 < w[1].0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn they_are_sets(a in sample(), b in sample()) {
            let (x, y) = (members(&a), members(&b));
            for (got, want) in [
                (a.union(&b), x.union(&y).copied().collect::<BTreeSet<_>>()),
                (a.intersect(&b), x.intersection(&y).copied().collect()),
                (a.subtract(&b), x.difference(&y).copied().collect()),
            ] {
                prop_assert_eq!(members(&got), want);
                prop_assert!(is_normal(&got));
            }
            for v in 0..70 {
                prop_assert_eq!(a.contains(v), x.contains(&v));
            }
        }
    }

    #[test]
    fn the_whole_of_ipv6_fits() {
        let all = Ranges::of(0, u128::MAX);
        assert_eq!(all.subtract(&Ranges::of(5, 5)).union(&Ranges::of(5, 5)), all);
        assert!(all.subtract(&all).is_empty());
    }
}
