//! A program of a host that stops each time after it has brought a file to disk, so that the host can be looked at,
//! copied or cut off at exactly that moment. `strace` does it, so that the program is the one that users run.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::Doing;
use crate::{LabError, command};

/// From one stop to the next: removing a package takes seconds, and a copy of the host may boot meanwhile.
const LIMIT: Duration = Duration::from_mins(3);

/// Between two looks at the program.
const PAUSE: Duration = Duration::from_millis(2);

/// The tracer's report, and what it says there of a program that has stopped.
const TRACE: &str = "trace";
const STOPPED: &str = "--- stopped by SIGSTOP ---";

/// A program that runs from one sync of a file to the next. Dropping it kills it where it stands.
#[derive(Debug)]
pub struct Stepped {
    program: Child,
    tracer: Child,
    folder: PathBuf,
    name: String,
    syncs: usize,
    /// The program, as this machine counts.
    process: Pid,
}

impl Stepped {
    /// A shell that stops before it becomes the program, so that the tracer can attach itself: to this process alone,
    /// since to follow each process that it starts takes several times as long.
    pub(crate) const START: &str = r#"kill -STOP $$; exec "$@""#;

    /// `enter` runs [`Self::START`] with the program's `words` in the host. Output goes to `folder`.
    pub(crate) fn start<S: AsRef<OsStr>>(
        mut enter: Command,
        words: &[S],
        file: &str,
        folder: PathBuf,
    ) -> Result<Self, LabError> {
        fs::create_dir_all(&folder).doing(|| format!("create {}", folder.display()))?;
        let output = |name: &str| {
            let path = folder.join(name);
            File::create(&path).doing(|| format!("create {}", path.display()))
        };
        let name = words.iter().map(|word| word.as_ref().to_string_lossy()).collect::<Vec<_>>().join(" ");
        enter.stdin(Stdio::null()).stdout(output("stdout")?).stderr(output("stderr")?);
        let program = enter.spawn().doing(|| format!("start {name}"))?;
        let process = waiting(&program).ok_or_else(|| late(&name, "did not start"))?;
        let mut strace = Command::new("strace");
        strace.args(["--quiet=all", "-e", "trace=fdatasync", "-e", "signal=STOP", "-P", file]);
        strace.args(["-e", "inject=fdatasync:signal=STOP", "--output"]).arg(folder.join(TRACE));
        strace.arg("-p").arg(process.as_raw_nonzero().to_string());
        let tracer = strace.stdin(Stdio::null()).spawn().doing(|| "start strace".to_owned())?;
        let stepped = Self { program, tracer, folder, name, syncs: 0, process };
        patiently(|| status(process, "TracerPid").filter(|tracer| tracer != "0"))
            .ok_or_else(|| late(&stepped.name, "was not traced"))?;
        Ok(stepped)
    }

    /// Lets it run to its next sync. Returns false when it has ended instead, with success.
    pub fn step(&mut self) -> Result<bool, LabError> {
        self.signal(Signal::CONT)?;
        let until = Instant::now() + LIMIT;
        loop {
            let ended = self.program.try_wait().doing(|| format!("wait for {}", self.name))?;
            let log = fs::read_to_string(self.folder.join(TRACE)).unwrap_or_default();
            if stopped(&log, self.syncs) {
                self.syncs += 1;
                return Ok(true);
            }
            match ended {
                Some(status) if status.success() => return Ok(false),
                Some(status) => return Err(self.failed(status.to_string())),
                None if Instant::now() > until => return Err(self.failed(format!("time limit of {LIMIT:?}"))),
                None => thread::sleep(PAUSE),
            }
        }
    }

    /// Kills the program, and no other process of the host, where it stands.
    pub fn kill(mut self) -> Result<(), LabError> {
        self.signal(Signal::KILL)?;
        self.program.wait().doing(|| format!("wait for {}", self.name)).map(drop)
    }

    fn signal(&self, signal: Signal) -> Result<(), LabError> {
        kill_process(self.process, signal).doing(|| format!("signal {}", self.name))
    }

    fn failed(&self, status: String) -> LabError {
        let said = fs::read(self.folder.join("stderr")).unwrap_or_default();
        let output = command::tail(&String::from_utf8_lossy(&said), 30);
        LabError::Command { program: self.name.clone(), status, output }
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        // While its parent has not heard of its end, its number is nobody else's.
        if let Ok(None) = self.program.try_wait() {
            let _ = self.signal(Signal::KILL);
            let _ = self.program.wait();
        }
        let _ = self.tracer.kill();
        let _ = self.tracer.wait();
    }
}

/// The one child of `parent`, once it has stopped itself.
fn waiting(parent: &Child) -> Option<Pid> {
    let children = format!("/proc/{0}/task/{0}/children", parent.id());
    patiently(|| {
        let child = fs::read_to_string(&children).ok()?.trim().parse().ok().and_then(Pid::from_raw)?;
        status(child, "State").filter(|state| state.starts_with('T')).map(|_| child)
    })
}

/// A line of `/proc/ID/status`.
fn status(process: Pid, key: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(':')?.trim().to_owned()))
}

fn patiently<T>(ask: impl Fn() -> Option<T>) -> Option<T> {
    let until = Instant::now() + LIMIT / 6;
    loop {
        match ask() {
            None if Instant::now() < until => thread::sleep(PAUSE),
            answer => return answer,
        }
    }
}

fn late(name: &str, what: &str) -> LabError {
    LabError::Command { program: name.to_owned(), status: what.to_owned(), output: String::new() }
}

/// Whether it stands still after that sync, from 0.
fn stopped(log: &str, sync: usize) -> bool {
    let synced = |line: &&str| line.starts_with("fdatasync");
    let mut after = log.lines().skip_while(|line| !synced(line));
    let mut syncs = 0;
    after.any(|line| {
        syncs += usize::from(synced(&line));
        syncs == sync + 1 && line.contains(STOPPED)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_counts_after_its_sync() {
        let log = "--- stopped by SIGSTOP ---\n\
            fdatasync(6)                      = 0\n\
            --- SIGSTOP {si_signo=SIGSTOP, si_code=SI_KERNEL} ---\n\
            --- stopped by SIGSTOP ---\n\
            fdatasync(6)                      = 0\n";
        assert!(stopped(log, 0));
        assert!(!stopped(log, 1), "it has not stopped yet");
        assert!(stopped(&format!("{log}--- stopped by SIGSTOP ---\n"), 1));
    }
}
