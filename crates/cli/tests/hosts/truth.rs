//! What is said of the sites in `known.rs` is true: what they are said to need they need, and nothing else.

use std::collections::BTreeSet;

use doorward_lab::{Client, Host, open_or_skip};

use super::audited::Audited;
use super::known::{BLOG, CONTACT, FILES, HOST, KnownSite, Need, RUNNING, SHOP, STATIC};
use super::program::{as_visitor, await_pass, failed, put, start, stop, without};

/// What every Debian has, and the administrator's way in.
const BASE: [&str; 4] = ["console-getty.service", "dbus.", "ssh.service", "systemd-"];

#[test]
fn wordpress() {
    hold(&BLOG);
}

#[test]
fn a_form_that_mails() {
    hold(&CONTACT);
}

#[test]
fn a_basket_in_redis_or_memcached() {
    hold(&SHOP);
}

#[test]
fn files_that_come_by_ftp() {
    hold(&FILES);
}

#[test]
fn a_static_site() {
    hold(&STATIC);
}

fn hold(site: &KnownSite) {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(HOST).unwrap(), lab.client().unwrap());
    println!("{}: booted in {:?}", site.name, host.boot_time().unwrap());
    assert_eq!(running(&host), BTreeSet::from(RUNNING.map(str::to_owned)));
    println!("{}", row(site, &Audited::of(&host, &[]).candidates()));
    put(&host);
    let (written, recorded) = ("/root/site.toml", "/root/recorded.toml");
    host.write_file(written, site.tests).unwrap();
    record(&host, &client, &site.url(), recorded);
    for tests in [written, recorded] {
        assert_eq!(failed(&host, &client, tests), [""; 0], "{tests}");
    }
    for need in site.needs {
        let units = need.any_of;
        let fails = without(&host, &client, written, units);
        assert!(fails.iter().any(|test| test == need.witness), "{units:?}: {fails:?}");
        let noticed = !without(&host, &client, recorded, units).is_empty();
        assert_eq!(noticed, need.recorded, "{units:?}: noticed by recorded tests");
    }
    for (tests, by_record) in [(written, false), (recorded, true)] {
        for kept in site.kept_sets(by_record) {
            assert_enough(&host, &client, tests, &kept);
        }
    }
}

/// The tests pass when nothing else runs.
fn assert_enough(host: &Host, client: &Client, tests: &str, kept: &BTreeSet<&str>) {
    start(host, &kept.iter().copied().collect::<Vec<_>>());
    await_pass(host, client, tests);
    stop(host, &RUNNING.into_iter().filter(|unit| !kept.contains(unit)).collect::<Vec<_>>());
    assert_eq!(failed(host, client, tests), [""; 0], "{tests} with {kept:?}");
    assert_eq!(running(host), kept.iter().map(|&unit| unit.to_owned()).collect(), "stopped is stopped");
}

/// Units that run, or wait for visitors, and can be shut.
fn running(host: &Host) -> BTreeSet<String> {
    let types = "--type=service,socket,path";
    let told = host.succeed(&["systemctl", "list-units", types, "--state=active", "--no-legend", "--plain"]);
    let units = told.unwrap();
    let units = units.lines().filter_map(|line| line.split_whitespace().next());
    units.filter(|unit| !BASE.iter().any(|base| unit.starts_with(base))).map(str::to_owned).collect()
}

/// Tests that the program writes by itself.
pub(crate) fn record(host: &Host, client: &Client, url: &str, file: &str) {
    let address = host.address().to_string();
    let told = as_visitor(host, client, &["site", "record", url, "--address", &address, "--output", file]);
    assert_eq!(told.code, 0, "{}", told.error);
}

/// A row of the table in `docs/trial.md`: the site, what its tests need, what of that recorded tests miss, and what of it
/// an audit alone calls unneeded.
fn row(site: &KnownSite, candidates: &[String]) -> String {
    let names = |wanted: &dyn Fn(&Need) -> bool| {
        let needs = site.needs.iter().filter(|need| wanted(need));
        let names: Vec<String> = needs.map(|need| need.any_of.join(" *or* ")).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    let called = |need: &Need| need.any_of.iter().all(|unit| candidates.iter().any(|c| c == unit));
    let shut = RUNNING.len() - site.kept_sets(false)[0].len();
    let [needs, missed, wrong] = [names(&|_| true), names(&|need| !need.recorded), names(&called)];
    format!("| {} | {needs} | {shut} of {} | {missed} | {wrong} |", site.name, RUNNING.len())
}
