//! The ruleset in the form that it is evaluated in.

use std::collections::HashMap;

use serde_json::Value;

use crate::elements::Lookup;
use crate::packet::Hook;
use crate::query::{Family, RuleRef};
use crate::statement::{Statement, Verdict};
use crate::text;

/// All tables of a host, in the form that they are evaluated in.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    pub(crate) chains: Vec<Chain>,
    pub(crate) sets: Vec<NamedSet>,
    /// Chains by table and name.
    pub(crate) chain_index: HashMap<(TableId, String), usize>,
    /// Number of tables, of any family.
    pub(crate) tables: usize,
    /// What the rules look at, over all of them.
    pub(crate) traits: Traits,
}

/// A table: its family and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TableId {
    pub(crate) family: TableFamily,
    pub(crate) name: String,
}

/// Families of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TableFamily {
    Ip,
    Ip6,
    Inet,
    Netdev,
    Bridge,
    Arp,
}

#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) table: TableId,
    pub(crate) name: String,
    pub(crate) base: Option<Base>,
    pub(crate) rules: Vec<Rule>,
}

/// What makes a chain a base chain.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) hook: Hook,
    pub(crate) priority: i32,
    pub(crate) is_nat: bool,
    pub(crate) drops: bool,
    /// For ingress: the interfaces; empty when nft did not say.
    pub(crate) devices: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) handle: Option<u64>,
    pub(crate) comment: Option<String>,
    pub(crate) statements: Vec<Statement>,
    /// As nft printed it, for showing.
    pub(crate) source: Value,
}

/// A named set, map or verdict map.
#[derive(Debug, Clone)]
pub(crate) struct NamedSet {
    pub(crate) name: String,
    pub(crate) content: Content,
    /// Rules add elements to it while packets pass.
    pub(crate) dynamic: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Set(Lookup<()>),
    Verdicts(Lookup<Verdict>),
    Map(Lookup<Vec<Value>>),
}

/// What the rules look at, over all of them: it tells which kinds of clients must be told apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traits {
    /// Where source ports begin to be treated differently, sorted.
    pub(crate) source_ports: Vec<u16>,
    /// Where destination ports begin to be treated differently, sorted.
    pub(crate) ports: Vec<u16>,
    /// Limits or counts of connections.
    pub(crate) limits: bool,
    pub(crate) ipsec: bool,
    /// Dynamic sets that rules look up.
    pub(crate) dynamic: Vec<usize>,
    /// NAT statements, or such that may be.
    pub(crate) translates: bool,
    /// Some rule needs connection tracking, so that the kernel does it: IPv4, IPv6. Without it no NAT chain runs.
    pub(crate) conntrack: (bool, bool),
    /// Some rule looks at the destination address.
    pub(crate) destinations: bool,
    /// Some rule tells interfaces apart.
    pub(crate) interfaces: bool,
    /// Base chains of bridges.
    pub(crate) bridge: bool,
}

impl TableFamily {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "ip" => Self::Ip,
            "ip6" => Self::Ip6,
            "inet" => Self::Inet,
            "netdev" => Self::Netdev,
            "bridge" => Self::Bridge,
            "arp" => Self::Arp,
            _ => return None,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Netdev => "netdev",
            Self::Bridge => "bridge",
            Self::Arp => "arp",
        }
    }

    /// Whether packets of that version pass its base chains.
    pub(crate) fn sees(self, family: Family) -> bool {
        match self {
            Self::Inet | Self::Netdev => true,
            Self::Ip => family == Family::V4,
            Self::Ip6 => family == Family::V6,
            Self::Bridge | Self::Arp => false,
        }
    }
}

impl Ruleset {
    /// Whether there is nothing in it: no table of any family.
    pub fn is_empty(&self) -> bool {
        self.tables == 0
    }

    /// Whether tables of bridges have base chains: they are not evaluated.
    pub fn has_bridge_rules(&self) -> bool {
        self.traits.bridge
    }

    /// The same rules without address translation: what the packet filter would say of a port that is published
    /// past it.
    #[must_use]
    pub fn without_translation(&self) -> Self {
        let mut rules = self.clone();
        for chain in &mut rules.chains {
            if chain.base.as_ref().is_some_and(|base| base.is_nat) {
                chain.base = None;
            }
        }
        rules
    }

    /// Whether the kernel tracks connections of that version for these rules.
    pub(crate) fn tracks(&self, family: Family) -> bool {
        match family {
            Family::V4 => self.traits.conntrack.0,
            Family::V6 => self.traits.conntrack.1,
        }
    }

    /// Base chains at a hook for packets of that version, by priority. NAT chains and others apart.
    pub(crate) fn base_chains(&self, hook: Hook, family: Family, nat: bool) -> Vec<(i32, usize)> {
        let mut found: Vec<(i32, usize)> = Vec::new();
        for (index, chain) in self.chains.iter().enumerate() {
            match &chain.base {
                Some(base) if base.hook == hook && base.is_nat == nat && chain.table.family.sees(family) => {
                    found.push((base.priority, index));
                }
                _ => {}
            }
        }
        found.sort_by_key(|(priority, _)| *priority);
        found
    }

    /// The chain of that name in the same table.
    pub(crate) fn sibling(&self, chain: usize, name: &str) -> Option<usize> {
        let table = self.chains.get(chain)?.table.clone();
        self.chain_index.get(&(table, name.to_owned())).copied()
    }

    /// How to name a rule, or with no rule the chain's policy.
    pub(crate) fn rule_ref(&self, chain: usize, rule: Option<usize>) -> Option<RuleRef> {
        let chain = self.chains.get(chain)?;
        let position = rule.map(|index| index + 1);
        let rule = match rule {
            Some(index) => Some(chain.rules.get(index)?),
            None => None,
        };
        let text = match (rule, &chain.base) {
            (Some(rule), _) => text::rule(&rule.source),
            (None, Some(base)) if base.drops => "policy drop".to_owned(),
            (None, _) => "policy accept".to_owned(),
        };
        Some(RuleRef {
            family: chain.table.family.as_str().to_owned(),
            table: text::clean(&chain.table.name),
            chain: text::clean(&chain.name),
            handle: rule.and_then(|r| r.handle),
            position,
            text,
            comment: rule.and_then(|r| r.comment.as_deref()).map(text::clean),
        })
    }
}
