//! What else starts and stops when a plan's units do, by their files: written down before anything changes, so that it
//! comes back too, and is not raised along. What cannot be read is a reason not to begin.

use std::collections::BTreeMap;
use std::path::Path;

use super::suspects::{LONGEST, MOST, STARTS, UNIT_DIRECTORIES, settings};
use crate::system::{Activity, Node, System, SystemError};

/// Settings by which a unit stops with others.
const STOPS_WITH: &[&str] = &["Requires", "Requisite", "BindsTo", "PartOf"];

/// Adds what is started or stopped along to the units that run, and to those that do not.
pub(super) fn add(
    system: &dyn System,
    active: &mut Vec<String>,
    inactive: &mut Vec<String>,
) -> Result<(), SystemError> {
    let files = files(system)?;
    let all = |a: &[String], b: &[String]| a.iter().chain(b).cloned().collect::<Vec<_>>();
    for unit in closure(all(active, inactive), |unit| asks_for(system, &files, unit))? {
        if matches!(system.activity(&unit)?, Activity::Inactive | Activity::Failed) {
            inactive.push(unit);
        }
    }
    let dependents = |unit: &str| {
        let names = files.iter().filter(|(_, text)| words(text, STOPS_WITH).any(|w| w == unit));
        let mut running = Vec::new();
        for (name, _) in names {
            if system.activity(name)? == Activity::Active {
                running.push(name.clone());
            }
        }
        Ok(running)
    };
    let along = closure(all(active, inactive), dependents)?;
    // Stopped before what they need, and started after it.
    active.splice(0..0, along);
    Ok(())
}

/// All that follows from these, without themselves.
fn closure(
    mut all: Vec<String>,
    next: impl Fn(&str) -> Result<Vec<String>, SystemError>,
) -> Result<Vec<String>, SystemError> {
    let known = all.len();
    let mut at = 0;
    while at < all.len() && all.len() < known + MOST {
        for next in next(&all[at])? {
            if !all.contains(&next) {
                all.push(next);
            }
        }
        at += 1;
    }
    Ok(all.split_off(known))
}

/// What one unit's file and links say that it starts.
fn asks_for(
    system: &dyn System,
    files: &BTreeMap<String, String>,
    unit: &str,
) -> Result<Vec<String>, SystemError> {
    let mut found = Vec::new();
    if let Some((stem, "socket" | "timer" | "path")) = unit.rsplit_once('.') {
        found.push(format!("{stem}.service"));
    }
    for directory in UNIT_DIRECTORIES.iter().map(Path::new) {
        for pulls in ["wants", "requires", "upholds"] {
            found.extend(names(system, &directory.join(format!("{unit}.{pulls}")))?);
        }
    }
    if let Some(text) = files.get(unit) {
        found.extend(words(text, STARTS).map(str::to_owned));
    }
    // Groups do not run by themselves, and are no reason to stop anything.
    let runs = |u: &String| {
        u.rsplit_once('.').is_some_and(|(_, kind)| matches!(kind, "service" | "socket" | "timer" | "path"))
    };
    found.retain(runs);
    Ok(found)
}

fn words<'t>(text: &'t str, keys: &'t [&str]) -> impl Iterator<Item = &'t str> {
    let values = settings(text).filter(|(key, _)| keys.contains(key) && !key.starts_with("On"));
    values.flat_map(|(_, value)| value.split_whitespace())
}

/// The text of every unit file.
fn files(system: &dyn System) -> Result<BTreeMap<String, String>, SystemError> {
    let mut files = BTreeMap::new();
    for directory in UNIT_DIRECTORIES.iter().map(Path::new) {
        for name in names(system, directory)?.into_iter().take(MOST) {
            if files.contains_key(&name) {
                continue;
            }
            match system.node(&directory.join(&name)) {
                Ok(Node::File { content, .. }) => {
                    let text = String::from_utf8_lossy(&content[..content.len().min(LONGEST)]);
                    files.insert(name, text.into_owned());
                }
                Ok(_) | Err(SystemError::Unsuitable { .. }) => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(files)
}

/// `/lib` is a link mostly, and what is in it was seen by its other name.
fn names(system: &dyn System, directory: &Path) -> Result<Vec<String>, SystemError> {
    match system.names(directory) {
        Err(SystemError::Unsuitable { .. }) => Ok(Vec::new()),
        other => other,
    }
}
