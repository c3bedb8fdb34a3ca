//! `doorward apply`.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use doorward_change::journal::{Header, JOURNAL_VERSION};
use doorward_change::system::System as _;
use doorward_change::{ApplyError, Change, Journal, Observer, PreparedStep, Scope};
use doorward_linux_change::{LinuxHost, Lock, deadman, state_directory};
use doorward_model::{Snapshot, Source};
use doorward_plan::{Plan, StepId};
use doorward_report::escape;

use super::undo::{self, Told};
use crate::args::ApplyArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::state::{self, Journals};
use crate::{judge, source};

/// While changes are made, the dead-man switch waits this long for each step beyond the time to confirm.
const STEP_LIMIT: Duration = Duration::from_mins(3);

pub(crate) fn run(args: &ApplyArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.judge)?;
    let plan = super::plan::read(&args.plan)?;
    let snapshot = fresh(args, &config, &plan)?;
    if !args.dry_run && !matches!(snapshot.source, Source::Live { privileged: true }) {
        bail!("only root may change this host: sudo doorward apply {}", args.plan.display());
    }
    let dir = &args.state.state;
    if args.dry_run {
        let steps = prepared(&plan, &LinuxHost::looking()?)?;
        return show(&steps);
    }
    state_directory(dir)?;
    let _lock = Lock::take(dir, &format!("doorward apply {}", args.plan.display()))?;
    let journals = Journals::of(dir);
    if let Some(id) = journals.waiting()? {
        bail!("changes {id} wait: confirm them (doorward confirm) or take them back (doorward undo) first");
    }
    let mut host = LinuxHost::new(dir)?;
    let steps = prepared(&plan, &host)?;
    if steps.is_empty() {
        eprintln!("doorward: nothing to do");
        return Ok(Exit::Done);
    }
    if !args.yes && !agreed(&steps)? {
        eprintln!("doorward: nothing was changed");
        return Ok(Exit::Done);
    }
    let id = journals.next()?;
    let within = args.confirm_within;
    arm(dir, id, within + STEP_LIMIT * u32::try_from(steps.len()).unwrap_or(u32::MAX))?;
    let mut journal = Journal::create(&journals.path(id), header(&plan, &host)?)?;
    match doorward_change::apply(&mut host, &mut journal, &steps, &mut Told) {
        Ok(_) => {}
        Err(why) => return taken_back(dir, id, &mut host, &mut journal, &why),
    }
    deadman::extend(dir, &id.to_string(), &program()?, within)?;
    eprintln!(
        "doorward: changes {id} are made. Confirm them within {} s, or everything is put back:\n  doorward confirm {id}",
        within.as_secs()
    );
    after(args, &config)?;
    Ok(Exit::Done)
}

/// The facts of the host as it is now, and that the plan may be applied to them.
fn fresh(args: &ApplyArgs, config: &Config, plan: &Plan) -> anyhow::Result<Snapshot> {
    let (knowledge, snapshot) = source::read(&source::this_host(), config)?;
    doorward_plan::check_fresh(plan, &snapshot).with_context(|| args.plan.display().to_string())?;
    let index = judge::index(&knowledge, &snapshot, config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let overrides: Vec<StepId> = args.r#override.iter().map(|id| StepId::from(id.as_str())).collect();
    super::plan::refuse_wrong(plan, &snapshot, &assessment, &overrides)?;
    Ok(snapshot)
}

fn prepared(plan: &Plan, host: &LinuxHost) -> anyhow::Result<Vec<PreparedStep>> {
    doorward_change::prepare(plan, host).map_err(|refusals| {
        let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(
            "nothing was changed: not all steps can be carried out (switch them off in the plan, with on = false):\n{}",
            lines.join("\n")
        )
    })
}

/// `--dry-run`: each exact change.
fn show(steps: &[PreparedStep]) -> anyhow::Result<Exit> {
    let mut text = String::new();
    for step in steps {
        let _ = writeln!(text, "{}", escape(&step.id.to_string()));
        for change in &step.changes {
            let _ = writeln!(text, "  {}", escape(&change.to_string()));
        }
    }
    if steps.is_empty() {
        text += "nothing to do\n";
    }
    crate::output::print(&text)?;
    Ok(Exit::Done)
}

fn agreed(steps: &[PreparedStep]) -> anyhow::Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("nobody can be asked here: say --yes to make the changes without a question");
    }
    let changes: usize = steps.iter().map(|step| step.changes.len()).sum();
    eprint!("Make {changes} changes in {} steps? [y/N] ", steps.len());
    std::io::stderr().flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn header(plan: &Plan, host: &LinuxHost) -> anyhow::Result<Header> {
    Ok(Header {
        version: JOURNAL_VERSION,
        doorward: env!("CARGO_PKG_VERSION").to_owned(),
        host: plan.host.name.clone(),
        plan: plan.snapshot.clone(),
        boot_id: host.boot_id()?,
        time: state::now(),
    })
}

/// Before the first change: what puts everything back without this process, after a time, and at the next boot.
fn arm(dir: &Path, id: u64, after: Duration) -> anyhow::Result<()> {
    let program = program()?;
    deadman::install_boot_unit(dir, &program).context("the unit that restores at boot")?;
    deadman::arm(dir, &id.to_string(), &program, after).context("the dead-man switch")?;
    Ok(())
}

fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of this program")
}

/// A step went wrong: everything is put back, and the exit code says so.
fn taken_back(
    dir: &Path,
    id: u64,
    host: &mut LinuxHost,
    journal: &mut Journal,
    why: &ApplyError,
) -> anyhow::Result<Exit> {
    eprintln!("doorward: {}\ndoorward: everything is put back", escape(&why.to_string()));
    let undone = doorward_change::undo(host, journal, Scope::All, &mut Told)?;
    let exit = undo::finish(dir, id, &undone)?;
    Ok(if exit == Exit::Done { Exit::TakenBack } else { exit })
}

/// Closing may open: what another plan would do now.
fn after(args: &ApplyArgs, config: &Config) -> anyhow::Result<()> {
    let (knowledge, snapshot) = source::read(&source::this_host(), config)?;
    let index = judge::index(&knowledge, &snapshot, config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let old = super::plan::read(&args.plan)?;
    let options = doorward_plan::Options { prefer: old.prefer };
    let plan = doorward_plan::plan(&assessment, &snapshot, &index, options)?;
    let new: Vec<String> = plan.changes().map(|step| escape(&step.id.to_string()).into_owned()).collect();
    match new.as_slice() {
        [] => eprintln!("doorward: another plan finds nothing more to do"),
        some => eprintln!("doorward: another plan finds {} more to do: {}", some.len(), some.join(", ")),
    }
    Ok(())
}

impl Observer for Told {
    fn step(&mut self, at: usize, of: usize, step: &PreparedStep) {
        eprintln!("{}/{of}  {}", at + 1, escape(&step.id.to_string()));
    }

    fn undoing(&mut self, step: &StepId, change: &Change) {
        eprintln!("back  {}: {}", escape(&step.to_string()), escape(&change.to_string()));
    }
}
