//! Where a plan can be rehearsed.

use std::time::Duration;

use doorward_plan::Plan;
use doorward_site::Outcomes;

/// A place where a plan can be rehearsed, again and again.
pub trait Lane: Send {
    /// Makes the plan's changes, lets things settle, reboots if asked to, runs the site's tests, and brings everything
    /// back.
    ///
    /// # Errors
    /// Only where the lane is of no more use; that something could not be shut is an [`Attempt`].
    fn attempt(&mut self, plan: &Plan, reboot: bool) -> Result<Attempt, LaneError>;
}

/// What came of rehearsing a plan.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// Why not all could be shut, or what does not live without it. The tests may not have been run then.
    pub problem: Option<String>,
    /// Outcomes of the tests.
    pub outcomes: Outcomes,
    /// From the first change to all being back.
    pub took: Duration,
}

/// Why a lane cannot go on; the worst last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum LaneError {
    /// Somebody stopped it. Everything is back as it was.
    #[error("stopped")]
    Stopped,
    /// Everything is back as it was, but it has to end here.
    #[error("{0}")]
    Ended(String),
    /// It has too little memory or disk to tell anything. Everything is back as it was.
    #[error("{0}")]
    NoRoom(String),
    /// Not everything is back as it was.
    #[error("not everything could be put back: {0}")]
    NotRestored(String),
}
