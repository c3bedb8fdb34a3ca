//! `cargo xtask schema`: the published shape of the JSON, written from the types themselves.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use doorward_model::changes::{
    ApplyReport, ConfirmReport, ExtendReport, LogReport, PlanReport, StatusReport, UndoReport, VerifyReport,
};
use doorward_model::reach::ReachReport;
use doorward_model::site::SiteReport;
use doorward_model::trial::TrialReport;
use doorward_model::{Audit, Snapshot};
use schemars::{Schema, schema_for};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when a file is not what it should be
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    for (name, schema) in schemas() {
        let path = folder().join(name);
        let text = text(&schema)?;
        if arguments.check {
            let found = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            ensure!(found == text, "{} is not up to date; cargo xtask schema", path.display());
        } else {
            fs::create_dir_all(folder())
                .and_then(|()| fs::write(&path, text))
                .with_context(|| format!("write {}", path.display()))?;
        }
    }
    Ok(())
}

fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("audit.schema.json", schema_for!(Audit)),
        ("snapshot.schema.json", schema_for!(Snapshot)),
        ("reach.schema.json", schema_for!(ReachReport)),
        ("plan.schema.json", schema_for!(PlanReport)),
        ("apply.schema.json", schema_for!(ApplyReport)),
        ("confirm.schema.json", schema_for!(ConfirmReport)),
        ("extend.schema.json", schema_for!(ExtendReport)),
        ("undo.schema.json", schema_for!(UndoReport)),
        ("verify.schema.json", schema_for!(VerifyReport)),
        ("log.schema.json", schema_for!(LogReport)),
        ("status.schema.json", schema_for!(StatusReport)),
        ("trial.schema.json", schema_for!(TrialReport)),
        ("site-check.schema.json", schema_for!(SiteReport)),
    ]
}

fn text(schema: &Schema) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../schema")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schemas_are_those_of_the_types() {
        run(&Arguments { check: true }).unwrap();
    }
}
