//! The entries in `knowledge/`: their form, their order, and that no two claim the same.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::fits;
use doorward_knowledge::{Condition, Index, Knowledge, ServiceEntry, System};

/// Classes that a web server has no business with, and how many services of them together must be known.
const DANGEROUS: [&str; 11] = [
    "remote-shell",
    "file-access",
    "mail-relay",
    "remote-administration",
    "data-store",
    "name-directory",
    "discovery",
    "indexing-search",
    "sharing-forwarding",
    "printing",
    "monitoring",
];
const DANGEROUS_AT_LEAST: usize = 250;

/// Longest texts that a table cell or a line of a report holds well.
const TITLE: usize = 40;
const LINE: usize = 90;
const SENTENCE: usize = 120;

fn knowledge() -> Knowledge {
    Knowledge::built_in()
}

/// The repository's files as bare TOML, by their path below `knowledge/`.
fn files() -> BTreeMap<String, toml::Table> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge");
    let mut folders = vec![root.clone()];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "toml") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                let table = std::fs::read_to_string(&path).unwrap().parse();
                let table = table.unwrap_or_else(|e| panic!("{name}: {e}"));
                files.insert(name, table);
            }
        }
    }
    assert!(files.len() > 10, "{}", files.len());
    files
}

/// Kind and ids of the entries of one file, in its order.
fn ids(table: &toml::Table) -> Vec<(&str, Vec<&str>)> {
    let entries = table.iter().filter_map(|(kind, v)| Some((kind.as_str(), v.as_array()?)));
    entries.map(|(kind, list)| (kind, list.iter().filter_map(|e| e.get("id")?.as_str()).collect())).collect()
}

#[test]
fn nothing_contradicts() {
    let problems: Vec<String> = knowledge().problems().iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn entries_are_sorted_and_ids_unique() {
    let files = files();
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (file, table) in &files {
        for (kind, ids) in ids(table) {
            assert!(ids.is_sorted(), "{file}: {kind} entries are not sorted by id");
            for id in ids {
                let before = seen.insert((kind, id), file);
                assert_eq!(before, None, "{file}: there is another {kind} {id}");
            }
        }
    }
}

#[test]
fn a_service_stands_in_the_file_of_its_class() {
    let classes: BTreeMap<String, String> =
        knowledge().services.into_iter().filter_map(|s| Some((s.id, s.class?))).collect();
    let mut checked = 0;
    for (file, table) in files() {
        let below = file.strip_prefix("windows/").unwrap_or(&file);
        let Some(name) = below.strip_prefix("services/").and_then(|f| f.strip_suffix(".toml")) else {
            continue;
        };
        for id in ids(&table).into_iter().flat_map(|(_, ids)| ids) {
            if let Some(class) = classes.get(id) {
                assert_eq!(class, name, "{id}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, classes.len());
}

#[test]
fn no_name_is_claimed_twice() {
    type Names = fn(&ServiceEntry) -> &[String];
    let kinds: [(&str, Names); 4] = [
        ("unit", |s| &s.units),
        ("program", |s| &s.programs),
        ("module", |s| &s.modules),
        ("inetd name", |s| &s.inetd),
    ];
    let knowledge = knowledge();
    for (kind, names) in kinds {
        let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
        for service in knowledge.services.iter().filter(|s| s.is_of(System::Linux)) {
            for name in names(service) {
                let before = claimed.insert(name, &service.id);
                assert_eq!(before, None, "{kind} {name} is also claimed by {}", service.id);
            }
        }
    }
}

#[test]
fn no_pattern_takes_the_units_of_another_entry() {
    let knowledge = knowledge();
    let index = Index::new(&knowledge);
    for service in index.services() {
        for unit in &service.units {
            // A unit's own name, and one instance of a pattern, lead back to the entry.
            let found = index.by_name(&unit.replace('*', "x")).map(|e| e.id.as_str());
            assert_eq!(found, Some(service.id.as_str()), "{unit}");
        }
    }
}

#[test]
fn every_dangerous_class_is_well_known() {
    let knowledge = knowledge();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for class in knowledge.services.iter().filter_map(|s| s.class.as_deref()) {
        *count.entry(class).or_default() += 1;
    }
    for class in &knowledge.classes {
        assert!(count.contains_key(class.id.as_str()), "no service is of class {}", class.id);
    }
    let total: usize = DANGEROUS.iter().filter_map(|class| count.get(class)).sum();
    assert!(total >= DANGEROUS_AT_LEAST, "{total} services of the dangerous classes: {count:?}");
}

#[test]
fn a_classed_service_lists_its_doors_or_says_why_it_has_none() {
    for s in knowledge().services {
        let open = !s.doors.is_empty();
        let told = s.no_door.is_some();
        assert!(s.class.is_none() || open || told, "{} lists no door and does not say why", s.id);
        assert!(!(open && told), "{} lists a door and says that it has none", s.id);
    }
}

#[test]
fn texts_fit_where_they_are_shown() {
    let knowledge = knowledge();
    for s in &knowledge.services {
        fits(&s.title, TITLE, &s.id);
        fits(&s.what, LINE, &s.id);
        let more = [s.gives.as_deref(), s.removal.as_deref(), s.no_door.as_deref()];
        more.into_iter().flatten().for_each(|t| fits(t, LINE, &s.id));
        s.history.iter().for_each(|v| fits(&v.what, LINE, &s.id));
        s.doors.iter().filter_map(|d| d.when.as_deref()).for_each(|t| fits(t, LINE, &s.id));
        s.restrict.iter().for_each(|r| fits(&r.text, SENTENCE, &s.id));
        s.sources.iter().for_each(|t| fits(t, SENTENCE, &s.id));
    }
    for c in &knowledge.classes {
        fits(&c.title, TITLE, &c.id);
        fits(&c.gives, SENTENCE, &c.id);
        fits(&c.misuse, SENTENCE, &c.id);
    }
    for r in &knowledge.roles {
        fits(&r.title, TITLE, &r.id);
        r.requires.iter().for_each(|q| fits(&q.why, LINE, &r.id));
    }
    knowledge.base.iter().for_each(|b| fits(&b.why, SENTENCE, &b.id));
    for a in &knowledge.applications {
        fits(&a.title, TITLE, &a.id);
        a.needs.iter().for_each(|n| fits(&n.why, LINE, &a.id));
    }
}

#[test]
fn a_restriction_names_programs_and_files_by_absolute_path() {
    for s in knowledge().services {
        for r in &s.restrict {
            assert!(r.check.as_ref().is_none_or(|c| c.starts_with('/')), "{}: {:?}", s.id, r.check);
            let shell = |c: char| "|&;<>$`".contains(c);
            assert!(!r.check.as_ref().is_some_and(|c| c.contains(shell)), "{}: {:?}", s.id, r.check);
        }
    }
}

#[test]
fn doors_are_listed_once() {
    for s in knowledge().services {
        let mut seen = BTreeSet::new();
        for d in &s.doors {
            let new = seen.insert((d.protocol, d.port, d.name.as_deref()));
            assert!(d.port != Some(0) && new, "{}: {d:?}", s.id);
        }
    }
}

#[test]
fn what_only_looks_needed_is_known_by_name() {
    let knowledge = knowledge();
    let index = Index::new(&knowledge);
    for base in knowledge.base.iter().filter(|b| b.is_of(System::Linux) && b.needed == Condition::Never) {
        let mut units = index.services().flat_map(|s| &s.units);
        let known = units.any(|u| index.base(u).is_some_and(|b| b.id == base.id));
        assert!(known, "no service entry knows a unit of {}", base.id);
    }
}

#[test]
fn only_guests_name_what_they_are_guests_of() {
    for b in knowledge().base {
        assert_eq!(b.needed == Condition::Guest, !b.guest_of.is_empty(), "{}", b.id);
    }
}
