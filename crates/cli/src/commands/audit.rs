//! `doorward audit`.

use doorward_knowledge::{Index, Knowledge};
use doorward_model::{Audit, Snapshot, Subject, Verdict};

use crate::args::{AuditArgs, FailOn, Format};
use crate::config::Config;
use crate::exit::Exit;
use crate::{output, source};

pub(crate) fn run(args: &AuditArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.judge)?;
    let knowledge = Knowledge::load(config.knowledge.as_deref())?;
    let index = Index::new(&knowledge);
    check_roles(&index, &config.roles)?;
    let snapshot = source::snapshot(&args.source, &knowledge)?;
    if let Some(path) = &args.snapshot_out {
        output::write_file(path, &serde_json::to_string_pretty(&snapshot)?)?;
    }
    let audit = doorward_assess::assess(&snapshot, &index, &config.options()).audit;
    output::print(&match args.format {
        Format::Text => doorward_report::text(&audit, output::style()),
        Format::Json => doorward_report::json(&audit),
        Format::Sarif => doorward_report::sarif(&audit, env!("CARGO_PKG_VERSION")),
        Format::Markdown => doorward_report::markdown(&audit),
    })?;
    Ok(exit(&audit, &snapshot, args.fail_on.or(config.fail_on)))
}

/// A role that nobody knows would silently require nothing.
pub(super) fn check_roles(index: &Index<'_>, roles: &[String]) -> anyhow::Result<()> {
    let known: Vec<&str> =
        index.roles().map(|r| r.id.as_str()).chain([doorward_assess::OTHER_SERVER]).collect();
    match roles.iter().find(|r| !known.contains(&r.as_str())) {
        Some(role) => anyhow::bail!("there is no role {role:?}; known are: {}", known.join(", ")),
        None => Ok(()),
    }
}

fn exit(audit: &Audit, snapshot: &Snapshot, fail_on: Option<FailOn>) -> Exit {
    let worst = match fail_on {
        None => None,
        Some(FailOn::Dangerous) => Some(Verdict::Dangerous),
        Some(FailOn::Unneeded) => Some(Verdict::Unneeded),
        Some(FailOn::Unknown) => Some(Verdict::Unknown),
    };
    let found = worst.is_some_and(|worst| {
        audit.doors.iter().any(|d| d.verdict <= worst)
            || audit.services.iter().any(|s| s.lives() && s.verdict <= worst)
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
