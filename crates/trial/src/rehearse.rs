//! A plan as it is rehearsed: some of its steps, some of them without removing anything.

use std::collections::BTreeSet;

use doorward_plan::{Action, Plan, Saves, Step, StepId};
use serde::{Deserialize, Serialize};

use crate::Tried;

/// How far a trial goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// What would be uninstalled is disabled: quick, and quickly undone.
    Disabled,
    /// The same, tested after a reboot.
    Rebooted,
    /// As the plan says, packages removed, and tested after a reboot.
    Applied,
}

/// What is shut in a trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// The steps that are carried out.
    pub shut: BTreeSet<StepId>,
    /// Those of them that may remove packages; the others disable.
    pub removed: BTreeSet<StepId>,
}

impl Rehearsal {
    /// These steps, with nothing removed.
    pub fn disabled(shut: BTreeSet<StepId>) -> Self {
        Self { shut, removed: BTreeSet::new() }
    }

    /// How far it goes over a reboot: without anything removed, no farther than that.
    pub(crate) fn farthest(&self) -> Manner {
        if self.removed.is_empty() { Manner::Rebooted } else { Manner::Applied }
    }

    /// Whether a trial did all of it.
    pub(crate) fn is_part_of(&self, tried: &Tried) -> bool {
        self.shut.is_subset(&tried.shut) && self.removed.is_subset(&tried.removed)
    }

    /// The plan with these steps alone.
    pub fn of(&self, plan: &Plan) -> Plan {
        let chosen = plan.steps.iter().filter(|step| self.shut.contains(&step.id));
        let removed = |step: &Step| self.removed.contains(&step.id);
        let steps = chosen.map(|step| if removed(step) { step.clone() } else { disabled(step) });
        Plan { steps: steps.collect(), ..plan.clone() }
    }
}

/// The step that disables what this one would uninstall; of any other step, itself. It keeps its name.
pub(crate) fn disabled(step: &Step) -> Step {
    match &step.action {
        Action::Uninstall { units, .. } => Step {
            action: Action::Disable { units: units.clone() },
            undo: "allow it to start again, then enable and start what was".to_owned(),
            takes_along: Vec::new(),
            saves: Saves { pending_updates: 0, ..step.saves.clone() },
            ..step.clone()
        },
        _ => step.clone(),
    }
}

/// Whether it removes packages.
pub(crate) fn removes(step: &Step) -> bool {
    matches!(step.action, Action::Uninstall { .. })
}

/// Those of the steps that would remove packages.
pub(crate) fn removing(plan: &Plan, steps: &BTreeSet<StepId>) -> BTreeSet<StepId> {
    let of = plan.steps.iter().filter(|step| steps.contains(&step.id) && removes(step));
    of.map(|step| step.id.clone()).collect()
}
