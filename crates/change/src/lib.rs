//! Changes to a host, journalled before they are made and undone to the host's own prior state.
#![forbid(unsafe_code)]

pub mod system;
