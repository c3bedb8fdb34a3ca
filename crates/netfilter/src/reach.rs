//! Who can reach a door: walks for every interface, address and port by which a client can come, put together.
//!
//! A client chooses what it sends, so a door is open to those for whom *some* choice gets through. Ordinary choices
//! (any interface and address of the host, an ephemeral source port, no more than the limits allow) make the main
//! answer. Extraordinary ones (a privileged source port, an `IPsec` tunnel, a dynamic set that one can get oneself
//! into) are tried one at a time and make a door "limited" to those who take them.

use std::net::IpAddr;

use crate::journey::{Journey, ends, travel};
use crate::packet::{Destination, Hook, World};
use crate::query::{Answer, Family, Interface, Query, Reach, RuleRef, Target};
use crate::ranges::Ranges;
use crate::ruleset::Ruleset;
use crate::value::number;
use crate::walk::{Event, EventKind, Flow};
use crate::words;

/// Source ports that clients use unless they choose (Linux' default range).
const EPHEMERAL: (u16, u16) = (32768, 60999);
/// Most addresses, ports and interfaces that are tried.
const TRIED: usize = 256;

/// What a client does that not every client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Ordinary,
    SourcePorts(u16, u16),
    BeyondLimits,
    Ipsec,
    MemberOf(usize),
}

/// What one kind of client gets, by interface.
struct Result {
    accepted: Ranges,
    undecided: Ranges,
}

/// Walks kept for explaining the answer.
struct Kept<'a> {
    world: World<'a>,
    journey: Journey,
    accepted: Ranges,
}

impl Ruleset {
    /// Who can reach a door.
    pub fn reach(&self, query: &Query) -> Answer {
        Investigation::new(self, query).answer()
    }

    /// Source ports that the rules treat alike.
    fn source_port_classes(&self) -> Vec<(u16, u16)> {
        let edges = &self.traits.source_ports;
        let mut starts: Vec<u16> =
            std::iter::once(1).chain(edges.iter().copied().filter(|e| *e > 1)).collect();
        starts.dedup();
        let ends = starts.iter().skip(1).map(|next| next - 1).chain([u16::MAX]);
        starts.iter().copied().zip(ends).collect()
    }

    /// A source port of the kind that most clients come from.
    pub(crate) fn ephemeral_port(&self) -> u16 {
        let overlap = |(low, high): (u16, u16)| {
            let (low, high) = (low.max(EPHEMERAL.0), high.min(EPHEMERAL.1));
            (low <= high).then(|| (high - low, low))
        };
        let widest =
            self.source_port_classes().into_iter().filter_map(overlap).max_by_key(|(width, _)| *width);
        widest.map_or(EPHEMERAL.0, |(_, low)| low)
    }
}

struct Investigation<'a> {
    rules: &'a Ruleset,
    query: &'a Query,
    interfaces: Vec<&'a Interface>,
    addresses: Vec<Option<IpAddr>>,
    /// Every source address that can be outside, and the host's own, which cannot.
    universe: Ranges,
    own: Vec<u128>,
    kept: Vec<Kept<'a>>,
    notes: Vec<String>,
    /// Interfaces by which nearly everybody gets in.
    open_on: Vec<String>,
}

impl<'a> Investigation<'a> {
    fn new(rules: &'a Ruleset, query: &'a Query) -> Self {
        let mut notes = Vec::new();
        let interfaces = interfaces(rules, query, &mut notes);
        let addresses = addresses(rules, query);
        let (universe, own) = universe(query);
        Self {
            rules,
            query,
            interfaces,
            addresses,
            universe,
            own,
            kept: Vec::new(),
            notes,
            open_on: Vec::new(),
        }
    }

    fn answer(mut self) -> Answer {
        let ordinary: Vec<Result> = self.interfaces.clone().into_iter().map(|i| self.ordinary(i)).collect();
        let undecided = ordinary.iter().fold(Ranges::default(), |all, r| all.union(&r.undecided));
        let open = ordinary.iter().zip(&self.interfaces).filter(|(r, _)| self.is_most(&r.accepted));
        self.open_on = open.map(|(_, i)| i.name.clone()).collect();
        if self.open_on.len() == ordinary.len() {
            self.describe_exceptions(&ordinary);
            let rule = self.deciding(EventKind::Accept).or_else(|| self.last_policy());
            let reach = Reach::Open;
            return self.finish(reach, rule);
        }
        let mut to = words::accepted(&self.speaker(), &self.by_interface(&ordinary));
        let mut doubt = None;
        for choice in self.choices() {
            let all: Vec<Result> =
                self.interfaces.clone().into_iter().map(|i| self.tried(i, choice)).collect();
            let gained: Vec<Ranges> =
                all.iter().zip(&ordinary).map(|(r, o)| r.accepted.subtract(&o.accepted)).collect();
            let gained_any = gained.iter().fold(Ranges::default(), |all, g| all.union(g));
            if !gained_any.is_empty() {
                let whom = self.speaker().networks(&gained_any);
                let label = self.label(choice);
                to.push(if self.is_most(&gained_any) { label } else { format!("{label}, saddr {whom}") });
            } else if all.iter().zip(&ordinary).any(|(r, o)| !r.undecided.subtract(&o.accepted).is_empty()) {
                doubt.get_or_insert_with(|| self.label(choice));
            }
        }
        if !undecided.is_empty() || (to.is_empty() && doubt.is_some()) {
            let why = self.doubt(&undecided).or(doubt).unwrap_or_else(|| "rules too many to follow".into());
            self.notes.extend(to.into_iter().map(|t| format!("certainly open to {t}")));
            return self.finish(Reach::Undecided { why }, None);
        }
        if to.is_empty() {
            let rule = self.deciding(EventKind::Drop).or_else(|| self.deciding(EventKind::Translate));
            return self.finish(Reach::Closed, rule);
        }
        let rule = self.deciding(EventKind::Accept).or_else(|| self.deciding(EventKind::Drop));
        self.finish(Reach::Limited { to }, rule)
    }

    /// What ordinary clients get by one interface, over all ports that lead to the door.
    fn ordinary(&mut self, interface: &'a Interface) -> Result {
        let direct = self.tried(interface, Choice::Ordinary);
        let mut result = direct;
        for port in self.other_ports() {
            for address in self.addresses.clone() {
                let world = World { port, ..self.world(interface, address, Choice::Ordinary) };
                let other = self.walk(world);
                let gained = other.accepted.subtract(&result.accepted);
                if !gained.is_empty() {
                    self.note(format!("through port {port}, which is redirected"));
                }
                result = join(&result, &other);
            }
        }
        result
    }

    fn tried(&mut self, interface: &'a Interface, choice: Choice) -> Result {
        let mut result = Result { accepted: Ranges::default(), undecided: Ranges::default() };
        for address in self.addresses.clone() {
            let other = self.walk(self.world(interface, address, choice));
            result = join(&result, &other);
        }
        result
    }

    fn world(&self, interface: &'a Interface, destination: Option<IpAddr>, choice: Choice) -> World<'a> {
        let source_port = match choice {
            Choice::SourcePorts(low, _) => low,
            _ => self.rules.ephemeral_port(),
        };
        World {
            family: self.query.family,
            transport: self.query.protocol,
            source: None,
            source_port,
            destination,
            port: self.query.port,
            interface,
            interfaces: &self.query.interfaces,
            tracks: self.rules.tracks(self.query.family),
            throttled: choice == Choice::BeyondLimits,
            ipsec: choice == Choice::Ipsec,
            member_of: match choice {
                Choice::MemberOf(set) => Some(set),
                _ => None,
            },
            established: false,
        }
    }

    fn walk(&mut self, world: World<'a>) -> Result {
        let journey = travel(self.rules, &world, self.universe.clone());
        if journey.gave_up {
            return Result { accepted: Ranges::default(), undecided: self.universe.clone() };
        }
        let (mut accepted, mut dropped) = (Ranges::default(), journey.dropped());
        for (flow, local) in ends(&journey) {
            let arrives = self.arrives(&world, flow, local);
            if arrives != Some(false) {
                accepted = accepted.union(&flow.sources);
            }
            if arrives != Some(true) {
                dropped = dropped.union(&flow.sources);
            }
        }
        let undecided = accepted.intersect(&dropped);
        let accepted = accepted.subtract(&dropped);
        self.kept.push(Kept { world, journey, accepted: accepted.clone() });
        Result { accepted, undecided }
    }

    /// Whether a packet that got through came to the door; `None`: not known.
    fn arrives(&self, world: &World<'_>, flow: &Flow, local: bool) -> Option<bool> {
        let is_port = |port: u16| flow.state.port.map(|p| p == port);
        match self.query.target {
            Target::Anything => Some(true),
            Target::Translated(address, port) => match flow.state.destination {
                Destination::Address(a) if a != address => Some(false),
                Destination::Host => Some(false),
                Destination::Unknown if is_port(port) != Some(false) => None,
                _ => is_port(port),
            },
            Target::Socket if !local => Some(false),
            Target::Socket => match (flow.state.destination, self.query.address) {
                (_, _) if is_port(self.query.port) == Some(false) => Some(false),
                (Destination::Address(a), Some(bound)) if a != bound => Some(false),
                (Destination::Unknown, _) | (Destination::Host, Some(_)) => {
                    // Unchanged, it is the address that the client sent to.
                    if flow.state.translated { None } else { is_port(self.query.port) }
                }
                (Destination::Address(a), None) if world.is_local(Destination::Address(a)) != Some(true) => {
                    Some(false)
                }
                _ => is_port(self.query.port),
            },
        }
    }

    /// Ports that translation can lead to the door from.
    fn other_ports(&mut self) -> Vec<u16> {
        if !self.rules.traits.translates || self.query.target != Target::Socket {
            return Vec::new();
        }
        let ports = self.rules.traits.ports.iter().copied().filter(|p| *p != self.query.port && *p != 0);
        let ports: Vec<u16> = ports.collect();
        if ports.len() > TRIED {
            self.note(format!("redirection from other ports was tried for {TRIED} of {}", ports.len()));
        }
        ports.into_iter().take(TRIED).collect()
    }

    fn choices(&self) -> Vec<Choice> {
        let traits = &self.rules.traits;
        let mut choices = Vec::new();
        if traits.ipsec {
            choices.push(Choice::Ipsec);
        }
        if traits.limits {
            choices.push(Choice::BeyondLimits);
        }
        choices.extend(traits.dynamic.iter().take(TRIED).map(|set| Choice::MemberOf(*set)));
        let ordinary = self.rules.ephemeral_port();
        let classes = self.rules.source_port_classes().into_iter();
        let others = classes.filter(|(low, high)| !(low..=high).contains(&&ordinary));
        choices.extend(others.take(TRIED).map(|(low, high)| Choice::SourcePorts(low, high)));
        choices
    }

    fn label(&self, choice: Choice) -> String {
        match choice {
            Choice::Ordinary => String::new(),
            Choice::SourcePorts(low, high) if low == high => format!("source port {low}"),
            Choice::SourcePorts(low, high) => format!("source ports {low}-{high}"),
            Choice::BeyondLimits => "senders beyond a rate limit".into(),
            Choice::Ipsec => "IPsec peers".into(),
            Choice::MemberOf(set) => match self.rules.sets.get(set) {
                Some(set) => format!("whoever gets into the dynamic set @{}", crate::text::clean(&set.name)),
                None => "whoever gets into a dynamic set".into(),
            },
        }
    }

    fn speaker(&self) -> words::Speaker<'_> {
        words::Speaker {
            rules: self.rules,
            family: self.query.family,
            universe: &self.universe,
            own: &self.own,
        }
    }

    fn by_interface<'r>(&'r self, results: &'r [Result]) -> Vec<words::Part<'r>> {
        let part = |(interface, result): (&&'r Interface, &'r Result)| words::Part {
            interface: &interface.name,
            accepted: &result.accepted,
            events: self
                .kept
                .iter()
                .filter(|k| k.world.interface.name == interface.name)
                .flat_map(|k| &k.journey.events)
                .collect(),
        };
        self.interfaces.iter().zip(results).map(part).collect()
    }

    /// Whether nearly every client outside is among these.
    fn is_most(&self, sources: &Ranges) -> bool {
        let public = match self.query.family {
            Family::V4 => self.universe.clone(),
            Family::V6 => self.universe.intersect(&Ranges::of(0x2 << 124, (0x4 << 124) - 1)),
        };
        sources.intersect(&public).size() * 2.0 >= public.size()
    }

    fn describe_exceptions(&mut self, ordinary: &[Result]) {
        let parts = self.by_interface(ordinary);
        let except = words::excepted(&self.speaker(), &parts);
        drop(parts);
        self.notes.extend(except.into_iter().map(|e| format!("except {e}")));
        if self.rules.traits.limits {
            let beyond: Vec<Result> =
                self.interfaces.clone().into_iter().map(|i| self.tried(i, Choice::BeyondLimits)).collect();
            if beyond.iter().zip(ordinary).any(|(b, o)| !o.accepted.subtract(&b.accepted).is_empty()) {
                self.note("rate limited".into());
            }
        }
    }

    /// The rule or policy that did something to the most sources, if it did to half of those concerned.
    fn deciding(&self, kind: EventKind) -> Option<RuleRef> {
        let last_hooks = |event: &Event| {
            let chain = event.path.first().and_then(|(chain, _)| self.rules.chains.get(*chain));
            chain.and_then(|c| c.base.as_ref()).is_some_and(|b| matches!(b.hook, Hook::Input | Hook::Forward))
        };
        let mut best: Option<(f64, &Event)> = None;
        let is_direct = |k: &&Kept<'_>| k.world.port == self.query.port;
        let direct_gets_in = self.kept.iter().filter(is_direct).any(|k| !k.accepted.is_empty());
        let detours = kind == EventKind::Accept && !direct_gets_in;
        for kept in self.kept.iter().filter(|k| detours || is_direct(k)) {
            for event in kept.journey.events.iter().filter(|e| e.kind == kind) {
                let counts = match kind {
                    EventKind::Accept if !last_hooks(event) => continue,
                    EventKind::Accept => event.sources.intersect(&kept.accepted).size(),
                    _ => event.sources.size(),
                };
                if counts > 0.0 && best.is_none_or(|(most, _)| counts >= most) {
                    best = Some((counts, event));
                }
            }
            let all = kept.accepted.size();
            if kind == EventKind::Accept && best.is_some_and(|(most, _)| most * 2.0 < all) {
                best = None; // the policy decides for most
            }
        }
        let (chain, rule) = *best?.1.path.last()?;
        self.rules.rule_ref(chain, rule)
    }

    /// The policy of the last base chain before a socket.
    fn last_policy(&self) -> Option<RuleRef> {
        let hook =
            if matches!(self.query.target, Target::Translated(..)) { Hook::Forward } else { Hook::Input };
        let (_, chain) = *self.rules.base_chains(hook, self.query.family, false).last()?;
        self.rules.rule_ref(chain, None)
    }

    fn doubt(&self, undecided: &Ranges) -> Option<String> {
        let doubts = self.kept.iter().flat_map(|k| &k.journey.doubts);
        let mut why = doubts.filter(|(sources, _)| !sources.intersect(undecided).is_empty());
        why.next().map(|(_, why)| why.clone())
    }

    /// Where packets that go to the door's port end instead.
    fn diverted(&self) -> Option<(Option<IpAddr>, Option<u16>)> {
        if self.query.target != Target::Socket {
            return None;
        }
        let direct = self.kept.iter().filter(|k| k.world.port == self.query.port);
        let mut flows = direct.flat_map(|k| ends(&k.journey).map(move |(flow, local)| (k, flow, local)));
        flows.find_map(|(kept, flow, local)| {
            if !flow.state.translated || self.arrives(&kept.world, flow, local) == Some(true) {
                return None;
            }
            let address = match flow.state.destination {
                Destination::Address(address) => Some(address),
                Destination::Host | Destination::Unknown => None,
            };
            Some((address, flow.state.port))
        })
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn finish(mut self, reach: Reach, rule: Option<RuleRef>) -> Answer {
        if self.rules.traits.bridge {
            self.note("rules of bridges are not evaluated".into());
        }
        Answer { reach, rule, diverted: self.diverted(), notes: self.notes, open_on: self.open_on }
    }
}

/// What is accepted by either is accepted; what is left of the undecided stays so.
fn join(a: &Result, b: &Result) -> Result {
    let accepted = a.accepted.union(&b.accepted);
    Result { undecided: a.undecided.union(&b.undecided).subtract(&accepted), accepted }
}

/// Interfaces to try: one stands for all if no rule tells them apart.
fn interfaces<'a>(rules: &Ruleset, query: &'a Query, notes: &mut Vec<String>) -> Vec<&'a Interface> {
    static UNKNOWN: Interface =
        Interface { name: String::new(), index: None, addresses: Vec::new(), inbound: true };
    let bound = |i: &&Interface| match &query.bound_to {
        Some(name) => i.name == *name,
        None => i.inbound,
    };
    let mut found: Vec<&Interface> = query.interfaces.iter().filter(bound).collect();
    if found.is_empty() {
        found.push(&UNKNOWN);
    }
    if !rules.traits.interfaces {
        found.truncate(1);
    }
    if found.len() > TRIED {
        notes.push(format!("tried for {TRIED} of {} interfaces", found.len()));
        found.truncate(TRIED);
    }
    found
}

/// Addresses to try; `None` stands for one that is not known.
fn addresses(rules: &Ruleset, query: &Query) -> Vec<Option<IpAddr>> {
    if query.address.is_some() {
        return vec![query.address];
    }
    let inbound = query.interfaces.iter().filter(|i| i.inbound).flat_map(|i| &i.addresses);
    let same = inbound.map(ipnet::IpNet::addr).filter(|a| Family::of(*a) == query.family);
    let mut found: Vec<Option<IpAddr>> = same.map(Some).collect();
    if found.is_empty() {
        found.push(None);
    }
    found.truncate(if rules.traits.destinations { TRIED } else { 1 });
    found
}

/// Source addresses that packets from outside can have: what the kernel takes for one, without the host's own.
fn universe(query: &Query) -> (Ranges, Vec<u128>) {
    let (all, never) = match query.family {
        Family::V4 => (
            Ranges::of(0, u32::MAX.into()),
            vec![
                (0, 0x00ff_ffff),           // 0.0.0.0/8
                (0x7f00_0000, 0x7fff_ffff), // 127.0.0.0/8
                (0xe000_0000, 0xefff_ffff), // 224.0.0.0/4
                (0xffff_ffff, 0xffff_ffff),
            ],
        ),
        Family::V6 => (Ranges::of(0, u128::MAX), vec![(0, 1), (0xff << 120, u128::MAX)]),
    };
    let own = query.interfaces.iter().flat_map(|i| &i.addresses).map(ipnet::IpNet::addr);
    let own: Vec<u128> = own.filter(|a| Family::of(*a) == query.family).map(number).collect();
    let never = never.into_iter().chain(own.iter().map(|a| (*a, *a))).collect();
    (all.subtract(&Ranges::collect(never)), own)
}
