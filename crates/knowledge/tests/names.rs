//! Well-known services are found by the names that the managers of each family of distributions give them.

mod common;

use std::collections::BTreeMap;

use doorward_knowledge::{Condition, Index, Knowledge};
use serde::Deserialize;

const UNITS: &str = "facts/linux/units.psv";

/// Name to entry, by family; and what the base says of others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    debian: BTreeMap<String, String>,
    redhat: BTreeMap<String, String>,
    suse: BTreeMap<String, String>,
    alpine: BTreeMap<String, String>,
    base: BTreeMap<String, Condition>,
}

fn names() -> Names {
    toml::from_str(include_str!("names.toml")).expect("names.toml is of this form")
}

#[test]
fn every_family_is_known_by_its_own_names() {
    let knowledge = Knowledge::built_in();
    let index = Index::new(&knowledge);
    let names = names();
    let mut wrong = Vec::new();
    for (name, id) in [names.debian, names.redhat, names.suse, names.alpine].iter().flatten() {
        let found = index.by_name(name).map(|e| e.id.as_str());
        if found != Some(id) {
            wrong.push(format!("{name} is {found:?}, not {id}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_base_says_when_a_host_needs_a_service() {
    let knowledge = Knowledge::built_in();
    let index = Index::new(&knowledge);
    for (name, needed) in names().base {
        let base = index.base(&name).unwrap_or_else(|| panic!("the base does not know {name}"));
        assert_eq!(base.needed, needed, "{name} is of {}", base.id);
    }
}

#[test]
fn every_unit_of_the_packages_read_is_known() {
    let Some(path) = common::shared(UNITS) else { return };
    let text = std::fs::read_to_string(path).expect("the facts are readable");
    let knowledge = Knowledge::built_in();
    let index = Index::new(&knowledge);
    let runs = |unit: &str| [".service", ".socket", ".timer", ".path"].iter().any(|e| unit.ends_with(e));
    let units: Vec<&str> = common::rows(&text).map(|row| row[1]).filter(|u| runs(u)).collect();
    assert!(units.len() > 500, "{}", units.len());
    let unknown: Vec<&&str> =
        units.iter().filter(|u| index.by_name(u).is_none() && index.base(u).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
