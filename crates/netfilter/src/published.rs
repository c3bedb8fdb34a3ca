//! Ports of the host that rules translate to somewhere else: what container engines publish.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::elements::Hit;
use crate::expression::{Expr, Field};
use crate::packet::{Hook, Sym};
use crate::query::{Family, RuleRef, Transport};
use crate::ranges::Ranges;
use crate::ruleset::Ruleset;
use crate::statement::{Goal, Match, Nat, Op, Statement, Table, Verdict};

/// Deepest nesting of jumps that is followed.
const DEPTH: usize = 16;
/// Most rules that are found; more are the work of a machine, not of a host's engine.
const FOUND: usize = 10_000;

/// A port of the host that is translated to a container or another host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPort {
    /// Transport.
    pub protocol: Transport,
    /// The host's addresses that it is published on; empty for all.
    pub host_addresses: Vec<IpNet>,
    /// First and last port on the host.
    pub host_ports: (u16, u16),
    /// The address that packets are sent on to.
    pub address: IpAddr,
    /// The port there; `None`: the same as on the host.
    pub port: Option<u16>,
    /// The rule.
    pub rule: RuleRef,
}

/// What the rules on the way ask of a packet.
#[derive(Debug, Clone)]
struct Asked {
    transports: Vec<Transport>,
    ports: Ranges,
    addresses: Option<Ranges>,
    family: Option<Family>,
}

impl Ruleset {
    /// Ports that are translated to a fixed address, as rules in prerouting say: sorted, repetitions dropped.
    ///
    /// Which of them are containers' is for those to say who know the containers' addresses.
    pub fn published_ports(&self) -> Vec<PublishedPort> {
        let mut found = Vec::new();
        let all = Asked {
            transports: Transport::ALL.to_vec(),
            ports: Ranges::of(1, u16::MAX.into()),
            addresses: None,
            family: None,
        };
        for family in [Family::V4, Family::V6] {
            for (_, chain) in self.base_chains(Hook::Prerouting, family, true) {
                self.search(chain, &all, DEPTH, &mut found);
            }
        }
        found.sort();
        found.dedup();
        found
    }

    fn search(&self, chain: usize, asked: &Asked, depth: usize, found: &mut Vec<PublishedPort>) {
        let Some(rules) = self.chains.get(chain).map(|c| &c.rules) else { return };
        for (index, rule) in rules.iter().enumerate() {
            let mut asked = asked.clone();
            for statement in &rule.statements {
                if found.len() >= FOUND || asked.ports.is_empty() || asked.transports.is_empty() {
                    break;
                }
                match statement {
                    Statement::Match(m) => asked.narrow(m),
                    Statement::Verdict(Verdict::Jump(name) | Verdict::Goto(name)) => {
                        if let (Some(target), Some(depth)) = (self.sibling(chain, name), depth.checked_sub(1))
                        {
                            self.search(target, &asked, depth, found);
                        }
                    }
                    Statement::Nat(Nat::Destination {
                        address: Some(Goal::Constant(address)), port, ..
                    }) => {
                        let Some(address) = address.as_str().and_then(|a| a.parse::<IpAddr>().ok()) else {
                            continue;
                        };
                        let port = match port {
                            Some(Goal::Constant(port)) => port.as_u64().and_then(|p| u16::try_from(p).ok()),
                            _ => None,
                        };
                        if let Some(rule) = self.rule_ref(chain, Some(index)) {
                            asked.publish(address, port, &rule, found);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Asked {
    fn narrow(&mut self, m: &Match) {
        let Table::Inline(lookup) = &m.right else { return };
        let Some(((), members)) = lookup.groups.first() else { return };
        let numbers = &members.numbers;
        match (&m.left, m.op) {
            (Expr::Field(Field::DestinationPort(of)), Op::Is) => {
                self.ports = self.ports.intersect(numbers);
                self.transports.retain(|t| of.is_none_or(|n| u128::from(n) == t.number()));
            }
            (Expr::Field(Field::Transport | Field::HeaderProtocol(_)), Op::Is) => {
                let is_one = |t: &Transport| matches!(members.hit(&[Sym::Number(t.number())]), Hit::Always);
                self.transports.retain(is_one);
            }
            (Expr::Field(Field::Destination(version)), Op::Is) => {
                self.family = Some(if *version == 4 { Family::V4 } else { Family::V6 });
                self.addresses = Some(match &self.addresses {
                    Some(known) => known.intersect(numbers),
                    None => numbers.clone(),
                });
            }
            _ => {}
        }
    }

    fn publish(&self, address: IpAddr, port: Option<u16>, rule: &RuleRef, found: &mut Vec<PublishedPort>) {
        let host_addresses = match (&self.addresses, self.family) {
            (Some(addresses), Some(family)) => networks(addresses, family),
            _ => Vec::new(),
        };
        for protocol in &self.transports {
            for (low, high) in self.ports.iter() {
                let (Ok(low), Ok(high)) = (u16::try_from(low), u16::try_from(high)) else { continue };
                found.push(PublishedPort {
                    protocol: *protocol,
                    host_addresses: host_addresses.clone(),
                    host_ports: (low, high),
                    address,
                    port,
                    rule: rule.clone(),
                });
            }
        }
    }
}

fn networks(addresses: &Ranges, family: Family) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for (low, high) in addresses.iter().take(FOUND) {
        match family {
            Family::V4 => {
                let (Ok(low), Ok(high)) = (u32::try_from(low), u32::try_from(high)) else { continue };
                nets.extend(ipnet::Ipv4Subnets::new(low.into(), high.into(), 0).map(IpNet::V4));
            }
            Family::V6 => nets.extend(ipnet::Ipv6Subnets::new(low.into(), high.into(), 0).map(IpNet::V6)),
        }
    }
    nets
}
