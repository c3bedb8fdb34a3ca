//! Tries a plan out: shuts parts of it where that does no harm, runs the site's tests, and ends with the largest part that
//! every test allows, proved.
//!
//! 1. [`Candidates`] are the plan's steps, what they need of each other, and how likely the site needs what they shut;
//!    [`doubted`] adds what the plan keeps for the site, so that it is tried, too;
//! 2. a [`Lane`] is a place where a plan can be rehearsed: a copy of the host, another machine, the host itself;
//! 3. [`Trial::run`] leads the search (`doorward-search`) over the lanes: first by stopping alone, which is quick, then what
//!    it found once more as it will be applied, packages removed, and after a reboot, where the lanes can do that;
//! 4. [`Proof`] says of each step whether it was proved unneeded and in which trial, or which test fails without it, and
//!    how; [`Proof::mark`] writes that into the plan;
//! 5. [`Record`] is all of it as a file, from which a later trial goes on.
//!
//! No I/O here: lanes do it.
#![forbid(unsafe_code)]

mod candidates;
mod carry;
mod doubt;
mod lane;
mod lead;
mod noise;
mod priors;
mod proof;
mod record;
mod rehearse;
mod trial;

pub use candidates::Candidates;
pub use doubt::doubted;
pub use lane::{Attempt, Lane, LaneError};
pub use priors::{Expectation, expect};
pub use proof::{Failure, Kept, Proof, Proved};
pub use record::{Known, RECORD_VERSION, Record, RecordError, Tried};
pub use rehearse::{Manner, Rehearsal};
pub use trial::{Observer, Trial, TrialError};
