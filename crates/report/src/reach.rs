//! Whether a client gets through to a port, for people.

use std::fmt::Write as _;

use doorward_model::Basis;
use doorward_model::reach::{
    Answering, ReachAction, ReachPart, ReachReport, ReachRule, ReachState, ReachStep, ReachVerdict, ReachWay,
};

use crate::table::wrap;
use crate::text::bold;
use crate::{TextStyle, escape};

/// Networks of a part that are written out; JSON has all.
const SHOWN: usize = 6;

pub(crate) fn text(report: &ReachReport, style: TextStyle) -> String {
    let mut out = String::new();
    let heading = format!(
        "{} to {}/{} of {}: {}",
        report.client,
        report.protocol.as_str(),
        report.port,
        report.host,
        verdict(report.verdict)
    );
    let _ = writeln!(out, "{}", bold(&escape(&heading), style));
    if report.state == ReachState::Established {
        line(&mut out, 0, "packets of a connection that is established", style);
    }
    for way in &report.ways {
        let _ = writeln!(out, "\n{}", escape(&way_in(way)));
        for part in &way.parts {
            describe(&mut out, part, way.parts.len() > 1, style);
        }
    }
    if !report.notes.is_empty() {
        out.push('\n');
    }
    for note in &report.notes {
        line(&mut out, 0, note, style);
    }
    out
}

fn way_in(way: &ReachWay) -> String {
    let to = way.to.map_or("an address of the host".to_owned(), |a| a.to_string());
    if way.interface.is_empty() { format!("to {to}") } else { format!("by {} to {to}", way.interface) }
}

fn describe(out: &mut String, part: &ReachPart, is_one_of_many: bool, style: TextStyle) {
    let mut said = verdict(part.verdict).to_owned();
    if let Some(why) = &part.why {
        let _ = write!(said, ": {why}");
    }
    if let Some(step) = &part.decided_by {
        let by = step.rule.as_ref().map_or_else(|| "no rule".to_owned(), in_words);
        let _ = write!(said, ", by {by}");
    }
    if is_one_of_many {
        said = format!("{}: {said}", clients(&part.clients));
    }
    line(out, 1, &said, style);
    for step in &part.steps {
        line(out, 2, &format!("{} {}: {}", step.hook, step.priority, told(step)), style);
    }
    if let Some(arrives) = &part.arrives {
        let address = arrives.address.map_or("the host".to_owned(), |a| a.to_string());
        let verb = if arrives.forwarded { "sent on to" } else { "arrives at" };
        line(out, 2, &format!("{verb} {address} port {}", arrives.port), style);
    }
    match part.answers.as_slice() {
        [] => line(out, 2, "nothing was seen to listen there", style),
        some => some.iter().for_each(|a| line(out, 2, &answering(a), style)),
    }
}

fn clients(networks: &[String]) -> String {
    let more = networks.len().saturating_sub(SHOWN);
    let shown = networks.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more networks") }
}

fn told(step: &ReachStep) -> String {
    let verb = match step.action {
        ReachAction::Entered => "jumps by",
        ReachAction::Accepted => "accepted by",
        ReachAction::Passed => "passed by",
        ReachAction::Translated => "translated by",
        ReachAction::Dropped => "dropped by",
    };
    match &step.rule {
        Some(rule) => format!("{verb} {}", in_words(rule)),
        None => format!("{verb} no rule's doing"),
    }
}

/// `inet filter input rule 3 (handle 7): tcp dport 22 accept`
fn in_words(rule: &ReachRule) -> String {
    let mut words = format!("{} {} {}", rule.family, rule.table, rule.chain);
    if let Some(position) = rule.position {
        let _ = write!(words, " rule {position}");
    }
    if let Some(handle) = rule.handle {
        let _ = write!(words, " (handle {handle})");
    }
    let _ = write!(words, ": {}", rule.text);
    if let Some(comment) = &rule.comment {
        let _ = write!(words, " # {comment}");
    }
    words
}

fn answering(answering: &Answering) -> String {
    let service = answering.service.as_deref().unwrap_or("a process that could not be seen");
    let package = answering.package.as_ref().map(|p| format!(" of package {p}")).unwrap_or_default();
    let verb = match answering.basis {
        Basis::Observed => "listens",
        Basis::Configured => "is configured to listen",
        Basis::Default => "would listen",
    };
    let (address, port) = (&answering.address, answering.port);
    let address = if address.contains(':') { format!("[{address}]") } else { address.clone() };
    format!("{service}{package} {verb} at {address}:{port} ({})", answering.verdict.as_str())
}

fn verdict(verdict: ReachVerdict) -> &'static str {
    match verdict {
        ReachVerdict::Open => "open",
        ReachVerdict::Partly => "open in part",
        ReachVerdict::Closed => "closed",
        ReachVerdict::Undecided => "undecided",
    }
}

/// A line, wrapped and indented.
fn line(out: &mut String, depth: usize, text: &str, style: TextStyle) {
    let indent = 2 * depth;
    for (at, line) in wrap(&escape(text), style.width.saturating_sub(indent + 4)).iter().enumerate() {
        let more = if at == 0 { 0 } else { 4 };
        let _ = writeln!(out, "{:width$}{line}", "", width = indent + more);
    }
}
