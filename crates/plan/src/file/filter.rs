//! A filter in the plan's file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use doorward_filter::{Access, Allow, Door, DoorName, Host, Policy, Published, Rate, SetName};
use serde::Deserialize;

use super::text::{inline, list, quoted, wrapped};
use crate::Filter;

/// A filter in one sentence.
pub(super) fn sentence(filter: &Filter) -> String {
    let doors: Vec<String> = filter.policy.named().keys().map(ToString::to_string).collect();
    match doors.as_slice() {
        [] => "close every door but the site's to the network".to_owned(),
        some => format!("let named clients alone reach {}, and close every other door", some.join(", ")),
    }
}

pub(super) fn print(out: &mut String, filter: &Filter) {
    let policy = &filter.policy;
    let site: Vec<String> = policy.site().iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "site = {}", list(site.iter().map(String::as_str)));
    let clients = policy.clients().iter().map(|(name, set)| {
        let v4 = set.v4().iter().map(|net| quoted(&net.to_string()));
        let networks: Vec<String> = v4.chain(set.v6().iter().map(|net| quoted(&net.to_string()))).collect();
        inline(&[("name", Some(quoted(name.as_str()))), ("networks", Some(wrapped(&networks)))])
    });
    let clients: Vec<String> = clients.collect();
    let _ = writeln!(out, "clients = {}", wrapped(&clients));
    let doors = policy.named().iter().map(|(door, rule)| {
        inline(&[
            ("door", Some(quoted(&door.to_string()))),
            ("service", filter.services.get(door).map(|service| quoted(service))),
            ("to", Some(list(rule.to.iter().map(SetName::as_str)))),
            ("admin", rule.admin.then(|| "true".to_owned())),
        ])
    });
    let _ = writeln!(out, "doors = {}", wrapped(&doors.collect::<Vec<_>>()));
    let settings = policy.settings();
    let Rate { per_minute, burst } = settings.rate;
    let _ = writeln!(out, "rate = {{ per-minute = {per_minute}, burst = {burst} }}");
    let _ = writeln!(out, "counters = {}\nlog = {}", settings.counters, settings.log);
    let _ = writeln!(out, "published = {}", settings.published.0);
    if !settings.guests.is_empty() {
        let _ = writeln!(out, "guests = {}", list(settings.guests.iter().map(String::as_str)));
    }
}

/// A client set as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClients {
    name: SetName,
    networks: Vec<String>,
}

/// A door for named clients as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDoor {
    door: Door,
    service: Option<String>,
    to: Vec<SetName>,
    #[serde(default)]
    admin: bool,
}

/// The fields of a filter.
pub(super) struct RawFilter {
    pub(super) site: Vec<Door>,
    pub(super) clients: Vec<RawClients>,
    pub(super) doors: Vec<RawDoor>,
    pub(super) rate: Option<Rate>,
    pub(super) counters: Option<bool>,
    pub(super) log: Option<bool>,
    pub(super) published: Option<bool>,
    pub(super) guests: Option<Vec<String>>,
}

impl RawFilter {
    /// The filter, or what is wrong with it.
    pub(super) fn into_filter(self) -> Result<Filter, String> {
        let mut access = Access {
            rate: self.rate.unwrap_or_default(),
            counters: self.counters.unwrap_or_default(),
            log: self.log.unwrap_or_default(),
            published: self.published.map_or_else(Published::default, Published),
            guests: self.guests.unwrap_or_default(),
            ..Access::default()
        };
        for RawClients { name, networks } in self.clients {
            if access.clients.insert(name.clone(), networks).is_some() {
                return Err(format!("clients {name} are named twice"));
            }
        }
        let mut services = BTreeMap::new();
        for RawDoor { door, service, to, admin } in self.doors {
            if access.doors.insert(DoorName::Port(door), Allow { to, admin }).is_some() {
                return Err(format!("door {door} is named twice"));
            }
            services.extend(service.map(|service| (door, service)));
        }
        let site: BTreeSet<Door> = self.site.into_iter().collect();
        let policy = Policy::new(&access, &Host { site, ..Host::default() }).map_err(|e| e.to_string())?;
        Ok(Filter { policy, services })
    }
}
