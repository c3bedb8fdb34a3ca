//! Verifying what was confirmed once more after the next boot: a unit that runs late in it, and takes itself away.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use doorward_change::system::SystemError;

use crate::boot_unit::{BootUnit, command};
use crate::program::{self, Late};
use crate::units;

/// The unit of the next boot.
pub const VERIFY_UNIT: &str = "doorward-boot-verify.service";

const UNIT: BootUnit = BootUnit { name: VERIFY_UNIT, target: "multi-user.target" };
const SYSTEMCTL: &str = "/usr/bin/systemctl";
const QUESTION: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(1);

/// Installs it: once the services of the next boot have started, it runs
/// `PROGRAM verify --after-boot --state STATE`.
pub fn install_verify_unit(state: &Path, program: &Path) -> Result<(), SystemError> {
    let words = command(program, &["verify", "--after-boot", "--state"], state)?;
    UNIT.install(unit(state, &words))
}

/// Removes it. It may do so itself.
pub fn remove_verify_unit() -> Result<(), SystemError> {
    UNIT.remove()
}

/// Waits until the service manager has no job of the boot left, at most that long. Says whether it came to that.
pub fn wait_for_boot(limit: Duration) -> Result<bool, SystemError> {
    let until = Instant::now() + limit;
    while units::is_there() {
        // It says the same when it succeeds and when it fails: the word counts.
        let said = program::run(SYSTEMCTL, &["is-system-running"], &[], QUESTION, Late::Kill)?;
        if !matches!(said.output.trim(), "initializing" | "starting" | "") {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        thread::sleep(AGAIN);
    }
    Ok(true)
}

/// It counts as started once its program runs, so that the boot does not wait for it and it can wait for the boot.
fn unit(state: &Path, words: &[String]) -> String {
    format!(
        "[Unit]\n\
         Description=Verify after this boot that what doorward shut stays shut\n\
         RequiresMountsFor={}\n\
         After=multi-user.target graphical.target\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStart={}\n\
         RuntimeMaxSec=1h\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        state.display(),
        words.join(" ")
    )
}
