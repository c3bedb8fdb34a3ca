//! `doorward undo`: applied changes taken back, by people, by the dead-man switch or by the boot.

use std::path::Path;
use std::time::{Duration, Instant};

use doorward_change::journal::{IfDamaged, State};
use doorward_change::system::SystemError;
use doorward_change::{Scope, Undone};
use doorward_linux_change::{LinuxHost, Lock, deadman, state_directory};
use doorward_model::changes::{CHANGES_VERSION, UndoReport};
use doorward_plan::StepId;
use doorward_report::escape;

use crate::args::UndoArgs;
use crate::exit::Exit;
use crate::progress::Steps;
use crate::state::Journals;
use crate::{output, reports};

/// How long the dead-man switch waits for the lock.
const PATIENCE: Duration = Duration::from_mins(30);

pub(super) fn must_be_root(command: &str) -> anyhow::Result<()> {
    if !doorward_linux_change::is_root() {
        anyhow::bail!("only root may change this host: sudo {command}");
    }
    Ok(())
}

pub(crate) fn undo(args: &UndoArgs) -> anyhow::Result<Exit> {
    must_be_root("doorward undo")?;
    let dir = &args.state.state;
    state_directory(dir)?;
    let _lock = if args.unless_confirmed {
        patient(dir, "doorward undo, by the dead-man switch")?
    } else {
        Lock::take(dir, "doorward undo")?
    };
    let journals = Journals::of(dir);
    if args.boot {
        return at_boot(dir, &journals);
    }
    let id = journals.meant(args.id)?;
    let if_damaged = if args.use_good { IfDamaged::UseGood } else { IfDamaged::Refuse };
    let mut journal = journals.open(id, if_damaged)?;
    if args.unless_confirmed && journal.state() == State::Confirmed {
        return Ok(Exit::Done);
    }
    let mut host = LinuxHost::new(dir)?;
    let step = args.step.as_deref().map(StepId::from);
    let scope = step.as_ref().map_or(Scope::All, Scope::Step);
    let undone = doorward_change::undo(&mut host, &mut journal, scope, &mut Steps)?;
    if args.use_good {
        eprintln!(
            "doorward: what comes after the damage is not known. When all is well, move {} away",
            escape(&journals.path(id).display().to_string())
        );
    }
    let exit = if step.is_some() { tell(id, &undone) } else { finish(dir, id, &undone)? };
    let put_back = reports::put_back(&undone);
    let report = UndoReport { schema_version: CHANGES_VERSION, id, step: args.step.clone(), put_back };
    output::print_report(args.form.format, &report, String::new)?;
    Ok(exit)
}

/// What nobody waits for waits for who holds the lock: a plan that is still being applied ends, or is ended, some time.
pub(super) fn patient(dir: &Path, command: &str) -> anyhow::Result<Lock> {
    let began = Instant::now();
    loop {
        match Lock::take(dir, command) {
            Err(SystemError::Busy { .. }) if began.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_secs(1));
            }
            taken => return Ok(taken?),
        }
    }
}

/// After a reboot or a power cut: what nobody confirmed is put back before services start. What cannot be is told, and
/// keeps nothing else back.
fn at_boot(dir: &Path, journals: &Journals) -> anyhow::Result<Exit> {
    let mut worst = Exit::Done;
    for kept in journals.all()?.iter().filter(|kept| kept.waits()) {
        let undone = journals.open(kept.id, IfDamaged::Refuse).and_then(|mut journal| {
            let mut host = LinuxHost::booting(dir)?;
            let undone = doorward_change::undo(&mut host, &mut journal, Scope::All, &mut Steps)?;
            finish(dir, kept.id, &undone)
        });
        worst = worst.worse(undone.unwrap_or_else(|why| {
            eprintln!("doorward: {}", escape(&format!("{why:#}")));
            Exit::NotRestored
        }));
    }
    tidy(dir, journals)?;
    Ok(worst)
}

/// Takes away what is left of a switch that has nothing to do: the power was cut between it and its journal's first
/// record, or after its changes were confirmed.
fn tidy(dir: &Path, journals: &Journals) -> anyhow::Result<()> {
    let waiting: Vec<u64> = journals.all()?.iter().filter(|kept| kept.waits()).map(|kept| kept.id).collect();
    for id in deadman::pending(dir)?.iter().filter_map(|id| id.parse().ok()) {
        if !waiting.contains(&id) {
            disarm(dir, id)?;
        }
    }
    Ok(())
}

/// Tells what an undoing did, and takes the dead-man switch away when nothing is left for it to do.
pub(super) fn finish(dir: &Path, id: u64, undone: &Undone) -> anyhow::Result<Exit> {
    if undone.failures.is_empty() {
        disarm(dir, id)?;
    }
    Ok(tell(id, undone))
}

/// Takes the dead-man switch away, and the unit of the next boot where nothing else needs it.
pub(super) fn disarm(dir: &Path, id: u64) -> anyhow::Result<()> {
    if Journals::of(dir).waiting()?.is_none() {
        deadman::remove_boot_unit()?;
    }
    // After it: a mark without the unit harms nothing, a unit without a mark would never run to take itself away.
    deadman::disarm(dir, &id.to_string())?;
    // What is undone is not verified after a boot any more.
    super::verify::remove_unit(dir)
}

fn tell(id: u64, undone: &Undone) -> Exit {
    for note in &undone.conflicts {
        eprintln!("kept as it was changed since: {}", escape(&note.to_string()));
    }
    for note in &undone.failures {
        eprintln!("could not be put back: {}", escape(&note.to_string()));
    }
    if undone.is_complete() {
        eprintln!("doorward: changes {id} are undone: {} things were put back", undone.restored.len());
        return Exit::Done;
    }
    if !undone.failures.is_empty() {
        eprintln!("doorward: changes {id} are not wholly undone: run doorward undo {id} again");
    }
    Exit::NotRestored
}
