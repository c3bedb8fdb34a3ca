//! Runs the machine's own tools with a time limit, and keeps what they said.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::LabError;
use crate::error::Doing;

/// Where the machine's tools are, whatever the caller's `PATH`.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs `command` to its end, or kills it after `limit`.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<Output, LabError> {
    let name = describe(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().doing(|| format!("start {name}"))?;
    let stdout = child.stdout.take().map(collect);
    let stderr = child.stderr.take().map(collect);
    let ended = ends_within(child.id(), limit).doing(|| format!("wait for {name}"))?;
    if !ended {
        child.kill().doing(|| format!("kill {name}"))?;
    }
    let status = child.wait().doing(|| format!("wait for {name}"))?;
    if !ended {
        let output = "no end in sight; it was killed".to_owned();
        return Err(LabError::Command { program: name, status: format!("time limit of {limit:?}"), output });
    }
    Ok(Output { status, stdout: joined(stdout), stderr: joined(stderr) })
}

/// Runs `command` and insists that it succeeds.
pub(crate) fn succeed(command: &mut Command, limit: Duration) -> Result<Output, LabError> {
    let output = output(command, limit)?;
    if output.status.success() { Ok(output) } else { Err(failure(command, output.status, &output)) }
}

fn failure(command: &Command, status: ExitStatus, output: &Output) -> LabError {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    LabError::Command { program: describe(command), status: status.to_string(), output: tail(&text, 40) }
}

/// The last `lines` lines of `text`.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().replace('\n', " ")).collect::<Vec<_>>().join(" ")
}

fn collect(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks has said what it had to say.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

fn joined(reader: Option<thread::JoinHandle<Vec<u8>>>) -> Vec<u8> {
    reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
}

/// The process `pid`, in a form that never means another process.
pub(crate) fn process(pid: u32) -> rustix::io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(rustix::io::Errno::SRCH)?;
    pidfd_open(pid, PidfdFlags::empty())
}

fn ends_within(pid: u32, limit: Duration) -> rustix::io::Result<bool> {
    let process = process(pid)?;
    let until = Instant::now() + limit;
    loop {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_command_is_killed_and_named() {
        let error = output(Command::new("/bin/sleep").arg("60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("/bin/sleep 60"), "{error}");
    }

    #[test]
    fn a_failing_command_shows_its_last_words() {
        let error =
            succeed(Command::new("/bin/ls").arg("/no/such/place"), Duration::from_secs(5)).unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
    }

    #[test]
    fn a_lot_of_output_does_not_block() {
        let done = succeed(
            Command::new("/usr/bin/head").args(["-c", "1000000", "/dev/zero"]),
            Duration::from_secs(5),
        );
        assert_eq!(done.unwrap().stdout.len(), 1_000_000);
    }

    #[test]
    fn tail_keeps_the_end() {
        assert_eq!(tail("a\nb\nc", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }
}
