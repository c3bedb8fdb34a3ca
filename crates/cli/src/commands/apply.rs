//! `doorward apply`.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use doorward_change::journal::{Header, JOURNAL_VERSION};
use doorward_change::system::System as _;
use doorward_change::{ApplyError, Journal, PreparedStep, Scope};
use doorward_linux_change::{LinuxHost, Lock, deadman, state_directory};
use doorward_plan::{Plan, StepId};
use doorward_report::escape;

use super::undo;
use crate::args::ApplyArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::judge;
use crate::progress::Steps;
use crate::source::One;
use crate::state::{self, Journals};

/// While changes are made, the dead-man switch waits this long for each step beyond the time to confirm.
const STEP_LIMIT: Duration = Duration::from_mins(3);

pub(crate) fn run(args: &ApplyArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.judge)?;
    let plan = super::plan::read(&args.plan)?;
    if args.dry_run {
        allowed(args, &config, &plan)?;
        return show(&prepared(&plan, &LinuxHost::looking()?)?);
    }
    undo::must_be_root(&format!("doorward apply {}", args.plan.display()))?;
    let dir = &args.state.state;
    state_directory(dir)?;
    // From here on nobody else changes the host, so that what is checked is what is changed.
    let _lock = Lock::take(dir, &format!("doorward apply {}", args.plan.display()))?;
    let journals = Journals::of(dir);
    if let Some(kept) = journals.waiting()? {
        let id = kept.id;
        kept.journal
            .with_context(|| format!("changes {id} have to be seen to first (doorward undo {id})"))?;
        bail!("changes {id} wait: confirm them (doorward confirm) or take them back (doorward undo) first");
    }
    allowed(args, &config, &plan)?;
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
    let longest = within + STEP_LIMIT * u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let mut journal = begun(&journals, id, longest, header(&plan, &host)?, dir).inspect_err(|_| {
        // Nothing was changed, so there is nothing to put back.
        if let Err(why) = undo::disarm(dir, id) {
            eprintln!("doorward: {}", escape(&format!("{why:#}")));
        }
    })?;
    if let Err(why) = doorward_change::apply(&mut host, &mut journal, &steps, &mut Steps) {
        return taken_back(dir, id, &mut host, &mut journal, &why);
    }
    deadman::extend(dir, &id.to_string(), &program()?, within).with_context(|| {
        format!(
            "changes {id} are made; the switch that was set before them puts them back: confirm them soon"
        )
    })?;
    eprintln!(
        "doorward: changes {id} are made. Confirm them within {} s, or everything is put back:\n  doorward confirm {id}",
        within.as_secs()
    );
    after(&config, &plan)?;
    Ok(Exit::Done)
}

/// Whether the plan may be applied to the host as it is now.
fn allowed(args: &ApplyArgs, config: &Config, plan: &Plan) -> anyhow::Result<()> {
    let (knowledge, snapshot) = One::ThisHost(None).read(config)?;
    doorward_plan::check_fresh(plan, &snapshot).with_context(|| args.plan.display().to_string())?;
    let index = judge::index(&knowledge, &snapshot, config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let overrides: Vec<StepId> = args.r#override.iter().map(|id| StepId::from(id.as_str())).collect();
    super::plan::refuse_wrong(plan, &snapshot, &assessment, &overrides)
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

/// Before the first change: what puts everything back without this process, after a time and at the next boot, and
/// where it is written down what to put back.
fn begun(
    journals: &Journals,
    id: u64,
    longest: Duration,
    header: Header,
    dir: &Path,
) -> anyhow::Result<Journal> {
    let program = program()?;
    deadman::install_boot_unit(dir, &program).context("the unit that restores at boot")?;
    deadman::arm(dir, &id.to_string(), &program, longest).context("the dead-man switch")?;
    Ok(Journal::create(&journals.path(id), header)?)
}

fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of this program")
}

/// A step went wrong: everything is put back, and the exit code says whether it was.
fn taken_back(
    dir: &Path,
    id: u64,
    host: &mut LinuxHost,
    journal: &mut Journal,
    why: &ApplyError,
) -> anyhow::Result<Exit> {
    eprintln!("doorward: {}\ndoorward: putting everything back", escape(&why.to_string()));
    let undone = doorward_change::undo(host, journal, Scope::All, &mut Steps)?;
    let exit = undo::finish(dir, id, &undone)?;
    Ok(if exit == Exit::Done { Exit::TakenBack } else { exit })
}

/// Closing may open: what another plan would do now.
fn after(config: &Config, plan: &Plan) -> anyhow::Result<()> {
    let (knowledge, snapshot) = One::ThisHost(None).read(config)?;
    let index = judge::index(&knowledge, &snapshot, config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let options = doorward_plan::Options { prefer: plan.prefer };
    let plan = doorward_plan::plan(&assessment, &snapshot, &index, options)?;
    let new: Vec<String> = plan.changes().map(|step| escape(&step.id.to_string()).into_owned()).collect();
    match new.as_slice() {
        [] => eprintln!("doorward: another plan finds nothing more to do"),
        some => eprintln!("doorward: another plan finds {} more to do: {}", some.len(), some.join(", ")),
    }
    Ok(())
}
