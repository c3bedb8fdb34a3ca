//! The plan's file: TOML that people read and edit.
//!
//! [`print()`] writes it, with comments that teach; [`read`] takes it back, and refuses with place, reason and way out
//! what it cannot mean. What was printed is read as the same plan, whatever names the host has.

mod filter;
mod print;
mod raw;
mod read;
mod text;

pub use print::print;
pub use read::{LONGEST, MOST_STEPS, Unreadable, read};
pub(crate) use text::{in_comment, quoted};
