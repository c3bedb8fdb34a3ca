//! From facts to what they are judged by, and from the judgement to the exit code.

use doorward_knowledge::{Index, Knowledge, System};
use doorward_model::{Audit, Snapshot, Subject, Verdict};

use crate::args::FailOn;
use crate::config::Config;
use crate::exit::Exit;

/// The entries of the snapshot's system.
pub(crate) fn index<'k>(
    knowledge: &'k Knowledge,
    snapshot: &Snapshot,
    config: &Config,
) -> anyhow::Result<Index<'k>> {
    let index = Index::for_system(knowledge, System::of(snapshot));
    config.check_roles(index.roles())?;
    Ok(index)
}

/// How an audit ends.
pub(crate) fn exit(audit: &Audit, snapshot: &Snapshot, fail_on: Option<FailOn>) -> Exit {
    let worst = match fail_on {
        None => None,
        Some(FailOn::Dangerous) => Some(Verdict::Dangerous),
        Some(FailOn::Unneeded) => Some(Verdict::Unneeded),
        Some(FailOn::Unknown) => Some(Verdict::Unknown),
    };
    let found = worst.is_some_and(|worst| {
        audit.doors.iter().any(|d| d.verdict <= worst)
            || audit.services.iter().any(|s| s.lives() && s.verdict <= worst)
            || audit.findings.iter().any(|f| f.verdict <= worst)
            || (worst == Verdict::Unknown && !audit.unseen.is_empty())
    });
    if found {
        return Exit::Found;
    }
    let dark = |subject, nothing: bool| nothing && snapshot.unseen.iter().any(|u| u.subject == subject);
    let incomplete = dark(Subject::Services, snapshot.services.is_empty())
        || dark(Subject::Listeners, snapshot.listeners.is_empty());
    if incomplete { Exit::Incomplete } else { Exit::Done }
}
