//! `doorward apply`.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use doorward_change::journal::{Header, JOURNAL_VERSION};
use doorward_change::system::System as _;
use doorward_change::{DifferenceKind, Journal, PreparedStep, Scope};
use doorward_linux_change::{LinuxHost, Lock, deadman, state_directory};
use doorward_model::changes::{ApplyOutcome, ApplyReport, CHANGES_VERSION};
use doorward_plan::{Action, Plan, StepId};
use doorward_report::escape;

use super::undo;
use crate::args::ApplyArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::progress::Steps;
use crate::source::One;
use crate::state::{self, Journals, program};
use crate::{judge, output, reports};

/// While changes are made, the dead-man switch waits this long for each step beyond the time to confirm.
const STEP_LIMIT: Duration = Duration::from_mins(3);

/// What something starts again after a while shows by then. What takes longer shows when it is confirmed.
const SETTLED: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &ApplyArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.judge)?;
    let plan = super::plan::read(&args.plan)?;
    if args.dry_run {
        allowed(args, &config, &plan)?;
        let steps = prepared(&plan, &LinuxHost::looking()?)?;
        let report = report(ApplyOutcome::DryRun, &steps);
        output::print_report(args.form.format, &report, || shown(&steps))?;
        return Ok(Exit::Done);
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
        return told(args, &report(ApplyOutcome::NothingToDo, &steps));
    }
    if !args.yes && !agreed(&steps)? {
        eprintln!("doorward: nothing was changed");
        return told(args, &report(ApplyOutcome::Declined, &steps));
    }
    let id = journals.next()?;
    let within = args.confirm_within;
    let longest = within + STEP_LIMIT * u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let header = header(&plan, &host, args.reboot_proof)?;
    let mut journal = begun(&journals, id, longest, header, dir)?;
    if let Err(why) = doorward_change::apply(&mut host, &mut journal, &steps, &mut Steps) {
        return taken_back(args, id, &mut host, &mut journal, &steps, &why.to_string());
    }
    std::thread::sleep(SETTLED);
    let wrong = filtered(&config, &plan).unwrap_or_else(|why| Some(format!("{why:#}")));
    if let Some(wrong) = wrong {
        return taken_back(args, id, &mut host, &mut journal, &steps, &wrong);
    }
    let left = left(&config, &plan).unwrap_or_else(|why| {
        eprintln!("doorward: no other plan could be made: {}", escape(&format!("{why:#}")));
        Vec::new()
    });
    let back = doorward_change::verify(&host, &journal, &[])?;
    if let Some(first) = back.iter().find(|d| matches!(d.kind, DifferenceKind::Back | DifferenceKind::Down)) {
        return taken_back(args, id, &mut host, &mut journal, &steps, &first.to_string());
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
    match left.as_slice() {
        [] => eprintln!("doorward: another plan finds nothing more to do"),
        some => {
            eprintln!("doorward: another plan finds {} more to do: {}", some.len(), escape(&some.join(", ")));
        }
    }
    let confirm_within_seconds = Some(within.as_secs());
    let report = report(ApplyOutcome::Applied, &steps);
    told(args, &ApplyReport { id: Some(id), confirm_within_seconds, left, ..report })
}

/// Something went wrong: everything is put back, and the exit code says whether it was.
fn taken_back(
    args: &ApplyArgs,
    id: u64,
    host: &mut LinuxHost,
    journal: &mut Journal,
    steps: &[PreparedStep],
    why: &str,
) -> anyhow::Result<Exit> {
    eprintln!("doorward: {}\ndoorward: putting everything back", escape(why));
    let undone = doorward_change::undo(host, journal, Scope::All, &mut Steps)?;
    let (outcome, exit) = match undo::finish(&args.state.state, id, &undone)? {
        Exit::Done => (ApplyOutcome::TakenBack, Exit::TakenBack),
        not_restored => (ApplyOutcome::NotRestored, not_restored),
    };
    let (problem, put_back) = (Some(why.to_owned()), Some(reports::put_back(&undone)));
    told(args, &ApplyReport { id: Some(id), problem, put_back, ..report(outcome, steps) })?;
    Ok(exit)
}

fn report(outcome: ApplyOutcome, steps: &[PreparedStep]) -> ApplyReport {
    ApplyReport {
        schema_version: CHANGES_VERSION,
        id: None,
        outcome,
        problem: None,
        steps: reports::prepared(steps),
        confirm_within_seconds: None,
        put_back: None,
        left: Vec::new(),
    }
}

/// People were told while it went on.
fn told(args: &ApplyArgs, report: &ApplyReport) -> anyhow::Result<Exit> {
    output::print_report(args.form.format, report, String::new)?;
    Ok(Exit::Done)
}

/// Whether the plan may be applied to the host as it is now.
fn allowed(args: &ApplyArgs, config: &Config, plan: &Plan) -> anyhow::Result<()> {
    let (knowledge, snapshot) = One::ThisHost(None).read(config)?;
    doorward_plan::check_fresh(plan, &snapshot).with_context(|| args.plan.display().to_string())?;
    let index = judge::index(&knowledge, &snapshot, config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let overrides: Vec<StepId> = args.r#override.iter().map(|id| StepId::from(id.as_str())).collect();
    super::plan::refuse_wrong(plan, &snapshot, &assessment, &index, &overrides)
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
fn shown(steps: &[PreparedStep]) -> String {
    let mut text = String::new();
    for step in steps {
        let _ = writeln!(text, "{}", escape(&step.id.to_string()));
        for change in &step.changes {
            let _ = writeln!(text, "  {}", escape(&change.to_string()));
        }
    }
    if text.is_empty() { "nothing to do\n".to_owned() } else { text }
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

pub(super) fn header(plan: &Plan, host: &LinuxHost, reboot_proof: bool) -> anyhow::Result<Header> {
    Ok(Header {
        version: JOURNAL_VERSION,
        doorward: env!("CARGO_PKG_VERSION").to_owned(),
        host: plan.host.name.clone(),
        plan: plan.snapshot.clone(),
        boot_id: host.boot_id()?,
        time: state::now(),
        reboot_proof,
    })
}

/// Before the first change: what puts everything back without this process, after a time and at the next boot, and
/// where it is written down what to put back.
pub(super) fn begun(
    journals: &Journals,
    id: u64,
    longest: Duration,
    header: Header,
    dir: &Path,
) -> anyhow::Result<Journal> {
    let program = program()?;
    let begin = || {
        deadman::install_boot_unit(dir, &program).context("the unit that restores at boot")?;
        deadman::arm(dir, &id.to_string(), &program, longest).context("the dead-man switch")?;
        Ok(Journal::create(&journals.path(id), header)?)
    };
    begin().inspect_err(|_: &anyhow::Error| {
        // Nothing was changed, so there is nothing to put back.
        if let Err(why) = undo::disarm(dir, id) {
            eprintln!("doorward: {}", escape(&format!("{why:#}")));
        }
    })
}

/// What the packet filter does otherwise than a step of the plan says.
fn filtered(config: &Config, plan: &Plan) -> anyhow::Result<Option<String>> {
    for step in plan.changes() {
        if let Action::Filter(filter) = &step.action {
            let (_, snapshot) = One::ThisHost(None).read(config)?;
            let found = super::filter::differences(&filter.policy, &snapshot)?;
            return Ok(found.first().map(|first| format!("{}: {first}", step.id)));
        }
    }
    Ok(None)
}

/// Closing may open: the steps that another plan would do now, without those that this one has off.
fn left(config: &Config, plan: &Plan) -> anyhow::Result<Vec<String>> {
    let (knowledge, snapshot) = One::ThisHost(None).read(config)?;
    let index = judge::index(&knowledge, &snapshot, config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let access = config.access()?;
    let options = doorward_plan::Options { prefer: plan.prefer, access: access.as_ref() };
    let another = doorward_plan::plan(&assessment, &snapshot, &index, options)?;
    let is_off = |id| plan.step(id).is_some_and(|step| !step.on);
    Ok(another.changes().filter(|step| !is_off(&step.id)).map(|step| step.id.to_string()).collect())
}
