//! Starts and advice by version equal the gathered tables, but for the differences listed here.

use doorward_knowledge::{Advice, DefaultStart, StartDefault};

use crate::{common, entry, system};

const ON_2016: &str = "windows/services/server2016_default_services.psv";
const ON_2000: &str = "facts/windows/windows2000_default_services.psv";
const ON_2003: &str = "facts/windows/windows2003_default_services.psv";

/// Where the entries differ from a table on purpose: file, service, why. There is none now.
const DIFFERENT: [(&str, &str, &str); 0] = [];

/// Names that a table shortens.
const SHORTENED: [(&str, &str); 1] = [("clr_optimization", "clr_optimization_v2.0.50727_32")];

fn default(version: &str, name: &str) -> Option<&'static StartDefault> {
    let name = SHORTENED.iter().find(|(short, _)| *short == name).map_or(name, |(_, full)| full);
    let here = |d: &&StartDefault| d.systems.iter().any(|s| s.contains(system(version)));
    entry(version, name).defaults.iter().find(here)
}

fn start(text: &str) -> Option<DefaultStart> {
    match text.split([' ', '(']).next()?.to_lowercase().as_str() {
        "auto" | "automatic" => Some(DefaultStart::Auto),
        "manual" => Some(DefaultStart::Manual),
        "disabled" => Some(DefaultStart::Disabled),
        _ => None,
    }
}

fn advice(text: &str) -> Advice {
    match text {
        "Do not disable" => Advice::DoNotDisable,
        "No guidance" => Advice::NoGuidance,
        "Already disabled" => Advice::AlreadyDisabled,
        "Should be disabled" => Advice::ShouldBeDisabled,
        other if other.starts_with("OK to disable") => Advice::OkToDisable,
        other => panic!("{other:?} is no advice"),
    }
}

fn listed(file: &str, name: &str) -> bool {
    DIFFERENT.iter().any(|(f, n, _)| *f == file && n.eq_ignore_ascii_case(name))
}

/// Compares every row of a table; the number of rows compared.
fn compare(file: &str, wrong_of: impl Fn(&[&str]) -> Option<String>) -> usize {
    let Some(path) = common::shared(file) else { return 0 };
    let text = std::fs::read_to_string(path).expect("the facts are readable");
    let rows: Vec<Vec<&str>> = common::rows(&text).collect();
    let wrong: Vec<String> =
        rows.iter().filter(|r| !listed(file, r[0])).filter_map(|r| wrong_of(r)).collect();
    assert!(wrong.is_empty(), "{file}: {wrong:#?}");
    rows.len()
}

#[test]
fn server_2016_starts_and_is_advised_as_its_maker_says() {
    let rows = compare(ON_2016, |row| {
        let found = default("10.0.14393", row[0]);
        let told = found.map(|d| (d.start, d.advice));
        (told != Some((start(row[3]), Some(advice(row[4]))))).then(|| format!("{}: {told:?}", row[0]))
    });
    assert!(rows == 0 || rows == 187, "{rows} services");
}

#[test]
fn a_condition_of_the_advice_is_kept() {
    compare(ON_2016, |row| {
        let condition = row[4].strip_prefix("OK to disable if ")?;
        let note = default("10.0.14393", row[0])?.note.as_deref().unwrap_or_default();
        (!note.contains("unless it is")).then(|| format!("{}: {condition} against {note:?}", row[0]))
    });
}

#[test]
fn windows_2000_starts_as_gathered() {
    let rows = compare(ON_2000, |row| {
        let told = default("5.0", row[0]).and_then(|d| d.start);
        (told != start(row[2])).then(|| format!("{}: {told:?}, gathered {:?}", row[0], row[2]))
    });
    assert!(rows == 0 || rows > 80, "{rows} services");
}

#[test]
fn a_conflict_between_the_sources_of_2000_is_told() {
    compare(ON_2000, |row| {
        let note = default("5.0", row[0]).and_then(|d| d.note.as_deref()).unwrap_or_default();
        let silent = row[5].starts_with("conflict") && !note.contains("smallvoid.com says");
        silent.then(|| format!("{}: {note:?}", row[0]))
    });
}

#[test]
fn server_2003_and_xp_start_as_gathered() {
    let rows = compare(ON_2003, |row| {
        let told = |version| default(version, row[0]).and_then(|d| d.start);
        let server = start(row[2]).is_some_and(|s| told("5.2") != Some(s));
        let xp = start(row[3]).is_some_and(|s| told("5.1") != Some(s));
        (server || xp).then(|| format!("{}: {:?} and {:?}", row[0], told("5.2"), told("5.1")))
    });
    assert!(rows == 0 || rows > 120, "{rows} services");
}

#[test]
fn defaults_of_one_entry_do_not_overlap() {
    for s in crate::entries() {
        for (at, a) in s.defaults.iter().enumerate() {
            assert!(
                !a.systems.is_empty() && (a.start.is_some() || a.note.is_some() || !a.depends.is_empty()),
                "{}",
                s.id
            );
            for b in &s.defaults[at + 1..] {
                let clash = a.systems.iter().any(|x| b.systems.iter().any(|y| x.overlaps(*y)));
                assert!(!clash || a.edition != b.edition, "{}: {:?} and {:?}", s.id, a.systems, b.systems);
            }
            let inside = a.systems.iter().all(|x| s.systems.iter().any(|y| x.overlaps(*y)));
            assert!(inside, "{}: {:?} lies outside", s.id, a.systems);
        }
    }
}

#[test]
fn what_a_default_depends_on_is_known_or_a_driver() {
    // Drivers that no entry describes.
    const DRIVERS: [&str; 18] = [
        "AppID",
        "Bowser",
        "fileinfo",
        "lltdio",
        "mpsdrv",
        "MRxDAV",
        "MRxSmb20",
        "Mup",
        "nativewifip",
        "Ndisuio",
        "nsiproxy",
        "psched",
        "QWAVEdrv",
        "RasAcd",
        "RDPDR",
        "Tdx",
        "TermDD",
        "WudfPf",
    ];
    for s in crate::entries() {
        for d in &s.defaults {
            for on in &d.depends {
                let known = crate::VERSIONS
                    .iter()
                    .filter(|v| d.systems.iter().any(|x| x.contains(system(v))))
                    .any(|v| crate::index(v).by_name(on).is_some());
                let driver = DRIVERS.iter().any(|n| n.eq_ignore_ascii_case(on));
                assert!(known || driver, "{} depends on {on}, which has no entry", s.id);
            }
        }
    }
}
