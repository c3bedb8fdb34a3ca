//! A filter leaves the site open to everyone, and the administrators' way in to them.

use std::net::IpAddr;

use doorward_filter::{Door as Port, Transport};
use doorward_model::{Door, Protocol};

use super::targets::Targets;
use super::{Found, Rule};
use crate::{Action, Filter};

pub(super) fn check(targets: &Targets<'_>, found: &mut Found<'_>) {
    let mut first: Option<usize> = None;
    for (at, filter) in filters(targets) {
        if let Some(first) = first {
            let text = format!("{} filters as well", targets.plan.steps[first].id);
            found.add(at, Rule::Twice, text, "put all into one of them, or switch one off");
            continue;
        }
        first = Some(at);
        site(targets, at, filter, found);
        admin(targets, at, filter, found);
        for (door, service) in &filter.services {
            let is_its = |d: &&Door| d.service.as_deref() == Some(service) && port(d) == Some(*door);
            if !targets.assessment.audit.doors.iter().any(|d| is_its(&d)) {
                let text = format!("{service} has no door {door}");
                found.add(at, Rule::NoSuch, text, "make a new plan, or take `service` out of the door");
            }
        }
    }
}

/// The filter that closes all of these doors to everybody.
pub(super) fn closing(targets: &Targets<'_>, doors: &[&Door]) -> Option<usize> {
    let ports: Vec<Port> = doors.iter().filter(|d| comes_from_outside(d)).filter_map(|d| port(d)).collect();
    if ports.is_empty() {
        return None;
    }
    let closes = |filter: &Filter| !filter.policy.doors().any(|open| ports.contains(&open));
    filters(targets).find(|(_, filter)| closes(filter)).map(|(at, _)| at)
}

fn filters<'a>(targets: &Targets<'a>) -> impl Iterator<Item = (usize, &'a Filter)> {
    let of = |(at, step): (usize, &'a crate::Step)| match &step.action {
        Action::Filter(filter) => Some((at, filter)),
        _ => None,
    };
    targets.changes().filter_map(of)
}

fn site(targets: &Targets<'_>, at: usize, filter: &Filter, found: &mut Found<'_>) {
    let doors = || targets.assessment.audit.doors.iter().filter(|d| d.http && comes_from_outside(d));
    for door in doors() {
        if let Some(door) = port(door).filter(|port| !filter.policy.site().contains(port)) {
            let text = format!("it closes {door}, a door of the site");
            found.add(at, Rule::Role, text, format!("add {door} to `site`, or make a new plan"));
        }
    }
    for extra in filter.policy.site() {
        if !doors().any(|d| port(d) == Some(*extra)) {
            let text = format!("{extra} is no door of the site, and would be open to everyone");
            found.add(at, Rule::NoSuch, text, "take it out of `site`, and name clients for it in `doors`");
        }
    }
}

fn admin(targets: &Targets<'_>, at: usize, filter: &Filter, found: &mut Found<'_>) {
    let Some(path) = &targets.snapshot.admin_path else { return };
    let Ok(remote) = path.remote.parse::<IpAddr>() else { return };
    if remote.to_canonical().is_loopback() {
        return;
    }
    let door = Port { transport: Transport::Tcp, port: path.port };
    if let Err(cut) = filter.policy.keeps(remote, door) {
        found.add(
            at,
            Rule::Admin,
            format!("you came in from {} by {}, which it closes to you", cut.client, cut.door),
            format!(
                "add {} to a client set that {} is for, or name the step with --override",
                cut.client, cut.door
            ),
        );
    }
}

fn comes_from_outside(door: &Door) -> bool {
    door.namespace.is_host() && !door.address.parse::<IpAddr>().is_ok_and(|a| a.is_loopback())
}

fn port(door: &Door) -> Option<Port> {
    let transport = match door.protocol {
        Protocol::Tcp => Transport::Tcp,
        Protocol::Udp => Transport::Udp,
        _ => return None,
    };
    door.port.map(|port| Port { transport, port })
}
