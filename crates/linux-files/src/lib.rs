//! Reads a Linux file tree: units, inetd, init scripts, packages, configured doors, applications.
//!
//! Everything here works on files alone, of the running host or of a mounted image, executes nothing and needs no
//! privilege beyond reading. What only a running system can tell is in `doorward-linux-live`.
#![forbid(unsafe_code)]

pub mod applications;
pub mod containers;
#[cfg(test)]
mod fixture;
pub mod host;
pub mod inetd;
pub mod openrc;
pub mod packages;
mod script;
pub mod service_names;
pub mod services;
pub mod snapshot;
pub mod systemd;
pub mod sysv;
mod tree;
mod unread;
pub mod web;
pub mod xinetd;

pub use snapshot::collect;
pub use tree::{CONFIG_LIMIT, Entry, Kind, ReadError, Tree};
