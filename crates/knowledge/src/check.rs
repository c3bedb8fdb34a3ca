//! What must hold of the entries together, beyond the form of each.

use std::collections::BTreeSet;
use std::fmt;

use crate::{Knowledge, Recognise};

/// A contradiction between entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The entry: `service redis`.
    pub entry: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "knowledge: {}: {}", self.entry, self.what)
    }
}

impl Knowledge {
    /// Everything that contradicts, in a stable order; empty when all is well.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let classes: BTreeSet<&str> = self.classes.iter().map(|c| c.id.as_str()).collect();
        let services: BTreeSet<&str> = self.services.iter().map(|s| s.id.as_str()).collect();
        let mut say = |entry: String, what: String| problems.push(Problem { entry, what });

        for s in &self.services {
            let entry = format!("service {}", s.id);
            if !is_id(&s.id) {
                say(entry.clone(), "its id is not in kebab-case".into());
            }
            if s.sources.is_empty() {
                say(entry.clone(), "it names no source".into());
            }
            if s.units.is_empty() && s.programs.is_empty() && s.inetd.is_empty() && s.modules.is_empty() {
                say(
                    entry.clone(),
                    "nothing tells how to recognise it: units, programs, inetd or modules".into(),
                );
            }
            if let Some(class) = s.class.as_deref().filter(|c| !classes.contains(c)) {
                say(entry.clone(), format!("its class {class:?} is not in classes.toml"));
            }
            for pattern in &s.units {
                if let Err(e) = crate::lookup::glob(pattern) {
                    say(entry.clone(), format!("unit {pattern:?}: {e}"));
                }
            }
            for v in s.history.iter().filter(|v| !is_vulnerability(&v.id)) {
                say(entry.clone(), format!("{:?} is no CVE id", v.id));
            }
        }
        for r in &self.roles {
            for id in r.services.iter().filter(|id| !services.contains(id.as_str())) {
                say(format!("role {}", r.id), format!("there is no service {id:?}"));
            }
        }
        for a in &self.applications {
            let entry = format!("application {}", a.id);
            if a.recognise == Recognise::default() {
                say(entry.clone(), "nothing tells how to recognise it: packages, files or units".into());
            }
            for id in a.needs.iter().flat_map(|n| &n.any).filter(|id| !services.contains(id.as_str())) {
                say(entry.clone(), format!("it needs the service {id:?}, which has no entry"));
            }
            for probe in &a.settings {
                match regex::Regex::new(&probe.pattern) {
                    Ok(r) if r.captures_len() >= 2 => {}
                    Ok(_) => {
                        say(entry.clone(), format!("setting {:?}: the pattern has no group", probe.name));
                    }
                    Err(e) => say(entry.clone(), format!("setting {:?}: {e}", probe.name)),
                }
            }
            let known: BTreeSet<&str> = a.settings.iter().map(|p| p.name.as_str()).collect();
            for condition in a.needs.iter().flat_map(|n| n.when.iter().chain(&n.unless)) {
                if !known.contains(condition.setting.as_str()) {
                    say(entry.clone(), format!("no setting is named {:?}", condition.setting));
                }
            }
        }
        problems
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_vulnerability(id: &str) -> bool {
    let mut parts = id.split('-');
    let number = |part: Option<&str>, least: usize| {
        part.is_some_and(|p| p.len() >= least && p.bytes().all(|b| b.is_ascii_digit()))
    };
    parts.next() == Some("CVE")
        && number(parts.next(), 4)
        && number(parts.next(), 4)
        && parts.next().is_none()
}
