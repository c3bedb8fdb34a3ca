//! What is known here in the forms that are published: one function a value.

use doorward_change::journal::{Record, State};
use doorward_change::{Change, Difference, DifferenceKind, Journal, Note, PreparedStep, Undone};
use doorward_model::changes::{
    AllowedDoor, CHANGES_VERSION, ChangedSetting, LoggedRecord, NamedVersion, Noted, PlanReport, PlannedDoor,
    PlannedFilter, PlannedStep, PreparedChanges, PutBack, SingleChange, StepDifference, VerifiedChanges,
};
use doorward_plan::{Action, Filter, Plan, Step, Units};

/// A plan.
pub(crate) fn plan(plan: &Plan) -> PlanReport {
    PlanReport {
        schema_version: CHANGES_VERSION,
        host: plan.host.name.clone(),
        os: plan.host.os.clone(),
        snapshot: plan.snapshot.clone(),
        prefer: plan.prefer.as_str().to_owned(),
        steps: plan.steps.iter().map(planned).collect(),
    }
}

fn planned(step: &Step) -> PlannedStep {
    let (setting, keep, service) = match &step.action {
        Action::Rebind(r) => {
            let [file, name, from, to] = [&r.file, &r.setting, &r.from, &r.to].map(Clone::clone);
            (Some(ChangedSetting { file, name, from, to, check: r.check.clone() }), None, Some(&r.service))
        }
        Action::Keep { service, reason } => (None, Some(reason.as_str().to_owned()), Some(service)),
        _ => (None, None, None),
    };
    let shut = step.action.units().into_iter().flat_map(Units::names).map(std::borrow::Cow::into_owned);
    let package =
        |p: &doorward_plan::PackageVersion| NamedVersion { name: p.name.clone(), version: p.version.clone() };
    PlannedStep {
        id: step.id.to_string(),
        on: step.on,
        action: step.action.word().to_owned(),
        services: shut.chain(service.cloned()).collect(),
        packages: step.action.packages().map(package).collect(),
        setting,
        filter: match &step.action {
            Action::Filter(filter) => Some(self::filter(filter)),
            _ => None,
        },
        keep,
        why: step.why.clone(),
        danger: step.danger.clone(),
        undo: step.undo.clone(),
        closes: step.closes.iter().map(door).collect(),
        needed_by: step.needed_by.clone(),
        takes_along: step.takes_along.clone(),
        saves_memory_bytes: step.saves.memory_bytes,
        saves_cpu_usec: step.saves.cpu_usec,
        saves_pending_updates: step.saves.pending_updates,
        saves_known_exploited: step.saves.known_exploited.clone(),
    }
}

fn filter(filter: &Filter) -> PlannedFilter {
    let policy = &filter.policy;
    let networks = |set: &doorward_filter::ClientSet| {
        let v4 = set.v4().iter().map(ToString::to_string);
        v4.chain(set.v6().iter().map(ToString::to_string)).collect()
    };
    let allowed = |(door, rule): (&doorward_filter::Door, &doorward_filter::Rule)| AllowedDoor {
        door: door.to_string(),
        service: filter.services.get(door).cloned(),
        to: rule.to.iter().map(ToString::to_string).collect(),
        admin: rule.admin,
    };
    PlannedFilter {
        site: policy.site().iter().map(ToString::to_string).collect(),
        clients: policy.clients().iter().map(|(name, set)| (name.to_string(), networks(set))).collect(),
        doors: policy.named().iter().map(allowed).collect(),
    }
}

fn door(door: &doorward_plan::ClosedDoor) -> PlannedDoor {
    PlannedDoor {
        protocol: door.protocol,
        address: door.address.clone(),
        port: door.port,
        exposure: door.exposure,
    }
}

/// The changes of steps.
pub(crate) fn prepared(steps: &[PreparedStep]) -> Vec<PreparedChanges> {
    let changes = |step: &PreparedStep| step.changes.iter().map(change).collect();
    steps.iter().map(|s| PreparedChanges { id: s.id.to_string(), changes: changes(s) }).collect()
}

fn change(change: &Change) -> SingleChange {
    let (kind, what) = match change {
        Change::Stop { unit, .. } => ("stop", vec![unit.clone()]),
        Change::Put { path, .. } => ("put", vec![path.display().to_string()]),
        Change::Remove { packages, .. } => ("remove", packages.iter().map(|p| p.name.clone()).collect()),
        Change::Reload => ("reload", Vec::new()),
        Change::Check { program, .. } => ("check", vec![program.display().to_string()]),
        Change::Load { .. } => ("load", vec![doorward_filter::TABLE.to_owned()]),
        Change::Start { unit } => ("start", vec![unit.clone()]),
        Change::Restart { unit } => ("restart", vec![unit.clone()]),
    };
    SingleChange { kind: kind.to_owned(), what, text: change.to_string() }
}

/// What an undoing did.
pub(crate) fn put_back(undone: &Undone) -> PutBack {
    let noted =
        |notes: &[Note]| notes.iter().map(|n| Noted { what: n.what.clone(), text: n.text.clone() }).collect();
    PutBack {
        restored: undone.restored.clone(),
        kept: noted(&undone.conflicts),
        failed: noted(&undone.failures),
    }
}

/// What a verification found.
pub(crate) fn verified(id: u64, boot_id: &str, time: u64, differences: &[Difference]) -> VerifiedChanges {
    let differences = differences.iter().map(difference).collect();
    VerifiedChanges { id, boot_id: boot_id.to_owned(), time, differences }
}

/// One thing that is not as a step left it.
pub(crate) fn difference(difference: &Difference) -> StepDifference {
    StepDifference {
        step: difference.step.to_string(),
        kind: kind(difference.kind).to_owned(),
        what: difference.what.clone(),
        text: difference.text.clone(),
    }
}

/// How something differs, in a word.
pub(crate) fn kind(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Back => "back",
        DifferenceKind::Changed => "changed",
        DifferenceKind::Down => "down",
        DifferenceKind::Unknown => "unknown",
    }
}

/// What a journal tells of verifications after later boots.
pub(crate) fn verifications(id: u64, journal: &Journal) -> Vec<VerifiedChanges> {
    let of = |record: &Record| match record {
        Record::Verified { boot_id, time, differences } => Some(verified(id, boot_id, *time, differences)),
        _ => None,
    };
    journal.records().iter().filter_map(of).collect()
}

/// What became of changes, in a word.
pub(crate) fn state(state: State) -> String {
    match state {
        State::Open => "open",
        State::Confirmed => "confirmed",
        State::Undoing => "undoing",
        State::Undone => "undone",
    }
    .to_owned()
}

/// A record, with what it says in words.
pub(crate) fn record(record: &Record, text: String) -> LoggedRecord {
    let (word, number, step, time) = match record {
        Record::Header(h) => ("header", None, None, Some(h.time)),
        Record::Begun { .. } => ("begun", None, None, None),
        Record::Intent { number, step, .. } => ("intent", Some(*number), Some(step), None),
        Record::Done { number } => ("done", Some(*number), None, None),
        Record::Failed { number, .. } => ("failed", Some(*number), None, None),
        Record::Confirmed { time } => ("confirmed", None, None, Some(*time)),
        Record::Verified { time, .. } => ("verified", None, None, Some(*time)),
        Record::Undoing { step, .. } => ("undoing", None, step.as_ref(), None),
        Record::Restoring { number } => ("restoring", Some(*number), None, None),
        Record::Restored { number } => ("restored", Some(*number), None, None),
        Record::Undone { step, .. } => ("undone", None, step.as_ref(), None),
    };
    LoggedRecord { record: word.to_owned(), number, step: step.map(ToString::to_string), time, text }
}
