//! The way of a packet through rules: chains, jumps, verdicts.
//!
//! What walks is a handful of [`Flow`]s: a [`State`] and the source addresses for which the packet is in it. A rule
//! that holds for some addresses splits a flow; one of which nobody knows whether it holds sends the same addresses
//! both ways. In the end, addresses that can only have been accepted are accepted, those that can only have been
//! dropped are dropped, and those that can have been both are undecided.

use crate::elements::{Hit, Lookup, Members};
use crate::expression::Expr;
use crate::packet::{Destination, Stage, State, Sym, World};
use crate::ranges::Ranges;
use crate::ruleset::{Content, Ruleset};
use crate::statement::{Match, Op, Statement, Table, Verdict};

/// Deepest nesting of jumps that the kernel takes (`NFT_JUMP_STACK_SIZE`).
const JUMP_LIMIT: usize = 16;
/// Most rules, weighted by the size of what they are met with, before a walk gives up.
const WORK_LIMIT: u64 = 2_000_000;

/// Source addresses for which the packet is in a state.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) state: State,
    pub(crate) sources: Ranges,
}

/// Flows of different states.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flows(pub(crate) Vec<Flow>);

/// What happened to source addresses, and where.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) sources: Ranges,
    pub(crate) kind: EventKind,
    /// At which hook and priority.
    pub(crate) stage: Stage,
    /// Chains and rules that led there, outermost first; the last one decided. No rule: the chain's policy.
    pub(crate) path: Vec<(usize, Option<usize>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Accept,
    Drop,
    Translate,
    /// A rule led into another chain. Only when traced.
    Enter,
    /// A policy accepted. Only when traced.
    Pass,
}

/// A walk in progress.
pub(crate) struct Walk<'a> {
    pub(crate) rules: &'a Ruleset,
    pub(crate) world: &'a World<'a>,
    pub(crate) stage: Stage,
    pub(crate) events: Vec<Event>,
    /// What is not known, and for whom it matters.
    pub(crate) doubts: Vec<(Ranges, String)>,
    /// Whether events that decide nothing are kept, too.
    pub(crate) traced: bool,
    accepted: Flows,
    path: Vec<(usize, Option<usize>)>,
    work: u64,
}

impl Flows {
    pub(crate) fn of(state: State, sources: Ranges) -> Self {
        let mut flows = Self::default();
        flows.add(Flow { state, sources });
        flows
    }

    pub(crate) fn add(&mut self, flow: Flow) {
        if flow.sources.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|f| f.state == flow.state) {
            Some(same) => same.sources = same.sources.union(&flow.sources),
            None => self.0.push(flow),
        }
    }

    pub(crate) fn extend(&mut self, flows: Self) {
        flows.0.into_iter().for_each(|flow| self.add(flow));
    }

    pub(crate) fn sources(&self) -> Ranges {
        self.0.iter().fold(Ranges::default(), |all, flow| all.union(&flow.sources))
    }
}

/// Where flows go that leave a rule.
#[derive(Default)]
struct Exits {
    /// To the next rule.
    next: Flows,
    /// Out of the chain, back to where it was called from.
    back: Flows,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(rules: &'a Ruleset, world: &'a World<'a>, stage: Stage) -> Self {
        let (events, doubts, path) = (Vec::new(), Vec::new(), Vec::new());
        Self { rules, world, stage, events, doubts, traced: false, accepted: Flows::default(), path, work: 0 }
    }

    /// Runs one base chain; returns what it accepts.
    pub(crate) fn base(&mut self, chain: usize, flows: Flows) -> Flows {
        let ended = self.chain(chain, flows);
        let drops = self.rules.chains.get(chain).and_then(|c| c.base.as_ref()).is_some_and(|b| b.drops);
        for flow in ended.0 {
            if drops {
                self.path.push((chain, None));
                self.happened(EventKind::Drop, &flow.sources);
                self.path.pop();
            } else {
                if self.traced {
                    self.path.push((chain, None));
                    self.happened(EventKind::Pass, &flow.sources);
                    self.path.pop();
                }
                self.accepted.add(flow);
            }
        }
        std::mem::take(&mut self.accepted)
    }

    /// Whether the walk was given up: nothing that it found is complete.
    pub(crate) fn gave_up(&self) -> bool {
        self.work > WORK_LIMIT
    }

    /// Runs a chain; returns the flows that came to its end or were sent back.
    fn chain(&mut self, chain: usize, flows: Flows) -> Flows {
        let rules = self.rules;
        let mut flows = flows;
        let mut back = Flows::default();
        for (index, rule) in
            rules.chains.get(chain).map(|c| c.rules.as_slice()).unwrap_or_default().iter().enumerate()
        {
            if flows.0.is_empty() || self.gave_up() {
                break;
            }
            self.path.push((chain, Some(index)));
            let mut exits = Exits::default();
            for flow in flows.0 {
                self.rule(chain, &rule.statements, flow, &mut exits);
            }
            self.path.pop();
            flows = exits.next;
            back.extend(exits.back);
        }
        back.extend(flows);
        back
    }

    fn rule(&mut self, chain: usize, statements: &'a [Statement], flow: Flow, exits: &mut Exits) {
        let mut inside = vec![flow];
        for statement in statements {
            let mut going_on = Vec::new();
            for flow in inside {
                self.work += 1 + flow.sources.len() as u64 / 16;
                self.statement(chain, statement, flow, &mut going_on, exits);
            }
            inside = going_on;
            if inside.is_empty() {
                return;
            }
        }
        for flow in inside {
            exits.next.add(flow);
        }
    }

    /// One statement: flows for which the rule goes on are put into `on`, the others leave.
    fn statement(
        &mut self,
        chain: usize,
        statement: &'a Statement,
        mut flow: Flow,
        on: &mut Vec<Flow>,
        exits: &mut Exits,
    ) {
        match statement {
            Statement::Neutral => on.push(flow),
            Statement::Match(m) => {
                let (rules, world, stage) = (self.rules, self.world, self.stage);
                let key = world.key(&m.left, &flow.state, stage);
                let hit = matched(rules, world, m, &key, &flow.state);
                self.split(hit, flow, on, &mut exits.next);
            }
            Statement::UnknownMatch(why) => self.split(Hit::Maybe(why.clone()), flow, on, &mut exits.next),
            Statement::Limit { over } => {
                let holds = *over == self.world.throttled;
                self.split(if holds { Hit::Always } else { Hit::Never }, flow, on, &mut exits.next);
            }
            Statement::AddToSet { set, key, limits } => {
                if let Some(set) = set {
                    let added = (*set, key.clone());
                    if !flow.state.added.contains(&added) {
                        flow.state.added.push(added);
                    }
                }
                let holds = limits.iter().all(|over| *over == self.world.throttled);
                self.split(if holds { Hit::Always } else { Hit::Never }, flow, on, &mut exits.next);
            }
            Statement::Notrack => {
                flow.state.tracking = self.world.untracked(&flow.state, self.stage);
                on.push(flow);
            }
            Statement::SetMark { connection, value } => {
                let mark = match self.world.value(value, &flow.state, self.stage) {
                    Sym::Number(n) => u32::try_from(n).ok(),
                    _ => None,
                };
                if *connection {
                    flow.state.ct_mark = mark;
                } else {
                    flow.state.mark = mark;
                }
                on.push(flow);
            }
            Statement::SetPort(value) => {
                flow.state.port = match self.world.value(value, &flow.state, self.stage) {
                    Sym::Number(n) => u16::try_from(n).ok(),
                    _ => None,
                };
                on.push(flow);
            }
            Statement::Reject(family) if *family != self.world.family => exits.next.add(flow),
            Statement::Reject(_) => self.happened(EventKind::Drop, &flow.sources),
            Statement::Verdict(verdict) => self.verdict(chain, verdict, flow, on, exits),
            Statement::VerdictMap { key, map } => self.verdict_map(chain, key, map, flow, on, exits),
            Statement::Nat(nat) => self.translate(nat, flow, &mut exits.next),
            Statement::Unknown(why) => {
                self.doubt(&flow.sources, why);
                let mut diverted = flow.state.clone();
                diverted.destination = Destination::Unknown;
                diverted.port = None;
                if self.in_nat() {
                    diverted.translated = true;
                    diverted.destination_changed = None;
                    self.accepted.add(Flow { state: diverted, sources: flow.sources.clone() });
                }
                self.happened(EventKind::Drop, &flow.sources);
                self.accepted.add(flow.clone());
                exits.next.add(flow);
            }
        }
    }

    fn verdict(
        &mut self,
        chain: usize,
        verdict: &'a Verdict,
        flow: Flow,
        on: &mut Vec<Flow>,
        exits: &mut Exits,
    ) {
        match verdict {
            Verdict::Accept => self.accept(flow),
            Verdict::Drop => self.happened(EventKind::Drop, &flow.sources),
            Verdict::Return => exits.back.add(flow),
            Verdict::Continue => on.push(flow),
            Verdict::Queue => {
                self.doubt(&flow.sources, "the program behind a queue");
                self.happened(EventKind::Drop, &flow.sources);
                self.accept(flow);
            }
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let Some(target) = self.rules.sibling(chain, name).filter(|_| self.path.len() <= JUMP_LIMIT)
                else {
                    // The kernel has no such rules: the listing is broken.
                    self.doubt(&flow.sources, "a jump that leads nowhere");
                    self.happened(EventKind::Drop, &flow.sources);
                    return self.accept(flow);
                };
                if self.traced {
                    self.happened(EventKind::Enter, &flow.sources);
                }
                let mut one = Flows::default();
                one.add(flow);
                let ended = self.chain(target, one);
                match verdict {
                    Verdict::Jump(_) => exits.next.extend(ended),
                    _ => exits.back.extend(ended),
                }
            }
        }
    }

    fn verdict_map(
        &mut self,
        chain: usize,
        key: &Expr,
        map: &'a Table<Verdict>,
        flow: Flow,
        on: &mut Vec<Flow>,
        exits: &mut Exits,
    ) {
        let lookup = match map {
            Table::Inline(lookup) => Some(lookup),
            Table::Named(set) => match self.rules.sets.get(*set).map(|s| &s.content) {
                Some(Content::Verdicts(lookup)) => Some(lookup),
                _ => None,
            },
            Table::Missing(_) => None,
        };
        let Some(lookup) = lookup.filter(|l| !l.incomplete) else {
            self.doubt(&flow.sources, "a verdict map that is not understood");
            self.happened(EventKind::Drop, &flow.sources);
            self.accepted.add(flow.clone());
            return exits.next.add(flow);
        };
        let world = self.world;
        let key = world.key(key, &flow.state, self.stage);
        let mut rest = Flows::default();
        let absent = key.iter().any(|part| matches!(part, Sym::Absent));
        rest.add(flow);
        for (verdict, members) in &lookup.groups {
            let Some(flow) = rest.0.pop() else { return };
            let mut found = Vec::new();
            self.split(members.hit(&key), flow, &mut found, &mut rest);
            for flow in found {
                self.verdict(chain, verdict, flow, on, exits);
            }
        }
        for flow in rest.0 {
            match &lookup.default {
                Some(verdict) if !absent => self.verdict(chain, verdict, flow, on, exits),
                _ => exits.next.add(flow),
            }
        }
    }

    /// Sends a flow on where something holds, to `other` where it does not, and both ways where nobody knows.
    fn split(&mut self, hit: Hit<'_>, flow: Flow, on: &mut Vec<Flow>, other: &mut Flows) {
        match hit {
            Hit::Always => on.push(flow),
            Hit::Never => other.add(flow),
            Hit::Maybe(why) => {
                self.doubt(&flow.sources, &why);
                on.push(flow.clone());
                other.add(flow);
            }
            Hit::Among(set) => {
                self.work += set.len().min(flow.sources.len()) as u64 / 16;
                push(on, flow.state.clone(), flow.sources.intersect(&set));
                other.add(Flow { sources: flow.sources.subtract(&set), state: flow.state });
            }
            Hit::Outside(set) => {
                push(on, flow.state.clone(), flow.sources.subtract(&set));
                other.add(Flow { sources: flow.sources.intersect(&set), state: flow.state });
            }
            Hit::Mixed { yes, maybe, why } => {
                let sure = flow.sources.intersect(&yes);
                let unsure = flow.sources.intersect(&maybe).subtract(&yes);
                self.doubt(&unsure, &why);
                push(on, flow.state.clone(), sure.union(&unsure));
                other.add(Flow { sources: flow.sources.subtract(&sure), state: flow.state });
            }
        }
    }

    /// The accepting end of the base chain, by a rule.
    pub(crate) fn accept(&mut self, flow: Flow) {
        self.happened(EventKind::Accept, &flow.sources);
        self.accepted.add(flow);
    }

    pub(crate) fn happened(&mut self, kind: EventKind, sources: &Ranges) {
        if !sources.is_empty() {
            let (sources, stage, path) = (sources.clone(), self.stage, self.path.clone());
            self.events.push(Event { sources, kind, stage, path });
        }
    }

    pub(crate) fn doubt(&mut self, sources: &Ranges, why: &str) {
        if !sources.is_empty() && !self.doubts.iter().any(|(known, w)| w == why && known == sources) {
            self.doubts.push((sources.clone(), why.to_owned()));
        }
    }

    /// Hands a flow to the end of the base chain without a word.
    pub(crate) fn pass(&mut self, flow: Flow) {
        self.accepted.add(flow);
    }

    /// Whether the base chain that runs is one of address translation.
    pub(crate) fn in_nat(&self) -> bool {
        let outermost = self.path.first().and_then(|(chain, _)| self.rules.chains.get(*chain));
        outermost.and_then(|c| c.base.as_ref()).is_some_and(|b| b.is_nat)
    }
}

fn push(flows: &mut Vec<Flow>, state: State, sources: Ranges) {
    if !sources.is_empty() {
        flows.push(Flow { state, sources });
    }
}

/// Whether, and for whom, a match holds.
pub(crate) fn matched<'a>(
    rules: &'a Ruleset,
    world: &World<'_>,
    m: &'a Match,
    key: &[Sym<'_>],
    state: &State,
) -> Hit<'a> {
    if key.iter().any(|part| matches!(part, Sym::Absent)) {
        return Hit::Never;
    }
    if matches!(m.op, Op::Bits | Op::NoBits) {
        return bits(m, key);
    }
    let hit = match &m.right {
        Table::Inline(lookup) => lookup.hit(key),
        Table::Named(set) => named(rules, world, *set, &m.left, key, state),
        Table::Missing(name) => Hit::Maybe(format!("the set {name}, which is not listed")),
    };
    if m.op == Op::IsNot { opposite(hit) } else { hit }
}

fn named<'a>(
    rules: &'a Ruleset,
    world: &World<'_>,
    set: usize,
    left: &Expr,
    key: &[Sym<'_>],
    state: &State,
) -> Hit<'a> {
    let Some(named) = rules.sets.get(set) else { return Hit::Maybe("a set that is not listed".into()) };
    let mut doubtful = false;
    for (_, added) in state.added.iter().filter(|(s, _)| *s == set) {
        if added == left {
            return Hit::Always;
        }
        doubtful = true;
    }
    if doubtful {
        return Hit::Maybe(format!("what rules added to @{}", named.name));
    }
    if world.member_of == Some(set) {
        return Hit::Always;
    }
    if named.dynamic && world.established {
        return Hit::Maybe(format!("what earlier packets added to @{}", named.name));
    }
    match &named.content {
        Content::Set(lookup) => lookup.hit(key),
        Content::Verdicts(lookup) => in_keys(lookup, key),
        Content::Map(lookup) => in_keys(lookup, key),
    }
}

/// Whether a key is among those of a map.
fn in_keys<'a, T>(lookup: &'a Lookup<T>, key: &[Sym<'_>]) -> Hit<'a> {
    let hits = |members: &'a Members| members.hit(key);
    match lookup.groups.as_slice() {
        [] if lookup.default.is_none() && !lookup.incomplete => Hit::Never,
        [(_, members)] if lookup.default.is_none() && !lookup.incomplete => hits(members),
        _ => Hit::Maybe("membership in a map".into()),
    }
}

fn bits(m: &Match, key: &[Sym<'_>]) -> Hit<'static> {
    let mask = match &m.right {
        Table::Inline(lookup) => {
            lookup.groups.first().and_then(|((), members)| members.numbers.iter().next())
        }
        _ => None,
    };
    match (key, mask) {
        ([Sym::Number(value)], Some((mask, _))) => {
            let some = value & mask != 0;
            if some == (m.op == Op::Bits) { Hit::Always } else { Hit::Never }
        }
        ([Sym::Unknown(why)], _) => Hit::Maybe(why.clone()),
        _ => Hit::Maybe("bits of something".into()),
    }
}

fn opposite(hit: Hit<'_>) -> Hit<'_> {
    match hit {
        Hit::Never => Hit::Always,
        Hit::Always => Hit::Never,
        Hit::Maybe(why) => Hit::Maybe(why),
        Hit::Among(set) => Hit::Outside(set),
        Hit::Outside(set) => Hit::Among(set),
        Hit::Mixed { yes, maybe, why } => {
            let neither = Ranges::of(0, u128::MAX).subtract(&yes).subtract(&maybe);
            Hit::Mixed { yes: neither, maybe, why }
        }
    }
}
