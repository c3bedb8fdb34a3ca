//! What was changed, with the host's own prior value, written and synced before each change.
//!
//! A journal is a file that only grows. It is read back after the program that wrote it has died, at whatever point,
//! and tells by itself how to put everything back.

mod file;
mod lines;
mod record;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use doorward_plan::StepId;

pub use record::{Header, JOURNAL_VERSION, Record, State};

use crate::Difference;
use lines::Chain;

/// Where a journal's bytes go.
pub trait Store {
    /// Adds bytes to the end. They are on disk when it returns.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A journal that can be written on.
pub struct Journal {
    store: Box<dyn Store>,
    header: Header,
    records: Vec<Record>,
    chain: Chain,
    torn: bool,
}

/// Where a journal is damaged, and what is good before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first byte of the damaged record.
    pub offset: u64,
    /// Records before it, all good.
    pub records: usize,
    /// What is wrong.
    pub why: &'static str,
}

/// What to do about a damaged journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfDamaged {
    /// Refuse it.
    Refuse,
    /// Use the records before the damage, and write nothing on it.
    UseGood,
}

/// Why there is no journal, or why it cannot be written on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system said no.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file, or its directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner could change it.
    #[error("{path}: {why}", path = .path.display())]
    Unsafe {
        /// The file, or its directory.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// A record could not be added: nothing was changed on its account.
    #[error("the journal cannot be written: {0}")]
    Append(io::Error),
    /// What should be kept has no form in a journal.
    #[error("the journal cannot hold this: {0}")]
    Unfit(#[from] serde_json::Error),
    /// Something other than a crash has changed it.
    #[error(
        "the journal is damaged at byte {}: {}; the {} records before it are good", .0.offset, .0.why, .0.records
    )]
    Damaged(Damage),
    /// It does not even have its first record: nothing was changed on its account.
    #[error("the journal is empty: nothing was changed on its account")]
    Empty,
    /// A newer program wrote it.
    #[error(
        "the journal has form {0}, and this program knows forms up to {JOURNAL_VERSION}: use a newer one"
    )]
    Newer(u32),
}

impl Journal {
    /// Begins a journal in a new file of a directory that belongs to the caller alone.
    pub fn create(path: &Path, header: Header) -> Result<Self, JournalError> {
        Self::begin(Box::new(file::FileStore::create(path)?), header)
    }

    /// Takes up a journal again. What a crash left of its last record is cut off.
    pub fn open(path: &Path, if_damaged: IfDamaged) -> Result<Self, JournalError> {
        let (mut store, bytes) = file::FileStore::open(path)?;
        let lines = lines::read(&bytes);
        if lines.torn {
            store.cut(lines.good)?;
        }
        Self::from_lines(Box::new(store), lines, if_damaged)
    }

    /// Looks at a journal, which somebody may be writing: nothing is cut off, and nothing can be written.
    pub fn look(path: &Path) -> Result<Self, JournalError> {
        let bytes = file::read(path)?;
        Self::from_lines(
            Box::new(Closed("it was opened to be looked at")),
            lines::read(&bytes),
            IfDamaged::Refuse,
        )
    }

    /// Begins a journal in another store.
    pub fn begin(store: Box<dyn Store>, header: Header) -> Result<Self, JournalError> {
        let mut journal =
            Self { store, header: header.clone(), records: Vec::new(), chain: Chain::default(), torn: false };
        journal.append(Record::Header(header))?;
        Ok(journal)
    }

    /// Takes up a journal in another store, which holds these bytes. What it appends must follow the first [`whole`]
    /// of them: the caller cuts off the rest.
    pub fn resume(store: Box<dyn Store>, bytes: &[u8], if_damaged: IfDamaged) -> Result<Self, JournalError> {
        Self::from_lines(store, lines::read(bytes), if_damaged)
    }

    fn from_lines(
        store: Box<dyn Store>,
        lines: lines::Lines,
        if_damaged: IfDamaged,
    ) -> Result<Self, JournalError> {
        let store = match lines.damage {
            Some(damage) if if_damaged == IfDamaged::Refuse || damage.records == 0 => {
                return Err(JournalError::Damaged(damage));
            }
            Some(_) => Box::new(Closed("it is damaged")),
            None => store,
        };
        let Some(Record::Header(header)) = lines.records.first() else { return Err(JournalError::Empty) };
        if header.version > JOURNAL_VERSION {
            return Err(JournalError::Newer(header.version));
        }
        let header = header.clone();
        Ok(Self { store, header, records: lines.records, chain: lines.chain, torn: lines.torn })
    }

    /// What it begins with.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All records, the header first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether the program that wrote it died while it wrote. The record that was lost announced something that was
    /// not done, or told of something that shows by itself.
    pub fn was_torn(&self) -> bool {
        self.torn
    }

    /// What became of its changes.
    pub fn state(&self) -> State {
        State::of(&self.records)
    }

    /// Whether its changes are to hold: they stay, or wait to be confirmed.
    pub fn holds(&self) -> bool {
        matches!(self.state(), State::Open | State::Confirmed)
    }

    /// Writes down that the changes stay.
    pub fn confirm(&mut self, time: u64) -> Result<(), JournalError> {
        self.append(Record::Confirmed { time })
    }

    /// Writes down what a verification after a later boot found.
    pub fn verified(
        &mut self,
        boot_id: String,
        time: u64,
        differences: Vec<Difference>,
    ) -> Result<(), JournalError> {
        self.append(Record::Verified { boot_id, time, differences })
    }

    /// Whether what stays is still to be verified after the next boot.
    pub fn is_to_be_verified(&self) -> bool {
        let verified = self.records.iter().any(|r| matches!(r, Record::Verified { .. }));
        self.header.reboot_proof && self.state() == State::Confirmed && !verified
    }

    /// What the packet filter is to let somebody come in by, step by step, where it was changed and was not undone.
    pub fn opens(&self) -> Vec<(StepId, String)> {
        let is_undone = |step: &StepId| {
            self.records.iter().any(|r| matches!(r, Record::Undone { step: Some(of), .. } if of == step))
        };
        let goals = self.records.iter().filter_map(|r| match r {
            Record::Begun { goals, .. } => Some(goals),
            _ => None,
        });
        let goals = goals.flatten().filter(|goal| self.holds() && !is_undone(&goal.step));
        goals.flat_map(|g| g.opens.iter().map(|door| (g.step.clone(), door.clone()))).collect()
    }

    /// Adds a record, once more where it fails. For what should be known later, but hinders nothing.
    pub(crate) fn append_surely(&mut self, record: &Record) -> Result<(), JournalError> {
        self.append(record.clone()).or_else(|_| self.append(record.clone()))
    }

    /// Adds a record, which is on disk when it returns.
    pub(crate) fn append(&mut self, record: Record) -> Result<(), JournalError> {
        let (line, chain) = self.chain.line(&record)?;
        self.store.append(&line).map_err(JournalError::Append)?;
        self.chain = chain;
        self.records.push(record);
        Ok(())
    }
}

/// How many of these bytes hold whole records: what is left of a journal after a crash.
pub fn whole(bytes: &[u8]) -> usize {
    lines::read(bytes).good
}

/// Takes no more, for this reason.
struct Closed(&'static str);

impl Store for Closed {
    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::Error::other(self.0))
    }
}
