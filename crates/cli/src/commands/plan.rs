//! `doorward plan`.

use std::path::Path;

use anyhow::{Context as _, bail};
use doorward_assess::Assessment;
use doorward_knowledge::Index;
use doorward_model::Snapshot;
use doorward_plan::{Direction, Form, Options, Plan, Prefer, StepId};

use crate::args::{EmitForm, Form as OutputForm, PlanArgs, PreferWord};
use crate::config::Config;
use crate::exit::Exit;
use crate::source::{self, Source};
use crate::{judge, output, reports};

/// A plan's file may not be larger; one byte more is read to see that.
const LIMIT: u64 = doorward_plan::LONGEST as u64;

pub(crate) fn run(args: &PlanArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.judge)?;
    let (knowledge, snapshot) = Source::one(&args.source, "a plan")?.read(&config)?;
    let index = judge::index(&knowledge, &snapshot, &config)?;
    let assessment = doorward_assess::assess(&snapshot, &index, &config.options());
    let overrides: Vec<StepId> = args.r#override.iter().map(|id| StepId::from(id.as_str())).collect();
    let plan = match &args.check {
        Some(file) => {
            let plan = read(file)?;
            doorward_plan::check_fresh(&plan, &snapshot).with_context(|| file.display().to_string())?;
            plan
        }
        None => {
            let access = config.access()?;
            let options = Options { prefer: preferred(args.prefer), access: access.as_ref() };
            doorward_plan::plan(&assessment, &snapshot, &index, options)?
        }
    };
    refuse_wrong(&plan, &snapshot, &assessment, &index, &overrides)?;
    let text = match args.emit {
        Some(form) => {
            let direction = if args.inverse { Direction::Undo } else { Direction::Apply };
            doorward_plan::emit(&plan, &snapshot, emitted(form), direction)
        }
        None if args.check.is_some() => format!("{}\n", summary(&plan)),
        None => doorward_plan::print(&plan),
    };
    let json = args.form.format == OutputForm::Json;
    match &args.output {
        Some(file) => {
            output::write_file(file, &text)?;
            eprintln!(
                "doorward: {}: {}",
                doorward_report::escape(&file.display().to_string()),
                summary(&plan)
            );
        }
        None if json => {}
        None => output::print(&text)?,
    }
    if json {
        output::print_report(OutputForm::Json, &reports::plan(&plan), String::new)?;
    }
    Ok(Exit::Done)
}

pub(super) fn preferred(word: PreferWord) -> Prefer {
    match word {
        PreferWord::Uninstall => Prefer::Uninstall,
        PreferWord::Disable => Prefer::Disable,
        PreferWord::Stop => Prefer::Stop,
    }
}

fn emitted(form: EmitForm) -> Form {
    match form {
        EmitForm::Ansible => Form::Ansible,
        EmitForm::SystemdPreset => Form::SystemdPreset,
        EmitForm::Shell => Form::Shell,
    }
}

pub(super) fn read(file: &Path) -> anyhow::Result<Plan> {
    let text = source::text(file, LIMIT)?;
    doorward_plan::read(&text).with_context(|| file.display().to_string())
}

/// The checker's word on a plan, whoever made it.
pub(super) fn refuse_wrong(
    plan: &Plan,
    snapshot: &Snapshot,
    assessment: &Assessment<'_>,
    index: &Index<'_>,
    overrides: &[StepId],
) -> anyhow::Result<()> {
    let mut violations = doorward_plan::check(plan, snapshot, assessment, overrides);
    violations.extend(doorward_plan::check_commands(plan, index));
    if violations.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    bail!("the plan is refused:\n{}", lines.join("\n"))
}

/// In one line: how much of what, and what it saves.
fn summary(plan: &Plan) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for step in plan.changes() {
        let word = step.action.word();
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    if counts.is_empty() {
        return "nothing to do".to_owned();
    }
    let words: Vec<String> = counts.iter().map(|(word, count)| format!("{count} to {word}")).collect();
    let doors: usize = plan.changes().map(|step| step.closes.len()).sum();
    format!("{}; {doors} doors close", words.join(", "))
}
