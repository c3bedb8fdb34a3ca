//! What rpm packages require and provide, gathered header by header, then resolved.
//!
//! A requirement is a capability's name with a range of versions, the path of a file, or a rich dependency
//! (`(a or b)`, `(a if b)`). Names repeat thousandfold (`libc.so.6(GLIBC_2.34)(64bit)`) and are kept once.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::header::{Header, Tag};
use super::version::Evr;
use crate::packages::PackageId;
use crate::packages::graph::{Graph, GraphBuilder};

const LESS: u32 = 1 << 1;
const GREATER: u32 = 1 << 2;
const EQUAL: u32 = 1 << 3;
const SENSE: u32 = LESS | GREATER | EQUAL;
/// Requirements that bind rpm itself, not packages.
const RPMLIB: u32 = 1 << 24;
/// Requirements that need not be met.
const MISSING_OK: u32 = 1 << 19;

/// Deepest nesting of a rich dependency.
const DEPTH: usize = 8;

/// Index into the names.
type Symbol = u32;

/// Everything required and provided.
#[derive(Default)]
pub(super) struct Relations {
    names: HashMap<Box<[u8]>, Symbol>,
    /// By symbol: who provides it, in which versions.
    offers: Vec<Vec<(PackageId, Range)>>,
    requires: Vec<(PackageId, Require)>,
    recommends: Vec<(PackageId, Symbol)>,
    /// Required paths: a package that has the file satisfies them.
    paths: BTreeMap<Box<[u8]>, Symbol>,
}

/// A set of versions. Without sense bits it is all of them.
#[derive(Clone, Default)]
struct Range {
    sense: u32,
    evr: Box<[u8]>,
}

enum Require {
    One(Symbol, Range),
    Rich(Box<[u8]>),
}

impl Relations {
    pub(super) fn add(&mut self, package: PackageId, header: &Header<'_>) {
        let bounds = ranges(header, Tag::ProvideFlags, Tag::ProvideVersion);
        for (name, range) in header.strings(Tag::ProvideName).zip(bounds) {
            let symbol = self.symbol(name);
            self.offer(symbol, package, range);
        }
        let bounds = ranges(header, Tag::RequireFlags, Tag::RequireVersion);
        for (name, range) in header.strings(Tag::RequireName).zip(bounds) {
            if range.sense & (RPMLIB | MISSING_OK) != 0 {
                continue;
            }
            let require = if name.starts_with(b"(") {
                Require::Rich(name.into())
            } else {
                Require::One(self.symbol(name), range)
            };
            self.requires.push((package, require));
        }
        for name in header.strings(Tag::RecommendName) {
            let symbol = self.symbol(name);
            self.recommends.push((package, symbol));
        }
    }

    fn symbol(&mut self, name: &[u8]) -> Symbol {
        if let Some(symbol) = self.names.get(name) {
            return *symbol;
        }
        let symbol = Symbol::try_from(self.offers.len()).unwrap_or(Symbol::MAX);
        self.offers.push(Vec::new());
        self.names.insert(name.into(), symbol);
        if name.starts_with(b"/") {
            self.paths.insert(name.into(), symbol);
        }
        symbol
    }

    fn offer(&mut self, symbol: Symbol, package: PackageId, range: Range) {
        if let Some(offers) = self.offers.get_mut(symbol as usize) {
            offers.push((package, range));
        }
    }

    /// Paths that something requires.
    pub(super) fn required_paths(&self) -> impl Iterator<Item = &[u8]> {
        self.paths.keys().map(|path| &**path)
    }

    /// Takes note that a package has this file.
    pub(super) fn has_file(&mut self, package: PackageId, path: &[u8]) {
        if let Some(symbol) = self.paths.get(path) {
            self.offer(*symbol, package, Range::default());
        }
    }

    /// The graph; packages that `roots` marks stay though nothing needs them.
    pub(super) fn resolve(&self, roots: Vec<bool>) -> Graph {
        let mut graph = GraphBuilder::new(roots);
        for (package, require) in &self.requires {
            match require {
                Require::One(symbol, range) => graph.need(*package, self.satisfiers(*symbol, range)),
                Require::Rich(text) => {
                    for need in self.rich(text, DEPTH) {
                        graph.need(*package, need);
                    }
                }
            }
        }
        for (package, symbol) in &self.recommends {
            self.satisfiers(*symbol, &Range::default()).for_each(|target| graph.wish(*package, target));
        }
        graph.finish()
    }

    fn satisfiers(&self, symbol: Symbol, wanted: &Range) -> impl Iterator<Item = PackageId> {
        let offers = self.offers.get(symbol as usize).map(Vec::as_slice).unwrap_or_default();
        offers.iter().filter(|(_, range)| range.overlaps(wanted)).map(|(package, _)| *package)
    }

    /// The needs of a rich dependency, each the packages of which one must stay (rpm's "Boolean dependencies").
    ///
    /// Conditions (`if`, `unless`) are taken as they hold now: that the condition's own package may go along with the
    /// removal is not considered, so that more may be said to break than would, never less.
    fn rich(&self, text: &[u8], depth: usize) -> Vec<Vec<PackageId>> {
        let text = text.trim_ascii();
        let Some(inside) = text.strip_prefix(b"(").and_then(|t| t.strip_suffix(b")")).filter(|_| depth > 0)
        else {
            return vec![self.simple(text)];
        };
        let words = words(inside);
        let operand = |at: usize| words.get(at).map(|word| self.rich(word, depth - 1)).unwrap_or_default();
        let met = |at: usize| operand(at).iter().all(|need| !need.is_empty());
        let first = operand(0);
        match words.get(1).copied() {
            // Enough if one operand is met: some package of any must stay.
            Some(b"or") => vec![(0..words.len()).step_by(2).flat_map(operand).flatten().collect()],
            Some(b"and") => (0..words.len()).step_by(2).flat_map(operand).collect(),
            // One package must meet both.
            Some(b"with") => {
                let second = operand(2).concat();
                vec![first.concat().into_iter().filter(|package| second.contains(package)).collect()]
            }
            Some(b"without") => {
                let second = operand(2).concat();
                vec![first.concat().into_iter().filter(|package| !second.contains(package)).collect()]
            }
            Some(b"if") if met(2) => first,
            Some(b"unless") if !met(2) => first,
            Some(b"if" | b"unless") => operand(4), // `else`, if there is one
            _ => first,
        }
    }

    /// `name` or `name OPERATOR version`.
    fn simple(&self, text: &[u8]) -> Vec<PackageId> {
        let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(symbol) = words.next().and_then(|name| self.names.get(name)) else { return Vec::new() };
        let sense = words.next().unwrap_or_default().iter().fold(0, |sense, c| match c {
            b'<' => sense | LESS,
            b'>' => sense | GREATER,
            b'=' => sense | EQUAL,
            _ => sense,
        });
        let range = Range { sense, evr: words.next().unwrap_or_default().into() };
        self.satisfiers(*symbol, &range).collect()
    }
}

/// Operands and operators by turns. An operand may be in parentheses, and may have a version.
fn words(inside: &[u8]) -> Vec<&[u8]> {
    let operators: [&[u8]; 7] = [b"or", b"and", b"with", b"without", b"if", b"unless", b"else"];
    let mut words: Vec<&[u8]> = Vec::new();
    let (mut depth, mut operand, mut word) = (0usize, 0, 0);
    for (at, c) in inside.iter().chain(b" ").enumerate() {
        match c {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b' ' | b'\t' if depth == 0 => {
                let here = inside.get(word..at).unwrap_or_default();
                if operators.contains(&here) {
                    words.push(inside.get(operand..word).unwrap_or_default().trim_ascii());
                    words.push(here);
                    operand = at;
                }
                word = at + 1;
            }
            _ => {}
        }
    }
    words.push(inside.get(operand..).unwrap_or_default().trim_ascii());
    words
}

impl Range {
    /// Whether some version is in both (rpm-version(7); a range without bounds overlaps every other).
    fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.sense & SENSE, other.sense & SENSE);
        if a == 0 || b == 0 || self.evr.is_empty() || other.evr.is_empty() {
            return true;
        }
        match Evr::of(&self.evr).compare(Evr::of(&other.evr)) {
            Ordering::Less => a & GREATER != 0 || b & LESS != 0,
            Ordering::Greater => a & LESS != 0 || b & GREATER != 0,
            Ordering::Equal => a & b != 0,
        }
    }
}

/// Ranges of a list of capabilities; unbounded ones once the header has no more.
fn ranges<'a>(header: &Header<'a>, flags: Tag, versions: Tag) -> impl Iterator<Item = Range> + use<'a> {
    let flags = header.integers(flags).chain(std::iter::repeat(0));
    let versions = header.strings(versions).chain(std::iter::repeat(&b""[..]));
    flags.zip(versions).map(|(sense, evr)| Range { sense, evr: evr.into() })
}
