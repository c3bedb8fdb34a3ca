//! What suites write down: one result a test, in JUnit's XML or in TAP.

use std::collections::HashMap;
use std::time::Duration;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::BytesRef;

use crate::outcome::short;

mod junit;
mod tap;
mod write;

pub use junit::junit;
pub use tap::tap;
pub use write::write_junit;

/// The most tests of one suite.
pub const MOST_CASES: usize = 100_000;
/// The longest name of a test that is kept, in characters.
const LONGEST_NAME: usize = 200;

/// One test of a suite. Hostile text.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name; of two with one name the second is told from the first by a number.
    pub name: String,
    /// How long it took, if the suite says so.
    pub took: Option<Duration>,
    /// How it ended.
    pub ending: Ending,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Passed,
    /// It did not, and why.
    Failed(String),
    /// It was not run, or its failure is known and expected.
    Skipped,
}

/// Why a suite's results cannot be told. Hostile text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {text}")]
pub struct ResultsError {
    /// `line 7`, `byte 120`.
    pub place: String,
    /// What is wrong there.
    pub text: String,
}

/// What an entity of XML stands for: one of the five that need no definition, or a character by its number; else as it is
/// written.
pub(crate) fn resolved(name: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = name.resolve_char_ref() {
        return character.to_string();
    }
    let written: &str = name.as_ref();
    resolve_predefined_entity(written).map_or_else(|| format!("&{written};"), str::to_owned)
}

/// Cases with names of their own.
#[derive(Debug, Default)]
struct Cases {
    all: Vec<Case>,
    names: HashMap<String, usize>,
}

impl Cases {
    /// Returns whether there was room for it.
    fn push(&mut self, name: &str, took: Option<Duration>, ending: Ending) -> bool {
        if self.all.len() == MOST_CASES {
            return false;
        }
        let clean: String =
            name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_NAME).collect();
        let mut own = clean.trim().to_owned();
        // A name that another one's number makes may be taken in turn.
        while let Some(count) = self.names.get_mut(&own) {
            *count += 1;
            own = format!("{own} ({count})");
        }
        self.names.insert(own.clone(), 1);
        let ending = if let Ending::Failed(why) = ending { Ending::Failed(short(&why)) } else { ending };
        self.all.push(Case { name: own, took, ending });
        true
    }
}
