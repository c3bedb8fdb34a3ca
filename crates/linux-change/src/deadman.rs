//! The dead-man switch: a change that nobody confirms is undone, also when the process that made it is gone.
//!
//! Two things stand by outside of the process. A transient timer of the service manager starts the undoing; it counts
//! the monotonic clock, so that setting the clock does not matter. And a unit of the next boot undoes what was not
//! confirmed before it, early, so that no service starts as the change left it. Both are there before the first change.

use std::path::Path;
use std::time::Duration;

use doorward_change::system::{Node, SystemError};
use serde::{Deserialize, Serialize};

use crate::boot_unit::{BootUnit, command};
use crate::error::failed;
use crate::files::Files;
use crate::lock::state_directory;

mod timer;

/// In the state directory: one empty file for each change that is not confirmed.
pub const PENDING: &str = "pending";

/// The unit of the next boot.
pub const BOOT_UNIT: &str = "doorward-boot-revert.service";

const UNIT: BootUnit = BootUnit { name: BOOT_UNIT, target: "sysinit.target" };
const SECRET_MODE: u32 = 0o600;
const ID_LIMIT: usize = 64;

/// A switch that is armed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// The timer that counts.
    pub timer: String,
    /// After which time it reverts.
    pub after: Duration,
}

/// Arms the switch of a change: unless [`disarm`] is called within `after`, and at the next boot at the latest,
/// `PROGRAM undo ID --unless-confirmed --state STATE` runs.
pub fn arm(state: &Path, id: &str, program: &Path, after: Duration) -> Result<Armed, SystemError> {
    check(id)?;
    let words = command(program, &["undo", id, "--unless-confirmed", "--state"], state)?;
    state_directory(state)?;
    mark(state, id, true)?;
    timer::replace(id, &words, after)
}

/// Gives an armed switch that much time from now on. The old timer counts until the new one does.
pub fn extend(state: &Path, id: &str, program: &Path, after: Duration) -> Result<Armed, SystemError> {
    if timer::is_reverting(id)? {
        return Err(failed(format!("give {id} more time"), "it is being undone already"));
    }
    let armed = arm(state, id, program, after)?;
    if timer::is_reverting(id)? {
        return Err(failed(format!("give {id} more time"), "its time was over, and it is being undone"));
    }
    Ok(armed)
}

/// Disarms the switch, timer and next boot. Says whether the undoing has begun: it is not stopped.
pub fn disarm(state: &Path, id: &str) -> Result<bool, SystemError> {
    check(id)?;
    timer::remove(id)?;
    mark(state, id, false)?;
    timer::is_reverting(id)
}

/// Whether the timer of a change counts.
pub fn is_armed(id: &str) -> Result<bool, SystemError> {
    check(id)?;
    Ok(!timer::waiting(id)?.is_empty())
}

/// Changes that were not confirmed, for the next boot to undo.
pub fn pending(state: &Path) -> Result<Vec<String>, SystemError> {
    Files::below(Path::new("/"))?.names(&state.join(PENDING))
}

/// Installs the unit of the next boot: while there are [`pending`] changes, it runs
/// `PROGRAM undo --boot --state STATE` once files are there and before any service starts.
pub fn install_boot_unit(state: &Path, program: &Path) -> Result<(), SystemError> {
    let words = command(program, &["undo", "--boot", "--state"], state)?;
    UNIT.install(boot_unit(state, &words))
}

/// Removes the unit of the next boot.
pub fn remove_boot_unit() -> Result<(), SystemError> {
    UNIT.remove()
}

/// Without the default dependencies it would wait for the very targets that wait for it. A revert that hangs is ended,
/// so that the host comes up and its administrators can get in.
fn boot_unit(state: &Path, words: &[String]) -> String {
    let state = state.display();
    format!(
        "[Unit]\n\
         Description=Undo changes that nobody confirmed before this boot\n\
         DefaultDependencies=no\n\
         ConditionDirectoryNotEmpty={state}/{PENDING}\n\
         RequiresMountsFor={state} /var/lib/dpkg /etc /usr\n\
         After=local-fs.target systemd-remount-fs.service systemd-tmpfiles-setup.service systemd-sysusers.service\n\
         Before=sysinit.target basic.target network-pre.target shutdown.target\n\
         Wants=network-pre.target\n\
         Conflicts=shutdown.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={}\n\
         TimeoutStartSec=10min\n\
         \n\
         [Install]\n\
         WantedBy=sysinit.target\n",
        words.join(" ")
    )
}

fn mark(state: &Path, id: &str, is_pending: bool) -> Result<(), SystemError> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let node = if is_pending {
        Node::File { content: Vec::new(), mode: SECRET_MODE, uid, gid }
    } else {
        Node::Absent
    };
    Files::below(Path::new("/"))?.put(&state.join(PENDING).join(id), &node)
}

/// A change's name is part of units' names.
fn check(id: &str) -> Result<(), SystemError> {
    let well = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    if !id.is_empty() && id.len() <= ID_LIMIT && !id.starts_with('-') && id.bytes().all(well) {
        Ok(())
    } else {
        Err(failed(format!("arm the switch of {id:?}"), "no change has such a name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_a_name_that_can_be_part_of_a_units() {
        for bad in ["", "-a", "a b", "a/b", "../a", "a.b"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
