//! Asks a running Linux: system bus, sockets, processes, namespaces, packet filter.

mod activation;
pub mod admin;
pub mod connections;
pub mod container;
pub mod filter;
mod init_scripts;
pub mod interface;
mod namespace;
mod netlink;
mod process;
mod snapshot;
pub mod sockets;
pub mod systemd;
pub mod unix_sockets;
pub mod virtualization;

pub use process::{ContainerRef, Engine, Process, Processes};
pub use snapshot::{Options, collect};
