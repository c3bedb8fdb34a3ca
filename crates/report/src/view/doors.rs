//! The tables of doors.

use doorward_model::{Basis, Door, Exposure};

use super::{Row, Section, short};
use crate::escape;

const COLUMNS: [&str; 7] = ["DOOR", "ADDRESS", "REACHED BY", "VERDICT", "SERVICE", "PACKAGE", "WHY"];

/// A door, with the address that its rows share when several differ in nothing else.
pub(super) struct Merged<'a> {
    pub(super) door: &'a Door,
    address: String,
    /// What is offered behind another's port, for all of them.
    names: Vec<&'a str>,
}

/// Joins the IPv4 and IPv6 doors, and the transports, of one service that differ in nothing that matters to a reader.
pub(super) fn merged<'a>(doors: &[&'a Door]) -> Vec<Merged<'a>> {
    let mut rows: Vec<Merged<'a>> = Vec::new();
    for &door in doors {
        let twin = rows.iter_mut().find(|r| {
            let d = r.door;
            d.protocol == door.protocol
                && d.port == door.port
                && d.service == door.service
                && d.exposure == door.exposure
                && d.verdict == door.verdict
                && d.namespace == door.namespace
                && d.interface == door.interface
        });
        let names = door.name.as_deref();
        if let (Some(row), Some(name)) = (&twin, names)
            && row.names.contains(&name)
        {
            continue;
        }
        match twin {
            Some(row) if names.is_some() => row.names.extend(names),
            Some(row) if is_wildcard(&row.address) && is_wildcard(&door.address) => {
                "*".clone_into(&mut row.address);
            }
            Some(row) if !row.address.split(' ').any(|a| a == door.address) => {
                row.address.push(' ');
                row.address.push_str(&door.address);
            }
            Some(_) => {}
            None => {
                let names = names.into_iter().collect();
                rows.push(Merged { door, address: door.address.clone(), names });
            }
        }
    }
    rows
}

fn is_wildcard(address: &str) -> bool {
    matches!(address, "*" | "0.0.0.0" | "::")
}

/// The title says once what holds of all doors.
pub(super) fn door_section(title: &str, doors: &[&Door], empty: &'static str) -> Section {
    let is_configured = !doors.is_empty() && doors.iter().all(|d| d.basis != Basis::Observed);
    let title = if is_configured { format!("{title}: configured, not observed") } else { title.to_owned() };
    let rows = merged(doors).into_iter().map(|m| door_row(&m, is_configured)).collect();
    Section { title, columns: COLUMNS.to_vec(), rows, empty }.without_empty_columns()
}

fn door_row(merged: &Merged<'_>, all_are_configured: bool) -> Row {
    let d = merged.door;
    let port = match d.port {
        Some(port) => format!("/{port}"),
        None if merged.names.is_empty() => String::new(),
        None => format!(" {}", merged.names.join(", ")),
    };
    let address = match &d.interface {
        Some(interface) => format!("{}%{interface}", merged.address),
        None => merged.address.clone(),
    };
    let label = match &d.namespace {
        doorward_model::Namespace::Host => String::new(),
        doorward_model::Namespace::Other { label: Some(label), .. } => format!(" (in {label})"),
        doorward_model::Namespace::Other { id, .. } => format!(" (in namespace {id})"),
    };
    let mut why = d.reasons.first().cloned().unwrap_or_default();
    if d.basis != Basis::Observed && !all_are_configured {
        why = format!("configured, not observed: {why}");
    }
    Row {
        verdict: Some(d.verdict),
        cells: [
            format!("{}{port}", d.protocol.as_str()),
            address,
            reached_by(d),
            d.verdict.as_str().to_owned(),
            format!("{}{label}", d.service.as_deref().map_or("?", short)),
            d.package.clone().unwrap_or_else(|| "-".to_owned()),
            why,
        ]
        .iter()
        .map(|c| escape(c).into_owned())
        .collect(),
    }
}

/// Who reaches a door, in a word or two.
pub(crate) fn reached_by(door: &Door) -> String {
    match door.exposure {
        Exposure::Loopback => "host only".to_owned(),
        Exposure::Link => "link".to_owned(),
        Exposure::Limited => match door.limited_to.as_slice() {
            [one] if one.len() <= 40 => one.strip_prefix("saddr ").unwrap_or(one).to_owned(),
            _ => "limited".to_owned(),
        },
        Exposure::Everyone => "everyone".to_owned(),
        Exposure::Closed => "nobody".to_owned(),
        Exposure::Unknown => "everyone?".to_owned(),
    }
}
