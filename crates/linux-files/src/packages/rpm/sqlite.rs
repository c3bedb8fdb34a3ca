//! SQLite files of a tree, opened so that nothing is ever written beside them and nothing in them runs for long.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, Result};

use super::store::HEADER_LIMIT;
use crate::Tree;
use crate::packages::trouble::Trouble;

/// How long all questions to one database may take.
const TIME_LIMIT: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });

/// How many of SQLite's steps pass between two looks at the clock.
const STEPS: i32 = 10_000;

/// A SQLite database.
pub(super) struct Sqlite(Connection);

impl Sqlite {
    /// Opens the file at `path` of the tree. It is taken as it is: locks and the journal are left alone, which is why a
    /// journal that holds anything is told.
    pub(super) fn open(tree: &Tree, path: &str, trouble: &mut Trouble) -> Result<Self, String> {
        let why = |e: &dyn std::fmt::Display| format!("{path}: {e}");
        // SQLite opens by name: by one without links, and only if it still leads to the file seen inside the tree.
        let seen = tree.open_file(path).map_err(|e| e.to_string())?.metadata().map_err(|e| why(&e))?;
        let inside = tree.resolve(path).map_err(|e| e.to_string())?;
        let outside = tree.path().join(inside.strip_prefix("/").unwrap_or(&inside));
        let named = std::fs::symlink_metadata(&outside).map_err(|e| why(&e))?;
        if (seen.dev(), seen.ino()) != (named.dev(), named.ino()) {
            return Err(why(&"changed while it was opened"));
        }
        if tree.metadata(format!("{path}-wal")).is_ok_and(|journal| journal.len() > 0) {
            let what = "latest changes of packages";
            trouble.note(
                what,
                format!("{path}-wal: changes not yet merged"),
                Some("rpm -qa on the host merges them"),
            );
        }
        Self::connect(outside.as_os_str().as_bytes()).map_err(|e| why(&e))
    }

    fn connect(path: &[u8]) -> Result<Self> {
        let escaped = |byte: &u8| match byte {
            plain if plain.is_ascii_alphanumeric() || b"/.-_".contains(plain) => {
                char::from(*plain).to_string()
            }
            other => format!("%{other:02X}"),
        };
        let uri = format!("file:{}?immutable=1", path.iter().map(escaped).collect::<String>());
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = Connection::open_with_flags(uri, flags)?;
        open.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(HEADER_LIMIT).unwrap_or(i32::MAX))?;
        // Views, triggers and generated columns of the file may call nothing that has effects.
        open.pragma_update(None, "trusted_schema", false)?;
        open.pragma_update(None, "cell_size_check", true)?;
        open.pragma_update(None, "cache_size", -1024)?;
        let start = Instant::now();
        open.progress_handler(STEPS, Some(move || start.elapsed() > TIME_LIMIT))?;
        Ok(Self(open))
    }

    /// The connection, for databases that are not rpm's.
    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }

    pub(super) fn each(&self, take: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        let mut statement = self.0.prepare("SELECT hnum, blob FROM Packages")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            take(row.get(0)?, row.get_ref(1)?.as_blob()?);
        }
        Ok(())
    }

    pub(super) fn with_files<'n>(
        &self,
        names: impl Iterator<Item = &'n [u8]>,
        take: &mut dyn FnMut(u32, &[u8]),
    ) -> Result<()> {
        let mut numbers = BTreeSet::new();
        let mut holders = self.0.prepare("SELECT DISTINCT hnum FROM Basenames WHERE key = ?1")?;
        for name in names.filter_map(|name| std::str::from_utf8(name).ok()) {
            let mut rows = holders.query([name])?;
            while let Some(row) = rows.next()? {
                numbers.insert(row.get::<_, u32>(0)?);
            }
        }
        let mut header = self.0.prepare("SELECT blob FROM Packages WHERE hnum = ?1")?;
        for number in numbers {
            let mut rows = header.query([number])?;
            while let Some(row) = rows.next()? {
                take(number, row.get_ref(0)?.as_blob()?);
            }
        }
        Ok(())
    }
}
