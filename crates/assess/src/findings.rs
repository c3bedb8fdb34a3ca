//! Settings that let in more than they should, worst first.

use doorward_knowledge::FindingEntry;
use doorward_model::{Door, Finding, IisSite, IisSiteKind, Verdict};

use crate::Facts;
use crate::roles::lives;

/// Who gives no name, in the words of the collector.
const ANYBODY: [&str; 3] = ["Everyone", "Anonymous Logon", "Guests"];

/// All of them. Doors tell whether who is let in can come at all.
pub(crate) fn find(facts: &Facts<'_, '_, '_>, doors: &[Door]) -> Vec<Finding> {
    let Some(windows) = &facts.snapshot.windows else { return Vec::new() };
    let known = facts.index.findings_in(&windows.settings).filter_map(|(entry, setting)| {
        let service = service(facts, entry);
        if service.is_none() && !entry.services.is_empty() {
            return None; // what it is of does not come up
        }
        Some(Finding {
            verdict: verdict(service.as_deref(), doors),
            id: entry.id.clone(),
            text: entry.text.clone(),
            service,
            place: format!(r"{}\{}", setting.place, setting.name),
            value: setting.value.clone(),
            remedy: Some(entry.remedy.clone()),
        })
    });
    let mut findings: Vec<Finding> = known.collect();
    findings.extend(shares(facts, doors));
    let sites = windows.iis.iter().flat_map(|iis| &iis.sites);
    findings.extend(sites.filter_map(|site| anonymous_upload(facts, doors, site)));
    findings.sort();
    findings
}

/// The service that a setting is of: the one that comes up of those that the entry names. Some are about the host.
fn service(facts: &Facts<'_, '_, '_>, entry: &FindingEntry) -> Option<String> {
    let mut services = facts.snapshot.services.iter().zip(&facts.entries);
    let own = services.find(|(s, e)| lives(s) && e.is_some_and(|e| entry.services.contains(&e.id)));
    own.map(|(service, _)| service.name.clone())
}

fn verdict(service: Option<&str>, doors: &[Door]) -> Verdict {
    let reached = |door: &Door| door.exposure.beyond_host() && door.service.as_deref() == service;
    match service {
        Some(_) if !doors.iter().any(reached) => Verdict::Unneeded,
        _ => Verdict::Dangerous,
    }
}

/// Shares that anybody may do more with than read.
fn shares(facts: &Facts<'_, '_, '_>, doors: &[Door]) -> Vec<Finding> {
    let Some(server) = facts.graph.node("LanmanServer").map(|node| &facts.snapshot.services[node]) else {
        return Vec::new();
    };
    let all = facts.snapshot.windows.iter().flat_map(|windows| &windows.shares);
    let open = all.filter(|_| lives(server)).filter_map(|share| {
        let of_anybody = |line: &&String| {
            ANYBODY.iter().any(|who| line.strip_prefix(who).is_some_and(|rest| rest.starts_with(": ")))
                && !line.ends_with(": read")
        };
        let access = share.access.iter().find(of_anybody)?;
        Some(Finding {
            verdict: verdict(Some(&server.name), doors),
            id: "share-for-everyone".to_owned(),
            text: format!("the share {} lets in anybody for more than reading", share.name),
            service: Some(server.name.clone()),
            place: share.place.clone(),
            value: access.clone(),
            remedy: Some("name the groups that use it, and let others read at most".to_owned()),
        })
    });
    open.collect()
}

/// FTP that takes files from those who give no name.
fn anonymous_upload(facts: &Facts<'_, '_, '_>, doors: &[Door], site: &IisSite) -> Option<Finding> {
    let is_open = site.kind == IisSiteKind::Ftp && site.starts && site.anonymous == Some(true);
    if !is_open || site.writable.is_empty() {
        return None;
    }
    let node = ["FTPSVC", "MSFTPSVC"].iter().find_map(|name| facts.graph.node(name))?;
    let service = facts.snapshot.services.get(node).filter(|s| lives(s))?;
    Some(Finding {
        verdict: verdict(Some(&service.name), doors),
        id: "ftp-anonymous-upload".to_owned(),
        text: format!("the FTP site {} takes files from those who give no name", site.name),
        service: Some(service.name.clone()),
        place: site.place.clone(),
        value: site.writable.join("; "),
        remedy: Some("refuse anonymous logon, or take the right to write away".to_owned()),
    })
}
