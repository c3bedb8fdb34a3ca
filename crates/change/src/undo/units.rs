//! What runs.

use std::collections::BTreeSet;

use super::{Announced, Undone};
use crate::execute::STOP_LIMIT;
use crate::journal::Record;
use crate::system::{Activity, System};
use crate::{Change, Observer};

/// What ran before the changes, and what did not.
pub(super) struct Prior<'j> {
    up: Vec<&'j str>,
    down: Vec<&'j str>,
}

/// Of all changes, what was found when they began; of a step, what each of its changes found.
pub(super) fn prior<'j>(changes: &[&'j Announced<'j>], records: Option<&'j Vec<Record>>) -> Prior<'j> {
    let mut prior = Prior { up: Vec::new(), down: Vec::new() };
    let begun = records.into_iter().flatten().find_map(|r| match r {
        Record::Begun { active, inactive, .. } => Some((active, inactive)),
        _ => None,
    });
    if let Some((active, inactive)) = begun {
        prior.up.extend(active.iter().map(String::as_str));
        prior.down.extend(inactive.iter().map(String::as_str));
    }
    let mut seen: BTreeSet<&str> = prior.up.iter().chain(&prior.down).copied().collect();
    for announced in changes {
        match announced.change {
            Change::Stop { unit, was } if seen.insert(unit) => match was {
                Activity::Active => prior.up.push(unit),
                _ => prior.down.push(unit),
            },
            _ => {}
        }
    }
    prior
}

impl Prior<'_> {
    /// Those that run now. One that cannot be asked, even again, counts as running, so that it is left alone.
    pub(super) fn active_now(&self, system: &dyn System, result: &mut Undone) -> Vec<String> {
        let mut active = Vec::new();
        for &unit in self.up.iter().chain(&self.down) {
            match system.activity(unit).or_else(|_| system.activity(unit)) {
                Ok(Activity::Active) => active.push(unit.to_owned()),
                Ok(_) => {}
                Err(e) => {
                    result.failure(unit, e);
                    active.push(unit.to_owned());
                }
            }
        }
        active
    }
}

/// Stops what was started, before its files go: nothing but this program starts these units.
pub(super) fn end_started(
    system: &mut dyn System,
    changes: &[&Announced<'_>],
    observer: &mut dyn Observer,
    result: &mut Undone,
) {
    for announced in changes.iter().rev() {
        let Change::Start { unit } = announced.change else { continue };
        observer.undoing(announced.step, announced.change);
        lower(system, unit, result);
    }
}

/// Starts what ran, and stops what did not and was raised along.
pub(super) fn restore(
    system: &mut dyn System,
    changes: &[&Announced<'_>],
    prior: &Prior<'_>,
    ran: &[String],
    observer: &mut dyn Observer,
    result: &mut Undone,
) {
    let mut up = prior.up.clone();
    let since = sockets(system, &up, ran, result);
    up.reverse();
    for &unit in &up {
        if let Some(announced) = changes.iter().find(|a| a.change.unit() == Some(unit)) {
            observer.undoing(announced.step, announced.change);
        }
        start(system, unit, result);
    }
    for unit in &since {
        start(system, unit, result);
    }
    restart(system, changes, observer, result);
    for unit in &prior.down {
        // What somebody started since is kept.
        if !ran.iter().any(|r| r == unit) {
            lower(system, unit, result);
        }
    }
    // To stop one may stop another that runs beside it only.
    for unit in up {
        if !result.failures.iter().any(|f| f.what == unit) {
            start(system, unit, result);
        }
    }
}

/// Also one that is starting already, along with another, is waited for: what comes after this, a reload of the manager
/// say, may make its start fail.
fn start(system: &mut dyn System, unit: &str, result: &mut Undone) {
    let before = system.activity(unit);
    let runs = matches!(before, Ok(Activity::Active));
    let started = before.and_then(|_| system.start(unit, STOP_LIMIT)).and_then(|()| system.activity(unit));
    match started {
        Ok(Activity::Active) if runs => {}
        Ok(Activity::Active) => result.restored(unit),
        Ok(_) => result.failure(unit, "it ran before, and does not stay up"),
        Err(e) if is_kept_down(unit, result) => {
            result.conflict(unit, format!("it ran before, and is kept from starting: {e}"));
        }
        Err(e) => result.failure(unit, e),
    }
}

/// Starts the sockets. One cannot start while its service runs by itself, which something else may keep up, or a socket
/// that was started before it. Where that is so, all stop, to start in another order: those that could not first.
/// Returns what has to start though it did not run before, as somebody started it since.
fn sockets(system: &mut dyn System, up: &[&str], ran: &[String], result: &mut Undone) -> Vec<String> {
    let service = |socket: &str| socket.strip_suffix(".socket").map(|stem| format!("{stem}.service"));
    let mut sockets: Vec<&str> = up.iter().copied().filter(|unit| unit.ends_with(".socket")).collect();
    sockets.reverse();
    let mut since: Vec<String> = Vec::new();
    for _ in 0..=up.len() {
        for socket in &sockets {
            let runs = |system: &dyn System| matches!(system.activity(socket), Ok(Activity::Active));
            // What goes wrong shows when all are started.
            if !runs(system) && system.start(socket, STOP_LIMIT).is_ok() && runs(system) {
                result.restored(socket);
            }
        }
        let runs = |unit: &str| matches!(system.activity(unit), Ok(Activity::Active));
        let is_blocked = |socket: &&str| !runs(socket) && service(socket).is_some_and(|s| runs(&s));
        let blocked: Vec<&str> = sockets.iter().copied().filter(is_blocked).collect();
        if blocked.is_empty() {
            break;
        }
        let blocking = blocked.iter().filter_map(|socket| service(socket));
        let others: Vec<String> = blocking.filter(|s| !up.contains(&s.as_str())).collect();
        for unit in up.iter().copied().chain(others.iter().map(String::as_str)) {
            if let Err(e) = system.stop(unit, STOP_LIMIT) {
                result.failure(unit, e);
            }
        }
        since.extend(others.into_iter().filter(|s| ran.contains(s)));
        sockets.sort_by_key(|socket| !blocked.contains(socket));
    }
    since.sort();
    since.dedup();
    since
}

/// Whether somebody's edit decides about the unit.
fn is_kept_down(unit: &str, result: &Undone) -> bool {
    result.conflicts.iter().any(|c| c.what.rsplit('/').next() == Some(unit))
}

/// Services whose configuration was put back read it.
fn restart(
    system: &mut dyn System,
    changes: &[&Announced<'_>],
    observer: &mut dyn Observer,
    result: &mut Undone,
) {
    let mut seen = BTreeSet::new();
    for announced in changes.iter().rev() {
        let Change::Restart { unit } = announced.change else { continue };
        let stopped = |a: &&Announced<'_>| matches!(a.change, Change::Stop { unit: u, .. } if u == unit);
        if changes.iter().any(stopped) || !seen.insert(unit) {
            continue;
        }
        observer.undoing(announced.step, announced.change);
        let again = match system.activity(unit) {
            Ok(Activity::Active) => system.stop(unit, STOP_LIMIT),
            Ok(_) => Ok(()),
            Err(e) => Err(e),
        };
        if let Err(e) = again {
            result.failure(unit, e);
        }
        start(system, unit, result);
    }
}

fn lower(system: &mut dyn System, unit: &str, result: &mut Undone) {
    let stopped = match system.activity(unit) {
        Ok(Activity::Active) => system.stop(unit, STOP_LIMIT).and_then(|()| system.activity(unit)),
        other => other,
    };
    match stopped {
        Ok(Activity::Active) => result.failure(unit, "it did not run before, and something starts it again"),
        Ok(_) => {}
        Err(e) => result.failure(unit, e),
    }
}
