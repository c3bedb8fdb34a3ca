//! What must hold of the entries together, beyond the form of each.

use std::collections::BTreeSet;
use std::fmt;

use doorward_model::Protocol;

use crate::{DoorFact, FindingEntry, Knowledge, Recognise, ServiceEntry};

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
            for v in s.history.iter().filter(|v| !is_vulnerability(&v.id) && !is_bulletin(&v.id)) {
                say(entry.clone(), format!("{:?} is no CVE id, nor a bulletin's", v.id));
            }
            let bulletins = s.history.iter().filter_map(|v| v.bulletin.as_deref());
            let hotfixes = s.hotfixes.iter().map(|h| h.id.as_str()).filter(|id| !is_article(id));
            for id in bulletins.chain(hotfixes).filter(|id| !is_bulletin(id)) {
                say(entry.clone(), format!("{id:?} is no bulletin's id"));
            }
            for problem in s.doors.iter().filter_map(|d| door_problem(d, &services)) {
                say(entry.clone(), problem);
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
                // As collectors compile it: files are bytes, and letters are ASCII.
                let mut pattern = regex::bytes::RegexBuilder::new(&probe.pattern);
                match pattern.unicode(false).multi_line(true).build() {
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
        for f in &self.findings {
            let entry = format!("finding {}", f.id);
            let of = |id: &str| self.services.iter().find(|s| s.id == id);
            for problem in finding_problems(f, of) {
                say(entry.clone(), problem);
            }
        }
        problems
    }
}

/// What is wrong with a finding. Its services have its topic among their settings, so that both are shown together.
fn finding_problems<'k>(f: &FindingEntry, of: impl Fn(&str) -> Option<&'k ServiceEntry>) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_id(&f.id) {
        problems.push("its id is not in kebab-case".to_owned());
    }
    let needed = [("system", f.systems.len()), ("value", f.values.len()), ("source", f.sources.len())];
    let missing = needed.into_iter().filter(|(_, count)| *count == 0);
    problems.extend(missing.map(|(what, _)| format!("it names no {what}")));
    let texts = [("topic", &f.topic), ("name", &f.name), ("text", &f.text), ("remedy", &f.remedy)];
    let empty = texts.into_iter().filter(|(_, text)| text.trim().is_empty());
    problems.extend(empty.map(|(what, _)| format!("its {what} is empty")));
    for id in &f.services {
        match of(id) {
            None => problems.push(format!("there is no service {id:?}")),
            Some(service) if !service.settings.contains(&f.topic) => {
                problems.push(format!("the service {id:?} does not have {:?} among its settings", f.topic));
            }
            Some(_) => {}
        }
    }
    problems
}

/// What is wrong with a door, if anything.
fn door_problem(door: &DoorFact, services: &BTreeSet<&str>) -> Option<String> {
    let has_name = matches!(door.protocol, Protocol::Pipe | Protocol::Rpc);
    let text = door.protocol.as_str();
    match (&door.port, &door.name) {
        (None, None) => return Some(format!("a {text} door has neither port nor name")),
        (Some(_), _) if has_name => return Some(format!("a {text} door has no port")),
        (_, Some(name)) if !has_name => return Some(format!("a {text} door is not named: {name:?}")),
        _ => {}
    }
    let via = door.via.as_deref().filter(|id| !services.contains(id))?;
    Some(format!("a door is reached through the service {via:?}, which has no entry"))
}

/// `KB823980`.
fn is_article(id: &str) -> bool {
    id.strip_prefix("KB").is_some_and(|n| n.len() >= 6 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// `MS03-026`.
fn is_bulletin(id: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let parts = id.strip_prefix("MS").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(year, number)| digits(year, 2) && digits(number, 3))
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
