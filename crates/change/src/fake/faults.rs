//! Failures and deaths on order, and the chance that decides what had happened by then.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::system::SystemError;

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// The operation that fails, counted from 0. What it should do may have been done, or not, or in part.
    pub fail_at: Option<u64>,
    /// The point at which the program dies: `2 * n` in the midst of the `n`-th operation, `2 * n + 1` after it.
    pub crash_at: Option<u64>,
    /// Decides what was done.
    pub seed: u64,
}

/// Numbers that look like chance, and are the same for the same seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// How an operation goes.
pub(super) enum Turn {
    Go,
    Fail(SystemError),
    Part(SystemError, Random),
    GoAndFail(SystemError),
}

/// Counts the operations of a host and its journal.
#[derive(Debug, Default)]
pub(super) struct Clock {
    faults: RefCell<Faults>,
    count: Cell<u64>,
    dead: Cell<bool>,
}

impl Clock {
    pub(super) fn set(&self, faults: Faults) {
        self.faults.replace(faults);
        self.count.set(0);
        self.dead.set(false);
    }

    pub(super) fn count(&self) -> u64 {
        self.count.get()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.get()
    }

    pub(super) fn turn(&self) -> Turn {
        let dead = || SystemError::Failed { what: "fake".to_owned(), why: "it is dead".to_owned() };
        if self.dead.get() {
            return Turn::Fail(dead());
        }
        let now = self.count.replace(self.count.get() + 1);
        let faults = *self.faults.borrow();
        let mut random = Random::new(faults.seed ^ now);
        match faults.crash_at {
            Some(at) if at == 2 * now => {
                self.dead.set(true);
                return Self::wrong(dead(), random);
            }
            Some(at) if at == 2 * now + 1 => {
                self.dead.set(true);
                return Turn::GoAndFail(dead());
            }
            _ => {}
        }
        if faults.fail_at != Some(now) {
            return Turn::Go;
        }
        let what = "fake".to_owned();
        let error = match random.below(3) {
            0 => SystemError::Timeout { what, limit: Duration::from_secs(90) },
            1 => SystemError::Busy { what, why: "another one holds the lock".to_owned() },
            _ => SystemError::Io { what, source: std::io::ErrorKind::StorageFull.into() },
        };
        Self::wrong(error, random)
    }

    fn wrong(error: SystemError, mut random: Random) -> Turn {
        match random.below(3) {
            0 => Turn::Fail(error),
            1 => Turn::Part(error, random),
            _ => Turn::GoAndFail(error),
        }
    }
}
