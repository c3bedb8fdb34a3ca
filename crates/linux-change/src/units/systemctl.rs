//! The way to the manager where there is no bus: `systemctl` of root speaks to it directly.

use super::{Job, Late, QUESTION, RELOAD, Unit, program};
use crate::bus::BusError;

const PROGRAM: &str = "/usr/bin/systemctl";
const ENVIRONMENT: &[(&str, &str)] = &[("SYSTEMD_PAGER", ""), ("SYSTEMD_COLORS", "0")];

pub(super) fn reload() -> Result<(), BusError> {
    run(&["daemon-reload"], RELOAD).map(drop)
}

pub(super) fn queue(unit: &str, job: Job) -> Result<(), BusError> {
    let verb = match job {
        Job::Start => "start",
        Job::Stop => "stop",
    };
    run(&["--no-block", "--no-ask-password", verb, "--", unit], QUESTION).map(drop)
}

pub(super) fn look(unit: &str) -> Result<Unit, BusError> {
    const SHOWN: &str = "--property=LoadState,ActiveState,SubState,Job,ConditionResult,ConditionTimestamp";
    let shown = run(&["show", SHOWN, "--", unit], QUESTION)?;
    let value = |name: &str| {
        let line = shown.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    let job = match value("Job").as_str() {
        "" | "0" => None,
        id => job_type(&run(&["list-jobs", "--no-legend", "--plain"], QUESTION)?, id),
    };
    Ok(Unit {
        load: value("LoadState"),
        active: value("ActiveState"),
        sub: value("SubState"),
        job,
        conditions_unmet: value("ConditionResult") == "no" && !value("ConditionTimestamp").is_empty(),
    })
}

pub(super) fn is_oneshot(unit: &str) -> Result<bool, BusError> {
    Ok(run(&["show", "--property=Type", "--", unit], QUESTION)?.trim() == "Type=oneshot")
}

/// The third column: number, unit, type, state.
fn job_type(jobs: &str, id: &str) -> Option<String> {
    jobs.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some(id)).then(|| words.nth(1)).flatten().map(str::to_owned)
    })
}

fn run(arguments: &[&str], limit: std::time::Duration) -> Result<String, BusError> {
    let ended = program::run(PROGRAM, arguments, ENVIRONMENT, limit, Late::Kill)
        .map_err(|e| BusError::Lost(e.to_string()))?;
    if ended.success {
        return Ok(ended.output);
    }
    let text = ended.complaint();
    let is_away = ["Failed to connect to", "Connection reset", "Transport endpoint", "Connection timed out"];
    if is_away.iter().any(|sign| text.contains(sign)) {
        Err(BusError::Lost(text))
    } else {
        Err(BusError::Refused { name: String::new(), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_found_by_its_number() {
        let jobs = "12 a.service start waiting\n123 b.service stop running\n";
        assert_eq!(job_type(jobs, "123").as_deref(), Some("stop"));
        assert_eq!(job_type(jobs, "1"), None);
    }
}
