//! The line to an agent.

use std::io::BufReader;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use doorward_clone::lines::{receive, send};
use doorward_model::trial::NotTried;
use doorward_plan::Plan;
use doorward_trial::LaneError;

use super::wire::{Answer, Ask, Begin, LONGEST};

/// How often it is looked whether somebody wants to stop.
const TICK: Duration = Duration::from_millis(50);
/// An agent that is let go puts everything back; packages take their time.
const FAREWELL: Duration = Duration::from_mins(10);

/// Shutting and putting back may take that long: packages, and services that will not stop, take their time.
pub(super) const SHUT_LIMIT: Duration = Duration::from_mins(20);
/// Characters of an answer that nobody asked for.
const SHOWN: usize = 80;

/// An agent that was started, and the line to it. Dropping it waits until the agent has put everything back.
pub(super) struct Link {
    child: Child,
    answers: Receiver<Answer>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// Somebody wants to stop.
    #[error("stopped")]
    Stopped,
    /// It cannot do what it was asked for.
    #[error("{0}")]
    Failed(String),
    /// It has ended.
    #[error("the agent of the trial has ended")]
    Ended,
    /// It does not answer.
    #[error("the agent of the trial does not answer within {} s", .0.as_secs())]
    Late(Duration),
}

impl From<LinkError> for LaneError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Stopped => Self::Stopped,
            other => Self::Ended(other.to_string()),
        }
    }
}

/// An answer to something else.
pub(super) fn unexpected(answer: &Answer) -> LaneError {
    let short: String = format!("{answer:?}").chars().take(SHOWN).collect();
    LaneError::Ended(format!("the agent of the trial answers something else: {short}"))
}

impl Link {
    /// Starts an agent.
    pub(super) fn start(mut command: Command) -> std::io::Result<Self> {
        // A group of its own: an interrupt at our terminal is for us, and the agent is told.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let (sender, answers) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut output = BufReader::new(output);
                while let Ok(Some(answer)) = receive::<Answer>(&mut output, LONGEST) {
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { child, answers })
    }

    /// Tells the agent how to work.
    pub(super) fn begin(&mut self, begin: Begin, stop: &Arc<AtomicBool>) -> Result<(), LaneError> {
        match self.ask(&Ask::Begin(begin), SHUT_LIMIT, Some(stop))? {
            Answer::Ready => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks which steps of a plan cannot be tried there.
    pub(super) fn look(&mut self, plan: &Plan, stop: &Arc<AtomicBool>) -> Result<Vec<NotTried>, LaneError> {
        match self.ask(&Ask::Look { plan: doorward_plan::print(plan) }, SHUT_LIMIT, Some(stop))? {
            Answer::Looked(found) => Ok(found),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks, and waits for the answer: until somebody wants to stop, where `stop` is given.
    pub(super) fn ask(
        &mut self,
        ask: &Ask,
        limit: Duration,
        stop: Option<&Arc<AtomicBool>>,
    ) -> Result<Answer, LinkError> {
        let input = self.child.stdin.as_mut().ok_or(LinkError::Ended)?;
        send(input, ask).map_err(|_| LinkError::Ended)?;
        let until = Instant::now() + limit;
        loop {
            match self.answers.recv_timeout(TICK) {
                Ok(Answer::Failed(why)) => return Err(LinkError::Failed(why)),
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(LinkError::Ended),
                Err(RecvTimeoutError::Timeout) if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) => {
                    return Err(LinkError::Stopped);
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() > until => {
                    return Err(LinkError::Late(limit));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Ends it without waiting for anything: what it works on is thrown away.
    pub(super) fn cut(mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child.stdin = None;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The end of its input is the agent's sign to put everything back and to end.
        drop(self.child.stdin.take());
        let until = Instant::now() + FAREWELL;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(TICK / 10);
        }
    }
}
