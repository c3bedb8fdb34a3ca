//! The services: how many, under which names, at which doors, and what a name means on which version.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use doorward_knowledge::{Advice, Bind, ServiceEntry, Systems};
use doorward_model::Protocol;

use crate::common::fits;
use crate::{KNOWLEDGE, VERSIONS, common, entries, entry, index, system};

const KEYS_AT_LEAST: usize = 300;
const PORT_FACTS: usize = 151;

/// Longest texts that a table cell or a line of a report holds well.
const TITLE: usize = 40;
const LINE: usize = 90;
const SENTENCE: usize = 120;
const NOTE: usize = 200;

#[test]
fn nothing_contradicts() {
    let problems: Vec<String> = KNOWLEDGE.problems().iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn many_services_are_known_by_their_key_names() {
    let names: BTreeSet<String> = entries().flat_map(|s| &s.units).map(|u| u.to_lowercase()).collect();
    let keys = names.iter().filter(|n| !n.contains('*')).count();
    assert!(keys >= KEYS_AT_LEAST, "{keys} key names");
}

#[test]
fn every_version_knows_its_own() {
    for (version, names) in [
        ("5.0", ["W3svc", "mnmsrvc", "SharedAccess", "LicenseService", "wuauserv"]),
        ("5.1", ["SSDPSRV", "srservice", "FastUserSwitchingCompatibility", "ALG", "xmlprov"]),
        ("5.2", ["HTTPFilter", "AppMgr", "POP3SVC", "Tssdis", "DFSR"]),
        ("6.0", ["slsvc", "EMDMgmt", "WSearch", "MpsSvc", "WAS"]),
        ("10.0.20348", ["DiagTrack", "CDPUserSvc_1a2b3", "UsoSvc", "WinRM", "ftpsvc"]),
    ] {
        for name in names {
            assert!(index(version).by_name(name).is_some(), "{name} on {version}");
        }
    }
}

/// The files below `knowledge/windows`, by their path there.
fn files() -> BTreeMap<String, toml::Table> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge/windows");
    let read = |folder: &Path| -> Vec<PathBuf> {
        let list = std::fs::read_dir(folder).expect("the folder is readable");
        list.map(|entry| entry.expect("an entry").path()).filter(|p| p.is_file()).collect()
    };
    let paths = [read(&root), read(&root.join("services"))].concat();
    let table = |path: &PathBuf| {
        let name = path.strip_prefix(&root).expect("below the root").display().to_string();
        let text = std::fs::read_to_string(path).expect("the file is readable");
        let table = text.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, table)
    };
    paths.iter().map(table).collect()
}

#[test]
fn ids_are_sorted_unique_and_of_one_form() {
    let classes: BTreeSet<&str> = KNOWLEDGE.classes.iter().map(|c| c.id.as_str()).collect();
    for (file, table) in files() {
        for (kind, list) in &table {
            let list = list.as_array().expect("a list of entries");
            let ids: Vec<&str> = list.iter().filter_map(|e| e.get("id")?.as_str()).collect();
            assert!(!ids.is_empty() && ids.is_sorted(), "{file}: {kind} entries are not sorted by id");
            assert!(ids.windows(2).all(|w| w[0] != w[1]), "{file}: an id stands twice");
            let prefix = if kind == "role" { "iis-" } else { "windows-" };
            assert!(ids.iter().all(|id| id.starts_with(prefix)), "{file}: {kind} ids begin with {prefix}");
            assert!(list.iter().all(|e| e.get("systems").is_some()), "{file}: an entry names no systems");
        }
        let class = file.strip_prefix("services/").and_then(|n| n.strip_suffix(".toml"));
        for service in table.get("service").and_then(|l| l.as_array()).into_iter().flatten() {
            let own = service.get("class").and_then(|c| c.as_str());
            assert_eq!(own, class.filter(|c| classes.contains(c)), "{file}: {}", service["id"]);
        }
    }
}

fn overlap(a: &[Systems], b: &[Systems]) -> bool {
    a.iter().any(|x| b.iter().any(|y| x.overlaps(*y)))
}

#[test]
fn no_name_has_two_meanings_on_one_version() {
    type Names = fn(&ServiceEntry) -> &[String];
    let kinds: [(&str, Names); 2] = [("key name", |s| &s.units), ("program", |s| &s.programs)];
    for (kind, names) in kinds {
        let mut claimed: BTreeMap<String, Vec<&ServiceEntry>> = BTreeMap::new();
        for service in entries() {
            for name in names(service) {
                let others = claimed.entry(name.to_lowercase()).or_default();
                let same = others.iter().find(|o| overlap(&o.systems, &service.systems));
                assert!(same.is_none(), "{kind} {name}: {} and {}", service.id, same.unwrap().id);
                others.push(service);
            }
        }
    }
}

#[test]
fn a_name_is_found_in_any_case() {
    for version in VERSIONS {
        let index = index(version);
        for service in index.services() {
            for unit in &service.units {
                let unit = unit.replace('*', "1a2b3");
                for name in [unit.to_lowercase(), unit.to_uppercase(), unit.clone()] {
                    let found = index.by_name(&name).map(|e| e.id.as_str());
                    assert_eq!(found, Some(service.id.as_str()), "{name} on {version}");
                }
            }
            for program in &service.programs {
                let path = format!(r"C:\WINNT\System32\{}", program.to_uppercase());
                assert_eq!(index.by_program(&path).map(|e| &e.id), Some(&service.id), "{path} on {version}");
            }
        }
    }
}

#[test]
fn shared_access_means_what_it_did_on_each_version() {
    let meaning = |version: &str| {
        let e = entry(version, "SharedAccess");
        (e.id.as_str(), e.firewall)
    };
    assert_eq!(meaning("5.0"), ("windows-sharedaccess-2000", false));
    assert_eq!(meaning("5.1"), ("windows-sharedaccess-xp", true));
    assert_eq!(meaning("5.2"), ("windows-sharedaccess-xp", true));
    for version in VERSIONS.iter().filter(|v| !v.starts_with(['4', '5'])) {
        assert_eq!(meaning(version), ("windows-sharedaccess-vista", false), "{version}");
    }
    assert!(entry("5.1", "SharedAccess").what.contains("packet filter"));
    assert!(index("4.0").by_name("SharedAccess").is_none());
}

#[test]
fn names_that_went_or_came_are_not_known_elsewhere() {
    for (name, known, unknown) in [
        ("Messenger", vec!["4.0", "5.0", "5.1", "5.2"], vec!["6.0", "10.0.20348"]),
        ("Alerter", vec!["5.0", "5.2"], vec!["6.0", "6.1"]),
        ("LicenseService", vec!["4.0", "5.0", "5.2"], vec!["6.0"]),
        ("MpsSvc", vec!["6.0", "10.0.14393"], vec!["5.0", "5.2"]),
        ("cisvc", vec!["4.0", "5.0", "5.2"], vec!["6.0"]),
        ("SMS", vec!["10.0.17763"], vec!["5.0", "10.0.14393"]),
        ("pla", vec!["6.0"], vec!["5.2"]),
        ("SysmonLog", vec!["5.2"], vec!["6.0"]),
    ] {
        for v in known {
            assert!(index(v).by_name(name).is_some(), "{name} on {v}");
        }
        for v in unknown {
            assert!(index(v).by_name(name).is_none(), "{name} on {v}");
        }
    }
    let titles = |version| entry(version, "PolicyAgent").title.as_str();
    assert_eq!((titles("5.0"), titles("5.2")), ("IPSEC Policy Agent", "IPSEC Services"));
    assert_eq!(titles("6.1"), "IPsec Policy Agent");
}

#[test]
fn no_card_switches_a_firewall_off() {
    let mut holders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for service in entries().filter(|s| s.firewall) {
        let removal = service.removal.as_deref().unwrap_or_default();
        assert!(removal.contains("firewall"), "{} does not say that it is the firewall", service.id);
        assert!(removal.contains("never disabled") || removal.contains("do not disable"), "{}", service.id);
        assert!(service.uninstall.is_empty(), "{}", service.id);
        for r in &service.restrict {
            assert!(!r.text.to_lowercase().contains("disable"), "{}: {}", service.id, r.text);
            assert!(r.setting.as_deref() != Some("Start"), "{}", service.id);
        }
        let bad = |a: Option<Advice>| matches!(a, Some(Advice::OkToDisable | Advice::ShouldBeDisabled));
        assert!(!service.defaults.iter().any(|d| bad(d.advice)), "{}", service.id);
        for version in VERSIONS.iter().filter(|v| service.is_of(system(v))) {
            holders.entry(version).or_default().insert(service.units[0].as_str());
        }
    }
    assert_eq!(holders.get("5.0"), None);
    assert_eq!(holders["5.1"], BTreeSet::from(["SharedAccess"]));
    assert_eq!(holders["5.2"], BTreeSet::from(["SharedAccess"]));
    assert_eq!(holders["10.0.20348"], BTreeSet::from(["BFE", "MpsSvc"]));
}

#[test]
fn the_risky_services_have_full_cards() {
    for (version, name) in [
        ("5.0", "SMTPSVC"),
        ("5.0", "cisvc"),
        ("6.1", "WSearch"),
        ("5.0", "mnmsrvc"),
        ("5.0", "SharedAccess"),
        ("5.1", "SharedAccess"),
        ("6.1", "SharedAccess"),
        ("5.0", "TermService"),
        ("5.2", "TermService"),
        ("10.0.14393", "TermService"),
        ("5.0", "RemoteRegistry"),
        ("5.0", "TlntSvr"),
        ("5.0", "MSFTPSVC"),
        ("6.1", "ftpsvc"),
        ("5.0", "lanmanserver"),
    ] {
        let e = entry(version, name);
        let told = e.class.is_some() && e.gives.is_some() && e.misuse.is_some() && e.removal.is_some();
        assert!(told && !e.restrict.is_empty(), "{}", e.id);
        // No flaw of connection sharing alone, on 2000 and from Vista, stands in the gathered records.
        let none = ["windows-sharedaccess-2000", "windows-sharedaccess-vista"].contains(&e.id.as_str());
        assert_eq!(e.history.is_empty(), none, "{}", e.id);
        let optional = ["SMTPSVC", "cisvc", "TlntSvr", "MSFTPSVC", "ftpsvc"].contains(&name);
        assert!(!optional || !e.uninstall.is_empty(), "{} has no recipe", e.id);
    }
}

#[test]
fn restrictions_of_the_registry_name_key_and_setting() {
    for s in entries() {
        for r in s.restrict.iter().filter(|r| r.registry.is_some()) {
            let key = r.registry.as_deref().unwrap();
            assert!(
                key.starts_with(r"HKLM\") && !key.ends_with('\\') && !key.contains('/'),
                "{}: {key}",
                s.id
            );
            assert!(r.value.is_none() || r.setting.is_some(), "{}: {}", s.id, r.text);
        }
    }
    let winreg = entry("5.0", "RemoteRegistry").restrict.iter().filter_map(|r| r.registry.as_deref());
    assert!(winreg.clone().any(|k| k.ends_with(r"SecurePipeServers\winreg")));
    assert!(winreg.clone().any(|k| k.ends_with(r"winreg\AllowedPaths")));
    let shares = entry("5.0", "lanmanserver").restrict.iter().filter_map(|r| r.setting.as_deref());
    let shares: BTreeSet<&str> = shares.collect();
    for setting in ["AutoShareServer", "NullSessionPipes", "NullSessionShares", "RestrictAnonymous"] {
        assert!(shares.contains(setting), "{setting}");
    }
}

#[test]
fn a_classed_service_lists_its_doors_or_says_why_it_has_none() {
    for s in entries() {
        let (open, told) = (!s.doors.is_empty(), s.no_door.is_some());
        assert!(s.class.is_none() || open || told, "{} lists no door and does not say why", s.id);
        assert!(!(open && told), "{} lists a door and says that it has none", s.id);
    }
}

#[test]
fn doors_are_listed_once_and_lead_to_those_that_hold_them() {
    for s in entries() {
        let mut seen = BTreeSet::new();
        for d in &s.doors {
            assert!(seen.insert((d.protocol, d.port, d.name.clone())), "{}: {d:?}", s.id);
            assert!(d.port != Some(0) && d.bind == Bind::Unknown, "{}: {d:?}", s.id);
            let Some(via) = &d.via else { continue };
            let holder = KNOWLEDGE.services.iter().find(|e| e.id == *via).unwrap();
            let own = |o: &doorward_knowledge::DoorFact| {
                (o.protocol, o.port) == (d.protocol, d.port) && o.via.is_none()
            };
            assert!(holder.doors.iter().any(own), "{}: {via} does not hold {d:?}", s.id);
        }
    }
}

#[test]
fn pipes_and_interfaces_are_doors() {
    let names = |name: &str, protocol: Protocol| -> Vec<&str> {
        let doors = entry("5.0", name).doors.iter().filter(|d| d.protocol == protocol);
        doors.filter_map(|d| d.name.as_deref()).collect()
    };
    assert_eq!(names("RemoteRegistry", Protocol::Pipe), ["winreg"]);
    assert_eq!(names("lanmanserver", Protocol::Pipe), ["srvsvc"]);
    assert_eq!(names("Spooler", Protocol::Pipe), ["spoolss"]);
    assert_eq!(names("Schedule", Protocol::Rpc), ["MS-TSCH"]);
    assert_eq!(names("IISADMIN", Protocol::Rpc), ["MS-IMSA", "MS-IRP"]);
}

#[test]
fn every_port_fact_of_the_table_is_there() {
    let Some(path) = common::shared("windows/services/windows_service_ports.psv") else { return };
    let text = std::fs::read_to_string(path).expect("the facts are readable");
    let facts: Vec<Vec<&str>> = common::rows(&text).collect();
    assert_eq!(facts.len(), PORT_FACTS);
    let mut missing = Vec::new();
    for fact in facts {
        let protocol = if fact[1] == "tcp" { Protocol::Tcp } else { Protocol::Udp };
        let port: u16 = fact[2].parse().expect("a port");
        let found = VERSIONS.iter().any(|version| {
            let index = index(version);
            let entry = index.by_name(fact[0]).or_else(|| index.by_program(&format!("{}.exe", fact[0])));
            let at = |d: &doorward_knowledge::DoorFact| d.protocol == protocol && d.port == Some(port);
            entry.is_some_and(|e| e.doors.iter().any(at))
        });
        if !found {
            missing.push(format!("{} {} {}", fact[0], fact[1], fact[2]));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_recipe_names_components_and_its_source() {
    for s in entries() {
        for u in &s.uninstall {
            assert!(!u.components.is_empty() && !u.systems.is_empty() && !u.source.is_empty(), "{}", s.id);
            assert!(u.systems.iter().all(|x| s.systems.iter().any(|y| x.overlaps(*y))), "{}: {u:?}", s.id);
        }
    }
    let smtp: Vec<_> = entry("5.2", "SMTPSVC").uninstall.iter().flat_map(|u| &u.components).collect();
    assert!(smtp.iter().any(|c| *c == "Iis_smtp") && smtp.iter().any(|c| *c == "SMTP-Server"), "{smtp:?}");
}

#[test]
fn texts_fit_where_they_are_shown() {
    for s in entries() {
        fits(&s.title, TITLE, &s.id);
        let lines =
            [Some(&s.what), s.gives.as_ref(), s.misuse.as_ref(), s.removal.as_ref(), s.no_door.as_ref()];
        lines.into_iter().flatten().for_each(|t| fits(t, LINE, &s.id));
        s.history.iter().for_each(|v| fits(&v.what, LINE, &s.id));
        s.doors.iter().filter_map(|d| d.when.as_deref()).for_each(|t| fits(t, LINE, &s.id));
        s.restrict.iter().for_each(|r| fits(&r.text, SENTENCE, &s.id));
        s.sources.iter().for_each(|t| fits(t, SENTENCE, &s.id));
        s.defaults.iter().filter_map(|d| d.note.as_deref()).for_each(|t| fits(t, NOTE, &s.id));
        s.uninstall.iter().filter_map(|u| u.note.as_deref()).for_each(|t| fits(t, NOTE, &s.id));
    }
    for r in KNOWLEDGE.roles.iter().filter(|r| !r.systems.is_empty()) {
        r.requires.iter().for_each(|q| fits(&q.why, LINE, &r.id));
        r.requires.iter().filter_map(|q| q.disputed.as_deref()).for_each(|t| fits(t, NOTE, &r.id));
        r.spares.iter().for_each(|q| fits(&q.why, SENTENCE, &r.id));
    }
    for b in KNOWLEDGE.base.iter().filter(|b| !b.systems.is_empty()) {
        fits(&b.why, SENTENCE, &b.id);
    }
}
