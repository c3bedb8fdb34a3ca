//! Changes to a host, journalled before they are made and undone to the host's own prior state.
//!
//! [`System`] is the seam to a host, real or fake. Everything else is logic over it:
//!
//! 1. [`prepare`] turns a plan's steps into single [`Change`]s, with prior values that it reads from the host. It
//!    changes nothing, and refuses what it cannot carry out;
//! 2. [`apply`] makes them, each written in a [`Journal`] before, and verified after;
//! 3. [`undo`] puts everything back from the journal alone, whenever the program died;
//! 4. [`verify`] tells, from the journal and the host, whether what was applied still holds.
//!
//! One change at a time on a host: the caller holds a lock.
#![forbid(unsafe_code)]

mod actions;
mod bytes;
mod change;
mod execute;
#[cfg(feature = "testing")]
pub mod fake;
pub mod journal;
pub mod system;
mod undo;
mod verify;

pub use actions::{Refusal, prepare};
pub use change::{Change, Goal, Held, LONGEST_CONTENT, PreparedStep, ShutDoor};
pub use execute::{Applied, ApplyError, Observer, Problem, apply};
pub use journal::Journal;
pub use system::System;
pub use undo::{NotUndone, Note, Scope, Undone, undo};
pub use verify::{Difference, DifferenceKind, NotVerified, verify};
