//! The services that each version of IIS requires, and what its sources dispute.

use std::collections::BTreeSet;

use doorward_knowledge::{Classification, Condition, RoleEntry};

use crate::{KNOWLEDGE, VERSIONS, entry, index, system};

/// Role, a version where it lives, and all that it cannot do without.
const REQUIRED: [(&str, &str, &[&str]); 10] = [
    ("iis-2.0", "4.0", &["Eventlog", "NtLmSsp", "RpcSs", "W3SVC"]),
    (
        "iis-4.0",
        "4.0",
        &[
            "Eventlog",
            "IISADMIN",
            "LanmanServer",
            "LanmanWorkstation",
            "LicenseService",
            "MSDTC",
            "NtLmSsp",
            "ProtectedStorage",
            "RpcSs",
            "W3SVC",
        ],
    ),
    ("iis-5.0", "5.0", &["IISADMIN", "ProtectedStorage", "RpcSs", "W3SVC"]),
    ("iis-5.1", "5.1", &["IISADMIN", "ProtectedStorage", "RpcSs", "W3SVC"]),
    ("iis-6.0", "5.2", &["HTTP", "IISADMIN", "ProtectedStorage", "RpcSs", "W3SVC"]),
    ("iis-7.0", "6.0", SEVEN),
    ("iis-7.5", "6.1", SEVEN),
    ("iis-8.0", "6.2", SEVEN),
    ("iis-8.5", "6.3", SEVEN),
    ("iis-10", "10.0.20348", SEVEN),
];
const SEVEN: &[&str] = &["AppHostSvc", "HTTP", "RpcSs", "W3SVC", "WAS"];

fn role(id: &str) -> &'static RoleEntry {
    KNOWLEDGE.roles.iter().find(|r| r.id == id).unwrap_or_else(|| panic!("no role {id}"))
}

#[test]
fn each_version_requires_exactly_its_set() {
    for (id, version, wanted) in REQUIRED {
        let role = role(id);
        assert!(role.is_of(system(version)), "{id} is not of {version}");
        let required = role.requires.iter().filter(|r| r.classification == Classification::Required);
        let required: BTreeSet<&str> = required.map(|r| r.unit.as_str()).collect();
        assert_eq!(required, wanted.iter().copied().collect(), "{id}");
        for served in &role.services {
            assert!(entry(version, "W3SVC").id == *served, "{id} is not made by the W3SVC of {version}");
        }
    }
}

#[test]
fn one_version_of_windows_has_one_version_of_iis() {
    for version in VERSIONS {
        let roles: Vec<&str> = index(version).roles().map(|r| r.id.as_str()).collect();
        let wanted = if version == "4.0" { 2 } else { 1 };
        assert_eq!(roles.len(), wanted, "{version}: {roles:?}");
    }
}

#[test]
fn the_chain_of_iis_5_is_told_in_full() {
    let depends = |name: &str| {
        let defaults = &entry("5.0", name).defaults;
        let here = defaults.iter().find(|d| d.systems.iter().any(|s| s.contains(system("5.0"))));
        here.unwrap_or_else(|| panic!("{name} has no defaults on 2000")).depends.clone()
    };
    assert_eq!(depends("W3SVC"), ["IISADMIN"]);
    assert_eq!(depends("IISADMIN"), ["RpcSs", "ProtectedStorage"]);
    assert_eq!(depends("ProtectedStorage"), ["RpcSs"]);
    assert!(depends("RpcSs").is_empty());
}

#[test]
fn the_two_lists_of_iis_4_stay_visible() {
    for unit in ["LanmanServer", "LanmanWorkstation"] {
        let r = role("iis-4.0").requires.iter().find(|r| r.unit == unit).unwrap();
        let disputed = r.disputed.as_deref().unwrap_or_default();
        assert!(disputed.contains("may be required"), "{unit}: {disputed}");
        assert!(r.source.as_deref().is_some_and(|s| s.contains("Q189271")), "{unit}");
    }
}

#[test]
fn every_requirement_has_a_source_of_its_own_and_an_entry() {
    for (id, version, _) in REQUIRED {
        for r in &role(id).requires {
            assert!(r.source.is_some(), "{id} {}", r.unit);
            assert!(index(version).by_name(&r.unit).is_some(), "{id}: {} is not known on {version}", r.unit);
        }
        for spare in &role(id).spares {
            for unit in &spare.units {
                assert!(index(version).by_name(unit).is_some(), "{id}: {unit} is not known on {version}");
            }
        }
    }
}

#[test]
fn nothing_is_both_required_and_spared() {
    for (id, ..) in REQUIRED {
        let role = role(id);
        let spared: BTreeSet<&String> = role.spares.iter().flat_map(|s| &s.units).collect();
        for r in role.requires.iter().filter(|r| r.classification == Classification::Required) {
            assert!(!spared.contains(&r.unit), "{id}: {}", r.unit);
        }
        for r in role.requires.iter().filter(|r| spared.contains(&r.unit)) {
            assert!(r.disputed.is_some(), "{id}: {} is spared by one source, and nothing says so", r.unit);
        }
    }
}

#[test]
fn every_version_has_a_base() {
    for (version, always) in [
        ("5.0", vec!["Eventlog", "PlugPlay", "RpcSs", "SamSs"]),
        ("5.2", vec!["CryptSvc", "DcomLaunch", "Eventlog", "PlugPlay", "RpcSs", "SamSs"]),
        ("10.0.20348", vec!["BFE", "DcomLaunch", "LSM", "MpsSvc", "nsi", "ProfSvc", "RpcEptMapper", "RpcSs"]),
    ] {
        let index = index(version);
        for unit in always {
            let base = index.base(unit).unwrap_or_else(|| panic!("{unit} is not of the base of {version}"));
            assert_eq!(base.needed, Condition::Always, "{unit} on {version}");
        }
    }
    // The names that came later are not of the base of the older.
    assert!(index("5.0").base("MpsSvc").is_none() && index("5.0").base("SharedAccess").is_none());
    assert!(index("6.1").base("SharedAccess").is_none());
    assert_eq!(index("5.1").base("SharedAccess").map(|b| b.needed), Some(Condition::Active));
}

#[test]
fn what_the_base_names_has_an_entry() {
    for version in VERSIONS {
        let index = index(version);
        for base in KNOWLEDGE.base.iter().filter(|b| b.is_of(system(version))) {
            let known = base.units.iter().any(|u| index.by_name(&u.replace('*', "heartbeat")).is_some());
            assert!(known, "{} on {version}", base.id);
        }
    }
}
