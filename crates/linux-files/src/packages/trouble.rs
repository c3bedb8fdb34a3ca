//! Failures while reading package databases, bounded: a broken database of thousands of stanzas must not drown the
//! rest of an audit.

use std::collections::BTreeMap;

use doorward_model::Unseen;

use super::SUBJECT;
use crate::ReadError;

/// How many failures of one kind are told one by one.
const EACH: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Trouble {
    unseen: Vec<Unseen>,
    /// Number of failures by what they hide.
    counts: BTreeMap<String, usize>,
}

impl Trouble {
    /// Keeps one failure: what cannot be seen, why (naming file and place), and what would show it.
    pub(super) fn note(&mut self, what: &str, why: impl Into<String>, remedy: Option<&str>) {
        let count = self.counts.entry(what.to_owned()).or_default();
        *count += 1;
        if *count <= EACH {
            let unseen = Unseen::new(SUBJECT, what, why);
            self.unseen.push(match remedy {
                Some(remedy) => unseen.with_remedy(remedy),
                None => unseen,
            });
        }
    }

    /// Keeps a failure to read a file, unless the file is just not there.
    pub(super) fn read(&mut self, what: &str, error: &ReadError) {
        if !error.is_absent() {
            self.note(what, error.to_string(), error.is_permission().then_some("run as root"));
        }
    }

    pub(super) fn finish(mut self) -> Vec<Unseen> {
        for (what, count) in self.counts {
            if count > EACH {
                self.unseen.push(Unseen::new(SUBJECT, what, format!("and {} more like these", count - EACH)));
            }
        }
        self.unseen
    }
}
