//! What was confirmed with `--reboot-proof` is verified once more after the next boot, and what came back is told.

use std::time::{Duration, Instant};

use doorward_lab::{Host, open_or_skip, roots};
use serde_json::{Value, json};

use super::faults::with_units;
use super::program::{PLAN, doorward, json, plan_only};

const UNIT: &str = "doorward-boot-verify.service";

fn apply_and_confirm(host: &Host, step: &str) {
    plan_only(host, "disable", &[step]);
    json(host, 0, &["apply", PLAN, "--yes", "--reboot-proof", "--confirm-within", "1h"]);
    assert_eq!(json(host, 0, &["confirm"])["to_be_verified"], true);
}

/// What the boot found of the last changes.
fn verified(host: &Host, id: u64) -> Value {
    let until = Instant::now() + Duration::from_mins(2);
    loop {
        let status = json(host, 0, &["status"]);
        let found = status["verified"].as_array().unwrap().iter().find(|v| v["id"] == id).cloned();
        match found {
            Some(found) if status["to_be_verified"] == json!([]) => return found,
            _ => assert!(Instant::now() < until, "{status}"),
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn what_is_confirmed_is_verified_after_the_next_boot() {
    let Some(lab) = open_or_skip() else { return };
    let mut host = lab.host(&roots::STATIC_NGINX).unwrap();
    let service = |port: u16| {
        format!("[Service]\nExecStart=/usr/local/sbin/door {port}\n[Install]\nWantedBy=multi-user.target\n")
    };
    let (one, two) = (service(7001), service(7002));
    with_units(&host, &[("one.service", &one), ("two.service", &two)]);

    apply_and_confirm(&host, "disable:one.service");
    assert!(doorward(&host, &["status"]).out.contains("changes 1: to be verified after the next boot"));
    assert_eq!(doorward(&host, &["verify", "--after-boot"]).code, 0);
    assert_eq!(json(&host, 0, &["status"])["to_be_verified"], json!([1]), "it was not booted since");
    // A plan does not mind the unit, which goes away.
    plan_only(&host, "disable", &[]);
    host.power_cut().unwrap();
    host.boot().unwrap();
    let found = verified(&host, 1);
    assert_eq!(found["differences"], json!([]));
    let boot = String::from_utf8(host.read("/proc/sys/kernel/random/boot_id").unwrap()).unwrap();
    assert_eq!(found["boot_id"], boot.trim());
    assert!(doorward(&host, &["status"]).out.contains("nothing came back"));
    assert!(!host.run(&["systemctl", "cat", UNIT]).unwrap().status.success(), "it has taken itself away");
    assert_eq!(host.succeed(&["systemctl", "is-system-running"]).unwrap(), "running\n");
    assert_eq!(doorward(&host, &["plan", "--check", PLAN]).code, 0);

    apply_and_confirm(&host, "disable:two.service");
    host.succeed(&["rm", "/etc/systemd/system/two.service"]).unwrap();
    host.write_file("/etc/systemd/system/two.service", &two).unwrap();
    host.succeed(&["systemctl", "enable", "two.service"]).unwrap();
    host.power_cut().unwrap();
    host.boot().unwrap();
    let found = verified(&host, 2);
    let kinds: Vec<_> = found["differences"].as_array().unwrap().iter().map(|d| &d["kind"]).collect();
    assert!(kinds.contains(&&json!("back")) && kinds.contains(&&json!("changed")), "{found}");
    let told = doorward(&host, &["log", "2"]).out;
    assert!(
        told.contains("tcp port 7002 answers again: see two.service")
            || told.contains("two.service runs again"),
        "{told}"
    );
    assert_eq!(doorward(&host, &["verify", "2"]).code, 1);
    assert_eq!(doorward(&host, &["verify", "1"]).code, 0);
}
