use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A universe written down as it is, for the naive way of asking.
#[derive(Debug, Clone)]
struct Universe {
    roots: Vec<bool>,
    /// Package, any of which it needs.
    needs: Vec<(u32, Vec<u32>)>,
    wishes: Vec<(u32, u32)>,
}

impl Universe {
    fn graph(&self) -> Graph {
        let mut graph = GraphBuilder::new(self.roots.clone());
        for (package, satisfiers) in &self.needs {
            graph.need(*package, satisfiers.iter().copied());
        }
        for (package, target) in &self.wishes {
            graph.wish(*package, *target);
        }
        graph.finish()
    }

    /// Takes out whatever has a need that was met and is not any more, until nothing changes.
    fn removal(&self, package: u32) -> BTreeSet<u32> {
        let mut gone = BTreeSet::from([package]);
        loop {
            let broken =
                |(_, any): &&(u32, Vec<u32>)| !any.is_empty() && any.iter().all(|id| gone.contains(id));
            let more: Vec<u32> = self.needs.iter().filter(broken).map(|(package, _)| *package).collect();
            let before = gone.len();
            gone.extend(more);
            if gone.len() == before {
                return gone;
            }
        }
    }

    /// What roots lead to, without the gone ones.
    fn used(&self, gone: &BTreeSet<u32>) -> BTreeSet<u32> {
        let all = 0..u32::try_from(self.roots.len()).unwrap();
        let mut used: BTreeSet<u32> =
            all.filter(|id| self.roots[*id as usize] && !gone.contains(id)).collect();
        loop {
            let needed =
                self.needs.iter().filter(|(from, _)| used.contains(from)).flat_map(|(_, to)| to.clone());
            let wished = self.wishes.iter().filter(|(from, _)| used.contains(from)).map(|(_, to)| *to);
            let more: Vec<u32> = needed.chain(wished).filter(|id| !gone.contains(id)).collect();
            let before = used.len();
            used.extend(more);
            if used.len() == before {
                return used;
            }
        }
    }
}

fn universe() -> impl Strategy<Value = Universe> {
    (2u32..10).prop_flat_map(|size| {
        let need = (0..size, proptest::collection::vec(0..size, 0..4));
        (
            proptest::collection::vec(proptest::bool::weighted(0.3), size as usize),
            proptest::collection::vec(need, 0..16),
            proptest::collection::vec((0..size, 0..size), 0..6),
        )
            .prop_map(|(roots, needs, wishes)| Universe { roots, needs, wishes })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn removals_and_orphans_are_those_of_the_naive_fixpoint(universe in universe()) {
        let graph = universe.graph();
        let before = universe.used(&BTreeSet::new());
        for package in 0..u32::try_from(universe.roots.len()).unwrap() {
            let gone = universe.removal(package);
            let takes = graph.removal_takes(package);
            let taken: BTreeSet<u32> = takes.iter().copied().chain([package]).collect();
            prop_assert_eq!(&taken, &gone, "removal of {}", package);
            prop_assert_eq!(takes.len() + 1, gone.len(), "nothing twice");

            let after = universe.used(&gone);
            let expected: BTreeSet<u32> =
                before.iter().copied().filter(|id| !after.contains(id) && !gone.contains(id)).collect();
            let orphans: BTreeSet<u32> = graph.orphans(package, &takes).into_iter().collect();
            prop_assert_eq!(orphans, expected, "orphans of {}", package);

            for one in graph.required_by(package) {
                prop_assert!(gone.contains(&one));
            }
        }
    }
}

#[test]
fn an_alternative_keeps_a_package() {
    // 0 needs 1 or 2; 3 needs 1.
    let mut graph = GraphBuilder::new(vec![true; 4]);
    graph.need(0, [1, 2]);
    graph.need(3, [1]);
    let graph = graph.finish();
    assert_eq!(graph.removal_takes(1), [3]);
    assert_eq!(graph.required_by(1), [3]);
    assert!(graph.removal_takes(2).is_empty());
}

#[test]
fn cycles_and_numbers_out_of_range_end() {
    let mut graph = GraphBuilder::new(vec![false; 2]);
    graph.need(0, [1]);
    graph.need(1, [0]);
    graph.need(1, [7]);
    graph.need(9, [1]);
    graph.wish(0, 9);
    let graph = graph.finish();
    assert_eq!(graph.removal_takes(0), [1]);
    assert!(graph.removal_takes(77).is_empty());
    assert!(graph.orphans(0, &[1]).is_empty());
}
