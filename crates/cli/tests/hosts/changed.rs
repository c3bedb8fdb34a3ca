//! Plans made, applied and taken back on a real host: what answers afterwards, and that all comes back as it was.

use std::time::{Duration, Instant};

use doorward_lab::{Door, open_or_skip, roots};

use super::PAGE;
use super::program::{PLAN, Planned, difference, doorward, open, plan, plan_only, put, run, state};

/// The site's door, the administrator's, and that of a process that nobody manages: a plan leaves it to people.
const LEFT: [u16; 3] = [22, 80, 9999];

#[test]
fn applied_and_taken_back() {
    let Some(lab) = open_or_skip() else { return };
    let planned = Planned::of(lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    let (host, client) = (&planned.host, &planned.client);
    assert!(planned.doors.len() > 12, "{:?}", planned.doors);
    run(host, &["apply", PLAN, "--dry-run"]);
    assert_eq!(planned.differs(host, client), [""; 0], "a dry run changes nothing");

    run(host, &["apply", PLAN, "--yes", "--confirm-within", "1h"]);
    assert_eq!(open(host, client), LEFT);
    let page = client.http_get((host.address(), 80).into(), "/").unwrap();
    assert!(page.contains(PAGE), "{page}");
    assert_eq!(doorward(host, &["apply", PLAN, "--yes"]).code, 3, "one plan after the other");

    // A removed package's init script is found by a second plan, and nothing by a third.
    run(host, &["confirm"]);
    plan(host);
    run(host, &["apply", PLAN, "--yes"]);
    run(host, &["confirm"]);
    plan(host);
    assert_eq!(doorward(host, &["apply", PLAN, "--dry-run"]).out, "nothing to do\n");
    run(host, &["undo", "2"]);

    run(host, &["undo", "1"]);
    assert_eq!(planned.differs(host, client), [""; 0]);
    run(host, &["undo", "1"]);
    assert_eq!(planned.differs(host, client), [""; 0], "undoing twice is undoing once");
}

#[test]
fn what_nobody_confirmed_does_not_outlive_a_power_cut() {
    let Some(lab) = open_or_skip() else { return };
    let mut planned = Planned::boot(&lab);
    run(&planned.host, &["apply", PLAN, "--yes", "--confirm-within", "1h"]);
    assert_ne!(open(&planned.host, &planned.client), planned.doors);
    planned.host.power_cut().unwrap();
    planned.host.boot().unwrap();
    assert_eq!(planned.differs(&planned.host, &planned.client), [""; 0]);
}

/// Each of them starts the other. What is still starting when undoing says that all is back would fail by the reload of
/// the manager that comes after.
#[test]
fn what_starts_along_with_another_is_waited_for() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    put(&host);
    let services = ["xrdp.service", "xrdp-sesman.service"];
    let steps = services.map(|service| format!("disable:{service}"));
    for _ in 0..3 {
        plan_only(&host, "disable", &steps.each_ref().map(String::as_str));
        run(&host, &["apply", PLAN, "--yes"]);
        run(&host, &["undo"]);
        for service in services {
            // `is-active` says no of what is starting.
            host.succeed(&["systemctl", "is-active", service]).unwrap();
        }
    }
}

/// Two steps whose services nothing else needs.
const FEW: [&str; 2] = ["uninstall:vsftpd", "uninstall:memcached"];

#[test]
fn what_nobody_confirms_in_time_is_put_back() {
    let Some(lab) = open_or_skip() else { return };
    let planned = Planned::of(lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    let (host, client) = (&planned.host, &planned.client);
    plan_only(host, "uninstall", &FEW);
    run(host, &["apply", PLAN, "--yes", "--confirm-within", "20s"]);
    assert!(!open(host, client).contains(&21));
    let waits = || doorward(host, &["status"]).out != "no changes wait\n";
    assert!(waits());
    // The timer has no hurry: within the minute after its time.
    let until = Instant::now() + Duration::from_mins(2);
    while waits() {
        assert!(Instant::now() < until, "{}", doorward(host, &["log", "1"]).out);
        std::thread::sleep(Duration::from_secs(2));
    }
    assert_eq!(doorward(host, &["log"]).out.split(", ").last(), Some("undone\n"));
    assert_eq!(planned.differs(host, client), [""; 0]);
}

#[test]
fn what_is_confirmed_stays_and_can_be_taken_back_a_step_at_a_time() {
    let Some(lab) = open_or_skip() else { return };
    let mut host = lab.host(&roots::EVERYTHING).unwrap();
    put(&host);
    assert_eq!(doorward(&host, &["status"]).out, "no changes wait\n");
    assert_eq!(doorward(&host, &["log"]).out, "nothing was applied here\n");
    let steps = ["uninstall:memcached", "uninstall:redis-server"];
    plan_only(&host, "uninstall", &steps);
    let before = state(&host);
    run(&host, &["apply", PLAN, "--yes", "--confirm-within", "1h"]);
    run(&host, &["confirm"]);
    run(&host, &["confirm"]);
    host.power_cut().unwrap();
    host.boot_until(&[Door::Tcp(22), Door::Tcp(80)]).unwrap();
    let installed = |name: &str| {
        let words = ["dpkg-query", "-W", "-f", "${db:Status-Status}", name];
        host.succeed(&words).unwrap() == "installed"
    };
    assert!(!installed("memcached") && !installed("redis-server"), "confirmed changes outlive a boot");

    run(&host, &["undo", "--step", steps[0]]);
    assert!(installed("memcached") && !installed("redis-server"));
    run(&host, &["undo"]);
    // Of what runs only these two are compared: the rest differs after a boot.
    for unit in ["memcached", "redis-server"] {
        host.succeed(&["systemctl", "is-active", unit]).unwrap();
    }
    let lasting = |text: &str| -> String {
        text.lines().filter(|l| !l.contains(" active ")).flat_map(|l| [l, "\n"]).collect()
    };
    assert_eq!(difference(&lasting(&before), &lasting(&state(&host))), [""; 0]);

    host.succeed(&["sed", "-i", "3s/a/b/", "/var/lib/doorward/1.journal"]).unwrap();
    for (words, why) in
        [(&["undo", "1"][..], "undo 1 --use-good"), (&["apply", PLAN, "--yes"], "damaged at byte")]
    {
        let told = doorward(&host, words);
        assert!(told.code == 3 && told.error.contains(why), "{}", told.error);
    }
}
