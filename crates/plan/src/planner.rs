//! From an assessment to a plan.
//!
//! 1. `facts`: each service with its verdict, its doors and its packages, found in constant time;
//! 2. `candidates`: what may be shut, and by which mechanism;
//! 3. `packages`: which packages may go as a whole;
//! 4. `groups`: what is shut together, in one step;
//! 5. `order`: dependents before what they depend on, then worst first;
//! 6. `words` and `rebind`: the steps as the reader sees them;
//! 7. `filter`: from which addresses what stays may be reached.
//!
//! Everything is linear in services, dependencies and packages, but for sorting.

mod candidates;
mod facts;
mod filter;
mod groups;
mod keep;
mod order;
mod packages;
mod rebind;
mod ways_in;
mod words;

use std::collections::BTreeMap;

use doorward_assess::Assessment;
use doorward_filter::{Access, PolicyError};
use doorward_knowledge::Index;
use doorward_model::{OsFamily, Snapshot};

use crate::{PLAN_VERSION, Plan, PlanHost, Prefer, Recorded, Step};
use facts::Facts;

/// What the user decides beyond the verdicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options<'o> {
    /// What to do where there is a choice.
    pub prefer: Prefer,
    /// From which addresses doors may be reached; nothing is filtered without it.
    pub access: Option<&'o WantedAccess>,
}

/// Access as the user wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedAccess {
    /// What is written.
    pub access: Access,
    /// Contents of the files that its client sets name, by path.
    pub files: BTreeMap<String, String>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplannable {
    /// The snapshot is of Windows.
    #[error(
        "only hosts with Linux can be planned for so far: `doorward explain SERVICE` says what to do by hand"
    )]
    Windows,
    /// The access that is wanted cannot be had.
    #[error("access: {0}")]
    Access(#[from] PolicyError),
    /// Access to a service that the same plan shuts.
    #[error(
        "access: door {door}: the plan shuts {service}, since nothing needs it: say in [keep] that it is needed, or \
         take the door out of [access.doors]"
    )]
    ShutByPlan {
        /// How the door is named.
        door: String,
        /// The service.
        service: String,
    },
}

/// Plans what to do about a host. The assessment must be of this snapshot.
pub fn plan(
    assessment: &Assessment<'_>,
    snapshot: &Snapshot,
    index: &Index<'_>,
    options: Options<'_>,
) -> Result<Plan, Unplannable> {
    if snapshot.host.family == OsFamily::Windows {
        return Err(Unplannable::Windows);
    }
    let facts = Facts::new(assessment, snapshot, index, options.prefer);
    let candidates = candidates::find(&facts);
    let removable = match options.prefer {
        Prefer::Uninstall => packages::removable(&facts, &candidates),
        Prefer::Disable | Prefer::Stop => packages::Removable::default(),
    };
    let mut groups = groups::form(&facts, &candidates, &removable);
    let order = order::sorted(&facts, &mut groups);
    let mut steps: Vec<Step> = words::steps(&facts, &groups, &order, &removable, options.prefer);
    let mut kept = keep::steps(&facts, &candidates, &groups);
    if let Some(wanted) = options.access {
        let at = kept.iter().position(|s| !s.action.is_change()).unwrap_or(kept.len());
        let changes: Vec<&Step> = steps.iter().chain(&kept[..at]).collect();
        let filter = filter::step(&facts, wanted, &changes)?;
        kept.splice(at..at, filter);
    }
    steps.extend(kept);
    let host = PlanHost::of(snapshot);
    let recorded = Recorded::of(snapshot);
    Ok(Plan {
        schema_version: PLAN_VERSION,
        doorward: env!("CARGO_PKG_VERSION").to_owned(),
        snapshot: recorded.fingerprint(&host),
        host,
        prefer: options.prefer,
        steps,
        recorded,
    })
}
