//! Whether one client gets through the packet filter to one port: every way that it has, told step by step.

use std::net::IpAddr;

use doorward_model::reach::{
    Answering, Arrival, REACH_VERSION, ReachAction, ReachPart, ReachReport, ReachRule, ReachState, ReachStep,
    ReachVerdict, ReachWay,
};
use doorward_model::{Audit, Door, OsFamily, PacketFilter, Protocol, Snapshot, Source, Subject};
use doorward_netfilter::{Family, Fate, Interface, Probe, RuleRef, Ruleset, Step, StepAction, Trace};
use ipnet::IpNet;

use crate::exposure::{rules_interface, transport};

/// A question: does this client get through to this port?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The client's address or network.
    pub client: IpNet,
    /// Transport, one with ports.
    pub protocol: Protocol,
    /// The port that it sends to.
    pub port: u16,
    /// The interface that it comes in by; `None`: every one that it can.
    pub interface: Option<String>,
    /// The host's address that it sends to; `None`: every one of the interface's.
    pub to: Option<IpAddr>,
    /// Whose packets are followed.
    pub state: ReachState,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswerable {
    /// Another system's packet filter.
    NotLinux,
    /// The client is the host itself.
    Itself(IpNet),
    /// Protocol without ports.
    NoPort(Protocol),
    /// No interface of that name; the names that there are.
    NoInterface(String, Vec<String>),
    /// The client and the address that it sends to are of different families.
    Families(IpNet, IpAddr),
    /// The host has no address that the client could send to.
    NoAddress(Family),
}

impl std::fmt::Display for Unanswerable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotLinux => f.write_str("rules of nftables are evaluated, and this host is no Linux"),
            Self::Itself(client) => write!(
                f,
                "{client} is the host itself: its packets never come in from outside; give another client"
            ),
            Self::NoPort(protocol) => write!(f, "{} has no ports", protocol.as_str()),
            Self::NoInterface(name, known) => {
                write!(f, "no interface is named {name:?}; there are {}", known.join(", "))
            }
            Self::Families(client, to) => {
                write!(f, "{client} cannot send to {to}: one is IPv4, the other IPv6")
            }
            Self::NoAddress(family) => {
                let family = if *family == Family::V4 { "IPv4" } else { "IPv6" };
                write!(f, "no interface for clients from outside has an {family} address; name one with --to")
            }
        }
    }
}

impl std::error::Error for Unanswerable {}

/// Answers from a snapshot and its audit.
pub fn reach(snapshot: &Snapshot, audit: &Audit, asked: &Asked) -> Result<ReachReport, Unanswerable> {
    if snapshot.host.family != OsFamily::Linux {
        return Err(Unanswerable::NotLinux);
    }
    let protocol = transport(asked.protocol).ok_or(Unanswerable::NoPort(asked.protocol))?;
    let interfaces: Vec<Interface> = snapshot.host.interfaces.iter().map(rules_interface).collect();
    let (filter, problem) = filter(snapshot);
    let mut ways: Vec<ReachWay> = Vec::new();
    for (interface, to) in routes(&interfaces, asked)? {
        let by = By { asked, interface: &interface, to };
        let parts = match &filter {
            None => vec![unread(&by, audit)],
            Some(rules) => {
                let probe = Probe {
                    protocol,
                    client: asked.client,
                    source_port: None,
                    destination: to,
                    port: asked.port,
                    interface: interface.clone(),
                    established: asked.state == ReachState::Established,
                };
                rules.trace(&probe, &interfaces).iter().map(|t| part(t, audit, &by)).collect()
            }
        };
        ways.push(ReachWay { interface, to, parts });
    }
    for part in ways.iter_mut().flat_map(|w| &mut w.parts) {
        // Nothing that is dropped comes back by rules that are not known; what passes may yet be dropped.
        if let Some(problem) = problem.as_ref().filter(|_| part.verdict != ReachVerdict::Closed) {
            part.verdict = ReachVerdict::Undecided;
            part.why = Some(problem.clone());
            part.decided_by = None;
        }
    }
    let mut notes = Vec::new();
    if snapshot.filter == PacketFilter::None && problem.is_none() {
        notes.push("there is no packet filter".to_owned());
    }
    if filter.as_ref().is_some_and(Ruleset::has_bridge_rules) {
        notes.push("rules of bridges are not evaluated".to_owned());
    }
    if let (Source::Tree { .. }, Some(_)) = (&snapshot.source, &filter) {
        notes.push("what listens is read from configuration, not observed".to_owned());
    }
    Ok(ReachReport {
        schema_version: REACH_VERSION,
        host: snapshot.host.name.clone(),
        client: shown(&asked.client),
        protocol: asked.protocol,
        port: asked.port,
        state: asked.state,
        verdict: together(ways.iter().flat_map(|w| &w.parts).map(|p| p.verdict)),
        ways,
        notes,
    })
}

/// The rules, and what is not known of them: without rules, all.
fn filter(snapshot: &Snapshot) -> (Option<Ruleset>, Option<String>) {
    let unseen = snapshot.unseen.iter().find(|u| u.subject == Subject::Filter);
    let why = unseen.map(|u| format!("{}: {}", u.what, u.why));
    match &snapshot.filter {
        PacketFilter::None => (Some(Ruleset::default()), why),
        PacketFilter::Nftables { ruleset } => match Ruleset::parse(ruleset) {
            Ok(rules) => (Some(rules), why),
            Err(e) => (None, Some(format!("the nftables ruleset: {e}"))),
        },
        PacketFilter::Unknown | PacketFilter::WindowsFirewall => {
            (None, Some(why.unwrap_or_else(|| "the packet filter is not known".to_owned())))
        }
    }
}

/// By which interface and to which address the client can send. A neighbour comes in by its own network alone; any
/// other client by every interface, as routes are not among the facts.
fn routes(interfaces: &[Interface], asked: &Asked) -> Result<Vec<(String, Option<IpAddr>)>, Unanswerable> {
    let (client, family) = (asked.client, Family::of(asked.client.addr()));
    if let Some(to) = asked.to.filter(|to| Family::of(*to) != family) {
        return Err(Unanswerable::Families(client, to));
    }
    let is_own = |i: &Interface| i.addresses.iter().any(|net| net.addr() == client.addr());
    if client.addr().is_loopback() || (is_single(&client) && interfaces.iter().any(is_own)) {
        return Err(Unanswerable::Itself(client));
    }
    if interfaces.is_empty() {
        return Ok(vec![(asked.interface.clone().unwrap_or_default(), asked.to)]);
    }
    let holds = |i: &&Interface| i.addresses.iter().any(|net| net.prefix_len() > 0 && net.contains(&client));
    let mut candidates: Vec<&Interface> = match &asked.interface {
        Some(name) => interfaces.iter().filter(|i| i.name == *name).collect(),
        None => interfaces.iter().filter(|i| i.inbound).collect(),
    };
    if let (Some(name), []) = (&asked.interface, candidates.as_slice()) {
        let known = interfaces.iter().map(|i| i.name.clone()).collect();
        return Err(Unanswerable::NoInterface(name.clone(), known));
    }
    if asked.interface.is_none() && candidates.iter().any(holds) {
        candidates.retain(holds);
    }
    let mut routes = Vec::new();
    for interface in candidates {
        let own = interface.addresses.iter().map(IpNet::addr).filter(|a| Family::of(*a) == family);
        let link_local = |a: &IpAddr| matches!(a, IpAddr::V6(a) if a.is_unicast_link_local());
        let from_link = link_local(&client.addr());
        let to: Vec<IpAddr> = match asked.to {
            Some(to) => vec![to],
            None => own.filter(|a| link_local(a) == from_link).collect(),
        };
        routes.extend(to.into_iter().map(|to| (interface.name.clone(), Some(to))));
    }
    if routes.is_empty() { Err(Unanswerable::NoAddress(family)) } else { Ok(routes) }
}

/// A way in: the question, by an interface, to an address.
struct By<'a> {
    asked: &'a Asked,
    interface: &'a str,
    to: Option<IpAddr>,
}

fn part(trace: &Trace, audit: &Audit, by: &By<'_>) -> ReachPart {
    let (verdict, why, arrives) = match &trace.fate {
        Fate::Delivered { address, port } => {
            let address = address.or(by.to);
            (ReachVerdict::Open, None, Some(Arrival { forwarded: false, address, port: *port }))
        }
        Fate::Forwarded { address, port } => {
            let address = Some(*address);
            (ReachVerdict::Open, None, Some(Arrival { forwarded: true, address, port: *port }))
        }
        Fate::Dropped => (ReachVerdict::Closed, None, None),
        Fate::Undecided { why } => (ReachVerdict::Undecided, Some(why.clone()), None),
    };
    // Of what does not arrive, or not surely, it is still told what would have answered.
    let place = arrives.clone().unwrap_or_else(|| by.untranslated());
    ReachPart {
        clients: trace.clients.iter().map(shown).collect(),
        verdict,
        why,
        arrives,
        decided_by: trace.decided_by().map(step),
        steps: trace.steps.iter().map(step).collect(),
        answers: by.answers(audit, &place),
    }
}

fn unread(by: &By<'_>, audit: &Audit) -> ReachPart {
    ReachPart {
        clients: vec![shown(&by.asked.client)],
        verdict: ReachVerdict::Undecided,
        why: None,
        arrives: None,
        decided_by: None,
        steps: Vec::new(),
        answers: by.answers(audit, &by.untranslated()),
    }
}

impl By<'_> {
    fn untranslated(&self) -> Arrival {
        Arrival { forwarded: false, address: self.to, port: self.asked.port }
    }

    /// Doors that packets come to which end at that place.
    fn answers(&self, audit: &Audit, place: &Arrival) -> Vec<Answering> {
        let here = |d: &&Door| d.interface.as_deref().is_none_or(|i| i == self.interface);
        audit.doors.iter().filter(here).filter_map(|d| answering(d, self.asked, place)).collect()
    }
}

/// A door, if packets that end at that place come to it.
fn answering(door: &Door, asked: &Asked, place: &Arrival) -> Option<Answering> {
    let port = door.port.filter(|_| door.protocol == asked.protocol && door.name.is_none())?;
    let of_container = door.service.as_deref().is_some_and(|s| s.starts_with("container:"));
    let bound = match door.address.as_str() {
        "*" => true,
        address => match (address.parse::<IpAddr>(), place.address) {
            (Ok(door), Some(to)) => door == to || (door.is_unspecified() && door.is_ipv4() == to.is_ipv4()),
            (Ok(door), None) => door.is_ipv4() == asked.client.addr().is_ipv4() && !door.is_loopback(),
            (Err(_), _) => false,
        },
    };
    let is_behind = if place.forwarded {
        (of_container && port == asked.port) || (!door.namespace.is_host() && port == place.port && bound)
    } else {
        door.namespace.is_host() && port == place.port && bound
    };
    is_behind.then(|| Answering {
        address: door.address.clone(),
        port,
        service: door.service.clone(),
        package: door.package.clone(),
        verdict: door.verdict,
        basis: door.basis,
    })
}

fn step(step: &Step) -> ReachStep {
    ReachStep {
        hook: step.hook.to_owned(),
        priority: step.priority,
        action: match step.action {
            StepAction::Entered => ReachAction::Entered,
            StepAction::Accepted => ReachAction::Accepted,
            StepAction::Passed => ReachAction::Passed,
            StepAction::Translated => ReachAction::Translated,
            StepAction::Dropped => ReachAction::Dropped,
        },
        rule: step.rule.as_ref().map(rule),
    }
}

fn rule(rule: &RuleRef) -> ReachRule {
    ReachRule {
        family: rule.family.clone(),
        table: rule.table.clone(),
        chain: rule.chain.clone(),
        handle: rule.handle,
        position: rule.position,
        text: rule.text.clone(),
        comment: rule.comment.clone(),
    }
}

fn together(verdicts: impl Iterator<Item = ReachVerdict>) -> ReachVerdict {
    let (mut open, mut closed) = (false, false);
    for verdict in verdicts {
        match verdict {
            ReachVerdict::Undecided => return ReachVerdict::Undecided,
            ReachVerdict::Open => open = true,
            ReachVerdict::Closed => closed = true,
            ReachVerdict::Partly => (open, closed) = (true, true),
        }
    }
    match (open, closed) {
        (true, true) => ReachVerdict::Partly,
        (true, false) => ReachVerdict::Open,
        _ => ReachVerdict::Closed,
    }
}

fn is_single(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

/// A single address without its length.
fn shown(net: &IpNet) -> String {
    if is_single(net) { net.addr().to_string() } else { net.to_string() }
}
