//! Transient timers, each with the service that it starts.
//!
//! Every arming makes a timer of a new number and removes the older ones after it, so that at no time none counts.

use std::time::Duration;

use doorward_change::system::SystemError;
use zbus::Variant;

use super::Armed;
use crate::bus::{self, BusError};
use crate::program::{self, Late};
use crate::units::patiently;

const QUESTION: Duration = Duration::from_secs(10);
const SYSTEMD_RUN: &str = "/usr/bin/systemd-run";
const SYSTEMCTL: &str = "/usr/bin/systemctl";
/// A revert that fails, because the bus is away for a moment say, is tried again a few times.
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(10);
const TRIED_WITHIN: Duration = Duration::from_hours(1);
const ACCURACY: Duration = Duration::from_millis(100);

/// Of a unit its name and whether it runs, as the manager lists them.
type Listed = (String, String);

/// Starts a timer for that command and removes the older ones.
pub(super) fn replace(id: &str, words: &[String], after: Duration) -> Result<Armed, SystemError> {
    let older = listed(id)?;
    let number = older.iter().filter_map(|(name, _)| number(name, id)).max().unwrap_or(0).saturating_add(1);
    let stem = format!("{}{number}", stem(id));
    make(&stem, words, after)?;
    for (timer, _) in older.iter().filter(|(name, _)| is(name, "timer")) {
        stop(timer)?;
    }
    Ok(Armed { timer: format!("{stem}.timer"), after })
}

/// Removes all timers of a change.
pub(super) fn remove(id: &str) -> Result<(), SystemError> {
    listed(id)?.iter().filter(|(name, _)| is(name, "timer")).try_for_each(|(timer, _)| stop(timer))
}

/// Timers of a change that still count.
pub(super) fn waiting(id: &str) -> Result<Vec<String>, SystemError> {
    let counts = |(name, active): Listed| (is(&name, "timer") && active == "active").then_some(name);
    Ok(listed(id)?.into_iter().filter_map(counts).collect())
}

/// Whether a service of a change runs.
pub(super) fn is_reverting(id: &str) -> Result<bool, SystemError> {
    let runs = |(name, active): &Listed| {
        is(name, "service") && matches!(active.as_str(), "active" | "activating" | "reloading")
    };
    Ok(listed(id)?.iter().any(runs))
}

fn is(unit: &str, kind: &str) -> bool {
    unit.rsplit_once('.').is_some_and(|(_, k)| k == kind)
}

fn stem(id: &str) -> String {
    format!("doorward-revert-{id}-")
}

/// The number of a unit of that change, of no other one whose name begins alike.
fn number(unit: &str, id: &str) -> Option<u32> {
    let (number, _) = unit.strip_prefix(&stem(id))?.split_once('.')?;
    if number.bytes().all(|b| b.is_ascii_digit()) { number.parse().ok() } else { None }
}

fn listed(id: &str) -> Result<Vec<Listed>, SystemError> {
    /// Name, description, load state, active state, sub state, followed, path, job's number, type and path.
    type Row = (
        String,
        String,
        String,
        String,
        String,
        String,
        zbus::wire::OwnedObjectPath,
        u32,
        String,
        zbus::wire::OwnedObjectPath,
    );
    let pattern = format!("{}*", stem(id));
    let asked = pattern.clone();
    let all = patiently("list the switch's timers", || {
        let pattern = asked.clone();
        let told = bus::speak(QUESTION, move |talk| {
            let (states, patterns) = (Vec::<&str>::new(), vec![pattern.as_str()]);
            let rows: Vec<Row> = bus::body(&talk.manager("ListUnitsByPatterns", &(states, patterns))?)?;
            Ok(rows.into_iter().map(|row| (row.0, row.3)).collect())
        });
        match told {
            Err(BusError::Absent(_)) => listed_by_systemctl(&asked),
            other => other,
        }
    })?;
    Ok(all.into_iter().filter(|(name, _): &Listed| number(name, id).is_some()).collect())
}

fn listed_by_systemctl(pattern: &str) -> Result<Vec<Listed>, BusError> {
    let text = run(SYSTEMCTL, &["list-units", "--all", "--plain", "--no-legend", "--full", "--", pattern])?;
    let row = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?.to_owned(), words.nth(1)?.to_owned()))
    };
    Ok(text.lines().filter_map(row).collect())
}

fn make(stem: &str, words: &[String], after: Duration) -> Result<(), SystemError> {
    patiently("arm the dead-man switch", || {
        let (name, command) = (stem.to_owned(), words.to_vec());
        let made = bus::speak(QUESTION, move |talk| ask_for(talk, &name, &command, after));
        match made {
            // The answer to an earlier try was lost.
            Err(BusError::Refused { name, .. }) if name.ends_with("UnitExists") => Ok(()),
            Err(BusError::Absent(_)) => run_systemd_run(stem, words, after),
            other => other,
        }
    })
}

fn ask_for(talk: &bus::Talk, stem: &str, words: &[String], after: Duration) -> Result<(), BusError> {
    const TEXT: &str = "Undo a change of doorward that nobody has confirmed";
    let program = words.first().cloned().unwrap_or_default();
    let timer: Vec<(&str, Variant<'_>)> = vec![
        ("Description", Variant::from(TEXT)),
        ("TimersMonotonic", Variant::from(vec![("OnActiveSec", microseconds(after))])),
        ("AccuracyUSec", Variant::from(microseconds(ACCURACY))),
        ("RemainAfterElapse", Variant::from(false)),
    ];
    let service: Vec<(&str, Variant<'_>)> = vec![
        ("Description", Variant::from(TEXT)),
        ("Type", Variant::from("oneshot")),
        ("ExecStart", Variant::from(vec![(program, words.to_vec(), false)])),
        ("Restart", Variant::from("on-failure")),
        ("RestartUSec", Variant::from(microseconds(BETWEEN_TRIES))),
        ("StartLimitIntervalUSec", Variant::from(microseconds(TRIED_WITHIN))),
        ("StartLimitBurst", Variant::from(TRIES)),
    ];
    let (timer_name, service_name) = (format!("{stem}.timer"), format!("{stem}.service"));
    let also = vec![(service_name.as_str(), service)];
    talk.manager("StartTransientUnit", &(timer_name.as_str(), "fail", timer, also)).map(drop)
}

fn run_systemd_run(stem: &str, words: &[String], after: Duration) -> Result<(), BusError> {
    let options = [
        format!("--unit={stem}"),
        format!("--on-active={}us", microseconds(after)),
        format!("--timer-property=AccuracySec={}us", microseconds(ACCURACY)),
        "--timer-property=RemainAfterElapse=no".to_owned(),
        "--property=Type=oneshot".to_owned(),
        "--property=Restart=on-failure".to_owned(),
        format!("--property=RestartSec={}s", BETWEEN_TRIES.as_secs()),
        format!("--property=StartLimitIntervalSec={}s", TRIED_WITHIN.as_secs()),
        format!("--property=StartLimitBurst={TRIES}"),
        "--quiet".to_owned(),
        "--".to_owned(),
    ];
    let arguments: Vec<&str> = options.iter().chain(words).map(String::as_str).collect();
    match run(SYSTEMD_RUN, &arguments) {
        Err(BusError::Refused { text, .. }) if text.contains("already") => Ok(()),
        other => other.map(drop),
    }
}

/// Stops a timer, whose transient unit goes with it.
fn stop(timer: &str) -> Result<(), SystemError> {
    crate::units::stop(timer, QUESTION)
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn run(program: &str, arguments: &[&str]) -> Result<String, BusError> {
    let ended = program::run(program, arguments, &[], QUESTION, Late::Kill)
        .map_err(|e| BusError::Lost(e.to_string()))?;
    if ended.success {
        Ok(ended.output)
    } else {
        let text = ended.complaint();
        if text.contains("Failed to connect") {
            return Err(BusError::Lost(text));
        }
        Err(BusError::Refused { name: String::new(), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_of_changes_whose_names_begin_alike_are_told_apart() {
        assert_eq!(number("doorward-revert-a-7.timer", "a"), Some(7));
        assert_eq!(number("doorward-revert-a-1-7.timer", "a"), None);
        assert_eq!(number("doorward-revert-a-1-7.timer", "a-1"), Some(7));
        assert_eq!(number("doorward-revert-a-.timer", "a"), None);
    }
}
