//! Whether a change is as wanted.

use super::{Problem, STOP_LIMIT, suspects};
use crate::change::OUR_TABLE;
use crate::system::{Activity, System};
use crate::{Change, PreparedStep};

/// One change, just made. A unit that is stopped may be started again by another until it is masked, which the step's
/// end tells.
pub(super) fn change(system: &dyn System, change: &Change) -> Result<(), Problem> {
    match change {
        Change::Put { path, after, .. } if system.node(path)? != *after => {
            Err(Problem::NotKept { what: path.display().to_string() })
        }
        Change::Remove { packages, .. } => {
            for package in packages {
                if system.package(&package.name)?.is_some() {
                    return Err(Problem::NotKept { what: package.name.clone() });
                }
            }
            Ok(())
        }
        Change::Load { after, .. } if system.table()? != *after => {
            Err(Problem::NotKept { what: OUR_TABLE.to_owned() })
        }
        Change::Start { unit } | Change::Restart { unit } if system.activity(unit)? != Activity::Active => {
            Err(Problem::Down { unit: unit.clone() })
        }
        _ => Ok(()),
    }
}

/// A step after its last change, or later, when these steps are done.
pub(super) fn step(
    system: &mut dyn System,
    step: &PreparedStep,
    done: &[PreparedStep],
) -> Result<(), Problem> {
    for change in &step.changes {
        if let Change::Stop { unit, .. } = change {
            stays_down(system, unit)?;
        }
        if let Change::Load { after, .. } = change
            && system.table()? != *after
        {
            return Err(Problem::NotKept { what: OUR_TABLE.to_owned() });
        }
        // Later steps may have changed the same file once more, and so may the scripts of a removed package: what they
        // made of it is not ours to judge, and the doors tell whether something still answers.
        if let Change::Put { path, .. } = change {
            let last = done.iter().flat_map(|s| &s.changes).rev().find_map(|c| match c {
                Change::Put { path: p, after, .. } if p == path => Some(Some(after)),
                Change::Remove { held, .. } if held.iter().any(|h| h.path == *path) => Some(None),
                _ => None,
            });
            let last = last.flatten();
            if last.is_some_and(|last| system.node(path).is_ok_and(|now| now != *last)) {
                return Err(Problem::NotKept { what: path.display().to_string() });
            }
        }
    }
    let shut = |service: &String| done.iter().any(|s| s.shuts.contains(service));
    for door in &step.doors {
        // What another one answers at another address tells nothing of this door.
        let others = door.others.iter().any(|o| !shut(o));
        if !others && system.answers(door.protocol, door.port)? {
            let by = suspects::listening(system, door.port);
            return Err(Problem::Answers { protocol: door.protocol.as_str(), port: door.port, by });
        }
    }
    Ok(())
}

/// One that was started between its stop and its mask is stopped once more: then nothing can start it.
fn stays_down(system: &mut dyn System, unit: &str) -> Result<(), Problem> {
    if system.activity(unit)? != Activity::Active {
        return Ok(());
    }
    let by = suspects::starting(system, unit);
    system.stop(unit, STOP_LIMIT)?;
    if system.activity(unit)? == Activity::Active {
        return Err(Problem::RunsAgain { unit: unit.to_owned(), by });
    }
    Ok(())
}
