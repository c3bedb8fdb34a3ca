//! What goes wrong on a real host: units that do not stop or come back, places that are full, locked or read-only,
//! plans that are none. Each is found and named, and the host is as it was.

use std::time::{Duration, Instant};

use doorward_lab::{Client, Host, open_or_skip, roots};
use serde_json::Value;

use super::program::{PLAN, PROGRAM, doorward, json, plan_only, put};

const STATE: &str = "/var/lib/doorward";

/// A door at a port, deaf to being asked to end.
const DOOR: &str = r"#!/usr/bin/perl
use Socket;
$SIG{TERM} = 'IGNORE' if $ARGV[1];
socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in($ARGV[0], INADDR_ANY)) or die;
listen($s, 9) or die;
while (1) { accept(my $c, $s) or next; close $c }
";

/// A host with units of our own, which run.
pub(crate) fn with_units(host: &Host, units: &[(&str, &str)]) {
    put(host);
    host.write_file("/usr/local/sbin/door", DOOR).unwrap();
    host.succeed(&["chmod", "755", "/usr/local/sbin/door"]).unwrap();
    for (name, text) in units {
        host.write_file(&format!("/etc/systemd/system/{name}"), text).unwrap();
    }
    host.succeed(&["systemctl", "daemon-reload"]).unwrap();
    for (name, text) in units.iter().filter(|(_, text)| text.contains("[Install]")) {
        host.succeed(&["systemctl", "enable", "--now", name])
            .unwrap_or_else(|e| panic!("{name} {text}: {e}"));
    }
    wait_for_doors(host, units);
}

/// Waits for what these units open.
fn wait_for_doors(host: &Host, units: &[(&str, &str)]) {
    let after_word = |text: &str, word: &str| {
        let (_, rest) = text.split_once(word)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u16>().ok()
    };
    let ports = units.iter().filter_map(|(_, text)| after_word(text, "sbin/door "));
    let until = Instant::now() + Duration::from_secs(30);
    for port in ports {
        let listens = format!(":{port:04X} 00000000:0000 0A");
        while !host.succeed(&["cat", "/proc/net/tcp"]).unwrap().contains(&listens) {
            assert!(Instant::now() < until, "nothing listens at {port}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn is_active(host: &Host, unit: &str) -> bool {
    host.run(&["systemctl", "is-active", "--quiet", unit]).unwrap().status.success()
}

/// Units, links and what runs.
fn look(host: &Host) -> String {
    let script = "find /etc/systemd/system \\( -type f -o -type l \\) -printf '%p %y %l\\n' | sort; \
                  systemctl list-units --type=service,socket --state=active --no-legend --plain | awk '{print $1}' | sort";
    host.succeed(&["bash", "-c", script]).unwrap()
}

#[test]
fn units_that_do_not_stop_or_come_back_are_named() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::STATIC_NGINX).unwrap(), lab.client().unwrap());
    let install = "[Install]\nWantedBy=multi-user.target\n";
    let service = |text: &str| format!("[Service]\n{text}\n{install}");
    let slow = service("ExecStart=/usr/local/sbin/door 7001\nExecStop=/bin/sleep 92\nTimeoutStopSec=100");
    let deaf = service("ExecStart=/usr/local/sbin/door 7002 deaf\nTimeoutStopSec=2\nSendSIGKILL=no");
    let kept = service("ExecStart=/usr/local/sbin/door 7003\nRestart=always");
    let keeper = format!("[Unit]\nUpholds=kept.service\n{}", service("ExecStart=/bin/sleep infinity"));
    let beaten = service("ExecStart=/usr/local/sbin/door 7004");
    let beater = service(
        "ExecStart=/bin/sh -c 'while :; do systemctl start --no-block beaten.service; sleep 0.2; done'",
    );
    let asleep = "[Service]\nExecStart=/bin/sleep infinity\n";
    let socket = |port: u16| {
        format!("[Socket]\nListenStream={port}\nService=asleep.service\n[Install]\nWantedBy=sockets.target\n")
    };
    with_units(
        &host,
        &[
            ("slow.service", &slow),
            ("deaf.service", &deaf),
            ("kept.service", &kept),
            ("keeper.service", &keeper),
            ("beaten.service", &beaten),
            ("beater.service", &beater),
            ("asleep.service", asleep),
            ("asleep.socket", &socket(7005)),
            ("second.socket", &socket(7006)),
        ],
    );
    let open = |client: &Client| client.tcp_open(host.address(), 7001..7010).unwrap();
    assert_eq!(open(&client), [7001, 7002, 7003, 7004, 7005, 7006]);
    let before = look(&host); // after the first visitor: it starts its service

    // Something starts it again as soon as it has stopped, and says so in its file.
    plan_only(&host, "stop", &["stop:kept.service"]);
    let refused = doorward(&host, &["apply", PLAN, "--yes"]);
    assert!(refused.code == 3 && refused.error.contains("keeper.service"), "the checker names who needs it");
    let apply = ["apply", PLAN, "--yes", "--override", "stop:kept.service"];
    let again = json(&host, 6, &apply);
    assert_eq!(again["outcome"], "taken-back");
    let problem = again["problem"].as_str().unwrap();
    assert!(problem.contains("kept.service runs again: see keeper.service"), "{problem}");
    assert_eq!(look(&host), before);

    // Nothing says that it starts it.
    plan_only(&host, "stop", &["stop:beaten.service"]);
    let told = doorward(&host, &["apply", PLAN, "--yes"]);
    assert!(told.code == 6 && told.error.contains("beaten.service runs again"), "{}", told.error);
    assert_eq!(look(&host), before);

    // A mask ends both, and a socket starts nothing any more.
    plan_only(&host, "disable", &["disable:beaten.service", "disable:asleep.service"]);
    json(&host, 0, &["apply", PLAN, "--yes", "--confirm-within", "1h"]);
    assert_eq!(open(&client), [7001, 7002, 7003]);
    assert_eq!(json(&host, 0, &["verify"])["changes"][0]["differences"], serde_json::json!([]));
    host.succeed(&["rm", "/etc/systemd/system/beaten.service"]).unwrap();
    host.write_file("/etc/systemd/system/beaten.service", format!("# mine\n{beaten}")).unwrap();
    host.succeed(&["systemctl", "daemon-reload"]).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while !is_active(&host, "beaten.service") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let told = doorward(&host, &["verify"]);
    assert_eq!(told.code, 1);
    for difference in [
        "disable:beaten.service: beaten.service runs again",
        "disable:beaten.service: /etc/systemd/system/beaten.service was changed since",
        "disable:beaten.service: tcp port 7004 answers again",
    ] {
        assert!(told.out.contains(difference), "{difference}: {}", told.out);
    }
    let undone = json(&host, 7, &["undo"]);
    assert!(undone["put_back"]["kept"].to_string().contains("beaten.service"), "somebody's edit is kept");
    assert_eq!(look(&host), before);

    // One that takes its time is waited for. One that never ends is told, by its door.
    plan_only(&host, "disable", &["disable:slow.service"]);
    json(&host, 0, &["apply", PLAN, "--yes", "--confirm-within", "1h"]);
    assert_eq!(open(&client), [7002, 7003, 7004, 7005, 7006]);
    json(&host, 0, &["confirm"]);
    plan_only(&host, "disable", &["disable:deaf.service"]);
    let told = doorward(&host, &["apply", PLAN, "--yes"]);
    assert!(
        matches!(told.code, 6 | 7) && told.error.contains("tcp port 7002 still answers"),
        "{}",
        told.error
    );
}

/// Two steps whose services nothing else needs, and one that has a package.
const FEW: [&str; 3] =
    ["disable:vsftpd.service", "disable:memcached.service", "disable:redis-server.service"];

#[test]
fn full_locked_and_read_only_places_change_nothing() {
    let Some(lab) = open_or_skip() else { return };
    let host = lab.host(&roots::EVERYTHING).unwrap();
    put(&host);
    plan_only(&host, "uninstall", &["uninstall:memcached"]);
    let before = look(&host);

    // The package manager is at work.
    let perl = "use Fcntl;open(F,'>','/var/lib/dpkg/lock-frontend');$l=pack('ssx4qqlx4',F_WRLCK,0,0,0,0);\
                fcntl(F,F_SETLKW,$l)or die;open(R,'>','/run/held');sleep 300";
    let mut holder = host.spawn(&["perl", "-e", perl]).unwrap();
    while host.read("/run/held").is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let told = doorward(&host, &["apply", PLAN, "--yes"]);
    assert!(
        told.code == 6 && told.error.contains("(perl) holds /var/lib/dpkg/lock-frontend"),
        "{}",
        told.error
    );
    assert!(told.error.contains("nothing was changed"), "{}", told.error);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(look(&host), before);

    plan_only(&host, "disable", &FEW);
    // Nowhere to write down what is changed.
    host.succeed(&["mkdir", "/small"]).unwrap();
    host.succeed(&["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", "/small"]).unwrap();
    let apply = ["apply", PLAN, "--yes", "--state", "/small/state"];
    host.succeed(&["mkdir", "-m", "700", "/small/state"]).unwrap();
    host.succeed(&["mount", "-o", "remount,ro", "/small"]).unwrap();
    let told = doorward(&host, &[&apply[..], &["--format", "json"]].concat());
    assert_eq!((told.code, told.out.as_str()), (3, ""), "{}", told.error);
    assert!(told.error.contains("Read-only file system"), "{}", told.error);
    host.succeed(&["mount", "-o", "remount,rw", "/small"]).unwrap();
    host.run(&["dd", "if=/dev/zero", "of=/small/all", "bs=4k"]).unwrap();
    let told = doorward(&host, &apply);
    assert!(told.code == 3 && told.error.contains("No space left on device"), "{}", told.error);
    assert_eq!(look(&host), before);

    // It runs full in the midst: a page for who holds the lock, a page for what was begun.
    host.succeed(&["truncate", "--size=-8192", "/small/all"]).unwrap();
    let told = doorward(&host, &apply);
    assert!(told.error.contains("the journal cannot be written"), "{}", told.error);
    assert!(matches!(told.code, 6 | 7), "{}", told.error);
    host.succeed(&["rm", "/small/all"]).unwrap();
    let told = doorward(&host, &["undo", "--state", "/small/state"]);
    assert_eq!(told.code, 0, "{}", told.error);
    assert_eq!(look(&host), before);

    // Nowhere to put the units that would restore.
    host.succeed(&["mount", "--bind", "/etc/systemd/system", "/etc/systemd/system"]).unwrap();
    host.succeed(&["mount", "-o", "remount,bind,ro", "/etc/systemd/system"]).unwrap();
    let told = doorward(&host, &["apply", PLAN, "--yes"]);
    assert!(told.code == 3 && told.error.contains("the unit that restores at boot"), "{}", told.error);
    host.succeed(&["umount", "/etc/systemd/system"]).unwrap();
    assert_eq!(look(&host), before);
    assert_eq!(json(&host, 0, &["status"])["waiting"], Value::Null);

    // Two at once: the second is told who is at work.
    let mut first = host.spawn(&[PROGRAM, "apply", PLAN, "--yes", "--confirm-within", "1h"]).unwrap();
    let until = Instant::now() + Duration::from_mins(1);
    while json(&host, 0, &["status"])["owner"] == Value::Null {
        assert!(Instant::now() < until, "nobody is at work");
    }
    let told = doorward(&host, &["apply", PLAN, "--yes"]);
    assert!(told.code == 3 && told.error.contains("(doorward apply"), "{}", told.error);
    assert!(first.wait().unwrap().success());
    assert_eq!(json(&host, 0, &["extend", "--within", "10m"])["confirm_within_seconds"], 600);
    let timers = host.succeed(&["systemctl", "list-timers", "--no-legend", "doorward-revert-*"]).unwrap();
    assert!(timers.lines().count() == 1 && timers.contains(" 9min "), "{timers}");
    json(&host, 0, &["undo"]);
    assert_eq!(look(&host), before);
    assert_eq!(doorward(&host, &["extend"]).code, 3, "nothing waits any more");

    plans_that_are_none(&host);
    assert_eq!(look(&host), before);
    assert!(host.succeed(&["ls", STATE]).unwrap().contains("1.journal"));
}

/// Plans of another host, of a newer program, without end.
fn plans_that_are_none(host: &Host) {
    let text = String::from_utf8(host.read(PLAN).unwrap()).unwrap();
    let million = "[[step]]\n".repeat(1_000_000);
    for (bad, why) in [
        (text.replace("name = \"everything\"", "name = \"other\""), "the plan is for other"),
        (text.replace("schema_version = 1", "schema_version = 9"), "the plan has format 9"),
        (format!("{text}\n{million}"), "the plan has more than 100000 steps"),
        (text.replace("[[step]]", "[[stop]]"), "unknown field `stop`"),
    ] {
        host.write_file("/root/bad.toml", bad).unwrap();
        let began = Instant::now();
        let told = doorward(host, &["apply", "/root/bad.toml", "--yes", "--format", "json"]);
        assert_eq!((told.code, told.out.as_str()), (3, ""), "{}", told.error);
        assert!(told.error.contains(why), "{why}: {}", told.error);
        println!("{why}: refused after {:?}", began.elapsed());
    }
}

#[test]
fn a_daemon_that_objects_to_its_configuration_goes_on_with_the_old_one() {
    const FILE: &str = "/etc/mysql/mariadb.conf.d/50-server.cnf";
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::WORDPRESS).unwrap(), lab.client().unwrap());
    put(&host);
    host.succeed(&["sed", "-i", "s/^bind-address.*/bind-address = 0.0.0.0/", FILE]).unwrap();
    host.succeed(&["systemctl", "restart", "mariadb"]).unwrap();
    let reached = || client.tcp_open(host.address(), [3306]).unwrap() == [3306];
    assert!(reached());
    plan_only(&host, "disable", &["rebind:mariadb.service"]);
    let steps = json(&host, 0, &["apply", PLAN, "--dry-run"]);
    let kinds: Vec<_> = steps["steps"][0]["changes"].as_array().unwrap().iter().map(|c| &c["kind"]).collect();
    assert_eq!(kinds, ["put", "check", "restart"]);

    host.write_file("/etc/mysql/mariadb.conf.d/99-wrong.cnf", "[mariadbd]\nno_such_setting = 1\n").unwrap();
    let process = || host.succeed(&["systemctl", "show", "-p", "MainPID", "mariadb"]).unwrap();
    let (old, text) = (process(), host.read(FILE).unwrap());
    let told = doorward(&host, &["apply", PLAN, "--yes"]);
    assert!(told.code == 6 && told.error.contains("check the configuration with"), "{}", told.error);
    assert_eq!((process(), host.read(FILE).unwrap()), (old, text), "it was not even restarted");

    host.succeed(&["rm", "/etc/mysql/mariadb.conf.d/99-wrong.cnf"]).unwrap();
    json(&host, 0, &["apply", PLAN, "--yes", "--confirm-within", "1h"]);
    assert!(!reached());
    assert!(client.http_get((host.address(), 80).into(), "/").unwrap().contains("Hello world"));
    json(&host, 0, &["undo"]);
    assert!(reached());
}
