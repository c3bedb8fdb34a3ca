//! D-Bus activation: names on the system bus whose first use starts a unit.

use std::collections::BTreeMap;

use doorward_model::{Subject, Unseen};

use super::name;
use super::syntax::UnitFile;
use crate::{CONFIG_LIMIT, Tree, unread::unread};

/// Where the system bus looks for activation files, the first that defines a name wins (`dbus-daemon(1)`).
const DIRECTORIES: &[&str] = &[
    "/run/dbus-1/system-services",
    "/usr/local/share/dbus-1/system-services",
    "/usr/share/dbus-1/system-services",
    "/lib/dbus-1/system-services",
];

/// More activation files than this in one directory are refused.
const FILE_LIMIT: usize = 10_000;

/// For each unit that an activation file names, the bus names that start it.
pub(super) fn activations(tree: &Tree, unseen: &mut Vec<Unseen>) -> BTreeMap<String, Vec<String>> {
    let mut units: BTreeMap<String, String> = BTreeMap::new();
    for directory in DIRECTORIES {
        let mut entries = match tree.read_dir(directory) {
            Ok(entries) => entries,
            Err(e) if e.is_absent() => continue,
            Err(e) => {
                unseen.push(unread(Subject::Services, format!("bus activation in {directory}"), &e));
                continue;
            }
        };
        if entries.len() > FILE_LIMIT {
            entries.truncate(FILE_LIMIT);
            let why = format!("more than {FILE_LIMIT} files");
            unseen.push(Unseen::new(
                Subject::Services,
                format!("further bus activation in {directory}"),
                why,
            ));
        }
        for entry in entries {
            let Some(file) = entry.name.to_str().filter(|f| name::suffix(f) == Some("service")) else {
                continue;
            };
            let path = format!("{directory}/{file}");
            match tree.read(&path, CONFIG_LIMIT) {
                Ok(bytes) => {
                    if let Some((name, unit)) = activation(&UnitFile::parse(&bytes)) {
                        units.entry(name).or_insert(unit);
                    }
                }
                Err(e) if e.is_absent() => {}
                Err(e) => unseen.push(unread(Subject::Services, format!("bus activation {file}"), &e)),
            }
        }
    }
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, unit) in units {
        names.entry(unit).or_default().push(name);
    }
    names
}

/// The bus name and the unit, where a unit is named; others are started by the bus itself.
fn activation(file: &UnitFile) -> Option<(String, String)> {
    let value = |key: &str| {
        let of_key = |a: &&super::syntax::Assignment| a.section == "D-BUS Service" && a.key == key;
        file.assignments.iter().rev().find(of_key).map(|a| a.value.clone())
    };
    Some((value("Name")?, value("SystemdService")?))
}
