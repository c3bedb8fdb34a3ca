//! How the services of Windows were attacked, and the hotfixes that each alone makes necessary.

use std::collections::{BTreeMap, BTreeSet};

use crate::{common, entries, entry, system};

const RECORDS: &str = "facts/hazards/windows_hazards.psv";
const BY_SERVICE: &str = "facts/hazards/kev_by_service.psv";

#[test]
fn what_the_catalogue_says_of_windows_services_is_there() {
    let Some(path) = common::shared(BY_SERVICE) else { return };
    let text = std::fs::read_to_string(path).expect("the facts are readable");
    let known: BTreeSet<&str> = entries().flat_map(|s| &s.history).map(|v| v.id.as_str()).collect();
    // The catalogue's names of Linux daemons and of products that run on other hosts.
    let others = [
        "smtp_",
        "smb_server_samba",
        "redis",
        "couchdb",
        "ssh_",
        "slp",
        "salt",
        "activemq",
        "rocketmq",
        "ajp",
        "java",
        "weblogic",
        "omi",
        "backup_veeam",
        "netwrix",
        "citrix",
        "vcenter",
    ];
    let mut missing = Vec::new();
    for row in common::rows(&text).filter(|r| !others.iter().any(|o| r[0].starts_with(o))) {
        missing.extend(
            row[4].split_whitespace().filter(|id| !known.contains(id)).map(|id| format!("{} {id}", row[0])),
        );
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_catalogue_is_cited_where_something_is_marked() {
    for s in entries() {
        let marked = s.history.iter().any(|v| v.exploited);
        let cited = s.sources.iter().any(|t| t.starts_with("CISA KEV"));
        assert!(!marked || cited, "{} does not name the catalogue", s.id);
    }
}

#[test]
fn every_gathered_record_is_there_with_its_bulletin() {
    let Some(path) = common::shared(RECORDS) else { return };
    let text = std::fs::read_to_string(path).expect("the facts are readable");
    let mut known: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for v in entries().flat_map(|s| &s.history) {
        known.insert(&v.id, v.bulletin.as_deref());
    }
    let mut wrong = Vec::new();
    for row in common::rows(&text) {
        let (id, bulletin) = row[2].split_once(';').map_or((row[2], None), |(id, b)| (id, Some(b)));
        if known.get(id) != Some(&bulletin) {
            wrong.push(format!("{} {id}: {:?}", row[0], known.get(id)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_hotfix_is_of_one_service_alone() {
    let mut of: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for s in entries() {
        for h in &s.hotfixes {
            assert!(!h.systems.is_empty(), "{}: {}", s.id, h.id);
            of.entry(&h.id).or_default().push(s);
        }
    }
    for (id, services) in of {
        // Variants of one name share it; two services do not.
        let names: BTreeSet<&str> =
            services.iter().filter_map(|s| s.units.first()).map(String::as_str).collect();
        assert!(names.len() <= 1, "{id}: {names:?}");
    }
    let ids =
        |name: &str| -> Vec<&str> { entry("5.0", name).hotfixes.iter().map(|h| h.id.as_str()).collect() };
    assert!(ids("cisvc").contains(&"MS01-033"), "{:?}", ids("cisvc"));
    assert!(ids("SMTPSVC").contains(&"MS02-012"), "{:?}", ids("SMTPSVC"));
    // One bulletin for RPC and Message Queuing: neither alone makes it necessary.
    assert!(!ids("RpcSs").contains(&"MS03-039") && !ids("MSMQ").contains(&"MS03-039"));
}

#[test]
fn flaws_name_the_versions_that_have_them() {
    let flaw = |name: &str, version: &str, id: &str| {
        let v = entry(version, name).history.iter().find(|v| v.id == id).unwrap_or_else(|| panic!("no {id}"));
        v.systems.iter().any(|s| s.contains(system(version)))
    };
    assert!(flaw("cisvc", "5.0", "CVE-2001-0500") && !flaw("cisvc", "5.2", "CVE-2001-0500"));
    assert!(flaw("lanmanserver", "5.0", "CVE-2008-4250") && !flaw("lanmanserver", "6.1", "CVE-2008-4250"));
    assert!(
        flaw("TermService", "6.1", "CVE-2019-0708") && !flaw("TermService", "10.0.14393", "CVE-2019-0708")
    );
}
