//! How an installed application is recognised, and what of its settings may be kept.
//!
//! The collectors of Linux and of Windows look for what the knowledge tells them, each in its own way; what they look
//! for, and what they may take with them, is the same for both and stands here. Nothing here does I/O.
#![forbid(unsafe_code)]

mod marker;
mod patterns;
pub mod secret;

pub use marker::{Marker, Setting};
pub use patterns::Patterns;
