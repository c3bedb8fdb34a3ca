//! The way of a packet through the hooks of the kernel: ingress, prerouting, then input or forward.
//!
//! At each hook the base chains of all tables run by priority. Two things are not chains of anybody's and have
//! fixed places: connection tracking, and address translation, which runs all NAT chains at one place, whatever
//! their own priorities, until one of them has translated.

use crate::packet::{Destination, Hook, PRIORITY_DNAT, PRIORITY_SNAT, Stage, State, Tracking, World};
use crate::ranges::Ranges;
use crate::ruleset::Ruleset;
use crate::statement::Statement;
use crate::walk::{Event, EventKind, Flow, Flows, Walk};

/// Chains of one priority whose orders are all tried. The kernel's order of them is not in the listing.
const ORDERS_TRIED: usize = 4;
/// Sequences of NAT chains that are tried.
const SEQUENCES_TRIED: usize = 24;
const ORDER: &str = "the order of chains with the same priority";

/// What became of a packet, by its source address.
#[derive(Debug, Default)]
pub(crate) struct Journey {
    /// Accepted by the input hook: a socket of the host gets it.
    pub(crate) delivered: Flows,
    /// Accepted by the forward hook.
    pub(crate) forwarded: Flows,
    pub(crate) events: Vec<Event>,
    pub(crate) doubts: Vec<(Ranges, String)>,
    /// The rules were too many to follow.
    pub(crate) gave_up: bool,
}

impl Journey {
    /// Sources that can have been dropped.
    pub(crate) fn dropped(&self) -> Ranges {
        let drops = self.events.iter().filter(|e| e.kind == EventKind::Drop);
        drops.fold(Ranges::default(), |all, event| all.union(&event.sources))
    }
}

/// What is called at one place of a hook.
#[derive(Debug, Clone)]
enum Station {
    Chain(usize),
    /// An ingress chain of an interface that the listing does not name.
    PerhapsChain(usize),
    /// All NAT chains, in one of the orders that their priorities allow.
    Nat(Vec<Vec<usize>>),
}

/// Follows a packet of these sources through the rules.
pub(crate) fn travel<'a>(rules: &'a Ruleset, world: &'a World<'a>, sources: Ranges) -> Journey {
    follow(rules, world, sources, false)
}

/// The same, with every chain on the way among the events.
pub(crate) fn travel_traced<'a>(rules: &'a Ruleset, world: &'a World<'a>, sources: Ranges) -> Journey {
    follow(rules, world, sources, true)
}

fn follow<'a>(rules: &'a Ruleset, world: &'a World<'a>, sources: Ranges, traced: bool) -> Journey {
    let mut walk = Walk::new(rules, world, Stage { hook: Hook::Ingress, priority: 0, nat: false });
    walk.traced = traced;
    let flows = Flows::of(world.start(), sources);
    let flows = run(&mut walk, Hook::Ingress, &ingress(rules, world), flows);
    let flows = run(&mut walk, Hook::Prerouting, &stations(rules, world, Hook::Prerouting), flows);

    let (mut inward, mut onward) = (Flows::default(), Flows::default());
    for flow in flows.0 {
        let loopback = matches!(flow.state.destination, Destination::Address(a) if a.is_loopback());
        if loopback {
            walk.doubt(&flow.sources, "sysctl route_localnet");
            walk.happened(EventKind::Drop, &flow.sources);
        }
        match world.is_local(flow.state.destination) {
            Some(true) => inward.add(flow),
            Some(false) => onward.add(flow),
            None => {
                inward.add(flow.clone());
                onward.add(flow);
            }
        }
    }
    let delivered = run(&mut walk, Hook::Input, &stations(rules, world, Hook::Input), inward);
    let onward = run(&mut walk, Hook::Forward, &stations(rules, world, Hook::Forward), onward);
    let forwarded = run(&mut walk, Hook::Postrouting, &stations(rules, world, Hook::Postrouting), onward);
    let gave_up = walk.gave_up();
    Journey { delivered, forwarded, events: walk.events, doubts: walk.doubts, gave_up }
}

fn ingress(rules: &Ruleset, world: &World<'_>) -> Vec<(i32, Station)> {
    let chains = rules.base_chains(Hook::Ingress, world.family, false);
    let on_this = |chain: usize| {
        let devices = rules.chains.get(chain).and_then(|c| c.base.as_ref()).map(|b| b.devices.as_slice());
        let devices = devices.unwrap_or_default();
        if devices.is_empty() {
            return None;
        }
        let answers: Vec<_> = devices.iter().map(|d| world.interface.is_named(d)).collect();
        if answers.contains(&Some(true)) {
            Some(true)
        } else if answers.contains(&None) {
            None
        } else {
            Some(false)
        }
    };
    let station = |(priority, chain)| match on_this(chain) {
        Some(true) => Some((priority, Station::Chain(chain))),
        Some(false) => None,
        None => Some((priority, Station::PerhapsChain(chain))),
    };
    chains.into_iter().filter_map(station).collect()
}

fn stations(rules: &Ruleset, world: &World<'_>, hook: Hook) -> Vec<(i32, Station)> {
    let chains = rules.base_chains(hook, world.family, false).into_iter();
    let mut stations: Vec<_> = chains.map(|(priority, chain)| (priority, Station::Chain(chain))).collect();
    let nat = rules.base_chains(hook, world.family, true);
    if world.tracks && !nat.is_empty() {
        let mut sequences: Vec<Vec<usize>> = vec![Vec::new()];
        for same in nat.chunk_by(|a, b| a.0 == b.0) {
            let mut group: Vec<usize> = same.iter().map(|(_, chain)| *chain).collect();
            let ways = orders(&mut group, |chain| rules.chains.get(*chain).map(|c| &c.table));
            let longer =
                sequences.iter().flat_map(|s| ways.iter().map(move |way| [s.as_slice(), way].concat()));
            sequences = longer.take(SEQUENCES_TRIED).collect();
        }
        let nat = sequences;
        let place = if hook == Hook::Prerouting { PRIORITY_DNAT } else { PRIORITY_SNAT };
        stations.push((place, Station::Nat(nat)));
        stations.sort_by_key(|(priority, _)| *priority);
    }
    stations
}

fn run(walk: &mut Walk<'_>, hook: Hook, stations: &[(i32, Station)], mut flows: Flows) -> Flows {
    for same in stations.chunk_by(|a, b| a.0 == b.0) {
        let Some((priority, _)) = same.first() else { continue };
        walk.stage = Stage { hook, priority: *priority, nat: false };
        let mut group: Vec<&Station> = same.iter().map(|(_, station)| station).collect();
        if group.len() == 1 || !group.iter().any(|s| changes_packets(walk.rules, s)) {
            flows = group.iter().fold(flows, |flows, station| call(walk, station, flows));
            continue;
        }
        if group.len() > ORDERS_TRIED {
            walk.doubt(&flows.sources(), "the order of many chains with the same priority");
            walk.happened(EventKind::Drop, &flows.sources());
        }
        let mut ends = Flows::default();
        let rules = walk.rules;
        let table = |station: &&Station| match station {
            Station::Chain(chain) | Station::PerhapsChain(chain) => {
                rules.chains.get(*chain).map(|c| &c.table)
            }
            Station::Nat(_) => None,
        };
        let orders = orders(&mut group, table);
        if orders.len() > 1 {
            walk.doubt(&flows.sources(), ORDER);
        }
        for order in orders {
            ends.extend(order.iter().fold(flows.clone(), |flows, station| call(walk, station, flows)));
        }
        flows = ends;
    }
    flows
}

fn call(walk: &mut Walk<'_>, station: &Station, flows: Flows) -> Flows {
    match station {
        Station::Chain(chain) => walk.base(*chain, flows),
        Station::PerhapsChain(chain) => {
            let mut ends = flows.clone();
            walk.doubt(&flows.sources(), "which interface an ingress chain belongs to");
            ends.extend(walk.base(*chain, flows));
            ends
        }
        Station::Nat(sequences) => {
            if sequences.len() > 1 {
                walk.doubt(&flows.sources(), ORDER);
            }
            walk.stage.nat = true;
            let mut ends = Flows::default();
            for chains in sequences {
                ends.extend(translate(walk, chains, flows.clone()));
            }
            walk.stage.nat = false;
            ends
        }
    }
}

/// Runs NAT chains one after the other, until one has translated.
fn translate(walk: &mut Walk<'_>, chains: &[usize], mut flows: Flows) -> Flows {
    let mut past = Flows::default();
    for chain in chains {
        let (mut into, mut beside) = (Flows::default(), Flows::default());
        for flow in flows.0 {
            match flow.state.tracking {
                _ if is_done(walk.stage, &flow.state) => past.add(flow),
                Tracking::Untracked => past.add(flow),
                Tracking::Tracked => into.add(flow),
                Tracking::Unknown => {
                    beside.add(flow.clone());
                    into.add(flow);
                }
            }
        }
        flows = walk.base(*chain, into);
        flows.extend(beside);
    }
    past.extend(flows);
    past
}

/// Whether NAT has settled the destination, so that no other NAT chain runs.
fn is_done(stage: Stage, state: &State) -> bool {
    stage.hook == Hook::Prerouting && state.translated
}

/// Whether what a station does can matter to others at the same place.
fn changes_packets(rules: &Ruleset, station: &Station) -> bool {
    let chain = match station {
        Station::Nat(_) => return true,
        Station::Chain(chain) | Station::PerhapsChain(chain) => *chain,
    };
    let Some(table) = rules.chains.get(chain).map(|c| &c.table) else { return false };
    let siblings = rules.chains.iter().filter(|c| c.table == *table);
    siblings.flat_map(|c| &c.rules).flat_map(|r| &r.statements).any(|statement| {
        matches!(
            statement,
            Statement::Nat(_)
                | Statement::SetMark { .. }
                | Statement::SetPort(_)
                | Statement::Notrack
                | Statement::AddToSet { .. }
                | Statement::Unknown(_)
        )
    })
}

/// The orders in which the kernel may call what has the same priority. It calls what was created later first, and
/// only within a table does the listing tell what that was. Of many, only the two likeliest.
fn orders<T: Clone, K: PartialEq>(group: &mut [T], table: impl Fn(&T) -> Option<K>) -> Vec<Vec<T>> {
    group.reverse();
    let one_table =
        group.first().and_then(&table).is_some_and(|t| group.iter().all(|g| table(g).as_ref() == Some(&t)));
    if one_table {
        return vec![group.to_vec()];
    }
    if group.len() > ORDERS_TRIED {
        return vec![group.to_vec(), group.iter().rev().cloned().collect()];
    }
    let mut found = Vec::new();
    permute(group, 0, &mut found);
    found
}

fn permute<T: Clone>(group: &mut [T], fixed: usize, found: &mut Vec<Vec<T>>) {
    if fixed + 1 >= group.len() {
        found.push(group.to_vec());
        return;
    }
    for other in fixed..group.len() {
        group.swap(fixed, other);
        permute(group, fixed + 1, found);
        group.swap(fixed, other);
    }
}

/// A single source as flows, for a packet's fate.
pub(crate) fn ends(journey: &Journey) -> impl Iterator<Item = (&Flow, bool)> {
    let delivered = journey.delivered.0.iter().map(|flow| (flow, true));
    delivered.chain(journey.forwarded.0.iter().map(|flow| (flow, false)))
}
