//! A journal's place in memory.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use super::faults::{Clock, Turn};
use crate::journal::{IfDamaged, Journal, JournalError, Store, whole};

/// Bytes that outlive the program.
#[derive(Debug, Clone)]
pub struct FakeStore {
    clock: Rc<Clock>,
    bytes: Rc<RefCell<Vec<u8>>>,
    /// Bytes that were written as a whole.
    good: Rc<RefCell<usize>>,
}

impl FakeStore {
    pub(super) fn new(clock: Rc<Clock>) -> Self {
        Self { clock, bytes: Rc::default(), good: Rc::default() }
    }

    /// What is on disk.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }

    /// Takes the journal up again, as after a death.
    pub fn open(&self) -> Result<Journal, JournalError> {
        let bytes = self.bytes();
        self.good.replace(whole(&bytes));
        Journal::resume(Box::new(self.clone()), &bytes, IfDamaged::Refuse)
    }
}

impl Store for FakeStore {
    fn append(&mut self, new: &[u8]) -> io::Result<()> {
        let turn = self.clock.turn();
        let mut bytes = self.bytes.borrow_mut();
        let (count, result) = match turn {
            Turn::Go => (new.len(), Ok(())),
            Turn::Fail(e) => return Err(io::Error::other(e)),
            Turn::Part(e, mut random) => {
                let count = random.below(new.len() as u64);
                (usize::try_from(count).unwrap_or(0), Err(io::Error::other(e)))
            }
            Turn::GoAndFail(e) => (new.len(), Err(io::Error::other(e))),
        };
        bytes.truncate(*self.good.borrow());
        bytes.extend(&new[..count]);
        if result.is_ok() {
            self.good.replace(bytes.len());
        }
        result
    }
}
