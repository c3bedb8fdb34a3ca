//! Signals that ask to end: what runs is told to stop, ends what it started, and says what it has until then.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

/// Signals that ask to end, from here on. They no longer end the program: whoever watches has to.
pub(crate) struct Interrupt {
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Watches for SIGINT, SIGTERM and SIGHUP. What the caller's caller ignores stays ignored (`nohup`).
    pub(crate) fn watch() -> io::Result<Self> {
        let new = Self { stop: Arc::default(), signal: Arc::default() };
        let ignored = procfs::process::Process::myself().and_then(|me| me.status()).map_or(0, |s| s.sigign);
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if ignored & (1 << (signal - 1)) == 0 {
                // Which it was is known before it is acted on.
                let number = usize::try_from(signal).map_err(io::Error::other)?;
                flag::register_usize(signal, Arc::clone(&new.signal), number)?;
                flag::register(signal, Arc::clone(&new.stop))?;
            }
        }
        Ok(new)
    }

    /// True once a signal came.
    pub(crate) fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// How the program ends, where a signal came.
    pub(crate) fn exit(&self) -> Option<Exit> {
        let signal = self.signal.load(Ordering::Relaxed);
        self.stop.load(Ordering::Relaxed).then(|| Exit::Interrupted(u8::try_from(signal).unwrap_or_default()))
    }
}
