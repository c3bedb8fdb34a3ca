//! What can go wrong in the lab, worded for the person who runs the tests.

use std::path::PathBuf;

/// Why the lab could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This machine cannot run the lab at all: tests may skip.
    #[error("the lab cannot run here: {what}")]
    Missing {
        /// What is missing and how to get it.
        what: String,
    },
    /// A file, mount or socket operation failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A program ended badly.
    #[error("{program} failed ({status}):\n{output}")]
    Command {
        /// The program and its arguments.
        program: String,
        /// Its exit status, or the time limit that ended it.
        status: String,
        /// The end of what it said.
        output: String,
    },
    /// A host did not come up.
    #[error("host {host} is not ready: {why}\nconsole {console:?} ends with:\n{tail}")]
    Boot {
        /// The host.
        host: String,
        /// What it still lacked when time ran out.
        why: String,
        /// The whole console log.
        console: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The host is switched off (after a power cut).
    #[error("host {0} is off")]
    Off(String),
}

/// Names what was being done when an operating system call failed.
pub(crate) trait Doing<T> {
    /// Turns a failure into [`LabError::Io`].
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, LabError>;
}

impl<T, E: Into<std::io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, LabError> {
        self.map_err(|error| LabError::Io { doing: what(), source: error.into() })
    }
}
