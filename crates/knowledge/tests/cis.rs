//! Every service that the CIS benchmarks want off or absent has an entry that names the section.

mod common;

use doorward_knowledge::{Knowledge, ServiceEntry};
use serde::Deserialize;

const FACTS: &str = "facts/linux/cis_services.psv";
/// The benchmarks by the names that the gathered facts give them.
const BENCHMARKS: [(&str, &str); 4] = [
    ("debian12", "CIS Debian 12"),
    ("ubuntu2404", "CIS Ubuntu 24.04"),
    ("rhel9", "CIS RHEL 9"),
    ("rhel10", "CIS RHEL 10"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    section: Vec<Section>,
}

/// One section and what it names.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    benchmark: String,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    packages: Vec<String>,
}

fn sections() -> Vec<Section> {
    toml::from_str::<File>(include_str!("cis.toml")).expect("cis.toml is of this form").section
}

/// Whether an entry has a unit of that name, with or without its ending.
fn has_unit(entry: &ServiceEntry, name: &str) -> bool {
    entry
        .units
        .iter()
        .any(|u| u.strip_prefix(name).is_some_and(|ending| matches!(ending, "" | ".service" | ".socket")))
}

fn has_package(entry: &ServiceEntry, name: &str) -> bool {
    entry.packages.values().flatten().any(|p| p == name)
}

#[test]
fn every_name_has_an_entry_that_names_the_section() {
    let services = Knowledge::built_in().services;
    let mut missing = Vec::new();
    for section in sections() {
        let mut check = |kind: &str, name: &str, has: fn(&ServiceEntry, &str) -> bool| {
            let name = name.trim_end_matches('?');
            let mut covering = services.iter().filter(|s| has(s, name));
            if !covering.any(|s| s.benchmarks.contains(&section.benchmark)) {
                missing.push(format!("{}: {kind} {name}", section.benchmark));
            }
        };
        section.services.iter().for_each(|n| check("service", n, has_unit));
        section.packages.iter().for_each(|n| check("package", n, has_package));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_benchmark_has_sections() {
    let sections = sections();
    for (_, title) in BENCHMARKS {
        for chapter in ["2.1", "2.2"] {
            let start = format!("{title} {chapter}.");
            let found = sections.iter().filter(|s| s.benchmark.starts_with(&start)).count();
            assert!(found >= 4, "{start} has {found} sections with names");
        }
    }
}

#[test]
fn the_list_equals_the_gathered_facts() {
    let Some(path) = common::shared(FACTS) else { return };
    let text = std::fs::read_to_string(path).expect("the facts are readable");
    let names = |field: &str| -> Vec<String> {
        field.split_whitespace().filter(|n| *n != "-").map(str::to_owned).collect()
    };
    let gathered: Vec<Section> = common::rows(&text)
        .filter_map(|row| {
            let (_, title) = BENCHMARKS.iter().find(|(id, _)| *id == row[0])?;
            let section = Section {
                benchmark: format!("{title} {}", row[1]),
                services: names(row[3]),
                packages: names(row[4]),
            };
            let chapter = row[1].starts_with("2.1.") || row[1].starts_with("2.2.");
            (chapter && section.services.len() + section.packages.len() > 0).then_some(section)
        })
        .collect();
    assert_eq!(sections(), gathered);
}

#[test]
fn an_entry_names_only_sections_that_exist() {
    let Some(path) = common::shared(FACTS) else { return };
    let text = std::fs::read_to_string(path).expect("the facts are readable");
    let titles: Vec<(&str, &str)> =
        BENCHMARKS.iter().copied().chain([("debian13", "CIS Debian 13")]).collect();
    let known: Vec<String> = common::rows(&text)
        .filter_map(|row| Some(format!("{} {}", titles.iter().find(|(id, _)| *id == row[0])?.1, row[1])))
        .collect();
    for s in Knowledge::built_in().services {
        for b in &s.benchmarks {
            assert!(known.contains(b), "{}: {b}", s.id);
        }
    }
}
