//! The real host behind the trait: units, packages and the dead-man switch of a booted Debian, held against what its
//! own tools say.

mod agree;
mod deadman;
mod inside;
mod packages;
mod units;
