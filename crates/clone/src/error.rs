//! What can go wrong.

use std::io;
use std::time::Duration;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    /// A program is not installed.
    #[error("{program} is not installed: install {package}")]
    Missing {
        /// Its path.
        program: &'static str,
        /// The package that brings it, on Debian.
        package: &'static str,
    },
    /// The system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program failed.
    #[error("{what}: {why}")]
    Failed {
        /// What was tried.
        what: String,
        /// What it said.
        why: String,
    },
    /// The copy does not come up, or ended.
    #[error("the copy of this host {why}")]
    Boot {
        /// How, with the last lines of its console.
        why: String,
    },
    /// It takes too long.
    #[error("{what}: not done within {} s", .limit.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
}

/// Says what was being done when the system said no.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, CloneError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, CloneError> {
        self.map_err(|source| CloneError::Io { what: what(), source: source.into() })
    }
}
