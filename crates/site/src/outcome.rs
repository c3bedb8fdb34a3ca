//! What came of running the checks.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::values::Sha256;

/// The name of a test: of a check, or of a suite and its test (`browser: pays by card`). Hostile text where a suite wrote
/// it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Test(pub String);

/// All outcomes of one run, in an order that is the same in each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    /// One a test.
    pub tests: Vec<Outcome>,
}

impl Outcomes {
    /// Those that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Outcome> {
        self.tests.iter().filter(|t| t.verdict == Verdict::Failed)
    }

    /// The outcome of a test.
    pub fn get(&self, test: &Test) -> Option<&Outcome> {
        self.tests.iter().find(|t| t.test == *test)
    }
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which.
    pub test: Test,
    /// Passed or not.
    pub verdict: Verdict,
    /// How long it took, in seconds.
    #[serde(serialize_with = "seconds", deserialize_with = "time", rename = "seconds")]
    pub took: Duration,
    /// What was not as expected: at least one where the test failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<Mismatch>,
    /// What was asked and answered, to be held beside that of another run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Exchange>,
}

impl Outcome {
    /// Of a test that should have been run, and of which nothing came.
    pub fn missing(test: &Test) -> Self {
        let wrong = Mismatch::new("test", "an outcome", "it was not run");
        Self::of(&test.0, Duration::ZERO, vec![wrong], Vec::new())
    }

    pub(crate) fn of(
        name: &str,
        took: Duration,
        mismatches: Vec<Mismatch>,
        exchanges: Vec<Exchange>,
    ) -> Self {
        let verdict = if mismatches.is_empty() { Verdict::Passed } else { Verdict::Failed };
        Self { test: Test(name.to_owned()), verdict, took, mismatches, exchanges }
    }
}

/// Passed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed,
    /// A suite left it out: it says nothing.
    Skipped,
}

/// One thing that was not as expected. Hostile text: escape before showing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Where: `request 2: POST https://shop.example/login`; empty where there is only one place.
    #[serde(rename = "where", default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What: `status`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

impl Mismatch {
    pub(crate) fn new(what: &str, expected: impl Into<String>, seen: impl Into<String>) -> Self {
        let (expected, seen) = (short(&expected.into()), short(&seen.into()));
        Self { place: String::new(), what: what.to_owned(), expected, seen }
    }

    pub(crate) fn at(mut self, place: &str) -> Self {
        place.clone_into(&mut self.place);
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}: expected {}, seen {}", self.what, self.expected, self.seen)
    }
}

/// One question and its answer. Hostile text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// What was asked: `GET https://shop.example/`.
    pub asked: String,
    /// The status of the answer, where its protocol has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// Size of the answer, in bytes.
    pub size: u64,
    /// Its sum, without what is ignored.
    pub sha256: Sha256,
    /// Its beginning, at most 16 KiB, without what is ignored; empty where it is no text.
    pub text: String,
}

/// Bytes of an answer that are kept.
pub(crate) const EXCERPT: usize = 16 << 10;

impl Exchange {
    pub(crate) fn of(asked: &str, status: Option<i32>, size: u64, body: &[u8]) -> Self {
        let text = match str::from_utf8(body) {
            Ok(text) => &text[..text.floor_char_boundary(EXCERPT.min(text.len()))],
            Err(_) => "",
        };
        Self { asked: asked.to_owned(), status, size, sha256: Sha256::of(body), text: text.to_owned() }
    }
}

/// A text for a line: at most 300 characters of it.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 300;
    let text = text.trim();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn time<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(serde::de::Error::custom)
}
