//! `doorward confirm`, `undo`, `log` and `status`: what becomes of applied changes.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use doorward_change::journal::{IfDamaged, Record, State};
use doorward_change::system::SystemError;
use doorward_change::{Scope, Undone};
use doorward_linux_change::{LinuxHost, Lock, deadman, state_directory};
use doorward_plan::StepId;
use doorward_report::escape;

use crate::args::{ConfirmArgs, LogArgs, StateArgs, UndoArgs};
use crate::exit::Exit;
use crate::output;
use crate::progress::Steps;
use crate::state::{self, Journals, Kept, state_word};

/// How long the dead-man switch waits for the lock.
const PATIENCE: Duration = Duration::from_mins(30);

pub(super) fn must_be_root(command: &str) -> anyhow::Result<()> {
    if !doorward_linux_change::is_root() {
        anyhow::bail!("only root may change this host: sudo {command}");
    }
    Ok(())
}

pub(crate) fn confirm(args: &ConfirmArgs) -> anyhow::Result<Exit> {
    must_be_root("doorward confirm")?;
    let dir = &args.state.state;
    state_directory(dir)?;
    let _lock = Lock::take(dir, "doorward confirm")?;
    let journals = Journals::of(dir);
    let id = journals.meant(args.id)?;
    let mut journal = journals.open(id, IfDamaged::Refuse)?;
    match journal.state() {
        State::Open => journal.confirm(state::now())?,
        State::Confirmed => eprintln!("doorward: changes {id} are confirmed already"),
        State::Undoing | State::Undone => {
            anyhow::bail!("changes {id} cannot be confirmed any more: {}", state_word(journal.state()));
        }
    }
    // Only now: until the journal says so, everything is put back whatever happens here.
    disarm(dir, id)?;
    eprintln!("doorward: changes {id} stay. Take them back at any time: doorward undo {id}");
    Ok(Exit::Done)
}

pub(crate) fn undo(args: &UndoArgs) -> anyhow::Result<Exit> {
    must_be_root("doorward undo")?;
    let dir = &args.state.state;
    state_directory(dir)?;
    let _lock = if args.unless_confirmed { patient(dir)? } else { Lock::take(dir, "doorward undo")? };
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
    if step.is_some() {
        return Ok(tell(id, &undone));
    }
    finish(dir, id, &undone)
}

/// The timer's undoing waits for who holds the lock: a plan that is still being applied ends, or is ended, some time.
fn patient(dir: &Path) -> anyhow::Result<Lock> {
    let began = Instant::now();
    loop {
        match Lock::take(dir, "doorward undo, by the dead-man switch") {
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
    Ok(worst)
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
    deadman::disarm(dir, &id.to_string())?;
    if Journals::of(dir).waiting()?.is_none() {
        deadman::remove_boot_unit()?;
    }
    Ok(())
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

pub(crate) fn log(args: &LogArgs) -> anyhow::Result<Exit> {
    let journals = Journals::of(&args.state.state);
    let mut text = String::new();
    if let Some(id) = args.id {
        for record in journals.look(id)?.records() {
            let _ = writeln!(text, "{}", escape(&line(record)));
        }
    } else {
        for kept in journals.all()? {
            let about = match &kept.journal {
                Ok(journal) => {
                    let changes =
                        journal.records().iter().filter(|r| matches!(r, Record::Intent { .. })).count();
                    format!("{changes} changes, {}", state_word(journal.state()))
                }
                Err(why) => why.to_string(),
            };
            let _ = writeln!(text, "{}  {}", kept.id, escape(&about));
        }
        if text.is_empty() {
            text += "nothing was applied here\n";
        }
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn line(record: &Record) -> String {
    match record {
        Record::Header(h) => format!("host {}, doorward {}, plan {}", h.host, h.doorward, h.plan),
        Record::Begun { active, .. } => format!("begun; these run: {}", active.join(", ")),
        Record::Intent { number, step, change, .. } => format!("{number}  {step}: {change}"),
        Record::Done { number } => format!("{number}  done"),
        Record::Failed { number, why } => format!("{number}  failed: {why}"),
        Record::Confirmed { .. } => "confirmed".to_owned(),
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

pub(crate) fn status(args: &StateArgs) -> anyhow::Result<Exit> {
    let dir = &args.state;
    let mut text = String::new();
    match Journals::of(dir).waiting()? {
        Some(Kept { id, journal: Ok(_) }) => {
            let _ = writeln!(
                text,
                "changes {id} wait: doorward confirm {id} keeps them, doorward undo {id} takes them back"
            );
        }
        Some(Kept { id, journal: Err(why) }) => {
            let _ = writeln!(text, "changes {id} have to be seen to: {}", escape(&why.to_string()));
        }
        None => text += "no changes wait\n",
    }
    if dir.exists()
        && let Some(owner) = doorward_linux_change::owner(dir)?
    {
        let _ = writeln!(text, "{} changes this host now", escape(&owner.to_string()));
    }
    output::print(&text)?;
    Ok(Exit::Done)
}
