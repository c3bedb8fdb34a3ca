//! Dependencies between installed packages, and what a removal means.
//!
//! A *need* is one dependency of a package with every installed package that satisfies it. It breaks when the last of
//! these goes. A need that nothing satisfies now is broken already, and one that the package satisfies itself cannot
//! break: these count as wishes at most. A *wish* (Recommends, Suggests) never breaks, but keeps an automatic package from being
//! called an orphan, as apt and dnf do.

use std::collections::HashMap;

use super::PackageId;

/// The dependencies, while they are gathered.
pub(super) struct GraphBuilder {
    needs: Vec<Need>,
    satisfiers: Vec<PackageId>,
    /// From, to; of needs and wishes.
    edges: Vec<(PackageId, PackageId)>,
    /// Packages that stay though nothing needs them.
    roots: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Need {
    package: PackageId,
    /// Range in `satisfiers`.
    start: u32,
    len: u32,
}

impl GraphBuilder {
    /// For as many packages as `roots` has, true for those that stay though nothing needs them.
    pub(super) fn new(roots: Vec<bool>) -> Self {
        Self { needs: Vec::new(), satisfiers: Vec::new(), edges: Vec::new(), roots }
    }

    /// Adds a dependency of `package` on any one of `satisfiers`.
    pub(super) fn need(&mut self, package: PackageId, satisfiers: impl IntoIterator<Item = PackageId>) {
        let start = self.satisfiers.len();
        self.satisfiers.extend(satisfiers);
        let mut mine = self.satisfiers.split_off(start);
        mine.retain(|id| (*id as usize) < self.roots.len());
        mine.sort_unstable();
        mine.dedup();
        for satisfier in &mine {
            self.wish(package, *satisfier);
        }
        if mine.is_empty() || mine.contains(&package) {
            return;
        }
        let (Ok(start), Ok(len)) = (u32::try_from(start), u32::try_from(mine.len())) else { return };
        self.needs.push(Need { package, start, len });
        self.satisfiers.append(&mut mine);
    }

    /// Adds a wish of `package` for `target`.
    pub(super) fn wish(&mut self, package: PackageId, target: PackageId) {
        if package != target && (target as usize) < self.roots.len() {
            self.edges.push((package, target));
        }
    }

    pub(super) fn finish(mut self) -> Graph {
        let packages = self.roots.len();
        self.edges.sort_unstable();
        self.edges.dedup();
        let uses = self.needs.iter().zip(0u32..).flat_map(|(need, index)| {
            let range = need.start as usize..(need.start + need.len) as usize;
            self.satisfiers.get(range).unwrap_or_default().iter().map(move |satisfier| (*satisfier, index))
        });
        let uses = Rows::new(packages, uses.collect());
        let outward = Rows::new(packages, self.edges.clone());
        let inward = Rows::new(packages, self.edges.iter().map(|(from, to)| (*to, *from)).collect());
        let mut graph =
            Graph { needs: self.needs, uses, outward, inward, used: Vec::new(), roots: self.roots };
        graph.used = graph.reached_from_roots();
        graph
    }
}

/// The dependencies between installed packages.
pub(super) struct Graph {
    needs: Vec<Need>,
    /// Package to the needs that it satisfies.
    uses: Rows,
    outward: Rows,
    inward: Rows,
    /// Packages that a root reaches: what is not, was an orphan before.
    used: Vec<bool>,
    roots: Vec<bool>,
}

impl Graph {
    /// Packages that need `package` itself: nothing else that is installed would do.
    pub(super) fn required_by(&self, package: PackageId) -> Vec<PackageId> {
        let needs = self.uses.of(package).iter().filter_map(|need| self.needs.get(*need as usize));
        needs.filter(|need| need.len == 1).map(|need| need.package).collect()
    }

    /// Packages that break when `package` goes, and when those go too, and so on.
    pub(super) fn removal_takes(&self, package: PackageId) -> Vec<PackageId> {
        let mut lost: HashMap<u32, u32> = HashMap::new();
        let mut gone = vec![false; self.roots.len()];
        let mut taken = vec![package];
        set(&mut gone, package);
        let mut next = 0;
        while let Some(going) = taken.get(next).copied() {
            next += 1;
            for need in self.uses.of(going) {
                let lost = lost.entry(*need).or_default();
                *lost += 1;
                let Some(broken) = self.needs.get(*need as usize).filter(|n| n.len == *lost) else {
                    continue;
                };
                if set(&mut gone, broken.package) {
                    taken.push(broken.package);
                }
            }
        }
        taken.swap_remove(0);
        taken
    }

    /// Packages that nothing keeps any more once `package` and what its removal takes along are gone.
    ///
    /// Only what the gone ones lead to, without passing a root, can be orphaned; of those, all stay that something
    /// else in use leads to.
    pub(super) fn orphans(&self, package: PackageId, takes: &[PackageId]) -> Vec<PackageId> {
        let mut seen = vec![false; self.roots.len()];
        let mut doubtful: Vec<PackageId> = Vec::new();
        let mut open: Vec<PackageId> = vec![package];
        open.extend(takes);
        for id in &open {
            set(&mut seen, *id);
        }
        let mut gone = seen.clone();
        while let Some(id) = open.pop() {
            for to in self.outward.of(id) {
                if !is(&self.roots, *to) && is(&self.used, *to) && set(&mut seen, *to) {
                    doubtful.push(*to);
                    open.push(*to);
                }
            }
        }
        let outside = |id: &PackageId| is(&self.used, *id) && !is(&seen, *id);
        let mut kept: Vec<PackageId> =
            doubtful.iter().copied().filter(|id| self.inward.of(*id).iter().any(outside)).collect();
        let mut stays = vec![false; self.roots.len()];
        while let Some(id) = kept.pop() {
            if set(&mut stays, id) {
                kept.extend(self.outward.of(id).iter().filter(|to| is(&seen, **to) && !is(&gone, **to)));
            }
        }
        doubtful.retain(|id| !is(&stays, *id) && set(&mut gone, *id));
        doubtful
    }

    fn reached_from_roots(&self) -> Vec<bool> {
        let mut reached = self.roots.clone();
        let mut open: Vec<PackageId> =
            (0u32..).zip(&self.roots).filter(|(_, root)| **root).map(|(id, _)| id).collect();
        while let Some(id) = open.pop() {
            for to in self.outward.of(id) {
                if set(&mut reached, *to) {
                    open.push(*to);
                }
            }
        }
        reached
    }
}

/// Sets a mark; whether it is new.
fn set(marks: &mut [bool], id: PackageId) -> bool {
    marks.get_mut(id as usize).is_some_and(|mark| !std::mem::replace(mark, true))
}

fn is(marks: &[bool], id: PackageId) -> bool {
    marks.get(id as usize).copied().unwrap_or_default()
}

/// Values by row, in one allocation each.
struct Rows {
    /// Where each row starts, and where the last one ends.
    starts: Vec<u32>,
    values: Vec<u32>,
}

impl Rows {
    fn new(rows: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        let mut starts = vec![0u32; rows + 1];
        for (row, _) in &pairs {
            if let Some(count) = starts.get_mut(*row as usize + 1) {
                *count += 1;
            }
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        Self { starts, values: pairs.into_iter().map(|(_, value)| value).collect() }
    }

    fn of(&self, row: u32) -> &[u32] {
        let row = row as usize;
        let (Some(start), Some(end)) = (self.starts.get(row), self.starts.get(row + 1)) else { return &[] };
        self.values.get(*start as usize..*end as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
