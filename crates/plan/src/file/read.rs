//! Reading a plan's file back. It may be edited into anything, and come from anywhere.

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::raw::RawPlan;
use crate::{PLAN_VERSION, Plan};

/// The longest file that is read, in bytes: several times what a host with 30,000 services needs.
pub const LONGEST: usize = 16 << 20;
/// The most steps that a plan may have. Parsed, a step takes many times its length.
pub const MOST_STEPS: usize = 100_000;

/// Why a file is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is longer than [`LONGEST`].
    #[error("the plan is {0} bytes long, and no plan is longer than {LONGEST}: make a new one")]
    TooLong(usize),
    /// It has more than [`MOST_STEPS`].
    #[error("the plan has more than {MOST_STEPS} steps: make a new one")]
    TooManySteps,
    /// A newer program made it.
    #[error(
        "the plan has format {found}, and this doorward reads up to {PLAN_VERSION}: use the doorward that made it, or \
         make a new plan with this one"
    )]
    Newer {
        /// The format's version.
        found: i64,
    },
    /// Something in it is wrong.
    #[error("line {line}, column {column}{}: {text} ({way_out})", .step.as_ref().map(|s| format!(", {s}")).unwrap_or_default())]
    Wrong {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The step that it is in: `step 3 "disable:cups.service"`. Hostile text: escape before showing.
        step: Option<String>,
        /// What is wrong. Hostile text too.
        text: String,
        /// What to do about it.
        way_out: String,
    },
}

/// Reads a plan's file. Whether the plan may be applied is for [`crate::check_fresh`] and [`crate::check`] to say.
pub fn read(text: &str) -> Result<Plan, Unreadable> {
    if text.len() > LONGEST {
        return Err(Unreadable::TooLong(text.len()));
    }
    // Counted before parsing, which takes a multiple of the text's length.
    if text.lines().filter(|l| l.trim_start().starts_with("[[")).count() > MOST_STEPS {
        return Err(Unreadable::TooManySteps);
    }
    let table = DeTable::parse(text).map_err(|e| malformed(text, &e))?;
    if let Some(found) = newer(&table) {
        return Err(Unreadable::Newer { found });
    }
    let raw = RawPlan::deserialize(Deserializer::from(table)).map_err(|e| malformed(text, &e))?;
    if raw.step.len() > MOST_STEPS {
        return Err(Unreadable::TooManySteps);
    }
    let mut steps = Vec::with_capacity(raw.step.len());
    for step in raw.step {
        let at = step.span().start;
        steps.push(step.into_inner().into_step().map_err(|(what, way_out)| wrong(text, at, what, way_out))?);
    }
    Ok(Plan {
        schema_version: raw.schema_version,
        doorward: raw.doorward,
        host: raw.host,
        snapshot: raw.snapshot,
        prefer: raw.prefer,
        steps,
        recorded: raw.recorded,
    })
}

/// The version, if this program does not know it: told before anything else, as the rest may mean something new.
fn newer(table: &Spanned<DeTable<'_>>) -> Option<i64> {
    let version = table.get_ref().get("schema_version")?.get_ref().as_integer()?;
    let version = i64::from_str_radix(version.as_str(), version.radix()).ok()?;
    (version > i64::from(PLAN_VERSION)).then_some(version)
}

fn malformed(text: &str, error: &toml::de::Error) -> Unreadable {
    let at = error.span().map_or(0, |span| span.start);
    let what = error.message().to_owned();
    let way_out = if what.starts_with("unknown field") {
        "correct the name, or take the line out"
    } else if what.starts_with("missing field") {
        "put back what was taken out, or make a new plan"
    } else {
        "correct it, or make a new plan"
    };
    wrong(text, at, what, way_out.to_owned())
}

fn wrong(text: &str, at: usize, what: String, way_out: String) -> Unreadable {
    let at = text.floor_char_boundary(at.min(text.len()));
    let before = &text[..at];
    let start_of_line = before.rfind('\n').map_or(0, |n| n + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[start_of_line..].chars().count() + 1;
    Unreadable::Wrong { line, column, step: step_at(text, at), text: what, way_out }
}

/// The step that a place is in, by its number and, if it can be read, its id.
fn step_at(text: &str, at: usize) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        id: String,
    }
    let is_header = |line: &str| line.trim_start().starts_with("[[step]]");
    let mut header = None;
    let (mut number, mut offset) = (0, 0);
    for line in text.split_inclusive('\n') {
        if offset > at {
            break;
        }
        if is_header(line) {
            number += 1;
            header = Some(offset);
        } else if line.starts_with('[') {
            header = None;
        }
        offset += line.len();
    }
    let body = text[header?..].split_inclusive('\n').skip(1);
    let mut lines = body.take_while(|l| !l.trim_start().starts_with('['));
    let id = lines.find_map(|l| toml::from_str::<Id>(l).ok());
    Some(id.map_or_else(|| format!("step {number}"), |id| format!("step {number} \"{}\"", id.id)))
}
