//! Asks a running Linux: system bus, sockets, processes, namespaces, packet filter.

pub mod admin;
pub mod container;
pub mod interface;
mod namespace;
mod netlink;
mod process;
pub mod sockets;

pub use process::{ContainerRef, Engine, Process, Processes};
