//! Why something was not done: the thing, the place, the way out.

use std::io;
use std::path::{Path, PathBuf};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The system refused.
    #[error("{}: cannot {doing}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// There is no authority.
    #[error("{}: there is no authority here; make one with doorward pki init", .0.display())]
    None(PathBuf),
    /// There is one already, or something else.
    #[error("{}: it is there already and is not overwritten; {instead}", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
        /// What to do.
        instead: &'static str,
    },
    /// Others could read or change it.
    #[error("{}: {why}; the authority's key must be its owner's alone ({how})", path.display())]
    Unsafe {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
        /// How to mend it.
        how: &'static str,
    },
    /// A file that this program did not write.
    #[error("{}: {why}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Another one works on it.
    #[error("{}: another doorward pki works on it; wait until it is done", .0.display())]
    Busy(PathBuf),
    /// A name, a number of days.
    #[error("{0}")]
    Value(String),
    /// It would outlive the authority.
    #[error("the authority itself is valid until {until}: give at most {most} days, or make a new authority")]
    Outlives {
        /// The authority's last day.
        until: String,
        /// Days that are left.
        most: i64,
    },
    /// The authority's time is over.
    #[error("{}: the authority was valid until {until}; make a new one in another directory", path.display())]
    Expired {
        /// Its certificate.
        path: PathBuf,
        /// Its last day.
        until: String,
    },
    /// Nothing of that name can be revoked.
    #[error(
        "no certificate that could be revoked is called {0}, or has that serial number; see doorward pki list"
    )]
    NotIssued(String),
    /// The cryptography refused.
    #[error("cannot {doing}: {source}")]
    Crypto {
        /// What was tried.
        doing: &'static str,
        /// The reason.
        source: rcgen::Error,
    },
    /// No random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// For an error of the system.
pub(crate) fn failed(path: &Path, doing: &'static str) -> impl FnOnce(rustix::io::Errno) -> PkiError {
    move |errno| PkiError::Io { path: path.to_owned(), doing, source: errno.into() }
}

/// For an error of the cryptography.
pub(crate) fn crypto(doing: &'static str) -> impl FnOnce(rcgen::Error) -> PkiError {
    move |source| PkiError::Crypto { doing, source }
}
