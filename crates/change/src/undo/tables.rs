//! The packet filter's table.

use super::{Announced, Undone};
use crate::change::OUR_TABLE;
use crate::system::System;
use crate::{Change, Observer};

/// What the first change found.
fn first<'j>(changes: &[&'j Announced<'j>]) -> Option<&'j Option<String>> {
    changes.iter().find_map(|a| match a.change {
        Change::Load { before, .. } => Some(before),
        _ => None,
    })
}

/// Brings back what was loaded. That nothing is loaded is nobody's edit: each boot begins so.
pub(super) fn restore(
    system: &mut dyn System,
    changes: &[&Announced<'_>],
    left: &[&Announced<'_>],
    observer: &mut dyn Observer,
    result: &mut Undone,
) {
    let Some(first) = first(changes) else { return };
    let is_load = |a: &&&Announced<'_>| matches!(a.change, Change::Load { .. });
    if let Some(last) = changes.iter().rev().find(is_load) {
        observer.undoing(last.step, last.change);
    }
    let now = match system.table() {
        Ok(now) => now,
        Err(e) => return result.failure(OUR_TABLE, e),
    };
    if now == *first {
        return;
    }
    let is_known = changes.iter().chain(left).any(|a| match a.change {
        Change::Load { before, after } => now == *before || now == *after,
        _ => false,
    });
    if now.is_some() && !is_known {
        return result.conflict(OUR_TABLE, "it was changed since, and is kept as it is");
    }
    match system.load_table(first.as_deref()).and_then(|()| system.table()) {
        Ok(table) if table == *first => result.restored(OUR_TABLE),
        Ok(_) => result.failure(OUR_TABLE, "it does not stay as it was put back"),
        Err(e) => result.failure(OUR_TABLE, e),
    }
}

/// Tells when it is not as it was, and changes nothing.
pub(super) fn look(system: &dyn System, changes: &[&Announced<'_>], result: &mut Undone) {
    let Some(first) = first(changes) else { return };
    match system.table() {
        Ok(now) if now == *first => {}
        Ok(None) => result.conflict(OUR_TABLE, "it is not there any more"),
        Ok(Some(_)) => result.conflict(OUR_TABLE, "it was changed after it was put back"),
        Err(e) => result.failure(OUR_TABLE, e),
    }
}
