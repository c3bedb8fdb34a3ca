//! Where changes are kept: one journal for each plan that was applied, numbered, in a directory that is root's alone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use doorward_change::Journal;
use doorward_change::journal::{IfDamaged, JournalError, State};

/// The journals of a state directory.
pub(crate) struct Journals {
    folder: PathBuf,
}

/// One journal, to be looked at.
pub(crate) struct Kept {
    /// Its number, by which people name it.
    pub(crate) id: u64,
    /// What is in it, or why that cannot be said.
    pub(crate) journal: Result<Journal, JournalError>,
}

impl Kept {
    /// Whether it waits to be confirmed or undone. One that cannot be read may: it counts until somebody has seen to it.
    pub(crate) fn waits(&self) -> bool {
        match &self.journal {
            Ok(journal) => matches!(journal.state(), State::Open | State::Undoing),
            Err(JournalError::Empty) => false,
            Err(_) => true,
        }
    }
}

impl Journals {
    /// Those of a state directory. Where there is none, nothing was applied.
    pub(crate) fn of(state: &Path) -> Self {
        Self { folder: state.to_owned() }
    }

    /// The file of a journal.
    pub(crate) fn path(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id}.journal"))
    }

    /// All of them, the oldest first. They are only looked at: somebody may be writing one.
    pub(crate) fn all(&self) -> anyhow::Result<Vec<Kept>> {
        let mut ids = self.ids()?;
        ids.sort_unstable();
        Ok(ids.into_iter().map(|id| Kept { id, journal: Journal::look(&self.path(id)) }).collect())
    }

    /// The number for the next one.
    pub(crate) fn next(&self) -> anyhow::Result<u64> {
        Ok(self.ids()?.into_iter().max().unwrap_or(0) + 1)
    }

    /// The number that people mean: the named one, or the last.
    pub(crate) fn meant(&self, id: Option<u64>) -> anyhow::Result<u64> {
        match id.or(self.ids()?.into_iter().max()) {
            Some(id) => Ok(id),
            None => bail!("{}: nothing was applied here", self.folder.display()),
        }
    }

    /// Takes away a journal of which nothing is left to undo.
    pub(crate) fn forget(&self, id: u64) -> anyhow::Result<()> {
        #[expect(clippy::disallowed_methods, reason = "a trial leaves nothing behind")]
        std::fs::remove_file(self.path(id)).with_context(|| self.name(id))
    }

    /// A journal, to be looked at.
    pub(crate) fn look(&self, id: u64) -> anyhow::Result<Journal> {
        Journal::look(&self.path(id)).with_context(|| self.name(id))
    }

    /// A journal, to be taken up by whoever holds the lock.
    pub(crate) fn open(&self, id: u64, if_damaged: IfDamaged) -> anyhow::Result<Journal> {
        let journal = Journal::open(&self.path(id), if_damaged);
        let is_damaged = matches!(journal, Err(JournalError::Damaged(_)));
        let journal = journal.with_context(|| self.name(id));
        if is_damaged {
            return journal
                .context(format!("doorward undo {id} --use-good puts back what the good records tell"));
        }
        journal
    }

    /// The first one that waits.
    pub(crate) fn waiting(&self) -> anyhow::Result<Option<Kept>> {
        Ok(self.all()?.into_iter().find(Kept::waits))
    }

    fn name(&self, id: u64) -> String {
        format!("journal {id} ({})", self.path(id).display())
    }

    fn ids(&self) -> anyhow::Result<Vec<u64>> {
        let fail = || self.folder.display().to_string();
        let entries = match std::fs::read_dir(&self.folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                return Err(e).with_context(fail).context("only root may look at what was applied");
            }
            entries => entries.with_context(fail)?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.with_context(fail)?.file_name();
            let id: Option<u64> =
                name.to_str().and_then(|n| n.strip_suffix(".journal")).and_then(|n| n.parse().ok());
            ids.extend(id);
        }
        Ok(ids)
    }
}

/// What became of a journal's changes, in a few words.
pub(crate) fn state_word(state: State) -> &'static str {
    match state {
        State::Open => "waits to be confirmed",
        State::Confirmed => "confirmed",
        State::Undoing => "undoing did not end",
        State::Undone => "undone",
    }
}

/// Where this program lies, for units that run it.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of this program")
}

/// Seconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
