//! From verdicts to an ordered plan of changes, and an independent check of it.
//!
//! Pure and deterministic: nothing here reads or changes a host. Four values and who makes them:
//!
//! 1. [`plan`] decides: what nobody needs is uninstalled, disabled or stopped, what is needed on the host alone is
//!    bound to loopback, what must stay open is for named clients where some are named, everything else is kept, each
//!    with its reason. The outcome is a [`Plan`];
//! 2. [`print()`] and [`read`] are its file, which people read and edit;
//! 3. [`check_fresh`] refuses a plan of another host, or of this one as it no longer is, and tells the difference;
//! 4. [`check`] refuses what would cut off the site, the administrators or the host, whoever wrote the plan. It
//!    shares nothing with the planner but the values.
//!
//! [`emit`] says the same changes for other means: an Ansible playbook, a systemd preset, a shell script.
#![forbid(unsafe_code)]

mod checker;
mod emit;
mod file;
mod fingerprint;
mod plan;
mod planner;
mod stale;
mod step;
mod units;

pub use checker::{Rule, Violation, check, check_commands};
pub use emit::{Direction, Form, emit};
pub use file::{LONGEST, MOST_STEPS, Unreadable, print, read};
pub use fingerprint::{Recorded, RecordedPackage, RecordedService};
pub use plan::{PLAN_VERSION, Plan, PlanHost, Prefer};
pub use planner::{Options, Unplannable, WantedAccess, plan};
pub use stale::{Stale, check_fresh, difference};
pub use step::{Action, ClosedDoor, Filter, KeepReason, PackageVersion, Rebind, Saves, Step, StepId};
pub use units::{ContainerName, Entry, Parts, Script, ScriptManager, SuperServer, Units};
