//! Runs `nft -j list ruleset`: by absolute path, without a shell or an environment, bounded in size and time.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Bounds of the largest listing that is taken: about 25,000 and 1.5 million elements of sets.
const LEAST_LIMIT: u64 = 1 << 20;
const MOST_LIMIT: u64 = 64 << 20;
/// Within them, this part of the memory that is free: a listing takes 25 times its length, and a server whose memory
/// an audit uses up is no better off than one that was attacked.
const SHARE_OF_MEMORY: u64 = 100;
/// As much of what it complains is kept.
const COMPLAINT_LIMIT: u64 = 4 << 10;
/// A listing of 50,000 elements takes half a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no listing. Its text is a sentence fragment.
#[derive(Debug, thiserror::Error)]
pub(super) enum NftError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it did not end within {} s", PATIENCE.as_secs())]
    Late,
    #[error("it prints more than {0} bytes, too much for the memory that is free")]
    TooLarge(u64),
    #[error("it does not print JSON: {0}")]
    NoJson(serde_json::Error),
    #[error("{complaint}")]
    Failed { complaint: String, denied: bool },
}

/// All rules of the network namespace that we run in.
pub(super) fn list(nft: &Path) -> Result<Value, NftError> {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    run(nft, ["-j", "list", "ruleset"], PATIENCE, output_limit(&memory))
}

fn run<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
    patience: Duration,
    limit: u64,
) -> Result<Value, NftError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "nft alone knows how to list rules; this asks the running host"
    )]
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut child = Reaped(child);
    let (output, errors) = (child.0.stdout.take(), child.0.stderr.take());
    let (sender, receiver) = mpsc::channel();
    // The readers are not waited for when time is up: they end with the pipes, and those with the child.
    let of_errors = thread::Builder::new().spawn(move || errors.map(complaint).unwrap_or_default())?;
    thread::Builder::new().spawn(move || sender.send(output.map(|o| parse(o, limit))))?;
    let parsed = match receiver.recv_timeout(patience) {
        Ok(Some(parsed)) => parsed,
        Ok(None) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            return Err(io::Error::other("its output broke off").into());
        }
        Err(mpsc::RecvTimeoutError::Timeout) => return Err(NftError::Late),
    };
    if matches!(parsed, Err(NftError::TooLarge(_) | NftError::Io(_))) {
        return parsed;
    }
    let status = child.wait(patience)?;
    if !status.success() {
        let complaint = of_errors.join().unwrap_or_default();
        let denied = complaint.contains("Operation not permitted") || complaint.contains("Permission denied");
        let complaint = if complaint.is_empty() { status.to_string() } else { complaint };
        return Err(NftError::Failed { complaint, denied });
    }
    parsed
}

/// A child that does not outlive its use.
struct Reaped(Child);

impl Reaped {
    /// Waits for the end of a child that has closed its output and so is about to end.
    fn wait(&mut self, patience: Duration) -> Result<std::process::ExitStatus, NftError> {
        const STEP: Duration = Duration::from_millis(2);
        let mut left = patience;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            left = left.checked_sub(STEP).ok_or(NftError::Late)?;
            thread::sleep(STEP);
        }
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// By `/proc/meminfo`.
fn output_limit(memory: &str) -> u64 {
    let line = memory.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
    let kilobytes: Option<u64> = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse().ok());
    let free = kilobytes.unwrap_or(0).saturating_mul(1 << 10);
    (free / SHARE_OF_MEMORY).clamp(LEAST_LIMIT, MOST_LIMIT)
}

/// Parsed as it comes, so that text and value are never held together.
fn parse(output: impl Read, limit: u64) -> Result<Value, NftError> {
    let mut bounded = output.take(limit);
    let parsed = serde_json::from_reader(io::BufReader::with_capacity(64 << 10, &mut bounded));
    if bounded.limit() == 0 {
        return Err(NftError::TooLarge(limit));
    }
    parsed.map_err(NftError::NoJson)
}

/// The first line of what it says of its failure.
fn complaint(errors: impl Read) -> String {
    let mut bytes = Vec::new();
    let mut first = errors.take(COMPLAINT_LIMIT);
    // What cannot be read is no complaint; the exit status tells of the failure. The rest is read for it to go on.
    let _ = first.read_to_end(&mut bytes).and_then(|_| io::copy(&mut first.into_inner(), &mut io::sink()));
    String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Result<Value, NftError> {
        run(Path::new("/bin/sh"), ["-c", script], patience, LEAST_LIMIT)
    }

    #[test]
    fn a_listing_is_read() {
        let listing = shell("echo '{\"nftables\": []}'; env >&2", PATIENCE).unwrap();
        assert_eq!(listing, serde_json::json!({"nftables": []}));
    }

    #[test]
    fn nothing_of_our_environment_reaches_it() {
        // The shell itself adds PWD and the like; HOME and CARGO would be ours.
        let seen = shell("echo \"\\\"$HOME$CARGO_MANIFEST_DIR\\\"\"; cat", PATIENCE).unwrap();
        assert_eq!(seen, Value::String(String::new()));
    }

    #[test]
    fn failures_say_why() {
        let denied = shell("echo 'Operation not permitted (you must be root)' >&2; exit 1", PATIENCE);
        assert!(matches!(denied, Err(NftError::Failed { denied: true, .. })), "{denied:?}");
        let silent = shell("exit 3", PATIENCE).unwrap_err().to_string();
        assert_eq!(silent, "exit status: 3");
        assert!(matches!(shell("echo '{\"nftables\":'", PATIENCE), Err(NftError::NoJson(_))));
        assert!(matches!(
            run(Path::new("/no/such/nft"), [""; 0], PATIENCE, LEAST_LIMIT),
            Err(NftError::Io(_))
        ));
    }

    #[test]
    fn one_that_never_ends_is_killed() {
        let late = shell("exec sleep 60", Duration::from_millis(100));
        assert!(matches!(late, Err(NftError::Late)), "{late:?}");
        let closed = shell("echo 1; exec >&- 2>&- sleep 60", Duration::from_millis(100));
        assert!(matches!(closed, Err(NftError::Late)), "{closed:?}");
    }

    #[test]
    fn a_listing_without_end_is_refused() {
        let endless = parse(io::repeat(b' '), LEAST_LIMIT);
        assert!(matches!(endless, Err(NftError::TooLarge(_))), "{endless:?}");
        let endless = shell("while :; do echo '         '; done", PATIENCE);
        assert!(matches!(endless, Err(NftError::TooLarge(_))), "{endless:?}");
    }

    #[test]
    fn little_memory_takes_a_small_listing() {
        assert_eq!(output_limit("MemTotal: 9 kB\nMemAvailable:     512000 kB\n"), 5_242_880);
        assert_eq!(output_limit("MemAvailable: 64000000 kB\n"), MOST_LIMIT);
        assert_eq!(output_limit(""), LEAST_LIMIT);
    }
}
