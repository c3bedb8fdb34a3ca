//! An audit with a bit of everything, and one with nothing to find.

use doorward_model::Audit;
use serde_json::{Value, json};

pub(crate) fn audit() -> Audit {
    let door = |port: u16, address: &str, exposure: &str, service: &str, verdict: &str, reason: &str| {
        json!({
            "protocol": "tcp", "address": address, "port": port, "exposure": exposure, "http": port == 80,
            "service": service, "package": service.split('.').next(), "verdict": verdict, "reasons": [reason],
            "basis": "observed"
        })
    };
    let with = |mut value: Value, more: Value| {
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    let service = |name: &str, verdict: &str, kind: &str, detail: &str| {
        json!({
            "name": name, "state": "running", "start": "enabled", "verdict": verdict,
            "evidence": [{"kind": kind, "detail": detail}], "requires": [], "required_by": [],
            "memory_bytes": 12_345_678, "package": "pkg"
        })
    };
    let nothing = "nothing found that needs it";
    serde_json::from_value(json!({
        "schema_version": 1,
        "host": {"name": "web1", "os": "Debian GNU/Linux 12 (bookworm)", "version": "12", "roles": ["nginx", "static"]},
        "doors": [
            door(80, "0.0.0.0", "everyone", "nginx.service", "required", "role nginx: the nginx web server"),
            door(80, "::", "everyone", "nginx.service", "required", "role nginx: the nginx web server"),
            with(
                door(23, "0.0.0.0", "everyone", "inetd:telnet", "dangerous", "remote shell, 1 CVE known exploited"),
                json!({"via": "inetd.service"})
            ),
            with(
                door(3306, "192.0.2.7", "limited", "mariadb.service", "dangerous",
                    "needed on the host alone: bind it to loopback or filter it"),
                json!({"limited_to": ["saddr 10.0.0.0/8"], "decided_by": "inet f in: ip saddr 10.0.0.0/8 accept"})
            ),
            with(
                door(8080, "0.0.0.0", "unknown", "container:shop\u{1b}[31m", "unneeded",
                    "published past the packet filter, whose rules for the host close this port"),
                json!({"via": "docker-proxy"})
            ),
            with(door(9999, "*", "everyone", "", "unknown", "its owner is not visible"), json!({"service": null, "package": null})),
            with(
                door(1812, "::1", "loopback", "a-service-with-quite-a-long-name-of-its-own@instance.service", "unneeded", nothing),
                json!({"protocol": "udp", "interface": "lo"})
            ),
            with(
                door(6379, "0.0.0.0", "limited", "redis.service", "unneeded", nothing),
                json!({"namespace": {"kind": "other", "id": 4_026_532_000_u64, "label": "container:shop"}, "basis": "configured"})
            ),
            door(22, "0.0.0.0", "everyone", "ssh.service", "needed", "the administrators' remote way in"),
            {"protocol": "packet", "address": "*", "port": null, "exposure": "link", "http": false,
                "service": "lldpd.service", "package": "lldpd", "verdict": "dangerous", "reasons": ["discovery"],
                "basis": "observed"}
        ],
        "services": [
            service("cups-browsed.service", "unneeded", "nothing", nothing),
            service("redis.service", "unneeded", "nothing", nothing),
            with(
                service("man-db.timer", "unneeded", "nothing", nothing),
                json!({"links": [{"from": "man-db.timer", "to": "man-db.service", "kind": "declared", "detail": "starts it"}]})
            ),
            with(
                service("man-db.service", "unneeded", "nothing", nothing),
                json!({"state": "stopped", "start": "enabled", "memory_bytes": null, "links": [
                    {"from": "man-db.timer", "to": "man-db.service", "kind": "declared", "detail": "starts it"}]})
            ),
            service("postgresql.service", "unknown", "unseen", "who connects to it was not visible without root"),
            service("nginx.service", "required", "role", "the nginx web server")
        ],
        "unseen": [
            {"subject": "owners", "what": "process of tcp *:9999", "why": "held by none of the processes that we may look into", "remedy": "run as root"},
            {"subject": "packages", "what": "pending updates", "why": "no local lists"}
        ]
    }))
    .unwrap()
}

pub(crate) fn clean() -> Audit {
    serde_json::from_value(json!({
        "schema_version": 1,
        "host": {"name": "", "os": "", "version": "", "roles": []},
        "doors": [], "services": [], "unseen": []
    }))
    .unwrap()
}
