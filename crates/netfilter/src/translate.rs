//! Address translation: what `dnat` and `redirect` make of a packet's destination.

use std::borrow::Cow;
use std::net::IpAddr;

use serde_json::Value;

use crate::elements::Hit;
use crate::packet::{Destination, Sym};
use crate::query::Family;
use crate::ranges::Ranges;
use crate::ruleset::Content;
use crate::statement::{Goal, Nat, Table};
use crate::walk::{EventKind, Flow, Flows, Walk};

/// Most different destinations that one rule is followed to.
const DESTINATIONS: usize = 64;

/// What a goal comes to, and for which sources; `None`: not known.
type Resolved<'a> = Vec<(Option<Cow<'a, [Value]>>, Ranges)>;

impl<'a> Walk<'a> {
    /// Applies a NAT statement. Flows that its maps have nothing for go on to `next`.
    pub(crate) fn translate(&mut self, nat: &'a Nat, flow: Flow, next: &mut Flows) {
        match nat {
            Nat::Source { family } | Nat::Destination { family, .. }
                if family.is_some_and(|f| f != self.world.family) =>
            {
                next.add(flow);
            }
            Nat::Source { .. } => self.accept(flow),
            Nat::Redirect { port } => {
                for (port, flow) in self.resolve_optional(port.as_ref(), flow, next) {
                    let port =
                        port.map(|known| known.as_deref().and_then(|v| v.first()).and_then(port_number));
                    self.translated(flow, self.redirected(), port);
                }
            }
            Nat::Destination { address, port, .. } => {
                for (address, flow) in self.resolve_optional(address.as_ref(), flow, next) {
                    for (port, flow) in self.resolve_optional(port.as_ref(), flow, next) {
                        let parts = address.as_ref().map(|known| known.as_deref().unwrap_or_default());
                        let destination = match parts {
                            None => flow.state.destination, // a port alone
                            Some(parts) => parts
                                .first()
                                .and_then(ip_address)
                                .map_or(Destination::Unknown, Destination::Address),
                        };
                        // A map may give both: `10.1.1.1 . 8080`.
                        let port = match (port, parts) {
                            (Some(known), _) => {
                                Some(known.as_deref().and_then(|v| v.first()).and_then(port_number))
                            }
                            (None, Some([_, port, ..])) => Some(port_number(port)),
                            (None, _) => None,
                        };
                        self.translated(flow, destination, port);
                    }
                }
            }
        }
    }

    /// `port`: `None` leaves it as it is, `Some(None)` makes it unknown.
    #[expect(clippy::option_option, reason = "unchanged, unknown and known are three things")]
    fn translated(&mut self, mut flow: Flow, destination: Destination, port: Option<Option<u16>>) {
        let before = (flow.state.destination, flow.state.port);
        flow.state.destination = destination;
        if let Some(port) = port {
            flow.state.port = port;
        }
        let now = (destination, flow.state.port);
        flow.state.translated = true;
        flow.state.destination_changed = match (before, now) {
            ((_, Some(old)), (_, Some(new))) if old != new => Some(true),
            ((Destination::Address(old), Some(_)), (Destination::Address(new), Some(_))) => Some(old != new),
            _ => None,
        };
        self.happened(EventKind::Translate, &flow.sources);
        self.pass(flow);
    }

    /// Where `redirect` leads: the first address of the incoming interface.
    fn redirected(&self) -> Destination {
        let mut own = self.world.interface.addresses.iter().map(ipnet::IpNet::addr);
        let mut own = own.by_ref().filter(|a| Family::of(*a) == self.world.family);
        match (own.next(), own.next()) {
            (Some(only), None) => Destination::Address(only),
            _ => Destination::Host,
        }
    }

    fn resolve_optional(
        &mut self,
        goal: Option<&'a Goal>,
        flow: Flow,
        next: &mut Flows,
    ) -> Vec<(Option<Option<Cow<'a, [Value]>>>, Flow)> {
        let Some(goal) = goal else { return vec![(None, flow)] };
        let resolved = self.resolve(goal, &flow, next);
        let flow = |sources| Flow { state: flow.state.clone(), sources };
        resolved.into_iter().map(|(value, sources)| (Some(value), flow(sources))).collect()
    }

    fn resolve(&mut self, goal: &'a Goal, flow: &Flow, next: &mut Flows) -> Resolved<'a> {
        let unknown = vec![(None, flow.sources.clone())];
        let (key, map) = match goal {
            Goal::Constant(value) => {
                let parts = match value.get("concat").and_then(Value::as_array) {
                    Some(parts) => parts.as_slice(),
                    None => std::slice::from_ref(value),
                };
                return vec![(Some(Cow::Borrowed(parts)), flow.sources.clone())];
            }
            Goal::Unknown => {
                self.doubt(&flow.sources, "a choice of destinations");
                return unknown;
            }
            Goal::Map { key, map } => (key, map),
        };
        let lookup = match map {
            Table::Inline(lookup) => Some(lookup),
            Table::Named(set) => match self.rules.sets.get(*set).map(|s| &s.content) {
                Some(Content::Map(lookup)) => Some(lookup),
                _ => None,
            },
            Table::Missing(_) => None,
        };
        let world = self.world;
        let key = world.key(key, &flow.state, self.stage);
        let undecided = key.iter().any(|part| matches!(part, Sym::Unknown(_) | Sym::Not(_)));
        let Some(lookup) = lookup.filter(|l| !undecided && !l.incomplete) else {
            self.doubt(&flow.sources, "a map of destinations");
            return unknown;
        };
        let mut rest = flow.sources.clone();
        let mut resolved: Resolved<'a> = Vec::new();
        for (parts, members) in &lookup.groups {
            let sources = match members.hit(&key) {
                Hit::Never => continue,
                Hit::Always => rest.clone(),
                Hit::Among(set) => rest.intersect(&set),
                Hit::Outside(set) => rest.subtract(&set),
                Hit::Maybe(why) | Hit::Mixed { why, .. } => {
                    self.doubt(&flow.sources, &why);
                    return unknown;
                }
            };
            if sources.is_empty() {
                continue;
            }
            if resolved.len() == DESTINATIONS {
                self.doubt(&flow.sources, "a map of very many destinations");
                return unknown;
            }
            rest = rest.subtract(&sources);
            resolved.push((Some(Cow::Borrowed(parts)), sources));
        }
        match &lookup.default {
            Some(parts) if !rest.is_empty() => resolved.push((Some(Cow::Borrowed(parts)), rest)),
            _ => next.add(Flow { state: flow.state.clone(), sources: rest }),
        }
        resolved
    }
}

fn ip_address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

fn port_number(value: &Value) -> Option<u16> {
    match value {
        Value::Number(n) => u16::try_from(n.as_u64()?).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
