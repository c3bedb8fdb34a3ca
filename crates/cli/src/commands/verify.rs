//! `doorward verify`: whether what was applied still holds.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use doorward_change::journal::IfDamaged;
use doorward_change::system::System as _;
use doorward_change::{Difference, DifferenceKind, Journal};
use doorward_linux_change::{LinuxHost, reboot, state_directory};
use doorward_model::changes::{CHANGES_VERSION, VerifiedChanges, VerifyReport};
use doorward_report::escape;

use super::undo::{must_be_root, patient};
use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::state::{self, Journals};
use crate::{output, reports};

/// How long a boot may take before what there is of it is verified.
const BOOT: Duration = Duration::from_mins(15);

/// What something starts again after a while shows by then.
const SETTLED: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let dir = &args.state.state;
    if args.after_boot {
        return after_boot(dir, args.id);
    }
    let journals = Journals::of(dir);
    let host = LinuxHost::looking()?;
    let mut found = Vec::new();
    for id in wanted(&journals, args.id)? {
        let differences = one(&journals, id)?;
        found.push(reports::verified(id, &host.boot_id()?, state::now(), &differences));
    }
    let exit = found.iter().fold(Exit::Done, |worst, changes| worst.worse(exit(changes)));
    let report = VerifyReport { schema_version: CHANGES_VERSION, changes: found };
    output::print_report(args.form.format, &report, || text(&report.changes))?;
    Ok(exit)
}

/// The named changes, or all that stay or wait.
fn wanted(journals: &Journals, id: Option<u64>) -> anyhow::Result<Vec<u64>> {
    if let Some(id) = id {
        return Ok(vec![id]);
    }
    let mut ids = Vec::new();
    for kept in journals.all()? {
        match kept.journal {
            Ok(journal) if journal.holds() => ids.push(kept.id),
            Ok(_) | Err(doorward_change::journal::JournalError::Empty) => {}
            Err(why) => return Err(why).context(format!("changes {}", kept.id)),
        }
    }
    Ok(ids)
}

/// What is not as these changes left it.
pub(super) fn one(journals: &Journals, id: u64) -> anyhow::Result<Vec<Difference>> {
    let host = LinuxHost::looking()?;
    let journal = journals.look(id)?;
    let later: Vec<Journal> =
        journals.all()?.into_iter().filter(|k| k.id > id).filter_map(|k| k.journal.ok()).collect();
    let later: Vec<&Journal> = later.iter().collect();
    let mut found =
        doorward_change::verify(&host, &journal, &later).with_context(|| format!("changes {id}"))?;
    if later.iter().all(|journal| journal.opens().is_empty()) {
        found.extend(super::filter::closed_by_others(&journal.opens()));
    }
    Ok(found)
}

/// The boot unit says this: what was confirmed and is to outlive a boot is verified once, and what was found is
/// written down.
fn after_boot(dir: &Path, id: Option<u64>) -> anyhow::Result<Exit> {
    must_be_root("doorward verify --after-boot")?;
    state_directory(dir)?;
    if !reboot::wait_for_boot(BOOT)? {
        eprintln!("doorward: the boot has not ended; what there is of it is verified");
    }
    std::thread::sleep(SETTLED);
    let _lock = patient(dir, "doorward verify, after the boot")?;
    let journals = Journals::of(dir);
    let host = LinuxHost::looking()?;
    let mut worst = Exit::Done;
    for kept in journals.all()? {
        let is_asked = kept.journal.as_ref().is_ok_and(Journal::is_to_be_verified);
        if !is_asked || id.is_some_and(|id| id != kept.id) {
            continue;
        }
        let boot_id = host.boot_id()?;
        if kept.journal.as_ref().is_ok_and(|j| j.header().boot_id == boot_id) {
            continue; // it was not booted since
        }
        let differences = one(&journals, kept.id)?;
        let changes = reports::verified(kept.id, &boot_id, state::now(), &differences);
        journals.open(kept.id, IfDamaged::Refuse)?.verified(boot_id, changes.time, differences)?;
        worst = worst.worse(exit(&changes));
        eprint!("{}", text(std::slice::from_ref(&changes)));
    }
    remove_unit(dir)?;
    Ok(worst)
}

/// Takes the boot unit away where nothing waits for it any more.
pub(super) fn remove_unit(dir: &Path) -> anyhow::Result<()> {
    let waits = |k: &state::Kept| k.journal.as_ref().is_ok_and(Journal::is_to_be_verified);
    if !Journals::of(dir).all()?.iter().any(waits) {
        reboot::remove_verify_unit()?;
    }
    Ok(())
}

/// That something could not be told is no proof that all holds.
fn exit(changes: &VerifiedChanges) -> Exit {
    let unknown = reports::kind(DifferenceKind::Unknown);
    match changes.differences.as_slice() {
        [] => Exit::Done,
        some if some.iter().all(|d| d.kind == unknown) => Exit::Incomplete,
        _ => Exit::Found,
    }
}

fn text(all: &[VerifiedChanges]) -> String {
    let mut text = String::new();
    for changes in all {
        let _ = match changes.differences.len() {
            0 => writeln!(text, "changes {}: everything holds", changes.id),
            1 => writeln!(text, "changes {}: 1 thing is not as it was left", changes.id),
            many => writeln!(text, "changes {}: {many} things are not as they were left", changes.id),
        };
        for d in &changes.differences {
            let _ = writeln!(text, "  {}", escape(&format!("{}: {} {}", d.step, d.what, d.text)));
        }
    }
    if all.is_empty() {
        text += "nothing that was applied here is to hold\n";
    }
    text
}
