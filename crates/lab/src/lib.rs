//! Real Linux hosts for tests: systemd as process 1 in a container, a network of its own, a disk that forgets.
//!
//! Tests that only pretend to be a host prove little about one. Here each [`Host`] is a Debian root file system
//! built from Debian's own packages (a [`RootSpec`], built once and kept outside the source tree), cloned in
//! milliseconds by an overlay, booted by `systemd-nspawn`, and plugged with a [`Client`] (the attacker: a bare
//! network namespace) into a switch that no other lab can reach.
//!
//! ```no_run
//! use doorward_lab::{Lab, roots};
//!
//! # fn main() -> Result<(), doorward_lab::LabError> {
//! let lab = Lab::open()?;
//! let host = lab.host(&roots::STATIC_NGINX)?;
//! let client = lab.client()?;
//! assert_eq!(client.tcp_scan(host.address(), 1..=65535)?.open, [22, 80]);
//! # Ok(())
//! # }
//! ```
//!
//! Needs root and a few Debian packages (`dev/setup` installs them). Without them [`Lab::open`] says what is
//! missing, and [`open_or_skip`] lets a test skip with that message, or fail when `DOORWARD_LAB=required`.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "the lab runs the machine's tools and writes its hosts' files; it is no policy crate"
)]

mod boot;
mod build;
mod cache;
mod cgroup;
mod client;
mod command;
mod disk;
mod error;
mod guest;
mod host;
mod kept;
mod lab;
mod network;
mod root;
pub mod roots;
mod scan;
mod sources;
mod stepped;

pub use build::remove_outdated;
pub use cache::cache_dir;
pub use client::Client;
pub use disk::DiskImage;
pub use error::LabError;
pub use host::Host;
pub use kept::{Kept, kept, remove_kept};
pub use lab::{Lab, open_or_skip};
pub use root::{Door, File, RootSpec};
pub use scan::{Flood, Scan};
pub use stepped::Stepped;
