//! Plans made, applied and taken back on a real host: what answers afterwards, and that all comes back as it was.

use std::path::Path;
use std::time::{Duration, Instant};

use doorward_lab::{Client, Door, Host, open_or_skip, roots};

use super::{EPHEMERAL, PAGE};

pub(crate) const PROGRAM: &str = "/usr/local/bin/doorward";
pub(crate) const PLAN: &str = "/root/plan.toml";
/// All that an undoing has to bring back, as text: packages with their state, files with their modes, owners and
/// contents, links, how units are enabled and whether they run, accounts. Left out is what daemons write by themselves
/// (CUPS its subscriptions and the list of printers), and in which order accounts stand.
const STATE: &str = r#"
changing=(-not -name '*-' -not -name ld.so.cache -not -name .pwd.lock -not -path '/etc/cups/subscriptions*' -not -path /etc/printcap)
accounts=(-not -path /etc/passwd -not -path /etc/group -not -path /etc/shadow -not -path /etc/gshadow)
dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n'
find /etc /usr/sbin /usr/bin /usr/lib/systemd -xdev \( -type f -o -type l \) "${changing[@]}" -printf '%p %y %m %U %G %l\n' | sort
find /etc -xdev -type f "${changing[@]}" "${accounts[@]}" -exec sha256sum {} + | sort
sort /etc/passwd /etc/group /etc/gshadow
systemctl list-unit-files --no-legend --plain | sort
systemctl list-units --type=service,socket,path --state=active --no-legend --plain | awk '{print $1, $3, $4}' | sort
"#;

pub(crate) fn put(host: &Host) {
    host.put(Path::new(env!("CARGO_BIN_EXE_doorward")), PROGRAM).unwrap();
}

pub(crate) fn state(host: &Host) -> String {
    host.succeed(&["bash", "-c", STATE]).unwrap()
}

pub(crate) fn open(host: &Host, client: &Client) -> Vec<u16> {
    client.tcp_open(host.address(), 1..EPHEMERAL).unwrap() // above, the kernel gives ports out anew
}

/// The program in the host: packages take their time.
pub(crate) fn run(host: &Host, words: &[&str]) {
    let output = host.run_within(Duration::from_mins(8), &[&[PROGRAM], words].concat()).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {}\n{error}", output.status);
}

/// A plan with all steps off but these.
fn plan_only(host: &Host, steps: &[&str]) {
    host.succeed(&[PROGRAM, "plan", "--output", PLAN]).unwrap();
    let mut text =
        String::from_utf8(host.read(PLAN).unwrap()).unwrap().replace("\non = true", "\non = false");
    for step in steps {
        let off = format!("id = \"{step}\"\non = false");
        assert!(text.contains(&off), "{text}");
        text = text.replace(&off, &off.replace("false", "true"));
    }
    host.write_file(PLAN, text).unwrap();
}

/// A plan, edited as its user would: one service of the lab makes a device and never takes it away, so that it cannot
/// start twice.
pub(crate) fn plan(host: &Host) {
    host.succeed(&[PROGRAM, "plan", "--output", PLAN]).unwrap();
    let text = String::from_utf8(host.read(PLAN).unwrap()).unwrap();
    let off = "id = \"disable:overlay-network.service\"\non = ";
    assert!(text.contains(&format!("{off}true")), "{text}");
    host.write_file(PLAN, text.replace(&format!("{off}true"), &format!("{off}false"))).unwrap();
}

/// Lines that are in one text alone.
pub(crate) fn difference(before: &str, after: &str) -> Vec<String> {
    let (old, new): (std::collections::BTreeSet<&str>, std::collections::BTreeSet<&str>) =
        (before.lines().collect(), after.lines().collect());
    let gone = old.difference(&new).map(|line| format!("- {line}"));
    gone.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect()
}

/// The site's door, the administrator's, and that of a process that nobody manages: a plan leaves it to people.
const LEFT: [u16; 3] = [22, 80, 9999];

#[test]
fn applied_and_taken_back() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    put(&host);
    let doors = open(&host, &client); // first: looking at a socket starts its service
    let before = state(&host);
    assert!(doors.len() > 12, "{doors:?}");
    plan(&host);
    host.succeed(&[PROGRAM, "apply", PLAN, "--dry-run"]).unwrap();
    assert_eq!(difference(&before, &state(&host)), [""; 0], "a dry run changes nothing");

    run(&host, &["apply", PLAN, "--yes", "--confirm-within", "1h"]);
    assert_eq!(open(&host, &client), LEFT);
    let page = client.http_get((host.address(), 80).into(), "/").unwrap();
    assert!(page.contains(PAGE), "{page}");
    let again = host.run(&[PROGRAM, "apply", PLAN, "--yes"]).unwrap();
    assert_eq!(again.status.code(), Some(3), "one plan after the other");

    // A removed package's init script is found by a second plan, and nothing by a third.
    run(&host, &["confirm"]);
    plan(&host);
    run(&host, &["apply", PLAN, "--yes"]);
    run(&host, &["confirm"]);
    plan(&host);
    let nothing = host.succeed(&[PROGRAM, "apply", PLAN, "--dry-run"]).unwrap();
    assert_eq!(nothing, "nothing to do\n");
    run(&host, &["undo", "2"]);

    run(&host, &["undo", "1"]);
    assert_eq!(difference(&before, &state(&host)), [""; 0]);
    assert_eq!(open(&host, &client), doors);
    run(&host, &["undo", "1"]);
    assert_eq!(difference(&before, &state(&host)), [""; 0], "undoing twice is undoing once");
}

#[test]
fn what_nobody_confirmed_does_not_outlive_a_power_cut() {
    let Some(lab) = open_or_skip() else { return };
    let (mut host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    put(&host);
    // As the host is after a boot: what was started by hand is gone then, plan or no plan.
    host.power_cut().unwrap();
    host.boot().unwrap();
    let doors = open(&host, &client); // first: looking at a socket starts its service
    let before = state(&host);
    plan(&host);
    run(&host, &["apply", PLAN, "--yes", "--confirm-within", "1h"]);
    assert_ne!(open(&host, &client), doors);
    host.power_cut().unwrap();
    host.boot().unwrap();
    assert_eq!(difference(&before, &state(&host)), [""; 0]);
    assert_eq!(open(&host, &client), doors);
}

/// Two steps whose services nothing else needs.
const FEW: [&str; 2] = ["uninstall:vsftpd", "uninstall:memcached"];

#[test]
fn what_nobody_confirms_in_time_is_put_back() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    put(&host);
    let doors = open(&host, &client);
    let before = state(&host);
    plan_only(&host, &FEW);
    run(&host, &["apply", PLAN, "--yes", "--confirm-within", "20s"]);
    assert!(!open(&host, &client).contains(&21));
    let waits = || host.succeed(&[PROGRAM, "status"]).unwrap() != "no changes wait\n";
    assert!(waits());
    // The timer has no hurry: within the minute after its time.
    let until = Instant::now() + Duration::from_mins(2);
    while waits() {
        assert!(Instant::now() < until, "{}", host.succeed(&[PROGRAM, "log", "1"]).unwrap());
        std::thread::sleep(Duration::from_secs(2));
    }
    assert_eq!(host.succeed(&[PROGRAM, "log"]).unwrap().split(", ").last(), Some("undone\n"));
    assert_eq!(open(&host, &client), doors);
    assert_eq!(difference(&before, &state(&host)), [""; 0]);
}

#[test]
fn what_is_confirmed_stays_and_can_be_taken_back_a_step_at_a_time() {
    let Some(lab) = open_or_skip() else { return };
    let mut host = lab.host(&roots::EVERYTHING).unwrap();
    put(&host);
    assert_eq!(host.succeed(&[PROGRAM, "status"]).unwrap(), "no changes wait\n");
    assert_eq!(host.succeed(&[PROGRAM, "log"]).unwrap(), "nothing was applied here\n");
    let steps = ["uninstall:memcached", "uninstall:redis-server"];
    plan_only(&host, &steps);
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
    let damaged = host.run(&[PROGRAM, "undo", "1"]).unwrap();
    let why = String::from_utf8_lossy(&damaged.stderr).into_owned();
    assert!(damaged.status.code() == Some(3) && why.contains("undo 1 --use-good"), "{why}");
    let again = host.run(&[PROGRAM, "apply", PLAN, "--yes"]).unwrap();
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.code() == Some(3) && why.contains("damaged at byte"), "{why}");
}
