//! What a rule does, statement by statement.

use std::collections::HashMap;

use serde_json::Value;

use crate::elements::Lookup;
use crate::expression::{self, Expr, Field};
use crate::query::Family;
use crate::text;
use crate::value::{Part, part, scalar};

/// One step of a rule: it narrows, decides, changes the packet, or does nothing that matters here.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    Match(Match),
    Verdict(Verdict),
    /// Rejects packets of one family; of the other, the rule does not hold. nft asks for the family in the kernel, and
    /// leaves that out of the listing.
    Reject(Family),
    VerdictMap {
        key: Expr,
        map: Table<Verdict>,
    },
    Nat(Nat),
    SetMark {
        connection: bool,
        value: Expr,
    },
    SetPort(Expr),
    Notrack,
    /// A limit of rate or number: `over` matches what exceeds it.
    Limit {
        over: bool,
    },
    /// Adds to a dynamic set; limits may hang on the element.
    AddToSet {
        set: Option<usize>,
        key: Expr,
        limits: Vec<bool>,
    },
    /// No effect on where the packet goes.
    Neutral,
    /// A match that is not understood: it holds or not.
    UnknownMatch(String),
    /// Not understood, or not decidable: it may let pass, drop, or divert.
    Unknown(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Match {
    pub(crate) left: Expr,
    pub(crate) op: Op,
    pub(crate) right: Table<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Is,
    IsNot,
    /// Some of the bits are set.
    Bits,
    /// None of the bits is set.
    NoBits,
}

/// A set or map: written in the rule, or named.
#[derive(Debug, Clone)]
pub(crate) enum Table<T> {
    Inline(Lookup<T>),
    Named(usize),
    /// Named, and not in the listing.
    Missing(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    Accept,
    Drop,
    Return,
    Continue,
    Jump(String),
    Goto(String),
    /// Left to a program: it may do either.
    Queue,
}

/// Address translation.
#[derive(Debug, Clone)]
pub(crate) enum Nat {
    /// Of the source: nothing that a filter before it sees.
    Source { family: Option<Family> },
    /// To another destination.
    Destination { family: Option<Family>, address: Option<Goal>, port: Option<Goal> },
    /// To the host itself.
    Redirect { port: Option<Goal> },
}

/// What a destination is translated to.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    /// As JSON: an address, a port, or both concatenated.
    Constant(Value),
    Map {
        key: Expr,
        map: Table<Vec<Value>>,
    },
    Unknown,
}

/// Named sets and maps of one table, for resolving references.
pub(crate) type Names = HashMap<String, usize>;

/// Reads one statement.
pub(crate) fn parse(value: &Value, names: &Names) -> Statement {
    let Some((name, inner)) = value.as_object().and_then(|map| map.iter().next()) else {
        return Statement::Unknown(text::statement(value));
    };
    if let Some(verdict) = verdict(name, inner) {
        return Statement::Verdict(verdict);
    }
    let unknown = || Statement::Unknown(text::statement(value));
    match name.as_str() {
        "reject" => match inner.get("type").and_then(Value::as_str) {
            Some("icmp") => Statement::Reject(Family::V4),
            Some("icmpv6") => Statement::Reject(Family::V6),
            _ => Statement::Verdict(Verdict::Drop),
        },
        "match" => parse_match(inner, names)
            .map_or_else(|| Statement::UnknownMatch(text::statement(value)), Statement::Match),
        "vmap" => {
            let (Some(key), Some(data)) = (inner.get("key"), inner.get("data")) else { return unknown() };
            let key = expression::parse(key);
            let map = table(data, names, |list| Lookup::parse(list, &key.kinds(), verdict_element));
            map.map_or_else(unknown, |map| Statement::VerdictMap { key, map })
        }
        "dnat" => {
            let goal = |key| inner.get(key).map(|v| goal(v, names));
            let family = family(inner);
            Statement::Nat(Nat::Destination { family, address: goal("addr"), port: goal("port") })
        }
        "redirect" => Statement::Nat(Nat::Redirect { port: inner.get("port").map(|v| goal(v, names)) }),
        "snat" | "masquerade" => Statement::Nat(Nat::Source { family: family(inner) }),
        "notrack" => Statement::Notrack,
        "limit" | "ct count" => {
            Statement::Limit { over: inner.get("inv").and_then(Value::as_bool).unwrap_or(false) }
        }
        "mangle" => mangle(inner).unwrap_or_else(unknown),
        "set" | "map" => add_to_set(inner, inner.get("elem"), names).unwrap_or_else(unknown),
        "meter" => add_to_set(inner, inner.get("key"), names).unwrap_or_else(unknown),
        "xt" => xt(inner),
        "counter" | "log" | "ct helper" | "ct timeout" | "ct expectation" | "secmark" | "flow" | "last"
        | "dup" => Statement::Neutral,
        "quota" => Statement::UnknownMatch(text::statement(value)),
        _ => unknown(),
    }
}

fn verdict(name: &str, inner: &Value) -> Option<Verdict> {
    let target = || inner.get("target").and_then(Value::as_str).map(str::to_owned);
    Some(match name {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        "queue" => Verdict::Queue,
        _ => return None,
    })
}

/// An element of a verdict map: its key and its verdict.
pub(crate) fn verdict_element(element: &Value) -> Option<(&Value, Verdict)> {
    let (key, data) = (element.get(0)?, element.get(1)?);
    let (name, inner) = data.as_object()?.iter().next()?;
    Some((key, verdict(name, inner)?))
}

/// An element of a map: its key and the parts of its data.
pub(crate) fn map_element(element: &Value) -> Option<(&Value, Vec<Value>)> {
    let (key, data) = (element.get(0)?, element.get(1)?);
    let parts = match data.get("concat").and_then(Value::as_array) {
        Some(parts) => parts.clone(),
        None => vec![data.clone()],
    };
    Some((key, parts))
}

/// A set or map in a rule: `@name`, `{"set": [...]}`.
fn table<T>(value: &Value, names: &Names, inline: impl FnOnce(&[Value]) -> Lookup<T>) -> Option<Table<T>> {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix('@')?;
            Some(names.get(name).map_or_else(|| Table::Missing(text.clone()), |i| Table::Named(*i)))
        }
        Value::Object(map) => match map.get("set")? {
            Value::Array(list) => Some(Table::Inline(inline(list))),
            single => Some(Table::Inline(inline(std::slice::from_ref(single)))),
        },
        _ => None,
    }
}

fn parse_match(inner: &Value, names: &Names) -> Option<Match> {
    let left = expression::parse(inner.get("left")?);
    let right = inner.get("right")?;
    let op = inner.get("op").and_then(Value::as_str).unwrap_or("==");
    let (kinds, kind) = (left.kinds(), left.kind());
    let set = |list: &[Value]| Lookup::set(list, &kinds);
    if let Some(right) = table(right, names, set) {
        let op = if matches!(op, "!=" | "!") { Op::IsNot } else { Op::Is };
        return Some(Match { left, op, right });
    }
    let one = |value: &Value| Table::Inline(Lookup::set([value], &kinds));
    let span = |low: u128, high: u128| Table::Inline(Lookup::range(low, high));
    let number = |value: &Value| match part(value, kind)? {
        Part::Range(low, high) if low == high => Some(low),
        _ => None,
    };
    let (op, right) = match op {
        "==" | "in" | "!" | "!=" => match (op, right) {
            ("in" | "!", _) if kind.is_bits() || matches!(left, Expr::Field(Field::CtLabel)) => {
                let bits = scalar(right, kind)?;
                let op = if op == "in" { Op::Bits } else { Op::NoBits };
                (op, span(bits, bits))
            }
            (_, Value::Array(flags)) if kind.is_bits() => {
                let bits = scalar(&Value::Array(flags.clone()), kind)?;
                (if op == "!=" { Op::IsNot } else { Op::Is }, span(bits, bits))
            }
            (_, Value::Array(list)) => {
                (if op == "!=" { Op::IsNot } else { Op::Is }, Table::Inline(set(list)))
            }
            ("==" | "in", value) => (Op::Is, one(value)),
            (_, value) => (Op::IsNot, one(value)),
        },
        "<" => match number(right)?.checked_sub(1) {
            Some(high) => (Op::Is, span(0, high)),
            None => (Op::Is, Table::Inline(set(&[]))),
        },
        "<=" => (Op::Is, span(0, number(right)?)),
        ">" => match number(right)?.checked_add(1) {
            Some(low) => (Op::Is, span(low, u128::MAX)),
            None => (Op::Is, Table::Inline(set(&[]))),
        },
        ">=" => (Op::Is, span(number(right)?, u128::MAX)),
        _ => return None,
    };
    Some(Match { left, op, right })
}

fn family(nat: &Value) -> Option<Family> {
    match nat.get("family")?.as_str()? {
        "ip" => Some(Family::V4),
        "ip6" => Some(Family::V6),
        _ => None,
    }
}

/// Whether a rule makes the kernel track connections, apart from NAT.
pub(crate) fn needs_conntrack(rule: &Value) -> bool {
    match rule {
        Value::Array(list) => list.iter().any(needs_conntrack),
        Value::Object(map) => map.iter().any(|(name, inner)| match name.as_str() {
            "ct" | "ct count" | "ct timeout" | "synproxy" | "flow" => true,
            "xt" => inner.get("name").and_then(Value::as_str).is_some_and(|n| XT_OF_CONNTRACK.contains(&n)),
            _ => needs_conntrack(inner),
        }),
        _ => false,
    }
}

/// Extensions of iptables that make the kernel track connections.
const XT_OF_CONNTRACK: [&str; 16] = [
    "CONNMARK",
    "CONNSECMARK",
    "CT",
    "DNAT",
    "MASQUERADE",
    "NETMAP",
    "REDIRECT",
    "SNAT",
    "SYNPROXY",
    "connbytes",
    "connlabel",
    "connlimit",
    "connmark",
    "conntrack",
    "helper",
    "state",
];

fn goal(value: &Value, names: &Names) -> Goal {
    let Some(map) = value.get("map") else {
        return if value.get("range").is_some() { Goal::Unknown } else { Goal::Constant(value.clone()) };
    };
    let (Some(key), Some(data)) = (map.get("key"), map.get("data")) else { return Goal::Unknown };
    let key = expression::parse(key);
    match table(data, names, |list| Lookup::parse(list, &key.kinds(), map_element)) {
        Some(map) => Goal::Map { key, map },
        None => Goal::Unknown,
    }
}

fn mangle(inner: &Value) -> Option<Statement> {
    let target = inner.get("key")?;
    let key = expression::parse(target);
    let value = inner.get("value")?;
    let value = match scalar(value, key.kind()) {
        Some(number) => Expr::Const(number),
        None => expression::parse(value),
    };
    match key {
        Expr::Field(Field::Mark) => Some(Statement::SetMark { connection: false, value }),
        Expr::Field(Field::CtMark) => Some(Statement::SetMark { connection: true, value }),
        Expr::Field(Field::DestinationPort(_)) => Some(Statement::SetPort(value)),
        // Other metadata and options that no match of ours looks at.
        Expr::Field(Field::CtLabel | Field::MissingHeader { .. }) => Some(Statement::Neutral),
        Expr::Opaque(_) if ["ct", "tcp option"].iter().any(|k| target.get(k).is_some()) => {
            Some(Statement::Neutral)
        }
        Expr::Opaque(_) => match target.get("meta").and_then(|m| m.get("key")).and_then(Value::as_str) {
            Some("priority" | "nftrace" | "secmark" | "broute") => Some(Statement::Neutral),
            _ => match target.get("payload").and_then(|p| p.get("field")).and_then(Value::as_str) {
                Some("dscp" | "ecn" | "ttl" | "hoplimit" | "tos" | "checksum") => Some(Statement::Neutral),
                _ => None,
            },
        },
        _ => None,
    }
}

fn add_to_set(inner: &Value, element: Option<&Value>, names: &Names) -> Option<Statement> {
    if inner.get("op").and_then(Value::as_str) == Some("delete") {
        return None;
    }
    let element = element?;
    let key = expression::parse(element.get("elem").and_then(|e| e.get("val")).unwrap_or(element));
    let set = match inner.get("set").and_then(Value::as_str) {
        Some(reference) => names.get(reference.trim_start_matches('@')).copied(),
        None => None, // a meter's own set
    };
    let hung = match inner.get("stmt") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let mut limits = Vec::new();
    for statement in hung {
        match parse(statement, names) {
            Statement::Limit { over } => limits.push(over),
            Statement::Neutral => {}
            _ => return None,
        }
    }
    Some(Statement::AddToSet { set, key, limits })
}

/// Extensions of iptables-nft that nft has no words for: their names are all that it tells.
fn xt(inner: &Value) -> Statement {
    let text = |key| inner.get(key).and_then(Value::as_str).unwrap_or("?");
    let name = text("name");
    let what = format!("xt {} {}", text("type"), text::clean(name));
    match (text("type"), name) {
        ("match", "comment") => Statement::Neutral,
        ("match" | "watcher", _) => Statement::UnknownMatch(what),
        ("target", "REJECT") => Statement::Verdict(Verdict::Drop),
        ("target", "MASQUERADE" | "SNAT") => Statement::Nat(Nat::Source { family: None }),
        (
            "target",
            "LOG" | "NFLOG" | "TCPMSS" | "CHECKSUM" | "CLASSIFY" | "DSCP" | "TOS" | "TTL" | "HL" | "TEE"
            | "TRACE" | "AUDIT" | "SECMARK" | "CONNSECMARK" | "IDLETIMER" | "LED" | "RATEEST" | "TCPOPTSTRIP",
        ) => Statement::Neutral,
        _ => Statement::Unknown(what),
    }
}
