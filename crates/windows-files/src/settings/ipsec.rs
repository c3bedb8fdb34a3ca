//! IP security policies up to Windows Server 2003 (later ones still take them): names, the one in force, its filters.
//!
//! Policies, rules, filter lists and actions are keys of one store, each named by its class and GUID, and refer to each
//! other by path. Their attributes and the layout of `ipsecData` are those of Microsoft's open specification MS-GPIPSEC
//! (2.2.1.1 to 2.2.1.5); in the registry, lengths, counts and ports are little-endian, addresses in network order.

use doorward_model::{AccessSetting, Subject};

use super::setting;
use crate::registry::Node;
use filter::FilterList;

mod filter;

const TOPIC: &str = "IPsec";

const UNKNOWN_ACTION: &str = "do something unknown with";

/// The machine's own policies, and those that it has from its domain.
const LOCAL: &str = r"Policies\Microsoft\Windows\IPSec\Policy\Local";
const CACHE: &str = r"Policies\Microsoft\Windows\IPSec\Policy\Cache";
const DOMAIN: &str = r"Policies\Microsoft\Windows\IPSec\GPTIPSECPolicy";

/// Most policies of a store.
const LIMIT: usize = 1000;

/// Most filters, and references to them, that are followed.
const FILTER_LIMIT: usize = 10_000;

/// Policies, and the filters of those in force.
pub(super) fn collect(software: &Node<'_>, all: &mut Vec<AccessSetting>) {
    // A domain's policy stands in for the machine's own one (Microsoft's "Understanding IPSec Policy Precedence").
    let domain = software.child(DOMAIN).and_then(|key| key.text("DSIPSECPolicyPath"));
    let local = software.child(LOCAL).map(|key| key.about(Subject::Filter));
    if let Some(store) = &local {
        let active = store.text("ActivePolicy").filter(|_| domain.is_none());
        policies(store, active.as_deref(), all);
    }
    if let Some(active) = &domain {
        match software.child(CACHE).map(|key| key.about(Subject::Filter)) {
            Some(store) => policies(&store, Some(active), all),
            None => software.clone().about(Subject::Filter).note(
                "filters of the domain's IPsec policy",
                format!(r"{}\{DOMAIN} assigns one, but {CACHE} does not have it", software.place),
            ),
        }
    }
}

/// Longest name of a list of filters, which is told with each of them.
const NAME_LIMIT: usize = 500;

fn policies(store: &Node<'_>, active: Option<&str>, all: &mut Vec<AccessSetting>) {
    let active = active.and_then(|path| object(path, "ipsecPolicy"));
    let mut found = false;
    for policy in store.children().take(LIMIT) {
        if object(&policy.name(), "ipsecPolicy").is_none() {
            continue;
        }
        let in_force = active.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&policy.name()));
        let meaning = if in_force { "the IPsec policy in force" } else { "an IPsec policy that is there" };
        let name = policy.text("ipsecName").unwrap_or_else(|| policy.name());
        all.push(setting(TOPIC, "policy", &policy, name, meaning));
        if in_force {
            found = true;
            rules(store, &policy, all);
        }
    }
    if let Some(name) = active.filter(|_| !found) {
        store.note("filters of the IPsec policy in force", format!(r"there is no {}\{name}", store.place));
    }
}

/// The filters of a policy: each rule binds lists of them to an action.
fn rules(store: &Node<'_>, policy: &Node<'_>, all: &mut Vec<AccessSetting>) {
    let mut left = FILTER_LIMIT;
    for reference in references(policy, "ipsecNFAReference") {
        let Some(rule) = object(&reference, "ipsecNFA").and_then(|name| store.child(&name)) else {
            dark(policy, format!("it refers to {reference}, which is not there"));
            continue;
        };
        let lists = references(&rule, "ipsecFilterReference");
        if lists.is_empty() {
            continue; // the rule that answers what others ask for
        }
        match rule.bytes("ipsecData").and_then(|raw| filter::is_active(&raw)) {
            Some(true) => {}
            Some(false) => continue,
            None => dark(&rule, "whether this rule is on cannot be read".to_owned()),
        }
        let action = action(store, &rule);
        for reference in lists {
            if left == 0 {
                dark(policy, format!("it has more than {FILTER_LIMIT}"));
                return;
            }
            left -= 1;
            match object(&reference, "ipsecFilter").and_then(|name| store.child(&name)) {
                Some(list) => filters(&list, action, &mut left, all),
                None => dark(&rule, format!("it refers to {reference}, which is not there")),
            }
        }
    }
}

fn filters(list: &Node<'_>, action: &str, left: &mut usize, all: &mut Vec<AccessSetting>) {
    let name = list.text("ipsecName").filter(|name| name.len() <= NAME_LIMIT).unwrap_or_else(|| list.name());
    let meaning = format!("a filter of the IPsec policy in force, from its list {name}");
    match list.bytes("ipsecData").map(|raw| FilterList::parse(&raw)) {
        Some(Ok(filters)) => {
            for filter in filters.all.iter().take(*left) {
                all.push(setting(TOPIC, "filter", list, format!("{action} {filter}"), &meaning));
            }
            *left = left.saturating_sub(filters.all.len());
            if filters.newer > 0 {
                dark(list, format!("{} have the newer form, which is not read", filters.newer));
            }
        }
        Some(Err(why)) => dark(list, why.to_string()),
        None => dark(list, "it has no ipsecData".to_owned()),
    }
}

/// What a rule does with packets that its filters match.
fn action(store: &Node<'_>, rule: &Node<'_>) -> &'static str {
    let reference = references(rule, "ipsecNegotiationPolicyReference").into_iter().next();
    let key = reference
        .and_then(|path| object(&path, "ipsecNegotiationPolicy"))
        .and_then(|name| store.child(&name));
    let guid = key.and_then(|key| key.text("ipsecNegotiationPolicyAction"));
    guid.as_deref().map_or(UNKNOWN_ACTION, action_name)
}

/// Filters of the policy in force that are not known.
fn dark(key: &Node<'_>, why: String) {
    key.note(&format!("filters of the IPsec policy in force: {}", key.place), why);
}

/// What is done with packets that a filter matches (`ipsecNegotiationPolicyAction`, MS-GPIPSEC 2.2.1.4.1).
fn action_name(guid: &str) -> &'static str {
    let is = |known: &str| guid.trim().eq_ignore_ascii_case(known);
    if is("{3F91A819-7647-11D1-864D-D46A00000000}") {
        "block"
    } else if is("{8A171DD2-77E3-11D1-8659-A04F00000000}") {
        "permit"
    } else if is("{8A171DD3-77E3-11D1-8659-A04F00000000}") {
        "secure"
    } else if is("{3F91A81A-7647-11D1-864D-D46A00000000}") {
        "secure, or accept unsecured,"
    } else {
        UNKNOWN_ACTION
    }
}

/// Paths in a value that holds one or several.
fn references(key: &Node<'_>, name: &str) -> Vec<String> {
    let paths = key.texts(name).unwrap_or_default();
    paths.into_iter().filter(|path| !path.is_empty()).take(LIMIT).collect()
}

/// The object's name `class{GUID}` in a path to it, in the registry's form or the directory's.
fn object(path: &str, class: &str) -> Option<String> {
    let end = path.rfind('}')? + 1;
    let start = path[..end].rfind(['\\', '=', '/']).map_or(0, |at| at + 1);
    let name = &path[start..end];
    let (found, guid) = name.split_once('{')?;
    (found.eq_ignore_ascii_case(class) && !guid.contains('\\')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn objects_have_names_in_both_stores() {
        let name = Some("ipsecNFA{59319BE2-5EE3}".to_owned());
        let local = r"SOFTWARE\Policies\Microsoft\Windows\IPSec\Policy\Local\ipsecNFA{59319BE2-5EE3}";
        assert_eq!(object(local, "ipsecNFA"), name);
        assert_eq!(object("LDAP://CN=ipsecNFA{59319BE2-5EE3},CN=IP Security,DC=example", "ipsecNFA"), name);
        assert_eq!(object(local, "ipsecFilter"), None);
        assert_eq!(object("ipsecNFA", "ipsecNFA"), None);
    }

    proptest! {
        #[test]
        fn any_path_is_taken(path in ".{0,40}", odd in r"[\\=/{}é,ipsecNFA]{0,20}") {
            let _ = (object(&path, "ipsecNFA"), object(&odd, "ipsecNFA"));
        }
    }
}
