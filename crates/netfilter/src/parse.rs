//! Reading what `nft -j list ruleset` prints.
//!
//! Tables, chains and sets come first, so that rules can refer to any of them. What is not understood is kept as
//! such and makes an answer undecided where it matters; only a form that is no ruleset at all is an error.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::elements::Lookup;
use crate::expression::{Expr, Field};
use crate::packet::Hook;
use crate::query::Family;
use crate::ruleset::{Base, Chain, Content, NamedSet, Rule, Ruleset, TableFamily, TableId, Traits};
use crate::statement::{self, Goal, Match, Names, Nat, Statement, Table};
use crate::value::Kind;

/// Why something is no ruleset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The listing's one key is missing.
    #[error("no list named \"nftables\" in the listing")]
    NotAListing,
    /// A newer form that may mean something else.
    #[error("the listing's form is version {0}, newer than the known version 1")]
    Version(u64),
    /// A rule, chain or set without the names that it needs.
    #[error("entry {index} of the listing, a {kind}, has no usable \"{field}\"")]
    Incomplete {
        /// Position in the list, from 0.
        index: usize,
        /// `table`, `chain`, `set`, `map` or `rule`.
        kind: &'static str,
        /// The missing field.
        field: &'static str,
    },
}

impl Ruleset {
    /// Reads what `nft -j list ruleset` prints.
    pub fn parse(value: &Value) -> Result<Self, ParseError> {
        let list = value.get("nftables").and_then(Value::as_array).ok_or(ParseError::NotAListing)?;
        let mut reader = Reader::default();
        for (index, entry) in list.iter().enumerate() {
            reader.declaration(index, entry)?;
        }
        for (index, entry) in list.iter().enumerate() {
            if let Some(rule) = entry.get("rule") {
                reader.rule(index, rule)?;
            }
        }
        Ok(reader.finish())
    }
}

#[derive(Default)]
struct Reader {
    rules: Ruleset,
    names: HashMap<TableId, Names>,
}

/// An entry of the listing, with its place for messages.
struct Entry<'v> {
    index: usize,
    kind: &'static str,
    value: &'v Value,
}

impl<'v> Entry<'v> {
    fn text(&self, field: &'static str) -> Result<&'v str, ParseError> {
        self.value.get(field).and_then(Value::as_str).ok_or_else(|| self.incomplete(field))
    }

    fn table(&self) -> Result<TableId, ParseError> {
        let family = TableFamily::parse(self.text("family")?).ok_or_else(|| self.incomplete("family"))?;
        Ok(TableId { family, name: self.text("table")?.to_owned() })
    }

    fn incomplete(&self, field: &'static str) -> ParseError {
        ParseError::Incomplete { index: self.index, kind: self.kind, field }
    }
}

impl Reader {
    fn declaration(&mut self, index: usize, entry: &Value) -> Result<(), ParseError> {
        let Some((kind, value)) = entry.as_object().and_then(|map| map.iter().next()) else { return Ok(()) };
        match kind.as_str() {
            "metainfo" => match value.get("json_schema_version").and_then(Value::as_u64) {
                Some(version) if version > 1 => return Err(ParseError::Version(version)),
                _ => {}
            },
            "table" => self.rules.tables += 1,
            "chain" => self.chain(&Entry { index, kind: "chain", value })?,
            "set" => self.set(&Entry { index, kind: "set", value })?,
            "map" => self.set(&Entry { index, kind: "map", value })?,
            _ => {}
        }
        Ok(())
    }

    fn chain(&mut self, entry: &Entry<'_>) -> Result<(), ParseError> {
        let (table, name) = (entry.table()?, entry.text("name")?.to_owned());
        let hook = entry.value.get("hook").and_then(Value::as_str);
        self.rules.traits.bridge |= table.family == TableFamily::Bridge && hook.is_some();
        let hook = match hook {
            Some("ingress") => Some(Hook::Ingress),
            Some("prerouting") => Some(Hook::Prerouting),
            Some("input") => Some(Hook::Input),
            Some("forward") => Some(Hook::Forward),
            Some("postrouting") => Some(Hook::Postrouting),
            _ => None,
        };
        let base = match hook {
            Some(hook) => Some(Base {
                hook,
                priority: priority(entry.value.get("prio")).ok_or_else(|| entry.incomplete("prio"))?,
                is_nat: entry.text("type")? == "nat",
                drops: entry.value.get("policy").and_then(Value::as_str) == Some("drop"),
                devices: match entry.value.get("dev") {
                    Some(Value::String(one)) => vec![one.clone()],
                    Some(Value::Array(many)) => {
                        many.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                    }
                    _ => Vec::new(),
                },
            }),
            None => None,
        };
        self.rules.chain_index.insert((table.clone(), name.clone()), self.rules.chains.len());
        self.rules.chains.push(Chain { table, name, base, rules: Vec::new() });
        Ok(())
    }

    fn set(&mut self, entry: &Entry<'_>) -> Result<(), ParseError> {
        let (table, name) = (entry.table()?, entry.text("name")?.to_owned());
        let kinds: Vec<Kind> = match entry.value.get("type") {
            Some(Value::String(one)) => vec![Kind::of_type(one)],
            Some(Value::Array(many)) => {
                many.iter().map(|t| t.as_str().map_or(Kind::Other, Kind::of_type)).collect()
            }
            // `{"typeof": ...}` of newer versions
            Some(other) => crate::expression::parse(other.get("typeof").unwrap_or(other)).kinds(),
            None => vec![Kind::Other],
        };
        let elements: &[Value] = match entry.value.get("elem") {
            Some(Value::Array(list)) => list,
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let content = match entry.value.get("map").and_then(Value::as_str) {
            None if entry.kind == "set" => Content::Set(Lookup::set(elements, &kinds)),
            Some("verdict") => Content::Verdicts(Lookup::parse(elements, &kinds, statement::verdict_element)),
            _ => Content::Map(Lookup::parse(elements, &kinds, statement::map_element)),
        };
        self.names.entry(table).or_default().insert(name.clone(), self.rules.sets.len());
        self.rules.sets.push(NamedSet { name, content, dynamic: false });
        Ok(())
    }

    fn rule(&mut self, index: usize, value: &Value) -> Result<(), ParseError> {
        let entry = Entry { index, kind: "rule", value };
        let table = entry.table()?;
        let no_names = Names::new();
        let names = self.names.get(&table).unwrap_or(&no_names);
        let source = value.get("expr").cloned().unwrap_or_default();
        let statements =
            source.as_array().into_iter().flatten().map(|s| statement::parse(s, names)).collect();
        let rule = Rule {
            handle: value.get("handle").and_then(Value::as_u64),
            comment: value.get("comment").and_then(Value::as_str).map(str::to_owned),
            statements,
            source,
        };
        let chain = (table, entry.text("chain")?.to_owned());
        let chain = self.rules.chain_index.get(&chain).and_then(|i| self.rules.chains.get_mut(*i));
        chain.ok_or_else(|| entry.incomplete("chain"))?.rules.push(rule);
        Ok(())
    }

    fn finish(mut self) -> Ruleset {
        let mut survey = Survey::default();
        for chain in &self.rules.chains {
            let in_nat = chain.base.as_ref().is_none_or(|b| b.is_nat);
            for rule in &chain.rules {
                survey.conntrack(chain.table.family, rule);
                rule.statements.iter().for_each(|s| survey.statement(s, in_nat, &self.rules.sets));
            }
        }
        for set in &survey.added {
            if let Some(set) = self.rules.sets.get_mut(*set) {
                set.dynamic = true;
            }
        }
        let ingress =
            self.rules.chains.iter().any(|c| c.base.as_ref().is_some_and(|b| b.hook == Hook::Ingress));
        self.rules.traits = Traits {
            source_ports: survey.source_ports.into_iter().collect(),
            ports: survey.ports.into_iter().collect(),
            dynamic: survey.added.intersection(&survey.looked_up).copied().collect(),
            limits: survey.limits,
            ipsec: survey.ipsec,
            translates: survey.translates,
            conntrack: survey.conntrack,
            destinations: survey.destinations || survey.translates,
            interfaces: survey.interfaces || survey.translates || ingress,
            bridge: self.rules.traits.bridge,
        };
        self.rules
    }
}

fn priority(value: Option<&Value>) -> Option<i32> {
    match value? {
        Value::Number(n) => i32::try_from(n.as_i64()?).ok(),
        // Names stand for numbers where nft does not print them.
        Value::String(name) => Some(match name.as_str() {
            "raw" => -300,
            "mangle" => -150,
            "dstnat" => -100,
            "filter" => 0,
            "security" => 50,
            "srcnat" => 100,
            number => number.parse().ok()?,
        }),
        _ => None,
    }
}

/// Gathers [`Traits`].
#[derive(Default)]
struct Survey {
    source_ports: BTreeSet<u16>,
    ports: BTreeSet<u16>,
    added: BTreeSet<usize>,
    looked_up: BTreeSet<usize>,
    limits: bool,
    ipsec: bool,
    translates: bool,
    conntrack: (bool, bool),
    destinations: bool,
    interfaces: bool,
}

impl Survey {
    fn conntrack(&mut self, table: TableFamily, rule: &Rule) {
        let needs = |family: Family| {
            table.sees(family)
                && (statement::needs_conntrack(&rule.source)
                    || rule.statements.iter().any(|s| match s {
                        Statement::Nat(Nat::Source { family: of } | Nat::Destination { family: of, .. }) => {
                            of.is_none_or(|f| f == family)
                        }
                        Statement::Nat(Nat::Redirect { .. }) => true,
                        _ => false,
                    }))
        };
        self.conntrack.0 |= needs(Family::V4);
        self.conntrack.1 |= needs(Family::V6);
    }

    fn statement(&mut self, statement: &Statement, in_nat: bool, sets: &[NamedSet]) {
        match statement {
            Statement::Match(Match { left, right, .. }) => self.table(left, right, sets),
            Statement::VerdictMap { key, map } => self.table(key, map, sets),
            Statement::Nat(Nat::Destination { address, port, .. }) => {
                self.translates = true;
                self.goal(address.as_ref(), sets);
                self.goal(port.as_ref(), sets);
            }
            Statement::Nat(Nat::Redirect { port }) => {
                self.translates = true;
                self.goal(port.as_ref(), sets);
            }
            Statement::SetPort(_) => self.translates = true,
            Statement::Unknown(_) => self.translates |= in_nat,
            Statement::Limit { .. } => self.limits = true,
            Statement::AddToSet { set, limits, .. } => {
                self.added.extend(set);
                self.limits |= !limits.is_empty();
            }
            _ => {}
        }
    }

    fn goal(&mut self, goal: Option<&Goal>, sets: &[NamedSet]) {
        if let Some(Goal::Map { key, map }) = goal {
            self.table(key, map, sets);
        }
    }

    fn table<T>(&mut self, key: &Expr, table: &Table<T>, sets: &[NamedSet]) {
        let mut fields = Vec::new();
        key.fields(&mut fields);
        self.destinations |= fields.iter().any(|f| {
            matches!(f, Field::Destination(_) | Field::CtDestination(_) | Field::DestinationType { .. })
        });
        self.interfaces |= fields
            .iter()
            .any(|f| matches!(f, Field::Interface | Field::DestinationType { by_interface: true }));
        self.ipsec |= fields.contains(&Field::Ipsec);
        self.ipsec |= matches!(key, Expr::Opaque(text) if text.starts_with("ipsec "));
        let set = match table {
            Table::Named(set) => {
                self.looked_up.insert(*set);
                sets.get(*set)
            }
            _ => None,
        };
        let keys: Vec<&Expr> = match key {
            Expr::Concat(parts) => parts.iter().collect(),
            one => vec![one],
        };
        for (position, part) in keys.into_iter().enumerate() {
            let mut fields = Vec::new();
            part.fields(&mut fields);
            let source = fields.iter().any(|f| matches!(f, Field::SourcePort(_) | Field::CtSourcePort));
            let port =
                fields.iter().any(|f| matches!(f, Field::DestinationPort(_) | Field::CtDestinationPort));
            if !source && !port {
                continue;
            }
            let mut edges = Vec::new();
            match (table, set.map(|s| &s.content)) {
                (Table::Inline(lookup), _) => lookup.edges(position, &mut edges),
                (_, Some(Content::Set(lookup))) => lookup.edges(position, &mut edges),
                (_, Some(Content::Verdicts(lookup))) => lookup.edges(position, &mut edges),
                (_, Some(Content::Map(lookup))) => lookup.edges(position, &mut edges),
                (_, None) => {}
            }
            let ports = edges.into_iter().filter_map(|edge| u16::try_from(edge).ok());
            if source { self.source_ports.extend(ports) } else { self.ports.extend(ports) }
        }
    }
}
