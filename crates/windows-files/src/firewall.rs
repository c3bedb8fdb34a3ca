//! Windows Firewall: its profiles and rules, of the host and of policies.
//!
//! From Windows Vista on, a rule is one text of fields, as Microsoft's open specification MS-GPFAS 2.2.2.19 has it. On
//! Windows XP and Server 2003 the exceptions are lists of ports and programs.

use doorward_model::{FirewallProfile, FirewallRule, Subject, Unseen, WindowsFirewall};

use crate::image_path::Variables;
use crate::registry::{Node, Registry};

mod rule;

pub use rule::{RuleError, parse_rule};

/// Most rules that are kept.
const RULE_LIMIT: usize = 20_000;

const PROFILES: [(&str, &str); 4] = [
    ("DomainProfile", "domain"),
    ("StandardProfile", "private"),
    ("PrivateProfile", "private"),
    ("PublicProfile", "public"),
];

/// The firewall, when the host has one.
pub(crate) fn collect(
    registry: Registry<'_>,
    set: &Node<'_>,
    variables: &Variables,
) -> Option<WindowsFirewall> {
    let set = set.clone().about(Subject::Filter);
    // From Windows Vista on, SharedAccess's parameters hold the settings of MpsSvc.
    let host = set.child(r"Services\SharedAccess\Parameters\FirewallPolicy");
    let policy = registry.software(r"Policies\Microsoft\WindowsFirewall", Subject::Filter);
    host.as_ref()?;
    let mut firewall = WindowsFirewall { complete: true, ..WindowsFirewall::default() };
    for (key, is_policy) in host.iter().map(|key| (key, false)).chain(policy.iter().map(|key| (key, true))) {
        for (name, profile) in PROFILES {
            if let Some(key) = key.child(name) {
                let exceptions = exceptions(&key, profile, is_policy, variables);
                firewall.rules.extend(exceptions);
                firewall.profiles.extend(self::profile(&key, profile, is_policy));
            }
        }
        if let Some(key) = key.child("FirewallRules") {
            rules(registry, &key, is_policy, variables, &mut firewall);
        }
    }
    firewall.profiles.sort();
    firewall.rules.sort();
    Some(firewall)
}

fn profile(key: &Node<'_>, name: &str, policy: bool) -> Option<FirewallProfile> {
    let is_set = |name: &str| key.number(name).map(|number| number != 0);
    let profile = FirewallProfile {
        name: name.to_owned(),
        enabled: is_set("EnableFirewall"),
        blocks_inbound: is_set("DefaultInboundAction"),
        no_exceptions: is_set("DoNotAllowExceptions"),
        policy,
        place: key.place.clone(),
    };
    let is_empty =
        profile.enabled.is_none() && profile.blocks_inbound.is_none() && profile.no_exceptions.is_none();
    (!is_empty).then_some(profile)
}

fn rules(
    registry: Registry<'_>,
    key: &Node<'_>,
    policy: bool,
    variables: &Variables,
    firewall: &mut WindowsFirewall,
) {
    for value in key.values() {
        let id = value.name();
        let Some(text) = key.shown_in(&value) else {
            firewall.complete = false;
            continue;
        };
        if firewall.rules.len() == RULE_LIMIT {
            firewall.complete = false;
            key.note(&key.place, format!("more than {RULE_LIMIT} rules"));
            return;
        }
        match parse_rule(&id, &text) {
            Ok(mut rule) => {
                rule.application = rule.application.map(|path| variables.expand(&path));
                rule.policy = policy;
                rule.place.clone_from(&key.place);
                firewall.rules.push(rule);
            }
            Err(why) => {
                firewall.complete = false;
                let what = format!(r"{}\{id}", key.place);
                registry.sink().note(Unseen::new(Subject::Filter, what, why.to_string()));
            }
        }
    }
}

/// Exceptions of Windows XP and Server 2003: `PORT:PROTOCOL:SCOPE:MODE:NAME` and `PROGRAM:SCOPE:MODE:NAME`.
fn exceptions(key: &Node<'_>, profile: &str, policy: bool, variables: &Variables) -> Vec<FirewallRule> {
    let mut rules = Vec::new();
    for (list, is_port) in [(r"GloballyOpenPorts\List", true), (r"AuthorizedApplications\List", false)] {
        let Some(key) = key.child(list) else { continue };
        for value in key.values().take(RULE_LIMIT) {
            let Some(text) = key.shown_in(&value) else { continue };
            let id = value.name().into_owned();
            let rule = if is_port { rule::open_port(&text) } else { rule::program(&text) };
            match rule {
                Some(rule) => rules.push(FirewallRule {
                    id,
                    profiles: vec![profile.to_owned()],
                    application: rule.application.as_ref().map(|path| variables.expand(path)),
                    policy,
                    place: key.place.clone(),
                    ..rule
                }),
                None => key.note(&format!(r"{}\{id}", key.place), "not of the form that an exception has"),
            }
        }
    }
    rules
}
