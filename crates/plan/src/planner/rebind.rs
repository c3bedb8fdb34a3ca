//! Needed on the host alone, and open to others: a setting that binds it to loopback, where that is safe to say.

use std::net::IpAddr;

use doorward_knowledge::Restriction;
use doorward_model::{AuditService, Door};

use super::facts::Facts;
use super::keep::keep;
use super::words::evidence;
use crate::{Action, ClosedDoor, KeepReason, Rebind, Saves, Step, StepId};

/// The step for a needed service with doors that nothing needs; `None` when it has none.
pub(super) fn step(facts: &Facts<'_>, node: usize, service: &AuditService) -> Option<Step> {
    let open = |d: &&&Door| d.verdict.is_candidate() && d.exposure.beyond_host() && d.namespace.is_host();
    let doors: Vec<&Door> = facts.doors(node).iter().filter(open).copied().collect();
    if doors.is_empty() {
        return None;
    }
    let from = doors.iter().map(|d| bound(d)).collect::<Vec<_>>().join(", ");
    let needed = evidence(&service.evidence);
    match setting(facts, node, &doors) {
        Ok((file, setting, to, check)) => Some(Step {
            id: StepId(format!("rebind:{}", service.name)),
            on: true,
            why: format!(
                "needed ({needed}), on the host alone: nobody was seen who needs {from} from outside"
            ),
            danger: Some("a client on another host that was not seen would be cut off".to_owned()),
            undo: format!("put the prior value of {setting} in {file} back, and restart {}", service.name),
            closes: doors.iter().map(|d| ClosedDoor::of(d)).collect(),
            needed_by: service.required_by.clone(),
            takes_along: Vec::new(),
            cycle: None,
            saves: Saves::default(),
            trial: None,
            action: Action::Rebind(Rebind { service: service.name.clone(), file, setting, from, to, check }),
        }),
        Err(how) => {
            let why = format!(
                "needed ({needed}), on the host alone, but open at {from}. By hand: {how}, or let the packet filter \
                 close it to others"
            );
            Some(keep(&service.name, KeepReason::ByHand, why, service.required_by.clone()))
        }
    }
}

fn bound(door: &Door) -> String {
    let address =
        if door.address.contains(':') { format!("[{}]", door.address) } else { door.address.clone() };
    door.port.map_or_else(|| address.clone(), |port| format!("{address}:{port}"))
}

/// File, setting, value and check; or what to do by hand.
fn setting(
    facts: &Facts<'_>,
    node: usize,
    doors: &[&Door],
) -> Result<(String, String, String, Option<String>), String> {
    if let Some(via) = doors.iter().find_map(|d| d.via.as_deref()) {
        return Err(format!("{via} holds its door: bind that one to loopback"));
    }
    if let Some(at) = used_at_own_address(facts, facts.name(node), doors) {
        return Err(format!("it is used at {at}: let its clients use loopback first, then bind it there"));
    }
    let restrictions = facts.entry(node).map_or(&[][..], |e| &e.restrict);
    let here = restrictions.iter().filter(|r| facts.index.holds(&r.systems));
    let fits = here.clone().find_map(|r| usable(r, doors));
    fits.ok_or_else(|| {
        here.map(|r| r.text.clone()).next().unwrap_or_else(|| "bind it to loopback".to_owned())
    })
}

fn usable(r: &Restriction, doors: &[&Door]) -> Option<(String, String, String, Option<String>)> {
    let (file, setting, value) = (r.file.as_ref()?, r.setting.as_ref()?, r.value.as_ref()?);
    let is_path = file.starts_with('/') && !file.contains(['*', '<', '>']);
    (is_path && is_loopback(value, doors))
        .then(|| (file.clone(), setting.clone(), value.clone(), r.check.clone()))
}

/// Whether a value names loopback and no other address, and no other port than the doors'.
fn is_loopback(value: &str, doors: &[&Door]) -> bool {
    let mut found = false;
    for word in value.split([' ', ',']).filter(|w| !w.is_empty()) {
        let word = word.rsplit_once("://").map_or(word, |(_, rest)| rest).trim_start_matches('-');
        let (host, port) = match word.parse::<IpAddr>() {
            Ok(_) => (word, None),
            Err(_) => match word.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (word, None),
            },
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(ip) if ip.is_loopback() => found = true,
            Ok(_) => return false,
            Err(_) if host == "localhost" => found = true,
            Err(_) if host == "*" => return false,
            Err(_) => continue,
        }
        let same = |port: &str| doors.iter().any(|d| d.port.map(|p| p.to_string()).as_deref() == Some(port));
        if port.is_some_and(|port| !same(port)) {
            return false;
        }
    }
    found
}

/// Where somebody on the host uses the service at an address other than loopback, which would close.
fn used_at_own_address(facts: &Facts<'_>, service: &str, doors: &[&Door]) -> Option<String> {
    let snapshot = facts.snapshot;
    let ours = |target: &str| {
        let (host, port) = target.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mapped = host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
        let own = match mapped {
            // Binding to 127.0.0.1 closes 127.0.1.1 too, which Debian gives the host's own name.
            Some(ip) => {
                let usual = ip.to_string() == "127.0.0.1" || ip.to_string() == "::1";
                !usual && snapshot.host.has_address(ip)
            }
            None => host.eq_ignore_ascii_case(&snapshot.host.name),
        };
        let port: u16 = port.parse().ok()?;
        (own && doors.iter().any(|d| d.port == Some(port))).then(|| target.to_owned())
    };
    let seen = snapshot.connections.iter().filter(|c| c.to == service).find_map(|c| ours(&c.at));
    let configured = || snapshot.web.iter().flat_map(|w| &w.upstreams).find_map(|u| ours(&u.target));
    // Applications' settings often leave the port out.
    let named = || {
        let mut values = snapshot.applications.iter().flat_map(|a| a.settings.values());
        let own = |value: &&String| {
            let rest = value.rsplit_once("://").map_or(value.as_str(), |(_, rest)| rest);
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            let host = rest.split(['/', '?']).next().unwrap_or(rest);
            let host =
                if host.matches(':').count() == 1 { host.split(':').next().unwrap_or(host) } else { host };
            let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            ip.is_ok_and(|ip| !ip.is_loopback() && snapshot.host.has_address(ip))
                || (!host.is_empty() && host.eq_ignore_ascii_case(&snapshot.host.name))
        };
        values.find(own).cloned()
    };
    seen.or_else(configured).or_else(named)
}
