//! Trials on a host that stays: it is as it was after each, however the trial ends.

use std::time::Duration;

use doorward_lab::{Client, Host, Lab, open_or_skip, roots};
use serde_json::Value;

use super::known::{CONTACT, HOST, RUNNING};
use super::program::{PLAN, PROGRAM, await_pass, crashes, difference, doorward, json, put, seed, state};

const SITE: &str = "/root/site.toml";
/// Moments at which a trial is killed; `DOORWARD_CRASHES` for more.
const MOMENTS: usize = 3;
/// Everything is back some seconds after a kill, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A host as it is after a boot.
fn booted(lab: &Lab) -> (Host, Client, String) {
    let (mut host, client) = (lab.host(HOST).unwrap(), lab.client().unwrap());
    put(&host);
    host.write_file(SITE, CONTACT.tests).unwrap();
    host.power_cut().unwrap();
    host.boot().unwrap();
    put(&host);
    await_pass(&host, &client, SITE);
    let before = state(&host);
    (host, client, before)
}

/// Of `--live`, without the program's word.
fn live(host: &Host) -> Vec<String> {
    let words = ["trial", "--live", "--anew", "--site", SITE, "--address", &host.address().to_string()];
    words.map(str::to_owned).to_vec()
}

fn kept(report: &Value) -> Vec<&str> {
    let kept = report["kept"].as_array().unwrap().iter();
    let mut units: Vec<&str> = kept
        .flat_map(|kept| kept["services"].as_array().unwrap())
        .map(|unit| unit.as_str().unwrap())
        .collect();
    units.retain(|unit| RUNNING.contains(unit));
    units.sort_unstable();
    units
}

#[test]
fn a_live_trial_finds_what_the_site_needs_and_puts_all_back() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client, before) = booted(&lab);
    let words = live(&host);
    let report = json(&host, 0, &words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(kept(&report), ["postfix.service", "postfix@-.service"]);
    assert_eq!((&report["place"], &report["as_applied"]), (&Value::from("live"), &Value::from(false)));
    assert_eq!(difference(&before, &state(&host)), [""; 0]);
    assert!(doorward(&host, &["status"]).out.contains("no changes wait"));
}

#[test]
fn a_live_trial_that_is_killed_puts_all_back() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client, before) = booted(&lab);
    let mut random = fastrand::Rng::with_seed(seed());
    for _ in 0..crashes(MOMENTS) {
        let wait = random.u32(2000..15000);
        let script = format!(
            "{PROGRAM} {} 2> /root/told & pid=$!; sleep {}; kill -KILL $pid",
            live(&host).join(" "),
            f64::from(wait) / 1000.0
        );
        host.succeed(&["bash", "-c", &script]).unwrap();
        let until = std::time::Instant::now() + PATIENCE;
        // The agent is told by the end of its input, and ends when all is back.
        while host.run(&["pgrep", "-f", "trial-agent"]).unwrap().status.success() {
            assert!(std::time::Instant::now() < until, "killed after {wait} ms: the agent does not end");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(difference(&before, &state(&host)), [""; 0], "killed after {wait} ms");
        assert!(doorward(&host, &["status"]).out.contains("no changes wait"), "killed after {wait} ms");
    }
}

#[test]
fn a_power_cut_in_the_midst_of_a_live_trial_puts_all_back() {
    let Some(lab) = open_or_skip() else { return };
    let (mut host, client, before) = booted(&lab);
    let mut random = fastrand::Rng::with_seed(seed());
    for _ in 0..crashes(MOMENTS) {
        let wait = random.u32(2000..15000);
        let words: Vec<String> = [PROGRAM.to_owned()].into_iter().chain(live(&host)).collect();
        let mut trial = host.spawn(&words).unwrap();
        std::thread::sleep(Duration::from_millis(wait.into()));
        host.power_cut().unwrap();
        let _ = trial.wait();
        host.boot().unwrap();
        put(&host);
        await_pass(&host, &client, SITE);
        assert_eq!(difference(&before, &state(&host)), [""; 0], "cut after {wait} ms");
        assert!(doorward(&host, &["status"]).out.contains("no changes wait"), "cut after {wait} ms");
    }
}

#[test]
fn visitors_that_get_errors_end_a_live_trial() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client, before) = booted(&lab);
    // A page of the real site that needs what the site's tests do not ask for.
    host.write_file(SITE, super::known::STATIC.tests).unwrap();
    let address = host.address();
    let shop = format!(
        "while :; do curl -s -o /dev/null -H 'Host: shop.example' http://{address}/; sleep 0.1; done"
    );
    let mut visitor = client.command(&["bash", "-c", &shop]).spawn().unwrap();
    let words = live(&host);
    let told = doorward(&host, &words.iter().map(String::as_str).collect::<Vec<_>>());
    visitor.kill().unwrap();
    visitor.wait().unwrap();
    assert_eq!(told.code, 3, "{}", told.error);
    assert!(told.error.contains("visitors got errors"), "{}", told.error);
    assert_eq!(difference(&before, &state(&host)), [""; 0]);
}

#[test]
fn a_test_server_is_tried_over_ssh() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client, before) = booted(&lab);
    let desk = lab.host(&roots::STATIC_NGINX).unwrap();
    put(&desk);
    desk.succeed(&["mkdir", "-p", "-m", "0700", "/root/.ssh"]).unwrap();
    desk.succeed(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519"]).unwrap();
    desk.write_file("/root/.ssh/config", "StrictHostKeyChecking accept-new\n").unwrap();
    host.succeed(&["mkdir", "-p", "-m", "0700", "/root/.ssh"]).unwrap();
    host.write_file("/root/.ssh/authorized_keys", desk.read("/root/.ssh/id_ed25519.pub").unwrap()).unwrap();
    host.succeed(&[PROGRAM, "plan", "--prefer", "disable", "--output", PLAN]).unwrap();
    desk.write_file(PLAN, host.read(PLAN).unwrap()).unwrap();
    desk.write_file(SITE, CONTACT.tests).unwrap();
    let (server, address) = (format!("root@{}", host.address()), host.address().to_string());
    let words =
        ["trial", PLAN, "--host", &server, "--site", SITE, "--address", &address, "--needed", "false"];
    let report = json(&desk, 0, &words);
    assert_eq!(kept(&report), ["postfix.service", "postfix@-.service"]);
    assert_eq!(report["place"], "host");
    let differs = difference(&before, &state(&host));
    assert!(differs.iter().all(|line| line.contains("/root/") || line.contains("ssh")), "{differs:?}");
}

/// A service of this host makes a device and never takes it away, so that it cannot start twice.
#[test]
fn what_does_not_come_back_ends_a_live_trial_and_is_told() {
    let Some(lab) = open_or_skip() else { return };
    let (host, _client) = (lab.host(&roots::EVERYTHING).unwrap(), lab.client().unwrap());
    put(&host);
    host.succeed(&[PROGRAM, "site", "record", &format!("http://{}/", host.address()), "--output", SITE])
        .unwrap();
    let told = doorward(&host, &["trial", "--live", "--anew", "--site", SITE]);
    assert_eq!(told.code, 7, "{}", told.error);
    assert!(told.error.contains("start overlay-network.service"), "{}", told.error);
    assert!(told.error.contains("doorward undo 1 tries again"), "{}", told.error);
    assert!(doorward(&host, &["status"]).out.contains("changes 1 wait"));
}
