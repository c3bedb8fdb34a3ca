//! Who may have started a unit again, or answers at a port: running units whose files say so.

use std::path::Path;

use crate::system::{Activity, Node, System};

/// Where unit files are, the first one wins.
pub(super) const UNIT_DIRECTORIES: &[&str] =
    &["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// More units than this are not looked through.
pub(super) const MOST: usize = 10_000;

/// Longer unit files are not looked through.
pub(super) const LONGEST: usize = 1 << 20;

/// Settings by which a unit that runs starts others.
pub(super) const STARTS: &[&str] =
    &["Requires", "Wants", "BindsTo", "Upholds", "Unit", "Service", "OnFailure", "OnSuccess"];

/// Running units that start this one.
pub(crate) fn starting(system: &dyn System, unit: &str) -> Vec<String> {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    running(system, unit, |name, text| {
        let trigger = [".socket", ".timer", ".path"].iter().any(|t| name.strip_suffix(t) == Some(stem));
        let names = |(key, value): (&str, &str)| {
            STARTS.contains(&key) && value.split_whitespace().any(|word| word == unit)
        };
        trigger || settings(text).any(names)
    })
}

/// Running units that listen at a port.
pub(crate) fn listening(system: &dyn System, port: u16) -> Vec<String> {
    let port = port.to_string();
    running(system, "", |_, text| {
        let at = |value: &str| value.rsplit(':').next() == Some(port.as_str());
        settings(text).any(|(key, value)| matches!(key, "ListenStream" | "ListenDatagram") && at(value))
    })
}

fn running(system: &dyn System, but: &str, test: impl Fn(&str, &str) -> bool) -> Vec<String> {
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
