//! Where changes are kept: one journal for each plan that was applied, numbered, in a directory that is root's alone.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use doorward_change::Journal;
use doorward_change::journal::{IfDamaged, State};

/// The journals of a state directory.
pub(crate) struct Journals {
    folder: PathBuf,
}

/// One journal.
pub(crate) struct Kept {
    /// Its number, by which people name it.
    pub(crate) id: u64,
    /// What is in it, or why that cannot be said.
    pub(crate) journal: Result<Journal, doorward_change::journal::JournalError>,
}

impl Journals {
    /// Those below a state directory, which exists.
    pub(crate) fn of(state: &Path) -> Self {
        Self { folder: state.to_owned() }
    }

    /// The file of a journal.
    pub(crate) fn path(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id}.journal"))
    }

    /// All of them, the oldest first.
    pub(crate) fn all(&self) -> anyhow::Result<Vec<Kept>> {
        let mut ids = self.ids()?;
        ids.sort_unstable();
        let open = |id| Kept { id, journal: Journal::open(&self.path(id), IfDamaged::Refuse) };
        Ok(ids.into_iter().map(open).collect())
    }

    /// The number for the next one.
    pub(crate) fn next(&self) -> anyhow::Result<u64> {
        Ok(self.ids()?.into_iter().max().unwrap_or(0) + 1)
    }

    /// The one that people mean: the named one, or the last.
    pub(crate) fn meant(&self, id: Option<u64>) -> anyhow::Result<(u64, Journal)> {
        let last = self.ids()?.into_iter().max();
        let Some(id) = id.or(last) else {
            bail!("{}: nothing was applied here", self.folder.display());
        };
        let journal = Journal::open(&self.path(id), IfDamaged::Refuse)
            .with_context(|| format!("journal {id} ({})", self.path(id).display()))?;
        Ok((id, journal))
    }

    /// Changes that wait to be confirmed or undone.
    pub(crate) fn waiting(&self) -> anyhow::Result<Option<u64>> {
        let waits = |kept: &Kept| match &kept.journal {
            Ok(journal) => matches!(journal.state(), State::Open | State::Undoing),
            Err(_) => false,
        };
        Ok(self.all()?.iter().find(|kept| waits(kept)).map(|kept| kept.id))
    }

    fn ids(&self) -> anyhow::Result<Vec<u64>> {
        let fail = || self.folder.display().to_string();
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.folder).with_context(fail)? {
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

/// Seconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
