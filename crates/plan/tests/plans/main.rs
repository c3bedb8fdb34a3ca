//! Plans of made hosts: what is planned, what is refused, and what the file keeps.

mod checker;
mod emit;
mod file;
mod filter;
mod made;
mod planner;
mod properties;
mod random;
mod simulated;
mod stale;
