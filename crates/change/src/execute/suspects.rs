//! Who may have started a unit again, or answers at a port: running units whose files say so.

use std::path::Path;

use crate::system::{Activity, Node, System};

/// Where unit files are, the first one wins.
const UNIT_DIRECTORIES: &[&str] =
    &["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// More units than this are not looked through.
const MOST: usize = 10_000;

/// Longer unit files are not looked through.
const LONGEST: usize = 1 << 20;

/// Settings by which a unit that runs starts others.
const STARTS: &[&str] =
    &["Requires", "Wants", "BindsTo", "Upholds", "Unit", "Service", "OnFailure", "OnSuccess"];

/// Settings by which a unit stops with others.
const STOPS_WITH: &[&str] = &["Requires", "Requisite", "BindsTo", "PartOf"];

/// Running units that start this one.
pub(super) fn starting(system: &dyn System, unit: &str) -> Vec<String> {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    running(system, unit, |name, text| {
        let trigger = [".socket", ".timer", ".path"].iter().any(|t| name.strip_suffix(t) == Some(stem));
        let names = |(key, value): (&str, &str)| {
            STARTS.contains(&key) && value.split_whitespace().any(|word| word == unit)
        };
        trigger || settings(text).any(names)
    })
}

/// All that these units start when they are started, and what that starts, without themselves.
pub(super) fn pulled<'u>(system: &dyn System, units: impl Iterator<Item = &'u String>) -> Vec<String> {
    let mut all: Vec<String> = units.cloned().collect();
    let known = all.len();
    let mut at = 0;
    while at < all.len() && all.len() < MOST {
        for next in asks_for(system, &all[at]) {
            if !all.contains(&next) {
                all.push(next);
            }
        }
        at += 1;
    }
    all.split_off(known)
}

/// What one unit's file and links say that it starts.
fn asks_for(system: &dyn System, unit: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((stem, "socket" | "timer" | "path")) = unit.rsplit_once('.') {
        found.push(format!("{stem}.service"));
    }
    let mut file = None;
    for directory in UNIT_DIRECTORIES.iter().map(Path::new) {
        for pulls in ["wants", "requires", "upholds"] {
            found.extend(system.names(&directory.join(format!("{unit}.{pulls}"))).unwrap_or_default());
        }
        if file.is_none()
            && let Ok(Node::File { content, .. }) = system.node(&directory.join(unit))
        {
            file = Some(content);
        }
    }
    if let Some(content) = file {
        let text = String::from_utf8_lossy(&content[..content.len().min(LONGEST)]);
        let starts = settings(&text).filter(|(key, _)| STARTS.contains(key) && !key.starts_with("On"));
        found.extend(starts.flat_map(|(_, value)| value.split_whitespace()).map(str::to_owned));
    }
    // Groups do not run by themselves, and are no reason to stop anything.
    found.retain(|u| {
        u.rsplit_once('.').is_some_and(|(_, kind)| !matches!(kind, "target" | "slice" | "mount"))
    });
    found
}

/// Running units that listen at a port.
pub(super) fn listening(system: &dyn System, port: u16) -> Vec<String> {
    let port = port.to_string();
    running(system, "", |_, text| {
        let at = |value: &str| value.rsplit(':').next() == Some(port.as_str());
        settings(text).any(|(key, value)| matches!(key, "ListenStream" | "ListenDatagram") && at(value))
    })
}

/// Running units that stop when one of these stops, without themselves.
pub(super) fn stopped_along<'u>(system: &dyn System, units: impl Iterator<Item = &'u String>) -> Vec<String> {
    let mut files = Vec::new();
    running(system, "", |name, text| {
        let needs = settings(text).filter(|(key, _)| STOPS_WITH.contains(key));
        let needs = needs.flat_map(|(_, value)| value.split_whitespace()).map(str::to_owned);
        let needs: Vec<String> = needs.collect();
        if !needs.is_empty() {
            files.push((name.to_owned(), needs));
        }
        false
    });
    let mut all: Vec<String> = units.cloned().collect();
    let known = all.len();
    let mut at = 0;
    while at < all.len() {
        for (name, needs) in &files {
            let runs = || matches!(system.activity(name), Ok(Activity::Active));
            if needs.contains(&all[at]) && !all.contains(name) && runs() {
                all.push(name.clone());
            }
        }
        at += 1;
    }
    all.split_off(known)
}

fn running(system: &dyn System, but: &str, mut test: impl FnMut(&str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for directory in UNIT_DIRECTORIES {
        for name in system.names(Path::new(directory)).unwrap_or_default().into_iter().take(MOST) {
            if name == but || found.contains(&name) {
                continue;
            }
            let Ok(Node::File { content, .. }) = system.node(&Path::new(directory).join(&name)) else {
                continue;
            };
            let text = String::from_utf8_lossy(&content[..content.len().min(LONGEST)]);
            if test(&name, &text) && matches!(system.activity(&name), Ok(Activity::Active)) {
                found.push(name);
            }
        }
    }
    found
}

/// `KEY=VALUE` lines.
pub(crate) fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|l| !l.starts_with(['#', ';']));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim(), value.trim()))
}
