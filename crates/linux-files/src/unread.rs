//! Failures to read, as facts.

use doorward_model::{Subject, Unseen};

use crate::ReadError;

/// The fact that `what` is not known because a file could not be read.
pub(crate) fn unread(subject: Subject, what: impl Into<String>, error: &ReadError) -> Unseen {
    let unseen = Unseen::new(subject, what, error.to_string());
    if error.is_permission() { unseen.with_remedy("run as root") } else { unseen }
}
