//! Exit codes: part of the interface, listed in `doorward --help`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; nothing at or above `--fail-on` was found.
    Done,
    /// Done; something at or above `--fail-on` was found.
    Found,
    /// Input (a snapshot, a tree, knowledge, configuration) could not be read or is malformed, or names nothing.
    BadInput,
    /// Done, but services or listeners could not be collected: that nothing was found proves nothing.
    Incomplete,
    /// The result could not be written.
    Unwritten,
    /// A change went wrong, and everything was put back.
    TakenBack,
    /// Not everything could be put back.
    NotRestored,
    /// Ended by this signal, after what was started was ended.
    Interrupted(u8),
}

/// Marks an error of output; every other error is one of input.
#[derive(Debug)]
pub(crate) struct OutputFailed;

impl std::fmt::Display for OutputFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the result could not be written")
    }
}

impl Exit {
    /// The more telling of two: that something was found, then that something was missing.
    pub(crate) fn worse(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Done => 0,
            Self::Incomplete => 1,
            Self::Found => 2,
            Self::BadInput => 3,
            Self::Unwritten => 4,
            Self::TakenBack => 5,
            Self::Interrupted(_) => 6,
            Self::NotRestored => 7,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    /// The code for an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.downcast_ref::<OutputFailed>().is_some() { Self::Unwritten } else { Self::BadInput }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Found => 1,
            Exit::BadInput => 3,
            Exit::Incomplete => 4,
            Exit::Unwritten => 5,
            Exit::TakenBack => 6,
            Exit::NotRestored => 7,
            // As shells tell it.
            Exit::Interrupted(signal) => 128 + signal,
        })
    }
}
