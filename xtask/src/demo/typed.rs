//! Commands as they are typed on the host, with what they say: of long answers the beginning and the end.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{bail, ensure};
use doorward_lab::Host;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Where commands are typed.
pub(super) const HOME: &str = "/root";
const PROMPT: &str = "root@busy:~# ";
/// How often is looked for a signal.
const TICK: Duration = Duration::from_millis(100);

/// A signal asked to end.
#[derive(Debug, thiserror::Error)]
#[error("ended by signal {0}")]
pub(super) struct Interrupted(pub(super) i32);

/// How many lines of an answer are shown, unless all are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Lines {
    pub(super) const ALL: Self = Self { first: usize::MAX, last: 0 };
}

/// What the demo's user sees. From its making on, signals that ask to end are errors of [`Screen::types`], so that the
/// host is removed before the process ends.
pub(super) struct Screen {
    full: bool,
    bold: bool,
    signal: Arc<AtomicUsize>,
}

impl Screen {
    pub(super) fn new(full: bool) -> anyhow::Result<Self> {
        let signal = Arc::default();
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_usize(number, Arc::clone(&signal), usize::try_from(number)?)?;
        }
        let bold = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Ok(Self { full, bold, signal })
    }

    pub(super) fn title(&self, text: &str) {
        println!("\n{}\n", self.strong(text));
    }

    pub(super) fn prompt(&self, typed: &str) {
        println!("{}", self.strong(&format!("{PROMPT}{typed}")));
    }

    /// Types a command, shows what it says while it says it, and insists that it succeeds.
    pub(super) fn types(&self, host: &Host, words: &[&str], lines: Lines) -> anyhow::Result<()> {
        let typed: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        self.prompt(&typed.join(" "));
        let (answer, pipe) = std::io::pipe()?;
        let mut command = host.command(&[&["env", &format!("--chdir={HOME}")], words].concat())?;
        command.stdin(Stdio::null()).stdout(pipe.try_clone()?).stderr(pipe);
        let mut child = command.spawn()?;
        // It holds the pipe's other end, which would never end otherwise.
        drop(command);
        let (send, receive) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(answer).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        self.shows(&receive, if self.full { Lines::ALL } else { lines })?;
        let status = child.wait()?;
        self.interrupted()?;
        println!();
        ensure!(status.success(), "{}: {status}", typed.join(" "));
        Ok(())
    }

    fn shows(&self, answer: &Receiver<String>, lines: Lines) -> anyhow::Result<()> {
        let (mut shown, mut left_out) = (0_usize, 0_usize);
        let mut last: VecDeque<String> = VecDeque::new();
        loop {
            let line = match answer.recv_timeout(TICK) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    self.interrupted()?;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if shown < lines.first {
                println!("{line}");
                shown += 1;
                continue;
            }
            last.push_back(line);
            if last.len() > lines.last {
                last.pop_front();
                left_out += 1;
            }
        }
        if left_out > 0 {
            println!("[… {left_out} lines more]");
        }
        for line in last {
            println!("{line}");
        }
        Ok(())
    }

    fn interrupted(&self) -> anyhow::Result<()> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => bail!(Interrupted(i32::try_from(signal)?)),
        }
    }

    fn strong(&self, text: &str) -> String {
        if self.bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A word as it is typed in a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}
