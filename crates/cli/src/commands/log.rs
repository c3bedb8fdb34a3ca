//! `doorward log` and `status`: what was applied, and what waits.

use std::fmt::Write as _;

use doorward_change::Journal;
use doorward_change::journal::{Record, State};
use doorward_model::changes::{
    CHANGES_VERSION, ChangingProcess, LogReport, LoggedChanges, StatusReport, VerifiedChanges, WaitingChanges,
};
use doorward_report::escape;

use crate::args::{LogArgs, StatusArgs};
use crate::exit::Exit;
use crate::state::{Journals, Kept, state_word};
use crate::{output, reports};

pub(crate) fn log(args: &LogArgs) -> anyhow::Result<Exit> {
    let journals = Journals::of(&args.state.state);
    let all = match args.id {
        Some(id) => vec![Kept { id, journal: Ok(journals.look(id)?) }],
        None => journals.all()?,
    };
    let report = LogReport {
        schema_version: CHANGES_VERSION,
        changes: all.iter().map(|kept| logged(kept, args.id.is_some())).collect(),
    };
    output::print_report(args.form.format, &report, || match &report.changes[..] {
        [one] if args.id.is_some() => {
            one.records.iter().flat_map(|r| [escape(&r.text), "\n".into()]).collect()
        }
        [] => "nothing was applied here\n".to_owned(),
        _ => list(&all),
    })?;
    Ok(Exit::Done)
}

fn logged(kept: &Kept, with_records: bool) -> LoggedChanges {
    let journal = kept.journal.as_ref().ok();
    let records = journal.filter(|_| with_records).map_or(&[][..], Journal::records);
    LoggedChanges {
        id: kept.id,
        state: journal.map(|j| reports::state(j.state())),
        problem: kept.journal.as_ref().err().map(ToString::to_string),
        time: journal.map(|j| j.header().time),
        count: journal.map_or(0, count),
        verified: journal.map(|j| reports::verifications(kept.id, j)).unwrap_or_default(),
        records: records.iter().map(|r| reports::record(r, line(r))).collect(),
    }
}

fn count(journal: &Journal) -> usize {
    journal.records().iter().filter(|r| matches!(r, Record::Intent { .. })).count()
}

fn list(all: &[Kept]) -> String {
    let mut text = String::new();
    for kept in all {
        let about = match &kept.journal {
            Ok(journal) => format!("{} changes, {}", count(journal), state_word(journal.state())),
            Err(why) => why.to_string(),
        };
        let _ = writeln!(text, "{}  {}", kept.id, escape(&about));
    }
    text
}

fn line(record: &Record) -> String {
    match record {
        Record::Header(h) => format!("host {}, doorward {}, plan {}", h.host, h.doorward, h.plan),
        Record::Begun { active, .. } => format!("begun; these run: {}", active.join(", ")),
        Record::Intent { number, step, change, .. } => format!("{number}  {step}: {change}"),
        Record::Done { number } => format!("{number}  done"),
        Record::Failed { number, why } => format!("{number}  failed: {why}"),
        Record::Confirmed { .. } => "confirmed".to_owned(),
        Record::Verified { boot_id, differences, .. } if differences.is_empty() => {
            format!("verified after the boot {boot_id}: everything holds")
        }
        Record::Verified { boot_id, differences, .. } => {
            let all: Vec<String> = differences.iter().map(ToString::to_string).collect();
            format!("verified after the boot {boot_id}: {}", all.join("; "))
        }
        Record::Undoing { step, .. } => {
            step.as_ref().map_or_else(|| "undoing everything".to_owned(), |step| format!("undoing {step}"))
        }
        Record::Restoring { number } => format!("{number}  packages come back"),
        Record::Restored { number } => format!("{number}  packages are back"),
        Record::Undone { conflicts: 0, .. } => "undone".to_owned(),
        Record::Undone { conflicts, .. } => {
            format!("undone, {conflicts} things kept as they were changed since")
        }
    }
}

pub(crate) fn status(args: &StatusArgs) -> anyhow::Result<Exit> {
    let dir = &args.state.state;
    let all = Journals::of(dir).all()?;
    let waiting = all.iter().find(|kept| kept.waits());
    let owner = if dir.exists() { doorward_linux_change::owner(dir)? } else { None };
    let stays = all.iter().filter_map(|k| Some((k.id, k.journal.as_ref().ok()?)));
    let stays: Vec<_> = stays.filter(|(_, j)| j.state() == State::Confirmed).collect();
    let report = StatusReport {
        schema_version: CHANGES_VERSION,
        waiting: waiting.map(|kept| WaitingChanges {
            id: kept.id,
            state: kept.journal.as_ref().ok().map(|j| reports::state(j.state())),
            problem: kept.journal.as_ref().err().map(ToString::to_string),
        }),
        owner: owner.as_ref().map(|o| ChangingProcess {
            pid: o.pid,
            command: o.command.clone(),
            since: o.since,
        }),
        to_be_verified: stays.iter().filter(|(_, j)| j.is_to_be_verified()).map(|(id, _)| *id).collect(),
        verified: stays.iter().filter_map(|(id, j)| reports::verifications(*id, j).pop()).collect(),
    };
    output::print_report(args.form.format, &report, || {
        let mut text = waiting_text(report.waiting.as_ref());
        if let Some(owner) = &owner {
            let _ = writeln!(text, "{} changes this host now", escape(&owner.to_string()));
        }
        for id in &report.to_be_verified {
            let _ = writeln!(text, "changes {id}: to be verified after the next boot");
        }
        text + &report.verified.iter().map(verified_text).collect::<String>()
    })?;
    Ok(Exit::Done)
}

fn waiting_text(waiting: Option<&WaitingChanges>) -> String {
    match waiting {
        None => "no changes wait\n".to_owned(),
        Some(WaitingChanges { id, problem: Some(why), .. }) => {
            format!("changes {id} have to be seen to: {}\n", escape(why))
        }
        Some(WaitingChanges { id, .. }) => format!(
            "changes {id} wait: doorward confirm {id} keeps them, doorward undo {id} takes them back\n"
        ),
    }
}

fn verified_text(changes: &VerifiedChanges) -> String {
    let (id, boot) = (changes.id, escape(&changes.boot_id).into_owned());
    if changes.differences.is_empty() {
        return format!("changes {id}: verified after the boot {boot}, nothing came back\n");
    }
    let mut text = format!("changes {id}: verified after the boot {boot}, and not all holds:\n");
    for d in &changes.differences {
        let _ = writeln!(text, "  {}", escape(&format!("{}: {} {}", d.step, d.what, d.text)));
    }
    text
}
