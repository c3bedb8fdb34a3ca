//! Units of systemd: stopped, taken out of what starts them at boot, masked.

use std::path::{Path, PathBuf};

use super::view::View;
use crate::Change;
use crate::system::{Activity, Node};

/// Where the administrator's links and unit files are.
const ADMIN: &str = "/etc/systemd/system";

/// Where packages' unit files are, the first one wins.
const SHIPPED: &[&str] = &["/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Directories of links that pull a unit in.
const PULLS: &[&str] = &[".wants", ".requires", ".upholds"];

/// Types that the plan shuts.
const TYPES: &[&str] = &["service", "socket", "timer", "path"];

/// Stops all of them, what starts others before what is started. Patterns of units never run.
pub(super) fn stops(view: &View<'_>, units: &[String]) -> Result<Vec<Change>, String> {
    let mut sorted: Vec<&String> = units.iter().filter(|u| !is_template(u)).collect();
    sorted.sort_by_key(|u| u.ends_with(".service"));
    let mut stops = Vec::new();
    for unit in sorted {
        match view.activity(unit)? {
            Activity::Absent => {}
            was => stops.push(Change::Stop { unit: unit.clone(), was }),
        }
    }
    Ok(stops)
}

/// Removes the links that start them at boot, and their other names.
pub(super) fn disable(view: &mut View<'_>, units: &[String]) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for path in links(view, units)? {
        changes.extend(view.put(path, Node::Absent)?);
    }
    Ok(changes)
}

/// Makes it impossible to start them. A unit file of the administrator's own gives way, and comes back when undone.
pub(super) fn mask(view: &mut View<'_>, units: &[String]) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for unit in units {
        let mask = Node::Link { target: PathBuf::from("/dev/null") };
        changes.extend(view.put(Path::new(ADMIN).join(unit), mask)?);
    }
    Ok(changes)
}

/// Masks those that have a unit file of the administrator's own, which stays when the package goes.
pub(super) fn mask_own(view: &mut View<'_>, units: &[String]) -> Result<Vec<Change>, String> {
    let mut own = Vec::new();
    for unit in units {
        if let Node::File { .. } = view.node(&Path::new(ADMIN).join(unit))? {
            own.push(unit.clone());
        }
    }
    mask(view, &own)
}

/// Every place where packages' scripts may set or remove a link for them, whether there is one or not.
pub(super) fn places(view: &View<'_>, units: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut places = links(view, units)?;
    for unit in units {
        places.push(Path::new(ADMIN).join(unit));
        let Some(text) = shipped(view, unit)? else { continue };
        for (key, value) in crate::execute::settings(&text) {
            let directory = match key {
                "WantedBy" => ".wants",
                "RequiredBy" => ".requires",
                "UpheldBy" => ".upholds",
                "Alias" | "Also" => "",
                _ => continue,
            };
            for word in value.split_whitespace().filter(|w| is_name(w)) {
                let admin = Path::new(ADMIN);
                places.push(match directory {
                    "" => admin.join(word),
                    _ => admin.join(format!("{word}{directory}")).join(unit),
                });
            }
        }
    }
    places.sort();
    places.dedup();
    Ok(places)
}

/// The links that there are.
pub(super) fn links(view: &View<'_>, units: &[String]) -> Result<Vec<PathBuf>, String> {
    let admin = Path::new(ADMIN);
    let mut links = Vec::new();
    for name in view.names(admin)? {
        let path = admin.join(&name);
        if PULLS.iter().any(|p| name.ends_with(p)) {
            let pulled = view.names(&path)?.into_iter().filter(|n| units.iter().any(|u| is_of(n, u)));
            for pulled in pulled {
                let path = path.join(pulled);
                if matches!(view.node(&path)?, Node::Link { .. }) {
                    links.push(path);
                }
            }
        } else if is_unit(&name) // no folder of drop-ins
            && !units.contains(&name)
            && let Node::Link { target } = view.node(&path)?
            && target.file_name().and_then(|f| f.to_str()).is_some_and(|f| units.iter().any(|u| u == f))
        {
            links.push(path);
        }
    }
    Ok(links)
}

fn shipped(view: &View<'_>, unit: &str) -> Result<Option<String>, String> {
    for directory in std::iter::once(&ADMIN).chain(SHIPPED).filter(|d| !view.is_elsewhere(d)) {
        let path = Path::new(directory).join(unit);
        if let Node::File { content, .. } = view.node(&path)? {
            return Ok(Some(String::from_utf8_lossy(&content).into_owned()));
        }
    }
    Ok(None)
}

/// Whether a link's name is a unit's, or an instance's of a pattern.
fn is_of(name: &str, unit: &str) -> bool {
    let instance = |(stem, kind): (&str, &str)| {
        name.strip_suffix(kind).and_then(|n| n.strip_suffix('.')).is_some_and(|n| n.starts_with(stem))
    };
    name == unit || unit.ends_with("@.service").then(|| unit.rsplit_once('.')).flatten().is_some_and(instance)
}

/// Whether systemd could have such a service, socket, timer or path.
pub(super) fn is_unit(name: &str) -> bool {
    is_name(name) && name.rsplit_once('.').is_some_and(|(_, kind)| TYPES.contains(&kind))
}

fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
    name.len() < 256 && !stem.is_empty() && !stem.starts_with(['@', '.']) && name.bytes().all(letter)
}

/// Whether a unit is the pattern of others, and never runs itself.
pub(super) fn is_template(name: &str) -> bool {
    name.contains("@.")
}
