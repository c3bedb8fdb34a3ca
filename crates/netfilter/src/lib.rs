//! Evaluates a whole nftables ruleset for a packet, without a kernel.
//!
//! [`Ruleset::parse`] reads what `nft -j list ruleset` prints, of all tables. [`Ruleset::reach`] answers who can
//! reach a door, for all clients at once; [`Ruleset::fate`] what becomes of one packet;
//! [`Ruleset::trace`] the same for a client or a network, step by step; and [`Ruleset::published_ports`] which ports
//! are translated to containers or other hosts.
//!
//! The first packet of a connection is followed through the hooks in the kernel's order (module `journey`), through
//! chains and verdicts (`walk`), with everything concrete but its source address, which is a set of ranges. What
//! the rules ask that neither packet nor listing tells (a match of iptables that nft cannot show, the time of day,
//! a random number) sends it both ways; where that makes a difference in the end, the answer is "undecided", with
//! what it depends on. Replies are not followed: a host that drops its own answers is taken as open.
#![forbid(unsafe_code)]

mod elements;
mod expression;
mod fate;
mod journey;
mod packet;
mod parse;
mod published;
mod query;
mod ranges;
mod reach;
mod ruleset;
mod statement;
mod text;
mod trace;
mod translate;
mod value;
mod walk;
mod words;

pub use parse::ParseError;
pub use published::PublishedPort;
pub use query::{Answer, Family, Fate, Interface, Packet, Query, Reach, RuleRef, Target, Transport};
pub use ruleset::Ruleset;
pub use trace::{Probe, Step, StepAction, Trace};
