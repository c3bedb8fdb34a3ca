//! Runs a program of the host: absolute path, no shell, nothing of our environment, a time limit.
//!
//! What it prints goes to memory files rather than pipes: a daemon that a maintainer script leaves behind holds no
//! pipe that is waited for, and a package manager goes on in order when we die.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use doorward_change::system::SystemError;
use rustix::fs::MemfdFlags;

use crate::error::io;

/// As much of what it prints is taken, unless asked for more.
const OUTPUT_LIMIT: u64 = 1 << 20;
const FIRST_STEP: Duration = Duration::from_millis(1);
const LAST_STEP: Duration = Duration::from_millis(20);
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What becomes of a program that is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    Kill,
    /// It goes on: to cut it off would do more harm.
    Leave,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ended {
    /// What it says of its failure, on one line.
    pub(crate) fn complaint(&self) -> String {
        // Some say it where results go.
        let text = if self.errors.trim().is_empty() { &self.output } else { &self.errors };
        let lines: Vec<_> = text.lines().map(str::trim).filter(|l| !l.is_empty()).take(12).collect();
        if lines.is_empty() { "it failed and says nothing".to_owned() } else { lines.join("; ") }
    }
}

/// Runs `program`, waits for its end at most `limit`.
pub(crate) fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: &[A],
    environment: &[(&str, &str)],
    limit: Duration,
    late: Late,
) -> Result<Ended, SystemError> {
    talk(program, arguments, environment, None, OUTPUT_LIMIT, limit, late)
}

/// The same with text for it to read, and more or less taken of what it prints.
pub(crate) fn talk<A: AsRef<OsStr>>(
    program: &str,
    arguments: &[A],
    environment: &[(&str, &str)],
    input: Option<&str>,
    most: u64,
    limit: Duration,
    late: Late,
) -> Result<Ended, SystemError> {
    let what = || format!("run {program}");
    let memory = || {
        let file = rustix::fs::memfd_create("output", MemfdFlags::CLOEXEC).map_err(|e| io(what(), e))?;
        let file = File::from(file);
        let other = file.try_clone().map_err(|e| io(what(), e))?;
        Ok::<_, SystemError>((file, Stdio::from(other)))
    };
    let stdin = match input {
        None => Stdio::null(),
        Some(text) => {
            let (mut file, stdin) = memory()?;
            let written = file.write_all(text.as_bytes()).and_then(|()| file.rewind());
            written.map_err(|e| io(what(), e))?;
            stdin
        }
    };
    let (mut output, stdout) = memory()?;
    let (mut errors, stderr) = memory()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "package and service managers are asked through their own programs"
    )]
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH).env("LC_ALL", "C.UTF-8").env("HOME", "/");
    command.envs(environment.iter().copied()).current_dir("/");
    // A group of its own: an interrupt at our terminal does not reach it.
    command.stdin(stdin).stdout(stdout).stderr(stderr).process_group(0);
    let mut child = command.spawn().map_err(|e| io(what(), e))?;
    let until = Instant::now() + limit;
    let mut step = FIRST_STEP;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| io(what(), e))? {
            break status;
        }
        if Instant::now() >= until {
            if late == Late::Kill {
                // Both fail only when it has just ended.
                let _ = child.kill();
                let _ = child.wait();
            }
            return Err(SystemError::Timeout { what: what(), limit });
        }
        thread::sleep(step);
        step = (step * 2).min(LAST_STEP);
    };
    Ok(Ended {
        success: status.success(),
        output: text(&mut output, most),
        errors: text(&mut errors, OUTPUT_LIMIT),
    })
}

fn text(file: &mut File, most: u64) -> String {
    let mut bytes = Vec::new();
    // Memory that cannot be read is no output; the exit status tells of the failure.
    let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(most).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Ended, SystemError> {
        run("/bin/sh", &["-c", script], &[("ASKED", "yes")], limit, Late::Kill)
    }

    #[test]
    fn it_sees_what_it_is_given_and_nothing_else() {
        let ended =
            shell("echo \"$ASKED$CARGO_MANIFEST_DIR\"; echo no >&2; exit 3", LAST_STEP * 500).unwrap();
        assert_eq!(
            (ended.success, ended.output.as_str(), ended.complaint().as_str()),
            (false, "yes\n", "no")
        );
    }

    #[test]
    fn one_that_never_ends_is_killed_and_what_it_leaves_behind_not_waited_for() {
        let late = shell("exec sleep 60", LAST_STEP).unwrap_err();
        assert!(matches!(late, SystemError::Timeout { .. }), "{late}");
        assert!(shell("sleep 5 & echo done", LAST_STEP * 100).unwrap().success);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let error = run("/no/such/program", &[""; 0], &[], LAST_STEP, Late::Kill).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"), "{error}");
    }
}
