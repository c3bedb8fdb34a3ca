//! The program in a host of the lab: asked as people and as programs ask it, and all that an undoing has to bring back.

use std::path::Path;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorward_lab::{Client, Host, Lab, roots};
use serde_json::Value;

use super::EPHEMERAL;

const LONG: Duration = Duration::from_mins(8); // packages take their time
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

/// What chances are made of: `DOORWARD_SEED`, or the time. It is printed.
pub(crate) fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = std::env::var("DOORWARD_SEED").map_or_else(|_| now(), |value| value.parse().unwrap());
    eprintln!("DOORWARD_SEED={seed}");
    seed
}

/// How many moments a test of crashes tries: `DOORWARD_CRASHES`, or so many.
pub(crate) fn crashes(usual: usize) -> usize {
    std::env::var("DOORWARD_CRASHES").map_or(usual, |value| value.parse().unwrap())
}

pub(crate) fn put(host: &Host) {
    host.put(Path::new(env!("CARGO_BIN_EXE_doorward")), PROGRAM).unwrap();
}

pub(crate) fn state(host: &Host) -> String {
    host.succeed(&["bash", "-c", STATE]).unwrap()
}

pub(crate) fn open(host: &Host, client: &Client) -> Vec<u16> {
    client.tcp_open(host.address(), 1..EPHEMERAL).unwrap() // above, the kernel gives ports out anew
}

/// The program in the host, which has to succeed.
pub(crate) fn run(host: &Host, words: &[&str]) {
    let told = doorward(host, words);
    assert_eq!(told.code, 0, "{words:?}: {}", told.error);
}

/// A plan with all steps off but these.
pub(crate) fn plan_only(host: &Host, prefer: &str, steps: &[&str]) {
    host.succeed(&[PROGRAM, "plan", "--prefer", prefer, "--output", PLAN]).unwrap();
    let text = String::from_utf8(host.read(PLAN).unwrap()).unwrap();
    let mut text = text.replace("\non = true", "\non = false");
    for step in steps {
        let off = format!("id = \"{step}\"\non = false");
        assert!(text.contains(&off), "{step}: {text}");
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

pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

/// The program in the host.
pub(crate) fn doorward(host: &Host, words: &[&str]) -> Told {
    let told = Told::of(&host.run_within(LONG, &[&[PROGRAM], words].concat()).unwrap());
    println!("{words:?}: {}\n{}{}", told.code, told.out, told.error);
    told
}

/// The program with the host's files and in its neighbour's network: it meets the site as visitors do.
pub(crate) fn as_visitor(host: &Host, client: &Client, words: &[&str]) -> Told {
    let files = format!("--mount=/proc/{}/ns/mnt", host.leader_pid().unwrap());
    Told::of(&client.command(&[&["nsenter", &files, PROGRAM], words].concat()).output().unwrap())
}

impl Told {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            error: text(&output.stderr),
        }
    }
}

/// Says a whole document, and nothing else.
pub(crate) fn json(host: &Host, code: i32, words: &[&str]) -> Value {
    let told = doorward(host, &[words, &["--format", "json"]].concat());
    assert_eq!(told.code, code, "{words:?}: {}", told.error);
    let document: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(document["schema_version"], 1);
    document
}

/// Names of the tests of a file of the host that fail for a visitor.
pub(crate) fn failed(host: &Host, client: &Client, tests: &str) -> Vec<String> {
    let address = host.address().to_string();
    let words = ["site", "check", tests, "--address", &address, "--format", "json"];
    let told = as_visitor(host, client, &words);
    let document: Value = serde_json::from_str(&told.out).unwrap();
    let tests = document["runs"][0]["tests"].as_array().unwrap().iter();
    let failed = tests.filter(|t| t["verdict"] == "failed").map(|t| t["test"].as_str().unwrap().to_owned());
    let failed: Vec<String> = failed.collect();
    assert_eq!(told.code, i32::from(!failed.is_empty()), "{failed:?}");
    failed
}

/// Stops units, and lets nobody start them: what stops at the same time may ask for them.
pub(crate) fn stop(host: &Host, units: &[&str]) {
    systemctl(host, &["mask", "--runtime", "--now"], units);
}

pub(crate) fn start(host: &Host, units: &[&str]) {
    systemctl(host, &["unmask", "--runtime"], units);
    systemctl(host, &["start"], units);
}

fn systemctl(host: &Host, verb: &[&str], units: &[&str]) {
    let output = host.run_within(LONG, &[&["systemctl"], verb, units].concat()).unwrap();
    assert!(output.status.success(), "{verb:?} {units:?}: {}", String::from_utf8_lossy(&output.stderr));
    // What these units take with them (an instance with its service) is not waited for.
    while !host.succeed(&["systemctl", "list-jobs", "--no-legend"]).unwrap().is_empty() {
        sleep(Duration::from_millis(20));
    }
}

/// Stops units, tells which tests fail, and starts the units again.
pub(crate) fn without(host: &Host, client: &Client, tests: &str, units: &[&str]) -> Vec<String> {
    stop(host, units);
    let fails = failed(host, client, tests);
    start(host, units);
    await_pass(host, client, tests);
    fails
}

/// Waits until all tests pass: some units count as started before they listen.
pub(crate) fn await_pass(host: &Host, client: &Client, tests: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let fails = failed(host, client, tests);
        if fails.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "{tests}: {fails:?} still fail");
        sleep(Duration::from_millis(100));
    }
}

/// A host as it is after a boot, with a plan: what was started by hand is gone then, plan or no plan.
pub(crate) struct Planned {
    pub(crate) host: Host,
    pub(crate) client: Client,
    /// What it was before the plan.
    pub(crate) before: String,
    /// Its open ports then.
    pub(crate) doors: Vec<u16>,
}

impl Planned {
    pub(crate) fn boot(lab: &Lab) -> Self {
        let (mut host, client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
        put(&host);
        host.power_cut().unwrap();
        host.boot().unwrap();
        Self::of(host, client)
    }

    /// Of a host that runs.
    pub(crate) fn of(host: Host, client: Client) -> Self {
        put(&host);
        let doors = open(&host, &client); // first: looking at a socket starts its service
        let before = state(&host);
        plan(&host);
        Self { host, client, before, doors }
    }

    /// How the host differs from what it was, in a line each.
    pub(crate) fn differs(&self, host: &Host, client: &Client) -> Vec<String> {
        let doors = open(host, client);
        let mut wrong = difference(&self.before, &state(host));
        if doors != self.doors {
            wrong.push(format!("doors {doors:?} instead of {:?}", self.doors));
        }
        wrong
    }
}
