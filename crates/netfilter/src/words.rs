//! Sets of clients in words: those of the rules where they fit exactly, networks otherwise.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Subnets, Ipv6Subnets};

use crate::expression::{Expr, Field};
use crate::packet::Hook;
use crate::query::Family;
use crate::ranges::Ranges;
use crate::ruleset::{Content, Rule, Ruleset};
use crate::statement::{Op, Statement, Table};
use crate::text;
use crate::walk::{Event, EventKind};

/// Most networks, or conditions, that are listed.
const LISTED: usize = 6;
/// Longest wording of one condition, in characters.
const LENGTH: usize = 100;

/// What is needed to put clients into words.
pub(crate) struct Speaker<'a> {
    pub(crate) rules: &'a Ruleset,
    pub(crate) family: Family,
    /// Every address outside.
    pub(crate) universe: &'a Ranges,
    /// The host's own addresses: gaps in `universe` that nobody should read about.
    pub(crate) own: &'a [u128],
}

/// Who gets in by one interface, and what happened on the way.
pub(crate) struct Part<'a> {
    pub(crate) interface: &'a str,
    pub(crate) accepted: &'a Ranges,
    pub(crate) events: Vec<&'a Event>,
}

/// Who gets in.
pub(crate) fn accepted(speaker: &Speaker<'_>, parts: &[Part<'_>]) -> Vec<String> {
    describe(parts, |part| {
        let outside = speaker.universe.subtract(part.accepted);
        if outside.is_empty() {
            return vec![String::new()];
        }
        if part.accepted.size() > outside.size() {
            let except = speaker.conditions(part, EventKind::Drop, &outside);
            return vec![format!("everybody except {}", except.join(", "))];
        }
        speaker.conditions(part, EventKind::Accept, part.accepted)
    })
}

/// Who does not, where nearly everybody does.
pub(crate) fn excepted(speaker: &Speaker<'_>, parts: &[Part<'_>]) -> Vec<String> {
    describe(parts, |part| {
        let outside = speaker.universe.subtract(part.accepted);
        if outside.is_empty() { Vec::new() } else { speaker.conditions(part, EventKind::Drop, &outside) }
    })
}

/// Says for each interface, or for all at once where they do not differ, what `words` has to say.
fn describe(parts: &[Part<'_>], words: impl Fn(&Part<'_>) -> Vec<String>) -> Vec<String> {
    let Some(first) = parts.first() else { return Vec::new() };
    if parts.iter().all(|p| p.accepted == first.accepted) {
        let everybody = |word: String| if word.is_empty() { "everybody".to_owned() } else { word };
        return if first.accepted.is_empty() {
            Vec::new()
        } else {
            words(first).into_iter().map(everybody).collect()
        };
    }
    let mut said: Vec<String> = Vec::new();
    let mut done: Vec<&Ranges> = Vec::new();
    for part in parts.iter().filter(|p| !p.accepted.is_empty()) {
        if done.contains(&part.accepted) {
            continue;
        }
        done.push(part.accepted);
        let same = parts.iter().filter(|p| p.accepted == part.accepted);
        let names: Vec<String> = same.map(|p| text::clean(p.interface)).collect();
        let names = format!("interface{} {}", if names.len() > 1 { "s" } else { "" }, names.join(", "));
        for word in words(part) {
            said.push(if word.is_empty() { names.clone() } else { format!("{names}: {word}") });
        }
    }
    said
}

impl Speaker<'_> {
    /// `sources` in the words of the rules that decided about them, the rest as networks.
    fn conditions(&self, part: &Part<'_>, kind: EventKind, sources: &Ranges) -> Vec<String> {
        let mut rest = sources.clone();
        let mut said: Vec<String> = Vec::new();
        for event in &part.events {
            if event.kind != kind || (kind == EventKind::Accept && !self.is_last_hook(event)) {
                continue;
            }
            let Some((words, meant)) = self.condition(event) else { continue };
            let fits = !meant.intersect(&rest).is_empty() && meant.subtract(sources).is_empty();
            if fits && !words.is_empty() && said.len() < LISTED {
                rest = rest.subtract(&meant);
                if !said.contains(&words) {
                    said.push(words);
                }
            }
        }
        if !rest.is_empty() {
            said.push(format!("saddr {}", self.networks(&rest)));
        }
        said
    }

    fn is_last_hook(&self, event: &Event) -> bool {
        let chain = event.path.first().and_then(|(chain, _)| self.rules.chains.get(*chain));
        chain.and_then(|c| c.base.as_ref()).is_some_and(|b| matches!(b.hook, Hook::Input | Hook::Forward))
    }

    /// What the rules on an event's path ask of the source address, in words and as addresses; `None` if they ask
    /// it in a way that has no words here.
    fn condition(&self, event: &Event) -> Option<(String, Ranges)> {
        let (mut words, mut meant) = (Vec::new(), self.universe.clone());
        for (chain, rule) in &event.path {
            let Some(rule) = rule.and_then(|r| self.rules.chains.get(*chain)?.rules.get(r)) else { continue };
            for (index, statement) in rule.statements.iter().enumerate() {
                let m = match statement {
                    Statement::Match(m) if looks_at_source(&m.left) => m,
                    Statement::VerdictMap { key, .. } if looks_at_source(key) => return None,
                    _ => continue,
                };
                let Expr::Field(Field::Source(version)) = &m.left else { return None };
                if (*version == 4) != (self.family == Family::V4) {
                    return None;
                }
                let (word, set) = self.set(&m.right, rule, index)?;
                if m.op == Op::IsNot {
                    words.push(format!("not {word}"));
                    meant = meant.subtract(set);
                } else {
                    words.push(word);
                    meant = meant.intersect(set);
                }
            }
        }
        Some((words.join(" and "), meant))
    }

    fn set<'r>(&'r self, right: &'r Table<()>, rule: &Rule, index: usize) -> Option<(String, &'r Ranges)> {
        let (lookup, word) = match right {
            Table::Inline(lookup) => {
                let written = rule.source.get(index)?.get("match")?.get("right")?;
                let mut word = format!("saddr {}", text::expression(written));
                if word.chars().count() > LENGTH {
                    word = word.chars().take(LENGTH).chain("...".chars()).collect();
                }
                (lookup, word)
            }
            Table::Named(set) => {
                let set = self.rules.sets.get(*set)?;
                let Content::Set(lookup) = &set.content else { return None };
                let plural = if lookup.len == 1 { "" } else { "s" };
                (lookup, format!("set @{} ({} element{plural})", text::clean(&set.name), lookup.len))
            }
            Table::Missing(_) => return None,
        };
        match lookup.groups.as_slice() {
            [((), members)]
                if lookup.default.is_none() && !lookup.incomplete && members.tuples.is_empty() =>
            {
                Some((word, &members.numbers))
            }
            _ => None,
        }
    }

    /// Addresses as networks, the first few.
    pub(crate) fn networks(&self, sources: &Ranges) -> String {
        let sources = sources.bridged(self.own);
        let mut listed: Vec<String> = sources.iter().take(LISTED).map(|range| self.range(range)).collect();
        let more = sources.len() - listed.len();
        if more > 0
            && let Some(last) = listed.last_mut()
        {
            let _ = write!(last, " and {more} more");
        }
        listed.join(", ")
    }

    /// One range: as a network if it is one.
    fn range(&self, (low, high): (u128, u128)) -> String {
        let address = |n: u128| match self.family {
            Family::V4 => IpAddr::from(Ipv4Addr::from(u32::try_from(n).unwrap_or(u32::MAX))),
            Family::V6 => IpAddr::from(Ipv6Addr::from(n)),
        };
        if low == high {
            return address(low).to_string();
        }
        let mut networks: Box<dyn Iterator<Item = String>> = match (address(low), address(high)) {
            (IpAddr::V4(a), IpAddr::V4(b)) => Box::new(Ipv4Subnets::new(a, b, 0).map(|n| n.to_string())),
            (IpAddr::V6(a), IpAddr::V6(b)) => Box::new(Ipv6Subnets::new(a, b, 0).map(|n| n.to_string())),
            _ => Box::new(std::iter::empty()),
        };
        match (networks.next(), networks.next()) {
            (Some(only), None) => only,
            _ => format!("{}-{}", address(low), address(high)),
        }
    }
}

fn looks_at_source(expr: &Expr) -> bool {
    let mut found = Vec::new();
    expr.fields(&mut found);
    found.iter().any(|field| matches!(field, Field::Source(_) | Field::CtSource(_)))
}
