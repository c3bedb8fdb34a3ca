//! Packages, and what their scripts do when they come back.

use super::{Announced, Undone};
use crate::execute::STOP_LIMIT;
use crate::journal::{Journal, Record};
use crate::system::{Activity, SavedPackage, System};
use crate::{Change, Held};

/// Brings back the packages of a removal; tells whether it did.
pub(super) fn restore(
    system: &mut dyn System,
    journal: &mut Journal,
    records: &[Record],
    announced: &Announced<'_>,
    result: &mut Undone,
) -> bool {
    let Change::Remove { held, units, .. } = announced.change else { return false };
    let number = announced.number;
    let failures = result.failures.len();
    let missing = missing(system, announced.saved, result);
    // It may have gone, and come back, more than once: the last word counts.
    let last = records.iter().rev().find_map(|r| match r {
        Record::Restoring { number: n } if *n == number => Some(false),
        Record::Restored { number: n } if *n == number => Some(true),
        _ => None,
    });
    let (restored, begun) = (last == Some(true), last == Some(false));
    // A removal that died may have run a part of the packages' scripts.
    let unfinished = !restored && !records.contains(&Record::Done { number });
    if missing.is_empty() && !begun && !unfinished {
        return false;
    }
    // A restore that died may have left undone what follows the installation: it is asked for as a whole once more.
    let wanted = if begun { there(system, announced.saved) } else { missing };
    if !wanted.is_empty() {
        if !begun {
            result.journal(journal.append_surely(&Record::Restoring { number }));
        }
        for package in restore_all(system, &wanted, result) {
            result.restored.push(format!("{} {}", package.name, package.version));
        }
    }
    hold(system, held, result);
    if let Err(e) = system.reload() {
        result.failure("service manager", e);
    }
    stop(system, units, result);
    if result.failures.len() == failures {
        result.journal(journal.append(Record::Restored { number }));
    }
    true
}

/// Those that are gone. Another version is somebody's doing.
fn missing(system: &dyn System, saved: &[SavedPackage], result: &mut Undone) -> Vec<SavedPackage> {
    let mut missing = Vec::new();
    for package in saved {
        match system.package(&package.name) {
            Ok(None) => missing.push(package.clone()),
            Ok(Some(version)) if version == package.version => {}
            Ok(Some(version)) => {
                let text = format!("it is installed as {version}, was {}, and is kept", package.version);
                result.conflict(&package.name, text);
            }
            Err(e) => result.failure(&package.name, e),
        }
    }
    missing
}

/// Those that are not there in another version, which is somebody's doing.
fn there(system: &dyn System, saved: &[SavedPackage]) -> Vec<SavedPackage> {
    let is_ours = |p: &&SavedPackage| match system.package(&p.name) {
        Ok(version) => version.is_none_or(|version| version == p.version),
        Err(_) => false, // told by whoever asked first
    };
    saved.iter().filter(is_ours).cloned().collect()
}

/// Restores, and returns those that are there afterwards, whatever the package manager said.
fn restore_all<'s>(
    system: &mut dyn System,
    missing: &'s [SavedPackage],
    result: &mut Undone,
) -> Vec<&'s SavedPackage> {
    let said = system.restore_packages(missing);
    let back = |p: &&SavedPackage| matches!(system.package(&p.name), Ok(Some(v)) if v == p.version);
    let (back, gone): (Vec<_>, Vec<_>) = missing.iter().partition(back);
    let said = said.err().map(|e| e.to_string());
    for package in &gone {
        let text = said.clone().unwrap_or_else(|| "it did not come back".to_owned());
        result.failure(&package.name, text);
    }
    if let Some(text) = said.filter(|_| gone.is_empty()) {
        result.failure("package manager", text);
    }
    back
}

/// Undoes what the packages' scripts did to enablement and tables.
fn hold(system: &mut dyn System, held: &[Held], result: &mut Undone) {
    for Held { path, node, made } in held {
        let put = match system.node(path) {
            Ok(now) if now == *node => Ok(()),
            Ok(_) => system.put(path, node),
            Err(e) => Err(e),
        };
        let put = put.and_then(|()| made.iter().try_for_each(|d| system.remove_empty_directory(d)));
        if let Err(e) = put {
            result.failure(path.display().to_string(), e);
        }
    }
}

/// They did not run when the packages went. What their scripts started is stopped at once, so that no door stands open
/// while the rest is put back; whatever is raised later is lowered at the end.
fn stop(system: &mut dyn System, units: &[String], result: &mut Undone) {
    for unit in units {
        let stopped = match system.activity(unit) {
            Ok(Activity::Active) => system.stop(unit, STOP_LIMIT),
            Ok(_) => Ok(()),
            Err(e) => Err(e),
        };
        if let Err(e) = stopped {
            result.failure(unit, e);
        }
    }
}

/// Tells which packages are not as they were.
pub(super) fn look(system: &dyn System, announced: &Announced<'_>, result: &mut Undone) {
    for package in missing(system, announced.saved, result) {
        result.conflict(package.name, "it was removed after it was put back");
    }
}
