//! Reads a Linux file tree: units, inetd, init scripts, packages, configured doors, applications.
//!
//! Everything here works on files alone, of the running host or of a mounted image, executes nothing and needs no
//! privilege beyond reading. What only a running system can tell is in `doorward-linux-live`.
#![forbid(unsafe_code)]

mod tree;

pub use tree::{CONFIG_LIMIT, Entry, Kind, ReadError, Tree};
