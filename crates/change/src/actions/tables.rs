//! Entries of inetd and xinetd: switched off in their table, and the super-server restarted.

use doorward_plan::{Entry, SuperServer};

use super::view::{View, checked};
use crate::Change;
use crate::system::Activity;

/// How Debian's `update-inetd` turns an entry off.
const OFF: &str = "#<off># ";

/// What the super-servers' units are called.
fn super_servers(manager: SuperServer) -> &'static [&'static str] {
    match manager {
        SuperServer::Inetd => &["inetd.service", "openbsd-inetd.service", "inetutils-inetd.service"],
        SuperServer::Xinetd => &["xinetd.service"],
    }
}

pub(super) fn switch_off(
    view: &mut View<'_>,
    entries: &[Entry],
    stopped: &[String],
) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    let mut restarts: Vec<&str> = Vec::new();
    for entry in entries {
        let path = checked(&entry.file)?;
        let text = view.text(&path)?.ok_or_else(|| format!("there is no {}", entry.file))?;
        let name = entry.name.split_once(':').map_or(entry.name.as_str(), |(_, name)| name);
        let edited = match entry.manager {
            SuperServer::Inetd => inetd(&text, name),
            SuperServer::Xinetd => xinetd(&text, name),
        };
        let edited =
            edited.ok_or_else(|| format!("{} has no entry {name} that can be switched off", entry.file))?;
        changes.extend(view.edit(&path, edited)?);
        for unit in super_servers(entry.manager) {
            let stays = !stopped.iter().any(|s| s == unit) && !restarts.contains(unit);
            if stays && view.activity(unit)? == Activity::Active {
                restarts.push(unit);
            }
        }
    }
    if changes.is_empty() {
        restarts.clear();
    }
    changes.extend(restarts.into_iter().map(|unit| Change::Restart { unit: unit.to_owned() }));
    Ok(changes)
}

/// The table with all lines of a service off.
pub(super) fn inetd(text: &str, service: &str) -> Option<String> {
    let mut found = false;
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let mut fields = line.split_whitespace();
        let first = fields.next().unwrap_or_default();
        let name = first.rsplit_once(':').map_or(first, |(_, name)| name);
        let name = name.strip_prefix("tcpmux/").unwrap_or(name).trim_start_matches('+');
        if !first.starts_with('#') && name == service && fields.count() >= 5 {
            out.push_str(OFF);
            found = true;
        }
        out.push_str(line);
    }
    found.then_some(out)
}

/// The file with `disable = yes` in all blocks of a service, by its id or its name.
pub(super) fn xinetd(text: &str, service: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut out = String::with_capacity(text.len() + 32);
    let mut found = false;
    let mut at = 0;
    while at < lines.len() {
        let mut words = lines[at].split_whitespace();
        let name = (words.next() == Some("service")).then(|| words.next()).flatten();
        let end = lines[at..].iter().position(|l| l.trim() == "}").map(|n| at + n);
        let (Some(name), Some(end)) = (name, end) else {
            out.push_str(lines[at]);
            at += 1;
            continue;
        };
        let block = &lines[at..end];
        let id = block.iter().find_map(|l| attribute(l, "id")).unwrap_or(name);
        let mine = id == service && block.iter().any(|l| l.trim() == "{");
        for line in block {
            if !(mine && attribute(line, "disable").is_some()) {
                out.push_str(line);
            }
            if mine && line.trim() == "{" {
                out.push_str("\tdisable = yes\n");
                found = true;
            }
        }
        out.push_str(lines[end]);
        at = end + 1;
    }
    found.then_some(out)
}

fn attribute<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (key, value) = line.split_once('=')?;
    (key.trim() == name).then(|| value.trim())
}
