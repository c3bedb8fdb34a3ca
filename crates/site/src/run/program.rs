//! Programs: started without a shell, watched, and killed with all that they started when their time is over.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::family::Family;
use super::{Settings, time_limit};
use crate::file::{CommandCheck, Site};
use crate::outcome::{Exchange, Mismatch, Outcome};
use crate::until::Until;
use crate::values::Time;

/// Where programs look for others, unless the check says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Of a command's output, so much is looked at, in bytes.
const MOST_OUTPUT: u64 = 1 << 20;
/// After a program ended, its output is waited for this long: something that it left behind may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(500);

pub(super) fn check(check: &CommandCheck, site: &Site, settings: &Settings) -> Outcome {
    let began = Instant::now();
    let program = Program {
        run: &check.run,
        directory: check.directory.as_deref(),
        environment: &check.environment,
        time_limit: check.time_limit,
        most: MOST_OUTPUT,
    };
    let asked = check.run.join(" ");
    let mut wrong = Vec::new();
    let mut exchanges = Vec::new();
    match program.run(site, settings) {
        Ok(ended) => {
            let output = [ended.output.as_slice(), ended.errors.as_slice()].concat();
            let text = String::from_utf8_lossy(&output);
            if ended.status.is_none_or(|s| s.code() != Some(check.status.into())) {
                let seen = format!("{}; {}", ended.how(), tail(&text));
                wrong.push(Mismatch::new("exit status", check.status.to_string(), seen));
            }
            if let Some(pattern) = &check.matches
                && !pattern.regex().is_match(&text)
            {
                wrong.push(Mismatch::new("output", format!("matches {pattern}"), tail(&text)));
            }
            let status = ended.status.and_then(|s| s.code());
            exchanges.push(Exchange::of(&asked, status, output.len() as u64, &output));
        }
        Err(error) => wrong.push(Mismatch::new("program", "starts", error.to_string())),
    }
    let wrong = wrong.into_iter().map(|mismatch| mismatch.at(&asked)).collect();
    Outcome::of(&check.name, began.elapsed(), wrong, exchanges)
}

/// The last words are those that tell why.
pub(super) fn tail(text: &str) -> &str {
    const MOST: usize = 280;
    let text = text.trim();
    &text[text.ceil_char_boundary(text.len().saturating_sub(MOST))..]
}

/// What is started.
pub(super) struct Program<'a> {
    pub(super) run: &'a [String],
    pub(super) directory: Option<&'a Path>,
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) time_limit: Option<Time>,
    /// Bytes of output that are kept; what is beyond is read and forgotten.
    pub(super) most: u64,
}

/// How it ended.
pub(super) struct Ended {
    /// Nothing where it was killed at its time limit.
    pub(super) status: Option<ExitStatus>,
    pub(super) output: Vec<u8>,
    pub(super) errors: Vec<u8>,
    limit: Duration,
}

impl Ended {
    /// How, in words.
    pub(super) fn how(&self) -> String {
        match self.status.map(|s| (s.code(), s.signal())) {
            None => format!("killed after {}", Time(self.limit)),
            Some((Some(code), _)) => code.to_string(),
            Some((None, Some(signal))) => format!("ended by signal {signal}"),
            Some((None, None)) => "ended".to_owned(),
        }
    }
}

impl Program<'_> {
    pub(super) fn run(&self, site: &Site, settings: &Settings) -> io::Result<Ended> {
        let limit = time_limit(site, self.time_limit);
        let until = Until::in_time(limit, &settings.stop);
        let (name, arguments) = self.run.split_first().ok_or_else(|| io::Error::other("no program"))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a check that is a program is started, by its absolute path"
        )]
        let mut command = Command::new(name);
        command.args(arguments).env_clear().env("PATH", PATH);
        command.env("SITE_URL", site.url.as_str()).env("SITE_HOST", site.host());
        if let Some(address) = settings.address {
            command.env("SITE_ADDRESS", address.to_string());
        }
        command.envs(self.environment);
        command.current_dir(self.directory.map_or_else(|| PathBuf::from("/"), Path::to_path_buf));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Family::start(&mut command);
        let mut family = started.map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))?;
        let output = relay(family.first.stdout.take(), self.most)?;
        let errors = relay(family.first.stderr.take(), self.most)?;
        let status = family.end(&until)?;
        let late = Instant::now() + LAST_WORDS;
        let heard = |words: Receiver<Vec<u8>>| {
            words.recv_timeout(late.saturating_duration_since(Instant::now())).unwrap_or_default()
        };
        Ok(Ended { status, output: heard(output), errors: heard(errors), limit })
    }
}

/// Reads to the end, so that the program never waits for its reader; keeps the beginning.
fn relay(from: Option<impl Read + Send + 'static>, most: u64) -> io::Result<Receiver<Vec<u8>>> {
    let (send, receive) = mpsc::sync_channel(1);
    let mut from = from.ok_or_else(|| io::Error::other("no pipe"))?;
    thread::Builder::new().spawn(move || {
        let mut kept = Vec::new();
        // What was read before an error is told.
        let _ = from.by_ref().take(most).read_to_end(&mut kept);
        let _ = io::copy(&mut from, &mut io::sink());
        let _ = send.send(kept);
    })?;
    Ok(receive)
}
