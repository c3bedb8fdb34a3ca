//! Windows Firewall, as its settings on the disk have it.
//!
//! Which profile a network gets is decided when it is joined, and not known of a disk: a door is judged in each profile
//! that the host may have, and shown as the widest of them. Block rules come before allow rules; what no rule allows is
//! blocked unless the profile says otherwise.

use std::collections::HashMap;

use doorward_model::{Exposure, FirewallRule, Protocol, Service, Snapshot, WindowsFirewall};

use super::Access;

/// Services without which the firewall filters nothing: of Windows Vista and later, of XP and Server 2003.
const FIREWALL_SERVICES: [&str; 2] = ["mpssvc", "sharedaccess"];
/// Port of the endpoint mapper, which rules name `RPC-EPMap`.
const ENDPOINT_MAPPER: u16 = 135;

/// The firewall of a host.
pub(crate) struct WindowsFilter<'s> {
    profiles: Vec<Profile<'s>>,
    /// Rules for inbound traffic that are on.
    rules: Vec<&'s FirewallRule>,
    services: HashMap<String, &'s Service>,
    complete: bool,
}

struct Profile<'s> {
    name: &'s str,
    place: &'s str,
    policy: Policy,
}

/// What a profile does with inbound traffic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// The firewall is off.
    Off,
    /// Whether it is on is not set, and depends on the service pack.
    NotSet,
    /// What no rule blocks gets in.
    AllowByDefault,
    /// What no rule allows is blocked.
    BlockByDefault,
    /// Everything is blocked, whatever the rules are.
    BlockAll,
}

/// What knocks at the firewall.
pub(crate) struct Knock<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) to: To,
    pub(crate) service: Option<&'a str>,
}

/// Where it knocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// At a port.
    Port(u16),
    /// At whatever port the RPC runtime gave to a service.
    DynamicRpc,
}

impl<'s> WindowsFilter<'s> {
    /// The firewall of a host, if it filters at all; otherwise why not.
    pub(crate) fn new(snapshot: &'s Snapshot, firewall: &'s WindowsFirewall) -> Result<Self, String> {
        let services: HashMap<String, &Service> =
            snapshot.services.iter().map(|s| (s.name.to_lowercase(), s)).collect();
        let own = FIREWALL_SERVICES.iter().find_map(|name| services.get(*name));
        if let Some(off) = own.filter(|s| !s.comes_up() && s.state == doorward_model::State::Unknown) {
            return Err(format!("Windows Firewall does not filter: its service {} does not start", off.name));
        }
        let modern = services.contains_key(FIREWALL_SERVICES[0]);
        // A host that logs on to a domain starts Netlogon by itself; elsewhere the domain profile never comes up.
        let in_domain = services.get("netlogon").is_some_and(|s| s.comes_up());
        let names: &[&str] = match (modern, in_domain) {
            (true, true) => &["domain", "private", "public"],
            (true, false) => &["private", "public"],
            (false, true) => &["domain", "private"],
            (false, false) => &["private"],
        };
        let profiles = names.iter().map(|name| profile(firewall, name, modern)).collect();
        let rules = firewall.rules.iter().filter(|r| r.active && r.inbound).collect();
        Ok(Self { profiles, rules, services, complete: firewall.complete })
    }

    /// Who gets through.
    pub(crate) fn reach(&self, open: Access, knock: &Knock<'_>) -> Access {
        let matching: Vec<&FirewallRule> =
            self.rules.iter().copied().filter(|rule| self.is_for(rule, knock)).collect();
        let mut by_profile: Vec<(&str, Access)> =
            self.profiles.iter().map(|p| (p.name, in_profile(p, &matching, &open))).collect();
        by_profile.sort_by_key(|(_, access)| access.exposure); // stable: of two alike the later profile is shown
        let Some((name, mut widest)) = by_profile.pop() else { return open };
        let narrower: Vec<String> = by_profile
            .iter()
            .filter(|(_, access)| access.exposure != widest.exposure)
            .map(|(name, access)| format!("{} in profile {name}", word(access.exposure)))
            .collect();
        if !narrower.is_empty() {
            widest.note = Some(format!("in the firewall's profile {name}; {}", narrower.join(", ")));
        }
        if !self.complete && widest.exposure == Exposure::Closed {
            widest.exposure = Exposure::Unknown;
            widest.note = Some("some rules of the firewall could not be read".to_owned());
        }
        widest
    }

    fn is_for(&self, rule: &FirewallRule, knock: &Knock<'_>) -> bool {
        let number = match knock.protocol {
            Protocol::Udp => 17,
            _ => 6,
        };
        rule.protocol.is_none_or(|p| p == number)
            && (rule.local_ports.is_empty() || rule.local_ports.iter().any(|port| is_port(port, knock.to)))
            && self.is_of_service(rule, knock)
    }

    /// Whether the rule's service and program can be those that answer. What is not known may be.
    fn is_of_service(&self, rule: &FirewallRule, knock: &Knock<'_>) -> bool {
        // A packaged application, or one that a user installed, is no service.
        if rule.conditions.iter().any(|c| c.starts_with("AppPkgId=") || c.starts_with("LUOwn=")) {
            return false;
        }
        let Some(name) = knock.service else { return true };
        if let Some(wanted) = &rule.service {
            // The endpoint mapper is RpcSs's or, later, RpcEptMapper's, and rules name either.
            let is_mapper = knock.to == To::Port(ENDPOINT_MAPPER) && wanted.eq_ignore_ascii_case("RpcSs");
            return is_mapper || wanted.eq_ignore_ascii_case(name);
        }
        let Some(program) = &rule.application else { return true };
        // HTTP.sys and SMB answer in the kernel for many a service.
        if program.eq_ignore_ascii_case("System") {
            return true;
        }
        let service = self.services.get(&name.to_lowercase());
        service.and_then(|s| process(s)).is_none_or(|own| is_same_program(program, own))
    }
}

fn profile<'s>(firewall: &'s WindowsFirewall, name: &'s str, modern: bool) -> Profile<'s> {
    let of = |policy: bool| firewall.profiles.iter().find(move |p| p.name == name && p.policy == policy);
    let value = |get: fn(&doorward_model::FirewallProfile) -> Option<bool>| {
        of(true).and_then(get).or_else(|| of(false).and_then(get))
    };
    let enabled = value(|p| p.enabled).or(modern.then_some(true));
    let policy = match enabled {
        None => Policy::NotSet,
        Some(false) => Policy::Off,
        Some(true) if value(|p| p.no_exceptions) == Some(true) => Policy::BlockAll,
        Some(true) if value(|p| p.blocks_inbound) == Some(false) => Policy::AllowByDefault,
        Some(true) => Policy::BlockByDefault,
    };
    let place = of(true).or_else(|| of(false)).map_or("", |p| p.place.as_str());
    Profile { name, place, policy }
}

fn in_profile(profile: &Profile<'_>, matching: &[&FirewallRule], open: &Access) -> Access {
    let by_profile = |exposure, what: &str| Access {
        exposure,
        limited_to: Vec::new(),
        decided_by: Some(format!("Windows Firewall, profile {}: {what} ({})", profile.name, profile.place)),
        note: open.note.clone(),
    };
    match profile.policy {
        Policy::Off => return by_profile(open.exposure, "off"),
        Policy::NotSet => {
            return Access::noted(
                Exposure::Unknown,
                "whether Windows Firewall is on is not set, and depends on the service pack",
            );
        }
        Policy::BlockAll => return by_profile(Exposure::Closed, "blocks everything inbound"),
        Policy::AllowByDefault | Policy::BlockByDefault => {}
    }
    let here = |rule: &&&FirewallRule| {
        rule.profiles.is_empty() || rule.profiles.iter().any(|p| p.eq_ignore_ascii_case(profile.name))
    };
    let of = |blocks: bool| matching.iter().filter(here).filter(move |r| (r.action == "block") == blocks);
    if let Some(rule) = of(true).find(|rule| limits(rule).is_empty()) {
        return by_profile(Exposure::Closed, &format!("blocked by rule {}", rule.id));
    }
    if let Some(rule) = of(false).find(|rule| limits(rule).is_empty()) {
        return by_profile(open.exposure, &format!("allowed by rule {}", rule.id));
    }
    let mut limited: Vec<String> = of(false).flat_map(|rule| limits(rule)).collect();
    limited.sort();
    limited.dedup();
    if profile.policy == Policy::AllowByDefault {
        return by_profile(open.exposure, "lets in what no rule blocks");
    }
    match of(false).next() {
        Some(rule) => Access {
            limited_to: limited,
            ..by_profile(Exposure::Limited, &format!("allowed by rule {}", rule.id))
        },
        None => by_profile(Exposure::Closed, "blocks what no rule allows"),
    }
}

/// To whom, and on what conditions, a rule applies; empty: to everyone.
fn limits(rule: &FirewallRule) -> Vec<String> {
    let mut limits = rule.remote_addresses.clone();
    limits.extend(rule.local_addresses.iter().map(|a| format!("arriving at {a}")));
    // Which versions of Windows a rule is for was settled when it was made for this one.
    limits.extend(rule.conditions.iter().filter(|c| !c.starts_with("Platform")).cloned());
    if rule.action == "bypass" {
        limits.push("who authenticates by IPsec".to_owned());
    }
    limits
}

fn is_port(text: &str, to: To) -> bool {
    match to {
        To::DynamicRpc => text.eq_ignore_ascii_case("RPC"),
        To::Port(ENDPOINT_MAPPER) if text.eq_ignore_ascii_case("RPC-EPMap") => true,
        To::Port(port) => match text.split_once('-') {
            Some((first, last)) => match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
                (Ok(first), Ok(last)) => (first..=last).contains(&port),
                _ => false,
            },
            None => text.trim().parse() == Ok(port),
        },
    }
}

/// The program in whose process a service runs.
fn process(service: &Service) -> Option<&str> {
    match service.windows.as_ref() {
        Some(windows) if windows.svchost_group.is_some() => Some("svchost.exe"),
        _ => service.executable.as_deref(),
    }
}

fn is_same_program(a: &str, b: &str) -> bool {
    let base = |path: &str| path.rsplit(['\\', '/']).next().unwrap_or(path).to_lowercase();
    let is_full = |path: &str| path.contains('\\');
    if is_full(a) && is_full(b) { a.eq_ignore_ascii_case(b) } else { base(a) == base(b) }
}

fn word(exposure: Exposure) -> &'static str {
    match exposure {
        Exposure::Closed => "closed",
        Exposure::Limited => "limited",
        Exposure::Loopback => "the host's own",
        Exposure::Link => "the link's",
        Exposure::Everyone => "open",
        Exposure::Unknown => "not known",
    }
}
