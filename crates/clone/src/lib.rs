//! A copy of the running host, booted beside it: nothing is written to the host's disks, and no packet gets on its network.
//!
//! Each copy is a container of systemd-nspawn on overlays of the host's own file systems, what it writes being kept in
//! memory. It lives in a transient unit of the host's service manager, in a mount and a network namespace of its own, so
//! that nothing of it is left when the unit ends; and the unit ends when whoever asked for it does, however that comes.
//!
//! ```text
//! host's manager                        visitor's network (the unit's own)      copy's network
//!  └─ unit: PROGRAM KEEPER SOCKET ── client0, a neighbour of the copy ── eth0 … with the host's own names and addresses
//!      └─ systemd-nspawn
//!          └─ process 1 of the copy
//! ```
//!
//! What is asked of the copy's network from outside, a site's tests say, is asked from the visitor's. Whatever the copy
//! asks of the world it is told at once that it cannot be reached.
//!
//! [`Copy::boot`] is the one who asks; [`keep`] is the program within the unit, which the caller's program has to call when
//! it is started with [`Settings::keeper`].
//!
//! A copy shares the kernel with the host, and sees the files as they are while the host goes on writing them: what is
//! being written (a database) may be found as after a power cut. [`Copy::differences`] tells what else is not as on the
//! host.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_methods, reason = "to boot a copy is to start programs and to make its folders")]

mod copy;
mod error;
mod keeper;
pub mod lines;
mod mounts;
mod network;
mod prepare;
mod program;
mod wire;

pub use copy::{Copy, Settings};
pub use error::CloneError;
pub use keeper::keep;
pub use mounts::Difference;
pub use wire::Interface;
