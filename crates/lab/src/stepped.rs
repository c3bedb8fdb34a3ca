//! A program of a host that stops each time after it has brought a file to disk, so that the host can be looked at,
//! copied or cut off at exactly that moment. It is the program that users run, with one function of the C library
//! replaced while it is loaded.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::error::Doing;
use crate::{LabError, command};

/// From one stop to the next: removing a package takes seconds, and copies of the host may boot meanwhile.
const LIMIT: Duration = Duration::from_mins(3);

/// Between two looks at the program.
const PAUSE: Duration = Duration::from_millis(2);

/// What replaces `fdatasync`.
const SHIM: &str = include_str!("stepped.c");

/// A program that runs from one sync of a file to the next. Dropping it kills it where it stands.
///
/// `nsenter`, which runs it, stops when it stops, ends when it ends, and hands on what continues it.
#[derive(Debug)]
pub struct Stepped {
    nsenter: Child,
    folder: PathBuf,
    name: String,
    stopped: bool,
}

impl Stepped {
    /// The library that a program is to load, built in `folder`.
    pub(crate) fn library(folder: &Path) -> Result<PathBuf, LabError> {
        fs::create_dir_all(folder).doing(|| format!("create {}", folder.display()))?;
        let [source, library] = ["stepped.c", "stepped.so"].map(|name| folder.join(name));
        fs::write(&source, SHIM).doing(|| format!("write {}", source.display()))?;
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]);
        command::succeed(&mut cc, LIMIT)?;
        Ok(library)
    }

    /// `enter` runs the program, which loads the library. Its output goes to `folder`.
    pub(crate) fn start<S: AsRef<OsStr>>(
        mut enter: Command,
        words: &[S],
        folder: PathBuf,
    ) -> Result<Self, LabError> {
        let output = |name: &str| {
            let path = folder.join(name);
            File::create(&path).doing(|| format!("create {}", path.display()))
        };
        let name = words.iter().map(|word| word.as_ref().to_string_lossy()).collect::<Vec<_>>().join(" ");
        enter.stdin(Stdio::null()).stdout(output("stdout")?).stderr(output("stderr")?);
        let nsenter = enter.spawn().doing(|| format!("start {name}"))?;
        Ok(Self { nsenter, folder, name, stopped: false })
    }

    /// Lets it run to its next sync. Returns false when it has ended instead, with success.
    pub fn step(&mut self) -> Result<bool, LabError> {
        if self.stopped {
            self.signal(self.me(), Signal::CONT)?;
            self.stopped = false;
        }
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.ended()? {
                return if status.success() { Ok(false) } else { Err(self.failed(status.to_string())) };
            }
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
            let stopped = waitid(WaitId::Pid(self.me()), options).map_err(std::io::Error::from);
            if stopped.doing(|| format!("wait for {}", self.name))?.is_some() {
                self.stopped = true;
                return Ok(true);
            }
            if Instant::now() > until {
                return Err(self.failed(format!("time limit of {LIMIT:?}")));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Kills the program, and no other process of the host, where it stands.
    pub fn kill(mut self) -> Result<(), LabError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), LabError> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let children = format!("/proc/{0}/task/{0}/children", self.nsenter.id());
        let child = fs::read_to_string(&children).doing(|| format!("read {children}"))?;
        if let Some(program) = child.trim().parse().ok().and_then(Pid::from_raw) {
            // Its parent has not heard of its end, so that its number is nobody else's.
            self.signal(program, Signal::KILL)?;
        }
        self.signal(self.me(), Signal::CONT)?;
        self.nsenter.wait().doing(|| format!("wait for {}", self.name)).map(drop)
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, LabError> {
        self.nsenter.try_wait().doing(|| format!("wait for {}", self.name))
    }

    fn me(&self) -> Pid {
        Pid::from_child(&self.nsenter)
    }

    fn signal(&self, process: Pid, signal: Signal) -> Result<(), LabError> {
        kill_process(process, signal).doing(|| format!("signal {}", self.name))
    }

    fn failed(&self, status: String) -> LabError {
        let said = fs::read(self.folder.join("stderr")).unwrap_or_default();
        let output = command::tail(&String::from_utf8_lossy(&said), 30);
        LabError::Command { program: self.name.clone(), status, output }
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        // What is left of it ends with its host.
        let _ = self.end();
    }
}
