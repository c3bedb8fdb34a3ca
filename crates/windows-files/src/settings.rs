//! Settings that open or shut ways in, each with its registry place and value.
//!
//! Most are single values, listed in one table. What takes more than a look (descriptors, lists, accounts) has a
//! function each.

use doorward_model::{AccessSetting, Subject};

use crate::HiveKind;
use crate::registry::{Node, Registry};
use crate::security::{Rights, SecurityDescriptor};

mod accounts;
mod ipsec;
mod lists;
mod sessions;
mod table;
mod user_rights;
mod users;

use table::{Root, TABLE, Wanted};
use users::Users;

/// Topics of access settings, sorted: what [`doorward_model::AccessSetting::topic`] may be on Windows.
pub const TOPICS: [&str; 19] = [
    "Accounts",
    "Anonymous access",
    "Audit policy",
    "DCOM",
    "IIS",
    "IPsec",
    "Indexing Service",
    "Internet Connection Sharing",
    "LanmanServer",
    "NetMeeting",
    "RPC",
    "Remote Registry",
    "SNMP",
    "TCP/IP",
    "Telnet",
    "Terminal Services",
    "User rights",
    "WinRM",
    "Windows",
];

/// Most accounts, and members of a group, that are read.
const LIMIT: usize = 10_000;

/// All access settings that are set.
pub(crate) fn collect(registry: Registry<'_>, set: Option<&Node<'_>>) -> Vec<AccessSetting> {
    let set = set.cloned().map(|set| set.about(Subject::Host));
    let software = registry.root(HiveKind::Software, Subject::Host);
    let mut all: Vec<AccessSetting> = Vec::new();
    for wanted in TABLE {
        let root = match wanted.root {
            Root::System => set.as_ref(),
            Root::Software => software.as_ref(),
        };
        all.extend(root.and_then(|root| root.child(wanted.key)).and_then(|key| single(wanted, &key)));
    }
    if let Some(set) = &set {
        lists::of_system(set, &mut all);
    }
    if let Some(software) = &software {
        lists::of_software(software, &mut all);
        ipsec::collect(software, &mut all);
    }
    let domains = registry.root(HiveKind::Sam, Subject::Host).and_then(|root| root.child(r"SAM\Domains"));
    let users = domains.as_ref().map(Users::of).unwrap_or_default();
    if let Some(domains) = &domains {
        accounts::collect(domains, &users, &mut all);
        sessions::collect(domains, &users, &mut all);
    }
    if let Some(security) = registry.root(HiveKind::Security, Subject::Host) {
        user_rights::collect(&security, &users, &mut all);
    }
    all.sort();
    all.dedup();
    all
}

fn single(wanted: &Wanted, key: &Node<'_>) -> Option<AccessSetting> {
    let value = key.shown(wanted.value)?;
    let meaning =
        wanted.values.iter().find(|(number, _)| *number == value).map_or(wanted.meaning, |(_, means)| means);
    Some(setting(wanted.topic, wanted.value, key, value, meaning))
}

/// A setting at a key.
fn setting(
    topic: &str,
    name: &str,
    key: &Node<'_>,
    value: impl Into<String>,
    meaning: &str,
) -> AccessSetting {
    debug_assert!(TOPICS.contains(&topic), "{topic} is no topic");
    AccessSetting {
        topic: topic.to_owned(),
        name: name.to_owned(),
        place: key.place.clone(),
        value: value.into(),
        meaning: meaning.to_owned(),
    }
}

/// A descriptor in words, or an unseen fact why not.
fn in_words(key: &Node<'_>, name: &str, raw: &[u8], rights: Rights) -> Option<String> {
    match SecurityDescriptor::parse(raw) {
        Ok(descriptor) => Some(descriptor.access(rights).join("; ")),
        Err(why) => {
            key.note(&format!(r"{}\{name}", key.place), why.to_string());
            None
        }
    }
}

/// Who may do what, from a value with a descriptor.
fn descriptor(
    topic: &str,
    name: &str,
    key: &Node<'_>,
    rights: Rights,
    meaning: &str,
) -> Option<AccessSetting> {
    let raw = key.bytes(name)?;
    in_words(key, name, &raw, rights).map(|value| setting(topic, name, key, value, meaning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_knowledge::{Knowledge, Pattern};

    /// Names that are not in the table.
    const OTHERS: [&str; 22] = [
        "AllowedExactPaths",
        "AllowedPaths",
        "DefaultAccessPermission",
        "DefaultLaunchPermission",
        "DefaultSecurity",
        "Guest",
        "IsIndexingW3Svc",
        "MachineAccessRestriction",
        "MachineLaunchRestriction",
        "PermittedManagers",
        "SeNetworkLogonRight",
        "SeRemoteInteractiveLogonRight",
        "SeRemoteShutdownPrivilege",
        "Security",
        "community private",
        "community public",
        "filter",
        "members of Administrators",
        "members of Remote Desktop Users",
        "permissions",
        "scope",
        "user a: remote control",
    ];

    #[test]
    fn topics_are_sorted_and_those_of_the_table_are_among_them() {
        assert!(TOPICS.is_sorted());
        for wanted in TABLE {
            assert!(TOPICS.contains(&wanted.topic), "{}", wanted.topic);
        }
    }

    /// What the knowledge finds fault with is collected under the same names.
    #[test]
    fn findings_are_of_settings_that_are_collected() {
        let findings = Knowledge::built_in().findings;
        assert!(!findings.is_empty());
        for finding in &findings {
            assert!(TOPICS.contains(&finding.topic.as_str()), "{}: {}", finding.id, finding.topic);
            let of_table = TABLE.iter().filter(|w| w.topic == finding.topic).map(|w| w.value);
            let names: Vec<&str> = of_table.chain(OTHERS).collect();
            for name in std::iter::once(&finding.name).chain(&finding.policy) {
                let pattern = Pattern::new(name, true);
                assert!(names.iter().any(|n| pattern.is_match(n)), "{}: {name}", finding.id);
            }
        }
    }

    /// Topics of the host, not of one service.
    const OF_THE_HOST: [&str; 4] = ["Accounts", "Audit policy", "User rights", "Windows"];

    #[test]
    fn every_topic_is_of_a_service_or_of_the_host() {
        let services = Knowledge::built_in().services;
        let named: Vec<&str> = services.iter().flat_map(|s| &s.settings).map(String::as_str).collect();
        for topic in TOPICS {
            assert_ne!(named.contains(&topic), OF_THE_HOST.contains(&topic), "{topic}");
        }
        for topic in named {
            assert!(TOPICS.contains(&topic), "{topic} is not collected");
        }
    }
}
