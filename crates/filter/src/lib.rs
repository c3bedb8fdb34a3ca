//! From which addresses a host's doors may be reached: the policy, its nftables table, and who else filters.
//!
//! [`Access`] is what people write (`[access]` of a plan): named client sets, and who may use which door. With what a
//! host is known to offer it becomes a [`Policy`], which is checked as a whole: a set that is empty, a network with bits
//! below its length, a door that two entries are about, are refused with their place. [`Policy::says`] tells what it
//! means for one client; [`Policy::keeps`] refuses one that cuts off the administrator's way in.
//!
//! [`Policy::table`] is the same as one table of nftables, in the form that `nft -f` takes: it replaces itself in one
//! transaction, and touches no other table. [`REMOVE`] takes it away. [`owners`] tells who else has tables, and
//! [`interactions`] how their hooks and this table's act together; [`conflicts`] which doors of the policy stay closed
//! by the others' rules.
//!
//! Doors are named by the port that clients send to, before any translation on the host: a port that is published to a
//! container, or redirected to another, is one door with one rule.
//!
//! Nothing here does I/O: the files that a client set names are read by the caller.
#![forbid(unsafe_code)]

mod access;
mod clients;
mod conflicts;
mod differences;
mod door;
pub mod nft;
mod owners;
mod policy;
mod render;

pub use access::{Access, Allow, Host, Published, Rate};
pub use clients::{ClientSet, ClientsError, SetName};
pub use conflicts::{Conflict, conflicts};
pub use differences::differences;
pub use door::{Door, DoorName, Transport};
pub use owners::{Interaction, Order, Owner, OwnerKind, Use, interactions, ours_alone, owners, without_ours};
pub use policy::{CutOff, Policy, PolicyError, Rule, Says, named_service};
pub use render::{PRIORITY, REMOVE, TABLE, loaded};
