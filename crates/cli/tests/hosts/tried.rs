//! Trials on copies of a real host: what is kept is what the site is known to need, and nothing of the host changes.
//!
//! A run of the tests tries two of the sites, others each time (`DOORWARD_SEED`), `DOORWARD_SITES=all` all of them.

use std::collections::BTreeSet;

use doorward_lab::{Client, Host, Lab, open_or_skip};
use serde_json::Value;

use super::known::{BLOG, CONTACT, FILES, HOST, KnownSite, RUNNING, SHOP, STATIC};
use super::program::{PROGRAM, difference, doorward, failed, json, put, run, seed, state};
use super::truth::record;

const SITES: [&KnownSite; 5] = [&BLOG, &CONTACT, &SHOP, &FILES, &STATIC];
const SITE: &str = "/root/site.toml";
const PLAN: &str = "/root/proved.toml";

/// Sites for this run: so many, drawn with a number of the test's own.
fn drawn(of: u64, count: usize) -> Vec<&'static KnownSite> {
    if std::env::var("DOORWARD_SITES").is_ok_and(|which| which == "all") {
        return SITES.to_vec();
    }
    fastrand::Rng::with_seed(seed() ^ of).choose_multiple(SITES, count)
}

fn booted(lab: &Lab) -> (Host, Client) {
    let (host, client) = (lab.host(HOST).unwrap(), lab.client().unwrap());
    put(&host);
    (host, client)
}

fn names(of: &Value) -> BTreeSet<&str> {
    of.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// What the trial kept is one of the smallest sets that the site can live with, and each of it has a test that fails
/// without it.
fn assert_true(site: &KnownSite, report: &Value, recorded: bool) {
    let kept = report["kept"].as_array().unwrap();
    let units: BTreeSet<&str> = kept.iter().flat_map(|kept| names(&kept["services"])).collect();
    let units: BTreeSet<&str> = units.into_iter().filter(|unit| RUNNING.contains(unit)).collect();
    let sets = site.kept_sets(recorded);
    assert!(sets.contains(&units), "{}: {units:?} and not {sets:?}", site.name);
    for one in kept {
        assert!(!one["test"].as_str().unwrap().is_empty(), "{one}");
        assert!(!one["failures"].as_array().unwrap().is_empty(), "{one}");
    }
    assert_eq!(report["as_applied"], true);
    println!(
        "| {} | {} | {} | {} | {:.1} | {:.0} s |",
        site.name,
        if recorded { "recorded" } else { "written" },
        report["shut"].as_array().unwrap().len(),
        report["trials"],
        report["bound_bits"].as_f64().unwrap(),
        report["seconds"].as_f64().unwrap()
    );
}

#[test]
fn what_is_kept_is_what_the_site_needs() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = booted(&lab);
    let before = state(&host);
    for site in drawn(1, 1) {
        host.write_file(SITE, site.tests).unwrap();
        let report = json(&host, 0, &["trial", "--site", SITE, "--anew", "--lanes", "2", "--output", PLAN]);
        assert_true(site, &report, false);
    }
    assert_eq!(difference(&before, &state(&host)), [""; 0], "a trial on copies changes nothing");
    let left = host.succeed(&["systemctl", "list-units", "--all", "--no-legend", "doorward*"]).unwrap();
    assert_eq!(left, "", "nothing is left of the copies");
    assert!(
        host.run(&["test", "!", "-e", "/run/doorward"]).unwrap().status.success(),
        "nor of their sockets"
    );

    // The plan that comes out can be applied as it is, and the site lives: that of the last trial, with its tests.
    run(&host, &["apply", PLAN, "--yes"]);
    run(&host, &["confirm"]);
    assert_eq!(failed(&host, &client, SITE), [""; 0]);
    run(&host, &["undo"]);
}

#[test]
fn recorded_tests_alone_keep_what_they_can_see() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = booted(&lab);
    for site in drawn(2, 1) {
        record(&host, &client, &site.url(), SITE);
        let words = ["trial", "--site", SITE, "--anew", "--prefer", "disable"];
        assert_true(site, &json(&host, 0, &words), true);
    }
}

#[test]
fn a_trial_that_is_broken_off_is_gone_on_with() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client) = booted(&lab);
    host.write_file(SITE, CONTACT.tests).unwrap();
    let before = state(&host);
    // After the second trial somebody ends it.
    let script = format!(
        "{PROGRAM} trial --site {SITE} --prefer disable 2> /root/told & pid=$!; \
         until grep -q '^trial 2' /root/told; do sleep 0.05; done; kill -TERM $pid; wait $pid; echo $?"
    );
    assert_eq!(host.succeed(&["bash", "-c", &script]).unwrap().trim(), "143");
    assert_eq!(difference(&before, &state(&host)), [""; 0]);
    let report = json(&host, 0, &["trial", "--site", SITE, "--prefer", "disable"]);
    assert_true(&CONTACT, &report, false);
    let record: Value = serde_json::from_slice(&host.read("/var/lib/doorward/trial.json").unwrap()).unwrap();
    let (counted, made) =
        (report["trials"].as_u64().unwrap(), record["trials"].as_array().unwrap().len() as u64);
    assert!(3 < counted && counted <= made, "what the first run tried counts: {counted} of {made}");

    // Nothing has changed since: what was found is tried once more, and that is all.
    let words = ["trial", "--site", SITE, "--prefer", "disable"];
    let again = doorward(&host, &words);
    assert_eq!(again.code, 0, "{}", again.error);
    assert_eq!(again.error.lines().filter(|line| line.starts_with("trial ")).count(), 1, "{}", again.error);
}

#[test]
fn what_proves_nothing_is_refused() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client) = booted(&lab);
    let before = state(&host);
    let refused = |site: &str, words: &[&str], code: i32, why: &str| {
        host.write_file(SITE, site).unwrap();
        let told = doorward(&host, &[&["trial", "--site", SITE], words].concat());
        assert_eq!(told.code, code, "{}", told.error);
        assert!(told.error.contains(why), "{why}: {}", told.error);
    };
    let broken = "version = 1\nurl = \"http://static.example/\"\n[[http]]\nname = \"gone\"\n[[http.request]]\nurl = \"/gone\"\n";
    refused(broken, &[], 3, "nothing was shut");
    refused("version = 1\nurl =", &[], 3, "site.toml");
    refused(STATIC.tests, &["--live", "--needed"], 3, "--needed would shut the site itself");
    refused(STATIC.tests, &["--live", "--fresh"], 3, "--fresh would stop the site itself");
    refused(STATIC.tests, &["--address", "192.0.2.9"], 3, "no address of this host");
    refused(STATIC.tests, &["--live", "--clone"], 2, "cannot be used with");
    refused(STATIC.tests, &["--host=-oProxyCommand=true"], 3, "no USER@HOST");
    refused(STATIC.tests, &["--record", "/root/site.toml"], 3, "--anew forgets");
    host.succeed(&["mv", "/usr/bin/systemd-nspawn", "/root/"]).unwrap();
    refused(STATIC.tests, &[], 3, "install systemd-container");
    host.succeed(&["mv", "/root/systemd-nspawn", "/usr/bin/"]).unwrap();
    // A copy that does not boot says why. Of this host, init runs already.
    host.succeed(&["mv", "/usr/lib/systemd/systemd", "/root/"]).unwrap();
    refused(STATIC.tests, &[], 3, "could not be booted");
    host.succeed(&["mv", "/root/systemd", "/usr/lib/systemd/"]).unwrap();
    let nobody = host.run(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM, "trial"]);
    let nobody = nobody.unwrap();
    assert_eq!(nobody.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("only root"));
    assert_eq!(difference(&before, &state(&host)), [""; 0]);
}

/// A test that fills the copy's disk would make all others fail, whatever is shut.
#[test]
fn a_copy_without_room_proves_nothing() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client) = booted(&lab);
    let fills = "[[command]]\nname = \"fill\"\nrun = [\"/bin/sh\", \"-c\", \"head -c 64G /dev/zero > /var/full; true\"]\ntime_limit = \"120s\"\n";
    host.write_file(SITE, format!("{}\n{fills}", STATIC.tests)).unwrap();
    let told = doorward(&host, &["trial", "--site", SITE, "--anew", "--copy-memory", "100"]);
    assert_eq!(told.code, 3, "{}", told.error);
    assert!(
        told.error.contains("than the") || told.error.contains("too little free memory"),
        "{}",
        told.error
    );
}

#[test]
fn a_killed_trial_leaves_no_copy() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client) = booted(&lab);
    host.write_file(SITE, STATIC.tests).unwrap();
    let before = state(&host);
    let mut random = fastrand::Rng::with_seed(seed());
    for _ in 0..3 {
        let wait = f64::from(random.u32(0..8000)) / 1000.0;
        let script = format!(
            "{PROGRAM} trial --site {SITE} --anew --prefer disable 2> /dev/null & pid=$!; sleep {wait}; kill -KILL $pid; \
             for i in $(seq 400); do systemctl list-units --no-legend 'doorward-*' | grep -q . || exit 0; sleep 0.05; done; \
             systemctl list-units 'doorward-*'; exit 1"
        );
        let output = host.run(&["bash", "-c", &script]).unwrap();
        assert!(output.status.success(), "killed after {wait} s: {output:?}");
        assert_eq!(difference(&before, &state(&host)), [""; 0], "killed after {wait} s");
    }
}
