//! Changes a running Linux with systemd, dpkg and nftables: the real host behind [`doorward_change::system::System`].
//!
//! Nothing here decides what to change. Every program is started by absolute path, without a shell, with an
//! environment of its own and a time limit; no symbolic link is followed on the way to a file that is written.
#![forbid(unsafe_code)]

mod boot_unit;
mod bus;
pub mod deadman;
mod doors;
mod error;
mod files;
mod filter;
mod host;
mod lock;
mod packages;
mod process;
mod program;
pub mod reboot;
mod units;

pub use host::LinuxHost;
pub use lock::{Lock, Owner, is_root, owner, state_directory};
pub use units::restart_delay;
