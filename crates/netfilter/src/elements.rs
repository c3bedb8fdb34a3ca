//! Sets, maps and verdict maps: elements grouped by what they map to, and what lookups in them give.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use serde_json::Value;

use crate::packet::Sym;
use crate::ranges::Ranges;
use crate::value::{Kind, Part, part};

/// For which source addresses something holds.
#[derive(Debug, Clone)]
pub(crate) enum Hit<'a> {
    Never,
    Always,
    /// Nobody knows, for the reason given.
    Maybe(String),
    /// For exactly these.
    Among(Cow<'a, Ranges>),
    /// For exactly the others.
    Outside(Cow<'a, Ranges>),
    /// For `yes`; for the others in `maybe` nobody knows.
    Mixed {
        yes: Ranges,
        maybe: Ranges,
        why: String,
    },
}

/// A set (`T = ()`), a map or a verdict map.
#[derive(Debug, Clone)]
pub(crate) struct Lookup<T> {
    /// Elements by what they map to.
    pub(crate) groups: Vec<(T, Members)>,
    /// What the catch-all element maps to.
    pub(crate) default: Option<T>,
    /// Elements as listed.
    pub(crate) len: usize,
    /// Whether an element was not understood, so that a miss proves nothing.
    pub(crate) incomplete: bool,
}

/// Keys that map to the same thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    /// Numeric keys of one part.
    pub(crate) numbers: Ranges,
    /// Interface names.
    pub(crate) names: Vec<String>,
    /// Keys of several parts.
    pub(crate) tuples: Vec<Vec<Part>>,
}

impl<T: Clone + Eq + Hash> Lookup<T> {
    /// Reads elements; `split` takes one apart into its key and what it maps to.
    pub(crate) fn parse<'v>(
        elements: impl IntoIterator<Item = &'v Value>,
        kinds: &[Kind],
        split: impl Fn(&'v Value) -> Option<(&'v Value, T)>,
    ) -> Self {
        let mut groups: Vec<(T, Members, Vec<(u128, u128)>)> = Vec::new();
        let mut index: HashMap<T, usize> = HashMap::new();
        let mut lookup = Self { groups: Vec::new(), default: None, len: 0, incomplete: false };
        for element in elements {
            lookup.len += 1;
            let Some((data, key)) = split(element).and_then(|(key, data)| Some((data, parts(key, kinds)?)))
            else {
                lookup.incomplete = true;
                continue;
            };
            if matches!(key.as_slice(), [Part::Any]) {
                lookup.default = Some(data);
                continue;
            }
            let at = *index.entry(data.clone()).or_insert_with(|| {
                groups.push((data, Members::default(), Vec::new()));
                groups.len() - 1
            });
            let Some((_, members, numbers)) = groups.get_mut(at) else { continue };
            match <[Part; 1]>::try_from(key) {
                Ok([Part::Range(low, high)]) => numbers.push((low, high)),
                Ok([Part::Name(name)]) => members.names.push(name),
                Ok([Part::Any]) => {}
                Err(tuple) => members.tuples.push(tuple),
            }
        }
        lookup.groups = groups
            .into_iter()
            .map(|(data, members, numbers)| (data, Members { numbers: Ranges::collect(numbers), ..members }))
            .collect();
        lookup
    }
}

impl<T> Lookup<T> {
    /// Where, in the part of the key at `position`, something else begins: starts of ranges, and what follows them.
    pub(crate) fn edges(&self, position: usize, edges: &mut Vec<u128>) {
        for (_, members) in &self.groups {
            if position == 0 {
                edges.extend(members.numbers.iter().flat_map(|(low, high)| [low, high.saturating_add(1)]));
            }
            for tuple in &members.tuples {
                if let Some(Part::Range(low, high)) = tuple.get(position) {
                    edges.extend([*low, high.saturating_add(1)]);
                }
            }
        }
    }
}

impl Lookup<()> {
    /// Reads the elements of a plain set.
    pub(crate) fn set<'v>(elements: impl IntoIterator<Item = &'v Value>, kinds: &[Kind]) -> Self {
        Self::parse(elements, kinds, |element| Some((element, ())))
    }

    /// All numbers from `low` to `high`.
    pub(crate) fn range(low: u128, high: u128) -> Self {
        let members = Members { numbers: Ranges::of(low, high), ..Members::default() };
        Self { groups: vec![((), members)], default: None, len: 1, incomplete: false }
    }

    /// Whether a key with these parts is in the set.
    pub(crate) fn hit(&self, key: &[Sym<'_>]) -> Hit<'_> {
        let found = match self.groups.first() {
            Some(((), members)) => members.hit(key),
            None => Hit::Never,
        };
        if key.iter().any(|part| matches!(part, Sym::Absent)) {
            return Hit::Never;
        }
        match found {
            _ if self.default.is_some() => Hit::Always,
            Hit::Never | Hit::Among(_) if self.incomplete && reason(key).is_some() => {
                Hit::Maybe(reason(key).unwrap_or_default())
            }
            Hit::Never if self.incomplete => Hit::Maybe("an element of a set that is not understood".into()),
            Hit::Among(yes) if self.incomplete => Hit::Mixed {
                yes: yes.into_owned(),
                maybe: Ranges::of(0, u128::MAX),
                why: "an element of a set that is not understood".into(),
            },
            found => found,
        }
    }
}

impl Members {
    /// For which sources a key with these parts is among the members.
    pub(crate) fn hit(&self, key: &[Sym<'_>]) -> Hit<'_> {
        match key {
            [one] if self.tuples.is_empty() => self.hit_one(one),
            _ => self.hit_tuple(key),
        }
    }

    fn hit_one(&self, key: &Sym<'_>) -> Hit<'_> {
        match key {
            Sym::Absent => Hit::Never,
            Sym::Unknown(why) => Hit::Maybe(why.clone()),
            Sym::Source => Hit::Among(Cow::Borrowed(&self.numbers)),
            Sym::Number(n) => decided(self.numbers.contains(*n)),
            Sym::Not(other) => {
                let possible = self.numbers.subtract(&Ranges::of(*other, *other));
                if possible.is_empty() { Hit::Never } else { Hit::Maybe(OTHER_TYPE.into()) }
            }
            Sym::Masked(mask) => {
                let mut found = Vec::new();
                for (low, high) in self.numbers.iter() {
                    match unmask(low, high, *mask) {
                        Some(range) => found.extend(range),
                        None => return Hit::Maybe("a masked source address".into()),
                    }
                }
                Hit::Among(Cow::Owned(Ranges::collect(found)))
            }
            Sym::Interface(interface) => {
                let mut sure = true;
                for name in &self.names {
                    match interface.is_named(name) {
                        Some(true) => return Hit::Always,
                        Some(false) => {}
                        None => sure = false,
                    }
                }
                for (low, high) in self.numbers.iter() {
                    match interface.index.map(u128::from) {
                        Some(index) if (low..=high).contains(&index) => return Hit::Always,
                        Some(_) => {}
                        None => sure = false,
                    }
                }
                if sure { Hit::Never } else { Hit::Maybe("an interface that is not known".into()) }
            }
        }
    }

    fn hit_tuple(&self, key: &[Sym<'_>]) -> Hit<'_> {
        let (mut yes, mut maybe) = (Vec::new(), Vec::new());
        let mut reason = String::new();
        for tuple in &self.tuples {
            let (mut range, mut sure) = ((0, u128::MAX), true);
            let fits = tuple.len() == key.len()
                && tuple.iter().zip(key).all(|(part, sym)| match fit(part, sym) {
                    Fit::No => false,
                    Fit::Yes => true,
                    Fit::Source(low, high) => {
                        range = (range.0.max(low), range.1.min(high));
                        range.0 <= range.1
                    }
                    Fit::Maybe(why) => {
                        sure = false;
                        reason = why;
                        true
                    }
                });
            if fits {
                if sure { yes.push(range) } else { maybe.push(range) }
            }
        }
        let yes = Ranges::collect(yes);
        if maybe.is_empty() {
            return Hit::Among(Cow::Owned(yes));
        }
        Hit::Mixed { maybe: Ranges::collect(maybe).subtract(&yes), yes, why: reason }
    }
}

/// Why a key's value is not known.
fn reason(key: &[Sym<'_>]) -> Option<String> {
    key.iter().find_map(|part| match part {
        Sym::Unknown(why) => Some(why.clone()),
        _ => None,
    })
}

const OTHER_TYPE: &str = "the interface's type";

/// Whether one part of an element fits one part of a key.
enum Fit {
    No,
    Yes,
    Source(u128, u128),
    Maybe(String),
}

fn fit(part: &Part, sym: &Sym<'_>) -> Fit {
    let yes = |b: bool| if b { Fit::Yes } else { Fit::No };
    match (part, sym) {
        (_, Sym::Absent) => Fit::No,
        (Part::Any, _) => Fit::Yes,
        (_, Sym::Unknown(why)) => Fit::Maybe(why.clone()),
        (Part::Range(low, high), Sym::Number(n)) => yes((low..=high).contains(&n)),
        (Part::Range(low, high), Sym::Not(n)) if low == n && high == n => Fit::No,
        (Part::Range(..), Sym::Not(_)) => Fit::Maybe(OTHER_TYPE.into()),
        (Part::Range(low, high), Sym::Source) => Fit::Source(*low, *high),
        (Part::Range(low, high), Sym::Masked(mask)) => match unmask(*low, *high, *mask) {
            Some(Some((low, high))) => Fit::Source(low, high),
            Some(None) => Fit::No,
            None => Fit::Maybe("a masked source address".into()),
        },
        (Part::Name(name), Sym::Interface(interface)) => match interface.is_named(name) {
            Some(b) => yes(b),
            None => Fit::Maybe("an interface that is not known".into()),
        },
        (Part::Range(low, high), Sym::Interface(interface)) => match interface.index.map(u128::from) {
            Some(index) => yes((*low..=*high).contains(&index)),
            None => Fit::Maybe("an interface that is not known".into()),
        },
        (Part::Name(_), _) => Fit::Maybe("a name where a number belongs".into()),
    }
}

/// Which `x` have `x & mask` in the range: exactly known where the mask is a prefix and the range one value.
#[allow(clippy::option_option)]
fn unmask(low: u128, high: u128, mask: u128) -> Option<Option<(u128, u128)>> {
    let rest = !mask;
    if rest & rest.wrapping_add(1) != 0 || low != high {
        return None;
    }
    Some((low & rest == 0).then_some((low, low | rest)))
}

fn decided(holds: bool) -> Hit<'static> {
    if holds { Hit::Always } else { Hit::Never }
}

fn parts(key: &Value, kinds: &[Kind]) -> Option<Vec<Part>> {
    let key = match key.get("elem") {
        Some(elem) => elem.get("val")?,
        None => key,
    };
    match key.get("concat").and_then(Value::as_array) {
        Some(list) if list.len() == kinds.len() => {
            list.iter().zip(kinds).map(|(value, kind)| part(value, *kind)).collect()
        }
        Some(_) => None,
        None => match kinds {
            [kind] => Some(vec![part(key, *kind)?]),
            _ => part(key, Kind::Integer).filter(|p| *p == Part::Any).map(|any| vec![any]),
        },
    }
}
