//! Programs of the system: by absolute path, without a shell, in an environment of our own.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::CloneError;
use crate::error::Doing as _;

pub(crate) const NSPAWN: &str = "/usr/bin/systemd-nspawn";
pub(crate) const RUN: &str = "/usr/bin/systemd-run";
pub(crate) const NSENTER: &str = "/usr/bin/nsenter";
pub(crate) const UNSHARE: &str = "/usr/bin/unshare";
pub(crate) const SLEEP: &str = "/usr/bin/sleep";
const IP: [&str; 3] = ["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip"];
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const LIMIT: Duration = Duration::from_secs(30);
const COMPLAINT: u64 = 4096;

/// Whether all that is needed is installed.
pub(crate) fn check() -> Result<(), CloneError> {
    let needed =
        [(NSPAWN, "systemd-container"), (RUN, "systemd"), (NSENTER, "util-linux"), (UNSHARE, "util-linux")];
    match needed.into_iter().find(|(program, _)| !Path::new(program).exists()) {
        Some((program, package)) => Err(CloneError::Missing { program, package }),
        None => ip().map(drop),
    }
}

fn ip() -> Result<&'static str, CloneError> {
    let found = IP.into_iter().find(|path| Path::new(path).exists());
    found.ok_or(CloneError::Missing { program: IP[0], package: "iproute2" })
}

/// A program of the system.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", PATH).env("LC_ALL", "C.UTF-8").env("HOME", "/root").current_dir("/");
    command.stdin(Stdio::null());
    command
}

/// `ip` in a network namespace, or in the own one.
pub(crate) fn run_ip(namespace: Option<&Path>, words: &[&str]) -> Result<(), CloneError> {
    let ip = ip()?;
    let mut command = match namespace {
        Some(at) => {
            let mut command = program(NSENTER);
            let mut net = std::ffi::OsString::from("--net=");
            net.push(at);
            command.arg(net).arg("--").arg(ip);
            command
        }
        None => program(ip),
    };
    succeed(command.args(words), &format!("ip {}", words.join(" ")))
}

/// Runs it to its end, and wants it to succeed.
pub(crate) fn succeed(command: &mut Command, what: &str) -> Result<(), CloneError> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().doing(|| what.to_owned())?;
    let until = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().doing(|| what.to_owned())? {
            break status;
        }
        if Instant::now() > until {
            end(&mut child);
            return Err(CloneError::Late { what: what.to_owned(), limit: LIMIT });
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if status.success() {
        return Ok(());
    }
    let mut said = Vec::new();
    // What it complained of explains the failure; the failure is told without it, too.
    let _ = child.stderr.take().map(|errors| errors.take(COMPLAINT).read_to_end(&mut said));
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    let why = if said.is_empty() { status.to_string() } else { said };
    Err(CloneError::Failed { what: what.to_owned(), why })
}

/// Ends a program. It may have ended already.
pub(crate) fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
