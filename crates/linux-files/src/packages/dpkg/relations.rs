//! Dependency fields (Debian Policy 7.1) resolved against what is installed.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::status::Record;
use super::version;
use crate::packages::PackageId;
use crate::packages::graph::{Graph, GraphBuilder};

/// The graph of all `records`; those that `roots` marks stay though nothing needs them.
pub(super) fn resolve(records: &[Record<'_>], native: &[u8], roots: Vec<bool>) -> Graph {
    let offers = Offers::of(records, native);
    let mut graph = GraphBuilder::new(roots);
    for (id, record) in (0..).zip(records) {
        for field in [record.pre_depends, record.depends] {
            for alternatives in relations(field) {
                graph.need(id, alternatives.flat_map(|atom| offers.satisfiers(record, atom)));
            }
        }
        for field in [record.recommends, record.suggests] {
            for atom in relations(field).flatten() {
                offers.satisfiers(record, atom).for_each(|target| graph.wish(id, target));
            }
        }
    }
    graph.finish()
}

/// What installed packages can satisfy: their own names and versions, and what they provide.
struct Offers<'r, 'a> {
    records: &'r [Record<'a>],
    native: &'r [u8],
    by_name: HashMap<&'a [u8], Vec<Offer<'a>>>,
}

#[derive(Clone, Copy)]
struct Offer<'a> {
    package: PackageId,
    /// A virtual package without a version satisfies no versioned dependency.
    version: Option<&'a [u8]>,
}

impl<'r, 'a> Offers<'r, 'a> {
    fn of(records: &'r [Record<'a>], native: &'r [u8]) -> Self {
        let mut by_name: HashMap<&'a [u8], Vec<Offer<'a>>> = HashMap::with_capacity(2 * records.len());
        for (package, record) in (0..).zip(records) {
            let own = Offer { package, version: Some(record.version) };
            by_name.entry(record.name).or_default().push(own);
            for atom in relations(record.provides).flatten() {
                let version = atom.bound.map(|(_, version)| version);
                by_name.entry(atom.name).or_default().push(Offer { package, version });
            }
        }
        Self { records, native, by_name }
    }

    fn satisfiers<'s>(
        &'s self,
        asking: &'s Record<'a>,
        atom: Atom<'a>,
    ) -> impl Iterator<Item = PackageId> + use<'s, 'r, 'a> {
        let offers = self.by_name.get(atom.name).map(Vec::as_slice).unwrap_or_default();
        let Atom { architecture, bound, .. } = atom;
        let fits = move |offer: &&Offer<'a>| {
            let version = match (bound, offer.version) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some((relation, wanted)), Some(offered)) => {
                    relation.holds(version::compare(offered, wanted))
                }
            };
            version && self.architecture_fits(asking, architecture, offer.package)
        };
        offers.iter().filter(fits).map(|offer| offer.package)
    }

    /// Of another architecture than the asking package's, only `Multi-Arch: foreign` ones do, or `allowed` ones where
    /// the dependency says `:any`.
    fn architecture_fits(&self, asking: &Record<'_>, wanted: &[u8], offered: PackageId) -> bool {
        let Some(offered) = self.records.get(offered as usize) else { return false };
        let has = self.actual(offered.architecture);
        match wanted {
            b"" => offered.multi_arch == b"foreign" || has == self.actual(asking.architecture),
            b"any" => {
                matches!(offered.multi_arch, b"allowed" | b"foreign")
                    || has == self.actual(asking.architecture)
            }
            explicit => has == explicit,
        }
    }

    /// Packages for all architectures count as native ones.
    fn actual<'x>(&'x self, architecture: &'x [u8]) -> &'x [u8] {
        if matches!(architecture, b"all" | b"") { self.native } else { architecture }
    }
}

/// One alternative: `name[:architecture] [(relation version)]`.
#[derive(Clone, Copy)]
struct Atom<'a> {
    name: &'a [u8],
    /// Empty where it is not given.
    architecture: &'a [u8],
    bound: Option<(Relation, &'a [u8])>,
}

#[derive(Clone, Copy)]
enum Relation {
    Before,
    UpTo,
    Exactly,
    From,
    After,
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Before => order.is_lt(),
            Self::UpTo => order.is_le(),
            Self::Exactly => order.is_eq(),
            Self::From => order.is_ge(),
            Self::After => order.is_gt(),
        }
    }
}

/// The alternatives of each dependency of a field. What cannot be understood satisfies nothing and breaks nothing.
fn relations(field: &[u8]) -> impl Iterator<Item = impl Iterator<Item = Atom<'_>>> {
    field.split(|c| *c == b',').map(|dependency| dependency.split(|c| *c == b'|').filter_map(atom))
}

fn atom(text: &[u8]) -> Option<Atom<'_>> {
    let text = text.trim_ascii();
    let (name, rest) = match memchr::memchr3(b'(', b'[', b'<', text) {
        Some(at) => text.split_at(at),
        None => (text, &[][..]),
    };
    let name = name.trim_ascii();
    let (name, architecture) = match memchr::memchr(b':', name) {
        Some(colon) => (name.get(..colon)?, name.get(colon + 1..)?),
        None => (name, &[][..]),
    };
    let bound = match rest.strip_prefix(b"(") {
        Some(inside) => Some(bound(inside.get(..memchr::memchr(b')', inside)?)?)?),
        None => None,
    };
    (!name.is_empty()).then_some(Atom { name, architecture, bound })
}

/// `>= 1.2` and the like; `<` and `>` are the old spellings of `<=` and `>=`.
fn bound(text: &[u8]) -> Option<(Relation, &[u8])> {
    let text = text.trim_ascii();
    let spellings: [(&[u8], Relation); 7] = [
        (b"<<", Relation::Before),
        (b"<=", Relation::UpTo),
        (b"=", Relation::Exactly),
        (b">=", Relation::From),
        (b">>", Relation::After),
        (b"<", Relation::UpTo),
        (b">", Relation::From),
    ];
    spellings.iter().find_map(|(spelling, relation)| {
        let version = text.strip_prefix(*spelling)?.trim_ascii();
        (!version.is_empty()).then_some((*relation, version))
    })
}
