//! Evaluates a whole nftables ruleset for a packet, without a kernel.
