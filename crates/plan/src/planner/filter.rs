//! From which addresses what stays may be reached: the user's word, resolved to this host's doors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use doorward_assess::rules_interface;
use doorward_filter::{
    Door, DoorName, Host, Policy, Transport, conflicts, interactions, loaded, named_service, owners,
};
use doorward_model::{Door as Known, PacketFilter, Protocol};
use doorward_netfilter::{Interface, Ruleset};
use serde_json::Value;

use super::facts::Facts;
use super::{Unplannable, WantedAccess};
use crate::{Action, ClosedDoor, Filter, Saves, Step, StepId};

/// The step, unless its table is loaded already. `changes` are the steps that come before it.
pub(super) fn step(
    facts: &Facts<'_>,
    wanted: &WantedAccess,
    changes: &[&Step],
) -> Result<Option<Step>, Unplannable> {
    let known = &facts.assessment.audit.doors;
    let mut host = Host { files: wanted.files.clone(), ..Host::default() };
    for door in known.iter().filter(|d| is_outside(d)) {
        let Some(at) = port(door) else { continue };
        if door.http {
            host.site.insert(at);
        }
        if let Some(service) = &door.service {
            host.services.entry(service.clone()).or_default().insert(at);
        }
    }
    let mut services = BTreeMap::new();
    for name in wanted.access.doors.keys() {
        let DoorName::Service(name) = name else { continue };
        let (service, doors) = named_service(name, &host)?;
        if changes.iter().any(|s| s.action.units().is_some_and(|u| u.names().any(|n| n == *service))) {
            return Err(Unplannable::ShutByPlan { door: name.clone(), service: service.clone() });
        }
        services.extend(doors.iter().map(|door| (*door, service.clone())));
    }
    let policy = Policy::new(&wanted.access, &host)?;
    let ruleset = match &facts.snapshot.filter {
        PacketFilter::Nftables { ruleset } => Some(ruleset),
        _ => None,
    };
    if ruleset.and_then(loaded) == Some(policy.mark().as_str()) {
        return Ok(None);
    }
    let closed: BTreeSet<ClosedDoor> = changes.iter().flat_map(|s| &s.closes).cloned().collect();
    let open: BTreeSet<Door> = policy.doors().collect();
    let closes = known.iter().filter(|d| is_outside(d) && d.exposure.beyond_host());
    let closes = closes.filter(|d| port(d).is_some_and(|port| !open.contains(&port)));
    Ok(Some(Step {
        id: StepId("filter".to_owned()),
        on: true,
        why: why(&policy, &services),
        danger: Some(danger(facts, &policy, ruleset)),
        undo: "bring the table of the packet filter, and what loads it at boot, back as they were".to_owned(),
        closes: closes.map(ClosedDoor::of).filter(|d| !closed.contains(d)).collect(),
        needed_by: Vec::new(),
        takes_along: Vec::new(),
        cycle: None,
        saves: Saves::default(),
        trial: None,
        action: Action::Filter(Filter { policy, services }),
    }))
}

/// Whether packets from outside come to it, but for packet filters.
fn is_outside(door: &Known) -> bool {
    let is_loopback = door.address.parse::<IpAddr>().is_ok_and(|a| a.is_loopback());
    door.namespace.is_host() && !is_loopback && door.interface.as_deref() != Some("lo")
}

fn port(door: &Known) -> Option<Door> {
    let transport = match door.protocol {
        Protocol::Tcp => Transport::Tcp,
        Protocol::Udp => Transport::Udp,
        _ => return None,
    };
    door.port.filter(|port| *port > 0).map(|port| Door { transport, port })
}

fn why(policy: &Policy, services: &BTreeMap<Door, String>) -> String {
    let named = policy.named().iter().map(|(door, rule)| {
        let of = services.get(door).map(|service| format!(" ({service})")).unwrap_or_default();
        let to: Vec<String> = rule.to.iter().map(|name| size(policy, name)).collect();
        let rate = if rule.admin { ", limited in rate" } else { "" };
        format!("{door}{of} for {}{rate}", to.join(" and "))
    });
    let site: Vec<String> = policy.site().iter().map(ToString::to_string).collect();
    let site = if site.is_empty() { "no door".to_owned() } else { site.join(", ") };
    let all = named.chain([format!("{site} for everyone"), "no other door for anybody".to_owned()]);
    format!("your [access]: {}", all.collect::<Vec<_>>().join("; "))
}

fn size(policy: &Policy, name: &doorward_filter::SetName) -> String {
    let networks = policy.clients().get(name).map_or(0, |set| set.v4().len() + set.v6().len());
    format!("{name} ({networks} network{})", if networks == 1 { "" } else { "s" })
}

/// What else may be cut off, and what others' rules add.
fn danger(facts: &Facts<'_>, policy: &Policy, ruleset: Option<&Value>) -> String {
    let mut all = vec!["a client that was not named is cut off".to_owned()];
    if let Some(ruleset) = ruleset {
        let mut told: Vec<String> = interactions(&owners(ruleset)).into_iter().map(|i| i.says).collect();
        told.sort();
        told.dedup();
        all.extend(told);
        all.extend(closed_by_others(facts, policy, ruleset));
    }
    all.join(". ")
}

fn closed_by_others(facts: &Facts<'_>, policy: &Policy, ruleset: &Value) -> Vec<String> {
    let Ok(others) = Ruleset::parse(&doorward_filter::without_ours(ruleset)) else { return Vec::new() };
    let interfaces: Vec<Interface> = facts.snapshot.host.interfaces.iter().map(rules_interface).collect();
    let found = conflicts(policy.doors(), &others, &interfaces);
    found.iter().map(|conflict| format!("{conflict}")).collect()
}
