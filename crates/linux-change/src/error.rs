//! Short ways to say what went wrong.

use std::io;
use std::path::Path;

use doorward_change::system::SystemError;

pub(crate) fn io(what: impl Into<String>, source: impl Into<io::Error>) -> SystemError {
    SystemError::Io { what: what.into(), source: source.into() }
}

pub(crate) fn at(doing: &str, path: &Path, source: impl Into<io::Error>) -> SystemError {
    io(format!("{doing} {}", path.display()), source)
}

pub(crate) fn unsuitable(path: &Path, why: impl Into<String>) -> SystemError {
    SystemError::Unsuitable { path: path.to_owned(), why: why.into() }
}

pub(crate) fn failed(what: impl Into<String>, why: impl Into<String>) -> SystemError {
    SystemError::Failed { what: what.into(), why: why.into() }
}

pub(crate) fn busy(what: impl Into<String>, why: impl Into<String>) -> SystemError {
    SystemError::Busy { what: what.into(), why: why.into() }
}
