//! When work ends: at its deadline, or as soon as somebody stops it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing is waited for longer than this before it is looked whether to stop.
const SLICE: Duration = Duration::from_millis(100);

/// When something ends at the latest.
#[derive(Debug, Clone)]
pub(crate) struct Until {
    /// When all must be over.
    pub(crate) deadline: Instant,
    /// Set from elsewhere, it is over now.
    pub(crate) stop: Arc<AtomicBool>,
}

impl Until {
    /// So much later than now.
    pub(crate) fn in_time(limit: Duration, stop: &Arc<AtomicBool>) -> Self {
        Self { deadline: Instant::now() + limit, stop: Arc::clone(stop) }
    }

    /// Whether somebody stopped it.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The time that is left; an error once there is none.
    pub(crate) fn left(&self) -> io::Result<Duration> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            // Not `Interrupted`: that asks to try again.
            _ if self.is_stopped() => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "stopped")),
            Duration::ZERO => Err(io::Error::new(io::ErrorKind::TimedOut, "the time limit was reached")),
            left => Ok(left),
        }
    }

    /// How long to wait before asking again whether time is left.
    pub(crate) fn slice(&self) -> io::Result<Duration> {
        Ok(self.left()?.min(SLICE))
    }

    /// Tries, each time for one slice, until it does something else than not being ready.
    pub(crate) fn retry<T>(&self, mut attempt: impl FnMut(Duration) -> io::Result<T>) -> io::Result<T> {
        loop {
            match attempt(self.slice()?) {
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                done => return done,
            }
        }
    }

    /// Does what knows neither time limit nor stop; it is left behind when it takes too long.
    pub(crate) fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (send, receive) = mpsc::sync_channel(1);
        thread::Builder::new().spawn(move || {
            // Nobody may wait for it any more.
            let _ = send.send(work());
        })?;
        loop {
            match receive.recv_timeout(self.slice()?) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("it broke off")),
            }
        }
    }
}

/// Waits for so long, unless somebody stops it.
pub(crate) fn pause(long: Duration, stop: &Arc<AtomicBool>) {
    let until = Until::in_time(long, stop);
    while let Ok(slice) = until.slice() {
        thread::sleep(slice);
    }
}
