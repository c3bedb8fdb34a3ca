//! From verdicts to an ordered plan of changes, and an independent check of it.
#![forbid(unsafe_code)]

mod file;
mod fingerprint;
mod plan;
mod planner;
mod step;
mod units;

pub use file::{LONGEST, MOST_STEPS, Unreadable, print, read};
pub use fingerprint::{Recorded, RecordedPackage, RecordedService, Stale, check_fresh, difference};
pub use plan::{PLAN_VERSION, Plan, PlanHost, Prefer};
pub use planner::{Options, Unplannable, plan};
pub use step::{Action, ClosedDoor, KeepReason, PackageVersion, Rebind, Saves, Step, StepId};
pub use units::{ContainerName, Entry, Parts, Script, ScriptManager, SuperServer, Units};
