//! Watches the web servers' access logs while something is shut on a host that has visitors: when they begin to get errors
//! of the server, the trial ends.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use doorward_site::LogLine;

/// How often logs are looked at.
const TICK: Duration = Duration::from_millis(200);
/// An error or two may be anything.
const LEAST: u64 = 3;
/// Lines of the past that tell what is usual, at the end of each log, in bytes.
const PAST: u64 = 1 << 20;
/// No line is longer, in bytes.
const LONGEST: u64 = 64 << 10;
/// More than so many times the usual share.
const WORSE: f64 = 3.0;
/// What is usual even where no error was seen.
const USUAL: f64 = 0.02;

/// What to watch.
pub(super) struct Watch {
    logs: Vec<PathBuf>,
    /// Where the tests come from: they are no visitors.
    own: BTreeSet<IpAddr>,
    usual: f64,
}

/// Requests and how many of them failed by the server's fault.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    requests: u64,
    errors: u64,
}

impl Count {
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn share(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors as f64 / self.requests as f64 }
    }
}

impl Watch {
    /// What is usual is taken from the ends of the logs. Logs that cannot be read are left out.
    pub(super) fn new(logs: Vec<PathBuf>, own: BTreeSet<IpAddr>) -> Self {
        let mut past = Count::default();
        for log in &logs {
            if let Ok((mut file, length)) = open(log)
                && file.seek(SeekFrom::Start(length.saturating_sub(PAST))).is_ok()
            {
                count(&mut BufReader::new(file), &own, &mut past);
            }
        }
        Self { logs, own, usual: past.share().max(USUAL) }
    }

    /// Watches from now on, until it is ended.
    pub(super) fn begin(&self, stop: &Arc<AtomicBool>) -> Watching {
        let (theirs, ours) = (Arc::clone(stop), Arc::new(AtomicBool::new(false)));
        let over = Arc::new(AtomicBool::new(false));
        let mut tails: Vec<BufReader<File>> = Vec::new();
        for log in &self.logs {
            if let Ok((mut file, _)) = open(log)
                && file.seek(SeekFrom::End(0)).is_ok()
            {
                tails.push(BufReader::new(file));
            }
        }
        let (own, usual) = (self.own.clone(), self.usual);
        let (tell, end) = (Arc::clone(&ours), Arc::clone(&over));
        let thread = spawn(move || {
            let mut now = Count::default();
            loop {
                let last = end.load(Ordering::Relaxed);
                for tail in &mut tails {
                    count(tail, &own, &mut now);
                }
                if now.errors >= LEAST && now.share() > usual * WORSE {
                    tell.store(true, Ordering::Relaxed);
                    return Some(format!(
                        "visitors got errors: {} of their {} requests since the trial began to shut (usual: {:.1} %); everything is back",
                        now.errors,
                        now.requests,
                        usual * 100.0
                    ));
                }
                if theirs.load(Ordering::Relaxed) {
                    tell.store(true, Ordering::Relaxed);
                }
                if last {
                    return None;
                }
                sleep(TICK);
            }
        });
        Watching { thread: Some(thread), stop: ours, over }
    }
}

/// A watch that goes on.
pub(super) struct Watching {
    thread: Option<JoinHandle<Option<String>>>,
    stop: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Watching {
    /// True once the tests are to end: by the user's wish or the visitors'.
    pub(super) fn stop(&self) -> &Arc<AtomicBool> {
        &self.stop
    }

    /// Ends it. Says how visitors fared worse, if they did.
    pub(super) fn end(mut self) -> Option<String> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok().flatten()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn open(log: &PathBuf) -> std::io::Result<(File, u64)> {
    let file = File::open(log)?;
    let known = file.metadata()?;
    if !known.is_file() {
        return Err(std::io::Error::other("no file"));
    }
    Ok((file, known.len()))
}

/// Counts whole lines that there are.
fn count(log: &mut BufReader<File>, own: &BTreeSet<IpAddr>, into: &mut Count) {
    let mut line = Vec::new();
    while let Ok(length @ 1..) = log.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
        if line.last() != Some(&b'\n') && (length as u64) < LONGEST {
            // It is still being written.
            let _ = log.seek_relative(-i64::try_from(length).unwrap_or(0));
            return;
        }
        if let Some(told) = LogLine::read(&String::from_utf8_lossy(&line))
            && told.client.is_none_or(|client| !own.contains(&client))
        {
            into.requests += 1;
            into.errors += u64::from(told.status >= 500);
        }
        line.clear();
    }
}
