//! What is said of each service and each door, worst first.

use std::cmp::Reverse;

use doorward_model::{
    AuditService, AuditWindows, Door, Evidence, EvidenceKind, Exposure, Protocol, Service, Source, Subject,
    Verdict,
};

use crate::Facts;
use crate::needs::Needs;
use crate::roles::{Roles, lives};

/// Hazard classes whose services are used over connections that only a privileged look can see.
const USED_LOCALLY: &[&str] = &["data-store", "indexing-search", "mail-relay", "messaging", "name-directory"];

/// Judges every service that is one (groups are left out), worst first.
pub(crate) fn judge_services(facts: &Facts<'_, '_, '_>, needs: &Needs, doors: &[Door]) -> Vec<AuditService> {
    let mut services: Vec<AuditService> = (0..facts.snapshot.services.len())
        .filter(|&node| !facts.graph.is_group(node))
        .map(|node| judge_service(facts, needs, doors, node))
        .collect();
    services.sort_by(|a, b| service_rank(a).cmp(&service_rank(b)).then_with(|| a.name.cmp(&b.name)));
    services
}

fn service_rank(service: &AuditService) -> (Verdict, bool, bool, Reverse<Option<u64>>) {
    let by_event_alone = service.windows.is_some() && !service.start.at_boot();
    (service.verdict, !service.lives(), by_event_alone, Reverse(service.memory_bytes))
}

fn judge_service(facts: &Facts<'_, '_, '_>, needs: &Needs, doors: &[Door], node: usize) -> AuditService {
    let service = &facts.snapshot.services[node];
    let entry = facts.entries[node];
    let (verdict, evidence) = verdict_of(facts, needs, node, |s| {
        doors.iter().filter(|d| d.service.as_deref() == Some(&s.name)).map(|d| d.exposure).max()
    });
    let links = facts.graph.links(node);
    let ends = |mine: bool| {
        let mut names: Vec<String> = links
            .iter()
            .filter(|l| if mine { l.from == service.name } else { l.to == service.name })
            .map(|l| if mine { l.to.clone() } else { l.from.clone() })
            .collect();
        names.sort();
        names.dedup();
        names
    };
    AuditService {
        name: service.name.clone(),
        state: service.state,
        start: service.start,
        verdict,
        evidence,
        requires: ends(true),
        required_by: ends(false),
        memory_bytes: service.memory.map(|m| m.bytes),
        cpu_usec: service.cpu_usec,
        package: service.package.clone(),
        knowledge: entry.map(|e| e.id.clone()),
        hazard: entry.and_then(|e| e.class.clone()),
        links,
        windows: service.windows.as_ref().map(|w| AuditWindows {
            start: w.start,
            kind: w.kind,
            image_path: w.image_path.clone(),
            account: w.account.clone(),
            triggers: w.triggers,
        }),
    }
}

/// The verdict on one service; `exposure` tells its worst door.
fn verdict_of(
    facts: &Facts<'_, '_, '_>,
    needs: &Needs,
    node: usize,
    exposure: impl Fn(&Service) -> Option<Exposure>,
) -> (Verdict, Vec<Evidence>) {
    let service = &facts.snapshot.services[node];
    let found = needs.of(node);
    if let Some(strongest) = found.first() {
        let verdict = match strongest.kind {
            EvidenceKind::Role | EvidenceKind::Base => Verdict::Required,
            _ => Verdict::Needed,
        };
        return (verdict, found.to_vec());
    }
    let entry = facts.entries[node];
    let class = entry.and_then(|e| e.class.as_deref());
    if let Some(unseen) = blind(facts, class).filter(|_| lives(service)) {
        return (Verdict::Unknown, vec![unseen]);
    }
    let nothing = Evidence { kind: EvidenceKind::Nothing, by: None, detail: nothing_text(entry.is_some()) };
    let Some(class) = class else { return (Verdict::Unneeded, vec![nothing]) };
    let hazard = Evidence { kind: EvidenceKind::Hazard, by: None, detail: hazard_text(facts, node, class) };
    let reachable = exposure(service).is_some_and(Exposure::beyond_host);
    let verdict = if reachable { Verdict::Dangerous } else { Verdict::Unneeded };
    (verdict, if reachable { vec![hazard, nothing] } else { vec![nothing, hazard] })
}

fn nothing_text(known: bool) -> String {
    let text =
        if known { "nothing found that needs it" } else { "not known by name; nothing found that needs it" };
    text.to_owned()
}

fn hazard_text(facts: &Facts<'_, '_, '_>, node: usize, class: &str) -> String {
    let title =
        facts.index.knowledge().classes.iter().find(|c| c.id == class).map_or(class, |c| c.title.as_str());
    let exploited = facts.entries[node].map_or(0, |e| e.history.iter().filter(|v| v.exploited).count());
    match exploited {
        0 => title.to_owned(),
        1 => format!("{title}, 1 CVE known exploited"),
        n => format!("{title}, {n} CVEs known exploited"),
    }
}

/// Why nothing can be said of a service that others use over local connections, if they could not be seen.
fn blind(facts: &Facts<'_, '_, '_>, class: Option<&str>) -> Option<Evidence> {
    let unprivileged = matches!(facts.snapshot.source, Source::Live { privileged: false });
    let dark =
        facts.snapshot.unseen.iter().any(|u| matches!(u.subject, Subject::Connections | Subject::Owners));
    let used = class.is_some_and(|c| USED_LOCALLY.contains(&c));
    (unprivileged && dark && used).then(|| Evidence {
        kind: EvidenceKind::Unseen,
        by: None,
        detail: "who connects to it was not visible without root".to_owned(),
    })
}

/// Gives every door its verdict and reasons, and sorts them: the site's own first, then worst first.
pub(crate) fn judge_doors(facts: &Facts<'_, '_, '_>, roles: &Roles<'_>, needs: &Needs, doors: &mut [Door]) {
    let worst: Vec<(Option<String>, Exposure)> =
        doors.iter().map(|d| (d.service.clone(), d.exposure)).collect();
    for door in doors.iter_mut() {
        let (verdict, mut reasons) = judge_door(facts, roles, needs, &worst, door);
        reasons.append(&mut door.reasons);
        door.verdict = verdict;
        door.reasons = reasons;
    }
    doors.sort_by_cached_key(door_rank);
}

fn door_rank(d: &Door) -> impl Ord + use<> {
    let site = (!d.http, d.verdict, Reverse(d.exposure));
    (site, d.port.is_none(), d.port, d.protocol, d.address.clone(), d.service.clone(), d.namespace.clone())
}

fn judge_door(
    facts: &Facts<'_, '_, '_>,
    roles: &Roles<'_>,
    needs: &Needs,
    worst: &[(Option<String>, Exposure)],
    door: &Door,
) -> (Verdict, Vec<String>) {
    let Some(name) = &door.service else {
        return (Verdict::Unknown, vec!["its owner is not visible".to_owned()]);
    };
    let Some(node) = facts.graph.node(name) else {
        return judge_stranger(facts, door, name);
    };
    let exposure =
        |s: &Service| worst.iter().filter(|(n, _)| n.as_deref() == Some(&s.name)).map(|(_, e)| *e).max();
    let (verdict, evidence) = verdict_of(facts, needs, node, exposure);
    match verdict {
        Verdict::Required | Verdict::Needed => judge_needed(facts, roles, node, door, verdict, &evidence),
        Verdict::Dangerous if !door.exposure.beyond_host() => {
            let (hazard, rest): (Vec<_>, Vec<_>) =
                evidence.into_iter().partition(|e| e.kind == EvidenceKind::Hazard);
            (Verdict::Unneeded, texts(&[rest, hazard].concat()))
        }
        _ => (verdict, texts(&evidence)),
    }
}

/// A door of something that is no service of the snapshot: a kernel module, a vanished process.
fn judge_stranger(facts: &Facts<'_, '_, '_>, door: &Door, name: &str) -> (Verdict, Vec<String>) {
    match facts.index.by_name(name).and_then(|e| e.class.as_deref()) {
        Some(class) if door.exposure.beyond_host() => {
            (Verdict::Dangerous, vec![class.replace('-', " "), nothing_text(true)])
        }
        _ => (Verdict::Unneeded, vec![nothing_text(false)]),
    }
}

/// The door of a needed service is itself needed only if those who need it come from outside.
fn judge_needed(
    facts: &Facts<'_, '_, '_>,
    roles: &Roles<'_>,
    node: usize,
    door: &Door,
    verdict: Verdict,
    evidence: &[Evidence],
) -> (Verdict, Vec<String>) {
    let service = &facts.snapshot.services[node];
    let from_outside =
        evidence.iter().any(|e| matches!(e.kind, EvidenceKind::Admin | EvidenceKind::Configured));
    let class = facts.entries[node].and_then(|e| e.class.as_deref());
    let no_hazard = class.is_none() && evidence.iter().any(|e| e.kind == EvidenceKind::Base);
    let below_ip = matches!(door.protocol, Protocol::Raw | Protocol::Packet);
    if !door.exposure.beyond_host()
        || from_outside
        || no_hazard
        || below_ip
        || roles.faces_clients(&service.name)
    {
        return (verdict, texts(evidence));
    }
    if !used_over(facts, door)
        && evidence.iter().all(|e| e.kind == EvidenceKind::Base)
        && class == Some("time")
    {
        // A clock's client side answers nobody but its servers; its socket is a door all the same.
        return (verdict, texts(evidence));
    }
    let judged = if class.is_some() { Verdict::Dangerous } else { Verdict::Unneeded };
    let way_out = if service.windows.is_some() {
        "needed on the host alone: close it to others by a packet filter"
    } else {
        "needed on the host alone: bind it to loopback or filter it"
    };
    let mut reasons = vec![way_out.to_owned()];
    reasons.extend(texts(evidence));
    (judged, reasons)
}

/// Whether a connection through this very door was seen.
fn used_over(facts: &Facts<'_, '_, '_>, door: &Door) -> bool {
    let Some(port) = door.port else { return false };
    let suffix = format!(":{port}");
    facts.snapshot.connections.iter().any(|c| Some(&c.to) == door.service.as_ref() && c.at.ends_with(&suffix))
}

fn texts(evidence: &[Evidence]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for e in evidence {
        let text = match (e.kind, &e.by) {
            (EvidenceKind::Role, Some(by)) => format!("role {by}: {}", e.detail),
            (EvidenceKind::Base, _) => format!("the host needs it: {}", e.detail),
            (EvidenceKind::Configured, _) => format!("kept by your configuration: {}", e.detail),
            (_, Some(by)) => format!("needed by {by}: {}", e.detail),
            (_, None) => e.detail.clone(),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}
