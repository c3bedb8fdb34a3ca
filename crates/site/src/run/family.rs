//! A program with all that it started: what left its group or its parent too, as browsers and daemons do.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use procfs::process::{Process, Stat};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};

use crate::until::Until;

/// In the environment of a program and of what it starts, the mark that tells them from all others.
const MARK: &str = "DOORWARD_CHECK";
/// What is killed may have started more in the meantime: it is looked for again, so often at most.
const ROUNDS: usize = 20;
/// Time for what was killed to go.
const ROUND: Duration = Duration::from_millis(5);

/// A running program and what it started. Dropping it kills what is left.
pub(super) struct Family {
    pub(super) first: Child,
    mark: String,
}

impl Family {
    /// Starts a program, in a group of its own: a Ctrl-C of the terminal is not for it.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mark = format!("{:016x}", RandomState::new().hash_one(Instant::now()));
        let first = command.env(MARK, &mark).process_group(0).spawn()?;
        Ok(Self { first, mark })
    }

    /// Waits for the first to end, then kills what it left behind. Its exit status, or nothing where time was over
    /// before.
    pub(super) fn end(mut self, until: &Until) -> io::Result<Option<ExitStatus>> {
        let is_over = self.is_over(until)?;
        self.kill();
        let status = self.first.wait()?;
        Ok(is_over.then_some(status))
    }

    /// It is not reaped, so that its number stays its own.
    fn is_over(&self, until: &Until) -> io::Result<bool> {
        let mut pause = Duration::from_millis(1);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            if waitid(WaitId::Pid(Pid::from_child(&self.first)), options)?.is_some() {
                return Ok(true);
            }
            let Ok(slice) = until.slice() else { return Ok(false) };
            thread::sleep(pause.min(slice));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn kill(&self) {
        for _ in 0..ROUNDS {
            let members = self.members();
            if members.is_empty() {
                break;
            }
            members.iter().for_each(kill);
            thread::sleep(ROUND);
        }
        // Where /proc tells nothing, the group at least. Without a member there is nothing to kill.
        let _ = kill_process_group(Pid::from_child(&self.first), Signal::KILL);
    }

    /// Those that have the mark, those of the group, and the children of any.
    fn members(&self) -> Vec<Stat> {
        let Ok(all) = procfs::process::all_processes() else { return Vec::new() };
        // One may end while it is looked at.
        let all: Vec<(Stat, bool)> = all
            .filter_map(|process| {
                let process = process.ok()?;
                let stat = process.stat().ok()?;
                let is_first = stat.pgrp == Pid::from_child(&self.first).as_raw_nonzero().get();
                Some((stat, is_first || self.has_mark(&process)))
            })
            .collect();
        let known: HashMap<i32, &(Stat, bool)> = all.iter().map(|one| (one.0.pid, one)).collect();
        let is_member = |stat: &Stat| {
            // No line of parents is longer than there are processes, unless one came twice while looking.
            std::iter::successors(known.get(&stat.pid), |one| known.get(&one.0.ppid))
                .take(all.len())
                .any(|one| one.1)
        };
        let is_alive = |stat: &Stat| !matches!(stat.state, 'Z' | 'X');
        all.iter().map(|one| &one.0).filter(|s| is_alive(s) && is_member(s)).cloned().collect()
    }

    fn has_mark(&self, process: &Process) -> bool {
        // Others' environment is not shown to everybody.
        process.environ().is_ok_and(|all| all.get(OsStr::new(MARK)).is_some_and(|m| *m == *self.mark))
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        // Without an exit status there was no end.
        if !matches!(self.first.try_wait(), Ok(Some(_))) {
            self.kill();
            let _ = self.first.wait();
        }
    }
}

/// Kills a process, unless it has ended and another has its number.
fn kill(stat: &Stat) {
    let Some(pid) = Pid::from_raw(stat.pid) else { return };
    let handle = pidfd_open(pid, PidfdFlags::empty());
    let now = Process::new(stat.pid).and_then(|process| process.stat());
    if now.is_ok_and(|now| now.starttime == stat.starttime) {
        // That it went by itself, or is another user's, is no error here.
        let _ = match handle {
            Ok(handle) => pidfd_send_signal(handle, Signal::KILL),
            // Before Linux 5.3.
            Err(Errno::NOSYS) => kill_process(pid, Signal::KILL),
            Err(gone) => Err(gone),
        };
    }
}
