//! The way of a client's packet, told step by step: which hooks and chains it went through, and which rule decided.
//!
//! The client may be a network. Then its addresses are put into classes that meet the same rules, and each class is
//! told by itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use crate::journey::{Journey, ends, travel_traced};
use crate::packet::{Hook, World};
use crate::query::{Family, Fate, Interface, RuleRef, Transport};
use crate::ranges::Ranges;
use crate::ruleset::Ruleset;
use crate::value::number;
use crate::walk::{Event, EventKind};

/// Most classes of clients that are told apart; what is left is undecided.
const CLASSES: usize = 512;
/// Most reasons that are named for one undecided class.
const REASONS: usize = 3;

/// A packet from a client, or from each address of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Transport.
    pub protocol: Transport,
    /// The client.
    pub client: IpNet,
    /// The client's port; `None`: an ephemeral one, of the kind that the rules treat as most of them.
    pub source_port: Option<u16>,
    /// The host's address that it sends to, of the client's family; `None`: one that is not known.
    pub destination: Option<IpAddr>,
    /// The port that it sends to.
    pub port: u16,
    /// Name of the interface that it comes in by.
    pub interface: String,
    /// Whether it belongs to a connection that is established, instead of opening one. It is taken to have been
    /// translated as its first packet would be by these rules.
    pub established: bool,
}

/// What becomes of the packets of some of a client's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The addresses, as networks: sorted, disjoint, the fewest.
    pub clients: Vec<IpNet>,
    /// What becomes of them.
    pub fate: Fate,
    /// The way through the rules, in the kernel's order. Of an undecided fate, all ways that are possible.
    pub steps: Vec<Step>,
}

/// Something that happened to a packet on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The hook, in nft's word: `ingress`, `prerouting`, `input`, `forward`, `postrouting`.
    pub hook: &'static str,
    /// Priority of the base chain.
    pub priority: i32,
    /// What was done.
    pub action: StepAction,
    /// The rule or policy that did it; `None` where it was no rule's doing.
    pub rule: Option<RuleRef>,
}

/// What a rule or policy did to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepAction {
    /// A rule led into another chain.
    Entered,
    /// A rule accepted it; other base chains still follow.
    Accepted,
    /// A base chain came to its end and let it pass by its policy.
    Passed,
    /// Its destination was translated.
    Translated,
    /// It was dropped or rejected.
    Dropped,
}

impl Trace {
    /// The step that decided, if one did: the drop, or what let the packet through the last hook.
    pub fn decided_by(&self) -> Option<&Step> {
        let last = |action| self.steps.iter().rfind(|s| s.action == action && is_last_hook(s));
        match self.fate {
            Fate::Undecided { .. } => None,
            Fate::Dropped => self.steps.iter().rfind(|s| s.action == StepAction::Dropped),
            Fate::Delivered { .. } | Fate::Forwarded { .. } => last(StepAction::Accepted)
                .or_else(|| last(StepAction::Passed))
                .or_else(|| self.steps.iter().rfind(|s| s.action == StepAction::Translated)),
        }
    }
}

fn is_last_hook(step: &Step) -> bool {
    matches!(step.hook, "input" | "forward")
}

impl Ruleset {
    /// Follows a packet of every address of the client through the rules, on a host with these interfaces. The parts
    /// together are the client. Limits count as not exceeded.
    pub fn trace(&self, probe: &Probe, interfaces: &[Interface]) -> Vec<Trace> {
        let family = Family::of(probe.client.addr());
        let (low, high) = (number(probe.client.network()), number(probe.client.broadcast()));
        let unnamed = Interface { name: probe.interface.clone(), inbound: true, ..Interface::default() };
        let world = World {
            family,
            transport: probe.protocol,
            source: (low == high).then_some(low),
            source_port: probe.source_port.unwrap_or_else(|| self.ephemeral_port()),
            destination: probe.destination,
            port: probe.port,
            interface: interfaces.iter().find(|i| i.name == probe.interface).unwrap_or(&unnamed),
            interfaces,
            tracks: self.tracks(family),
            throttled: false,
            ipsec: false,
            member_of: None,
            established: probe.established,
        };
        let clients = Ranges::of(low, high);
        let journey = travel_traced(self, &world, clients.clone());
        if journey.gave_up {
            let fate = Fate::Undecided { why: "the rules are too many to follow".into() };
            return vec![Trace { clients: vec![probe.client], fate, steps: Vec::new() }];
        }
        let (classes, rest) = classes(&journey, clients);
        let mut told: Vec<(Ranges, Fate, Vec<Step>)> = Vec::new();
        for class in classes {
            let (fate, steps) = (fate_of(&journey, &class), self.steps(&journey, &class));
            match told.iter_mut().find(|(_, f, s)| *f == fate && *s == steps) {
                Some((clients, ..)) => *clients = clients.union(&class),
                None => told.push((class, fate, steps)),
            }
        }
        if !rest.is_empty() {
            let why = format!("the rules tell more than {CLASSES} kinds of its addresses apart");
            told.push((rest, Fate::Undecided { why }, Vec::new()));
        }
        told.sort_by_key(|(clients, ..)| clients.iter().next());
        let trace = |(clients, fate, steps)| Trace { clients: networks(&clients, family), fate, steps };
        told.into_iter().map(trace).collect()
    }

    fn steps(&self, journey: &Journey, class: &Ranges) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for event in journey.events.iter().filter(|e| !e.sources.intersect(class).is_empty()) {
            let step = self.step(event);
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        steps
    }

    fn step(&self, event: &Event) -> Step {
        Step {
            hook: match event.stage.hook {
                Hook::Ingress => "ingress",
                Hook::Prerouting => "prerouting",
                Hook::Input => "input",
                Hook::Forward => "forward",
                Hook::Postrouting => "postrouting",
            },
            priority: event.stage.priority,
            action: match event.kind {
                EventKind::Enter => StepAction::Entered,
                EventKind::Accept => StepAction::Accepted,
                EventKind::Pass => StepAction::Passed,
                EventKind::Translate => StepAction::Translated,
                EventKind::Drop => StepAction::Dropped,
            },
            rule: event.path.last().and_then(|(chain, rule)| self.rule_ref(*chain, *rule)),
        }
    }
}

/// What becomes of a class that met the same.
fn fate_of(journey: &Journey, class: &Ranges) -> Fate {
    let concerns = |sources: &Ranges| !sources.intersect(class).is_empty();
    let mut fates = Vec::new();
    if concerns(&journey.dropped()) {
        fates.push(Some(Fate::Dropped));
    }
    for (flow, local) in ends(journey).filter(|(flow, _)| concerns(&flow.sources)) {
        let fate = Fate::of(&flow.state, local);
        if !fates.contains(&fate) {
            fates.push(fate);
        }
    }
    if let [Some(fate)] = fates.as_slice() {
        return fate.clone();
    }
    let mut reasons: Vec<&str> = Vec::new();
    for (_, why) in journey.doubts.iter().filter(|(sources, _)| concerns(sources)) {
        if !reasons.contains(&why.as_str()) {
            reasons.push(why);
        }
    }
    reasons.truncate(REASONS);
    Fate::Undecided {
        why: if reasons.is_empty() { "the rules do not say".into() } else { reasons.join("; ") },
    }
}

/// Addresses that met the same, and those that could not be told apart any more.
fn classes(journey: &Journey, clients: Ranges) -> (Vec<Ranges>, Ranges) {
    let mut classes = vec![clients];
    let met = journey.events.iter().map(|e| &e.sources);
    let ended = ends(journey).map(|(flow, _)| &flow.sources);
    let doubted = journey.doubts.iter().map(|(sources, _)| sources);
    for sources in met.chain(ended).chain(doubted) {
        let split = |class: Ranges| [class.intersect(sources), class.subtract(sources)];
        classes = classes.into_iter().flat_map(split).filter(|class| !class.is_empty()).collect();
        if classes.len() > CLASSES {
            let rest = classes.iter().fold(Ranges::default(), |all, class| all.union(class));
            return (Vec::new(), rest);
        }
    }
    (classes, Ranges::default())
}

fn networks(ranges: &Ranges, family: Family) -> Vec<IpNet> {
    let v4 = |n: u128| Ipv4Addr::from(u32::try_from(n).unwrap_or(u32::MAX));
    let networks = |(low, high): (u128, u128)| -> Vec<IpNet> {
        match family {
            Family::V4 => Ipv4Subnets::new(v4(low), v4(high), 0).map(IpNet::from).collect(),
            Family::V6 => {
                Ipv6Subnets::new(Ipv6Addr::from(low), Ipv6Addr::from(high), 0).map(IpNet::from).collect()
            }
        }
    };
    ranges.iter().flat_map(networks).collect()
}
