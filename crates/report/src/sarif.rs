//! The audit as SARIF 2.1.0, for those who gather findings of many tools.

use doorward_model::{Audit, AuditService, Door, Exposure, Finding, Verdict};
use serde_json::{Value, json};

use crate::escape;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The rules that results refer to: id, short text, level.
const RULES: [(&str, &str, &str); 7] = [
    ("dangerous-door", "A door that nothing needs, known to be dangerous", "error"),
    ("unneeded-door", "A door that nothing needs", "warning"),
    ("unknown-door", "A door of which too little could be seen", "warning"),
    ("unneeded-service", "A service that runs although nothing needs it", "note"),
    ("unknown-service", "A service of which too little could be seen", "note"),
    (
        "dangerous-setting",
        "A setting that lets in more than it should, of a service that can be reached",
        "error",
    ),
    ("open-setting", "A setting that would let in more than it should", "warning"),
];

pub(crate) fn log(audits: &[Audit], version: &str) -> Value {
    let runs: Vec<Value> = audits.iter().map(|audit| run(audit, version)).collect();
    json!({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})
}

fn run(audit: &Audit, version: &str) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(id, text, level)| {
            json!({
                "id": id,
                "shortDescription": {"text": text},
                "defaultConfiguration": {"level": level},
            })
        })
        .collect();
    let doors = audit.doors.iter().filter_map(door_result);
    let services = audit.services.iter().filter_map(|s| service_result(audit, s));
    let findings = audit.findings.iter().map(finding_result);
    let notifications: Vec<Value> = audit
        .unseen
        .iter()
        .map(|u| json!({"level": "warning", "message": {"text": escape(&format!("not seen: {}: {}", u.what, u.why))}}))
        .collect();
    json!({
        "tool": {"driver": {
            "name": "doorward",
            "version": version,
            "informationUri": "https://github.com/doorward/doorward",
            "rules": rules,
        }},
        "invocations": [{
            "executionSuccessful": true,
            "toolExecutionNotifications": notifications,
        }],
        "results": doors.chain(services).chain(findings).collect::<Vec<_>>(),
    })
}

fn door_result(door: &Door) -> Option<Value> {
    if door.http {
        return None;
    }
    let rule = match door.verdict {
        Verdict::Dangerous => 0,
        Verdict::Unneeded => 1,
        Verdict::Unknown => 2,
        Verdict::Needed | Verdict::Required => return None,
    };
    let name = door.service.as_deref().unwrap_or("unknown service");
    let port = door.port.map_or_else(String::new, |p| format!("/{p}"));
    let place = format!("{}{port} {}", door.protocol.as_str(), door.address);
    let text = format!("{name} at {place}, reached by {}: {}", exposure(door), door.reasons.join("; "));
    Some(result(rule, &text, name, &format!("{place} {name}")))
}

fn service_result(audit: &Audit, service: &AuditService) -> Option<Value> {
    let has_door = audit.doors.iter().any(|d| d.service.as_ref() == Some(&service.name));
    let rule = match service.verdict {
        _ if !service.lives() || has_door => return None,
        Verdict::Dangerous | Verdict::Unneeded => 3,
        Verdict::Unknown => 4,
        Verdict::Needed | Verdict::Required => return None,
    };
    let why: Vec<&str> = service.evidence.iter().map(|e| e.detail.as_str()).collect();
    Some(result(rule, &format!("{}: {}", service.name, why.join("; ")), &service.name, &service.name))
}

fn finding_result(finding: &Finding) -> Value {
    let rule = if finding.verdict == Verdict::Dangerous { 5 } else { 6 };
    let text = format!("{} ({} is {})", finding.text, finding.place, finding.value);
    let service = finding.service.as_deref().unwrap_or("the host");
    result(rule, &text, service, &format!("{} {}", finding.id, finding.place))
}

fn result(rule: usize, text: &str, service: &str, fingerprint: &str) -> Value {
    let (id, _, level) = RULES[rule];
    json!({
        "ruleId": id,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": escape(text)},
        "locations": [{"logicalLocations": [{"name": escape(service), "kind": "module"}]}],
        "partialFingerprints": {"door/v1": escape(fingerprint)},
    })
}

fn exposure(door: &Door) -> &'static str {
    match door.exposure {
        Exposure::Loopback => "the host itself",
        Exposure::Link => "neighbours on the link",
        Exposure::Limited => "named clients",
        Exposure::Everyone => "everyone",
        Exposure::Closed => "nobody",
        Exposure::Unknown => "everyone, as far as could be seen",
    }
}
