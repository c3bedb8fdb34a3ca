//! Whether units run, and making them run or stop.
//!
//! The manager is asked over the system bus or, where that is not there (early at boot, while it restarts), through
//! `systemctl`, which has a way of its own to it. Either way a job is put into the manager's queue and looked at until
//! it has ended: nothing is lost when the bus restarts in between. No process is killed here beyond what the manager
//! kills when a unit's own time to stop is over.

use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use doorward_change::system::{Activity, SystemError};

use crate::bus::{self, BusError, PROPERTIES};
use crate::error::{busy, failed};
use crate::program::{self, Late};

mod systemctl;

/// One question to the manager. A reload of many units takes seconds.
const QUESTION: Duration = Duration::from_secs(10);
const RELOAD: Duration = Duration::from_secs(90);
/// How long a manager or bus may be away.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(200);
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(50);

const UNIT: &str = "org.freedesktop.systemd1.Unit";
const NAME_LIMIT: usize = 255;

/// What is asked of the manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    Start,
    Stop,
}

/// What the manager says of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Unit {
    load: String,
    active: String,
    sub: String,
    /// The job in the queue for it: `start`, `stop` and the like.
    job: Option<String>,
    /// Whether its conditions were looked at and not met when it was started last.
    conditions_unmet: bool,
}

impl Unit {
    fn activity(&self) -> Activity {
        match (self.active.as_str(), self.job.as_deref()) {
            (_, Some("start" | "restart" | "try-restart" | "reload" | "reload-or-start")) => Activity::Active,
            ("active" | "reloading" | "refreshing", Some("stop")) => Activity::Inactive,
            ("active" | "activating" | "reloading" | "refreshing", _) => Activity::Active,
            ("failed", _) => Activity::Failed,
            _ if self.load == "not-found" => Activity::Absent,
            _ => Activity::Inactive,
        }
    }
}

/// Whether systemd manages this host.
pub(crate) fn is_there() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Makes the manager read its files anew.
pub(crate) fn reload() -> Result<(), SystemError> {
    if !is_there() {
        return Ok(());
    }
    patiently("reload the service manager", || {
        match bus::speak(RELOAD, |talk| talk.manager("Reload", &()).map(drop)) {
            // The answer can be lost while the manager reads; to ask again does no harm.
            Err(BusError::Absent(_)) => systemctl::reload(),
            other => other,
        }
    })
}

/// Whether a unit runs.
pub(crate) fn activity(unit: &str) -> Result<Activity, SystemError> {
    check(unit)?;
    if !is_there() {
        return Ok(Activity::Absent);
    }
    if is_template(unit) {
        return Ok(Activity::Inactive);
    }
    Ok(look(unit)?.activity())
}

/// `postfix@.service`: what instances are made of runs nothing itself, and the manager does not answer for it.
fn is_template(unit: &str) -> bool {
    unit.split_once('@').is_some_and(|(_, rest)| rest.starts_with('.'))
}

/// Stops it, and waits until it has stopped.
pub(crate) fn stop(unit: &str, limit: Duration) -> Result<(), SystemError> {
    check(unit)?;
    let what = format!("stop {unit}");
    if !is_there() || is_template(unit) || is_stopped(&look(unit)?) {
        return Ok(());
    }
    queue(&what, unit, Job::Stop)?;
    // What something has started again by now was stopped all the same: whether it stays down is for the caller to see.
    settled(&what, unit, limit).map(|_| ())
}

/// Starts it and waits until it runs or, where the host is still booting, until it is in the queue: what waits for us
/// must not be waited for.
pub(crate) fn start(unit: &str, limit: Duration, is_boot: bool) -> Result<(), SystemError> {
    check(unit)?;
    let what = format!("start {unit}");
    if !is_there() {
        return Err(failed(what, "no systemd runs here"));
    }
    let before = look(unit)?;
    if before.active == "active" && before.job.is_none() {
        return Ok(());
    }
    queue(&what, unit, Job::Start)?;
    if is_boot {
        return Ok(());
    }
    let end = settled(&what, unit, limit)?;
    match end.activity() {
        Activity::Active => Ok(()),
        Activity::Inactive if end.conditions_unmet => Err(failed(what, "its conditions are not met")),
        // One that ends by itself has; the manager forgets it at once, but for a failure.
        Activity::Inactive if is_oneshot(unit)? => Ok(()),
        Activity::Inactive => Err(failed(what, "it has ended again, or its conditions are not met")),
        Activity::Failed => Err(failed(what, format!("it failed: see `systemctl status {unit}`"))),
        Activity::Absent => Err(failed(what, "there is no such unit")),
    }
}

fn is_stopped(unit: &Unit) -> bool {
    unit.job.is_none() && matches!(unit.active.as_str(), "inactive" | "failed")
}

/// Waits until no job is left for a unit, and it is in no state between others.
fn settled(what: &str, unit: &str, limit: Duration) -> Result<Unit, SystemError> {
    let until = Instant::now() + limit;
    let mut pause = FIRST_LOOK;
    loop {
        let seen = look(unit)?;
        let is_between = matches!(seen.active.as_str(), "deactivating" | "activating");
        // Between two tries to start there is no job.
        if seen.job.is_none() && (!is_between || seen.sub == "auto-restart") {
            return Ok(seen);
        }
        if Instant::now() >= until {
            return Err(SystemError::Timeout { what: what.to_owned(), limit });
        }
        thread::sleep(pause.min(until.saturating_duration_since(Instant::now())));
        pause = (pause * 2).min(LAST_LOOK);
    }
}

fn queue(what: &str, unit: &str, job: Job) -> Result<(), SystemError> {
    let method = match job {
        Job::Start => "StartUnit",
        Job::Stop => "StopUnit",
    };
    patiently(what, || {
        let name = unit.to_owned();
        match bus::speak(QUESTION, move |talk| talk.manager(method, &(name.as_str(), "replace")).map(drop)) {
            Err(BusError::Absent(_)) => systemctl::queue(unit, job),
            Err(BusError::Refused { name, .. }) if job == Job::Stop && name.ends_with("NoSuchUnit") => Ok(()),
            other => other,
        }
    })
}

fn look(unit: &str) -> Result<Unit, SystemError> {
    patiently(&format!("look at {unit}"), || {
        let name = unit.to_owned();
        match bus::speak(QUESTION, move |talk| ask(talk, &name)) {
            Err(BusError::Absent(_)) => systemctl::look(unit),
            other => other,
        }
    })
}

fn ask(talk: &bus::Talk, unit: &str) -> Result<Unit, BusError> {
    let path: zbus::wire::OwnedObjectPath = bus::body(&talk.manager("LoadUnit", &(unit,))?)?;
    // The job first: where there is none, the state is that after it.
    let job = talk.call(path.as_str(), PROPERTIES, "Get", &(UNIT, "Job"))?;
    let (job, job_path): (u32, zbus::wire::OwnedObjectPath) = bus::property(&job)?;
    let job = if job == 0 { None } else { job_type(talk, job_path.as_str())? };
    let properties = talk.call(path.as_str(), PROPERTIES, "GetAll", &(UNIT,))?;
    let properties: HashMap<String, zbus::OwnedVariant> = bus::body(&properties)?;
    let text = |name: &str| {
        let value = properties.get(name).and_then(|v| String::try_from(v.clone()).ok());
        value.ok_or_else(|| BusError::Lost(format!("no {name}")))
    };
    let met = properties.get("ConditionResult").and_then(|v| bool::try_from(v.clone()).ok());
    let looked = properties.get("ConditionTimestamp").and_then(|v| u64::try_from(v.clone()).ok());
    Ok(Unit {
        load: text("LoadState")?,
        active: text("ActiveState")?,
        sub: text("SubState")?,
        job,
        conditions_unmet: met == Some(false) && looked.is_some_and(|when| when > 0),
    })
}

/// Whether a unit is a service that runs once and ends.
fn is_oneshot(unit: &str) -> Result<bool, SystemError> {
    const SERVICE: &str = "org.freedesktop.systemd1.Service";
    if unit.rsplit_once('.').is_none_or(|(_, kind)| kind != "service") {
        return Ok(false);
    }
    patiently(&format!("look at {unit}"), || {
        let name = unit.to_owned();
        let told = bus::speak(QUESTION, move |talk| {
            let path: zbus::wire::OwnedObjectPath = bus::body(&talk.manager("LoadUnit", &(name.as_str(),))?)?;
            bus::property::<String>(&talk.call(path.as_str(), PROPERTIES, "Get", &(SERVICE, "Type"))?)
        });
        match told {
            Err(BusError::Absent(_)) => systemctl::is_oneshot(unit),
            other => other.map(|kind| kind == "oneshot"),
        }
    })
}

/// How long the manager waits before it starts a service again that has ended; nothing where it does not.
pub fn restart_delay(unit: &str) -> Result<Duration, SystemError> {
    const SERVICE: &str = "org.freedesktop.systemd1.Service";
    check(unit)?;
    if !is_there() || is_template(unit) || unit.rsplit_once('.').is_none_or(|(_, kind)| kind != "service") {
        return Ok(Duration::ZERO);
    }
    patiently(&format!("look at {unit}"), || {
        let name = unit.to_owned();
        let told = bus::speak(QUESTION, move |talk| {
            let path: zbus::wire::OwnedObjectPath = bus::body(&talk.manager("LoadUnit", &(name.as_str(),))?)?;
            let get = |what: &str| talk.call(path.as_str(), PROPERTIES, "Get", &(SERVICE, what));
            let restarts = bus::property::<String>(&get("Restart")?)? != "no";
            Ok(if restarts { bus::property::<u64>(&get("RestartUSec")?)? } else { 0 })
        });
        match told {
            Err(BusError::Absent(_)) => Ok(Duration::ZERO),
            other => other.map(Duration::from_micros),
        }
    })
}

/// What a job does; `None` when it has just ended.
fn job_type(talk: &bus::Talk, path: &str) -> Result<Option<String>, BusError> {
    match talk.call(path, PROPERTIES, "Get", &("org.freedesktop.systemd1.Job", "JobType")) {
        Ok(answer) => Ok(Some(bus::property(&answer)?)),
        Err(BusError::Refused { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Tries again for a few seconds while the bus or the manager is away.
pub(crate) fn patiently<T>(
    what: &str,
    mut attempt: impl FnMut() -> Result<T, BusError>,
) -> Result<T, SystemError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(BusError::Refused { text, .. }) => return Err(failed(what, text)),
            Err(away) if Instant::now() >= until => return Err(busy(what, away.to_string())),
            Err(_) => thread::sleep(AGAIN),
        }
    }
}

/// A unit's name and nothing that a program would take for an option.
pub(crate) fn check(unit: &str) -> Result<(), SystemError> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    let has_type = unit.rsplit_once('.').is_some_and(|(stem, _)| !stem.is_empty());
    if has_type && unit.len() <= NAME_LIMIT && !unit.starts_with('-') && unit.bytes().all(is_name) {
        Ok(())
    } else {
        Err(failed(format!("ask for the unit {unit:?}"), "no unit has such a name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(active: &str, job: Option<&str>) -> Activity {
        let job = job.map(str::to_owned);
        Unit { load: "loaded".into(), active: active.into(), job, ..Unit::default() }.activity()
    }

    #[test]
    fn what_is_about_to_happen_counts() {
        assert_eq!(unit("inactive", Some("start")), Activity::Active);
        assert_eq!(unit("active", Some("stop")), Activity::Inactive);
        assert_eq!(unit("deactivating", Some("restart")), Activity::Active);
        assert_eq!(unit("activating", None), Activity::Active);
        assert_eq!(unit("deactivating", None), Activity::Inactive);
        assert_eq!(unit("failed", None), Activity::Failed);
        let gone = |active: &str| Unit { load: "not-found".into(), active: active.into(), ..Unit::default() };
        assert_eq!(gone("active").activity(), Activity::Active);
        assert_eq!(gone("inactive").activity(), Activity::Absent);
    }

    #[test]
    fn only_names_of_units_are_asked_for() {
        for good in ["ssh.service", "dev-disk-by\\x2did.device", "getty@tty1.service", "-.mount"] {
            assert_eq!(check(good).is_ok(), good != "-.mount", "{good}");
        }
        for bad in ["", "ssh", ".service", "--all.service", "a b.service", "a/b.service", "a\n.service"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
