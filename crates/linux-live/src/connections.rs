//! Who is connected to whom: connections between services of the running host.
//!
//! A connection of this host with itself has both its ends in the kernel's tables. They are brought together here:
//! TCP and UDP sockets by their addresses, UNIX sockets by the inode of their peer, in every network namespace that
//! can be entered, and across namespaces. The end at which a listener lies is the one that answers. Each end is named
//! after its service as listeners are.
//!
//! What this cannot see:
//!
//! - UDP without a connected socket, and datagrams that are sent without connecting (`sd_notify(3)`);
//! - who talks to whom over the system bus: each client's connection to the bus is seen, and what passes through it is
//!   the bus's own secret unless it is monitored, which an audit does not do. Sockets that services opened between
//!   themselves are seen;
//! - connections to a port that the packet filter translates to another address, where no proxy listens on it;
//! - who held an end that was closed before its process could be asked ([`Sampler`]).

mod filter;
mod holders;
mod inet;
mod listeners;
mod names;
mod pair;
mod places;
mod sampler;
mod tally;
mod unix;

pub(crate) use names::{Names, opener};
pub(crate) use places::Place;
pub use sampler::Sampler;

#[cfg(test)]
mod tests;
