//! `doorward confirm` and `extend`: changes that wait stay, or wait longer.

use doorward_change::journal::{IfDamaged, State};
use doorward_linux_change::{Lock, deadman, reboot, state_directory};
use doorward_model::changes::{CHANGES_VERSION, ConfirmReport, ExtendReport};
use doorward_report::escape;

use super::undo::{disarm, must_be_root};
use crate::args::{ConfirmArgs, ExtendArgs};
use crate::exit::Exit;
use crate::state::{self, Journals, program, state_word};
use crate::{output, reports};

pub(crate) fn confirm(args: &ConfirmArgs) -> anyhow::Result<Exit> {
    must_be_root("doorward confirm")?;
    let dir = &args.state.state;
    state_directory(dir)?;
    let _lock = Lock::take(dir, "doorward confirm")?;
    let journals = Journals::of(dir);
    let id = journals.meant(args.id)?;
    let mut journal = journals.open(id, IfDamaged::Refuse)?;
    let already = journal.state() == State::Confirmed;
    let came_back = if journal.holds() { super::verify::one(&journals, id)? } else { Vec::new() };
    match journal.state() {
        State::Open => {
            // First: one that finds nothing to verify takes itself away, one that is missing verifies nothing.
            if journal.header().reboot_proof {
                reboot::install_verify_unit(dir, &program()?)?;
            }
            journal.confirm(state::now())?;
        }
        State::Confirmed => eprintln!("doorward: changes {id} are confirmed already"),
        State::Undoing | State::Undone => {
            anyhow::bail!(
                "changes {id} cannot be confirmed any more: {}. Make a new plan and apply it",
                state_word(journal.state())
            );
        }
    }
    // Only now: until the journal says so, everything is put back whatever happens here.
    disarm(dir, id)?;
    let to_be_verified = journal.is_to_be_verified();
    eprintln!("doorward: changes {id} stay. Take them back at any time: doorward undo {id}");
    for difference in &came_back {
        eprintln!("doorward: not as it was left: {}", escape(&difference.to_string()));
    }
    let differences = came_back.iter().map(reports::difference).collect();
    let report = ConfirmReport { schema_version: CHANGES_VERSION, id, already, to_be_verified, differences };
    output::print_report(args.form.format, &report, String::new)?;
    Ok(Exit::Done)
}

pub(crate) fn extend(args: &ExtendArgs) -> anyhow::Result<Exit> {
    must_be_root("doorward extend")?;
    let dir = &args.state.state;
    state_directory(dir)?;
    let _lock = Lock::take(dir, "doorward extend")?;
    let journals = Journals::of(dir);
    let id = journals.meant(args.id)?;
    let state = journals.look(id)?.state();
    if state != State::Open {
        anyhow::bail!("changes {id} do not wait to be confirmed: {}", state_word(state));
    }
    deadman::extend(dir, &id.to_string(), &program()?, args.within)?;
    let confirm_within_seconds = args.within.as_secs();
    eprintln!(
        "doorward: changes {id} wait for {confirm_within_seconds} s from now: doorward confirm {id} keeps them"
    );
    let report = ExtendReport { schema_version: CHANGES_VERSION, id, confirm_within_seconds };
    output::print_report(args.form.format, &report, String::new)?;
    Ok(Exit::Done)
}
