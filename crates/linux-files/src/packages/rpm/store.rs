//! The forms of rpm's database: a store of numbered headers.

use super::ndb::Ndb;
use super::sqlite::Sqlite;
use crate::Tree;
use crate::packages::trouble::Trouble;

/// Largest header taken; the largest real ones have about 10 million bytes.
pub(super) const HEADER_LIMIT: usize = 32 << 20;

/// A database of package headers.
pub(super) struct Store {
    path: String,
    form: Form,
}

enum Form {
    Sqlite(Sqlite),
    Ndb(Ndb),
}

impl Store {
    /// Opens the database in the directory `home`, if there is one of a form that is read.
    pub(super) fn open(tree: &Tree, home: &str, trouble: &mut Trouble) -> Option<Self> {
        let sqlite = format!("{home}/rpmdb.sqlite");
        if tree.exists(&sqlite) {
            return match Sqlite::open(tree, &sqlite, trouble) {
                Ok(open) => Some(Self { path: sqlite, form: Form::Sqlite(open) }),
                Err(why) => {
                    trouble.note("package database", why, Some("run as root; rpm --verifydb"));
                    None
                }
            };
        }
        let ndb = format!("{home}/Packages.db");
        match tree.open_file(&ndb).map(Ndb::open) {
            Ok(Ok(open)) => return Some(Self { path: ndb, form: Form::Ndb(open) }),
            Ok(Err(e)) => trouble.note("package database", format!("{ndb}: {e}"), Some("rpm --verifydb")),
            Err(e) => trouble.read("package database", &e),
        }
        let berkeley = format!("{home}/Packages");
        if tree.exists(&berkeley) {
            let why = format!("{berkeley}: rpm's Berkeley DB form (RHEL 8 and older) is not supported");
            trouble.note("package database", why, Some("rpm -qf FILE on the host"));
        }
        None
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Hands out every header with its number. What came before a failure stays handed out.
    pub(super) fn each(&self, take: &mut dyn FnMut(u32, &[u8])) -> Result<(), String> {
        match &self.form {
            Form::Sqlite(sqlite) => sqlite.each(take).map_err(|e| e.to_string()),
            Form::Ndb(ndb) => ndb.each(take).map_err(|e| e.to_string()),
        }
    }

    /// Hands out the headers that have a file of one of these names, and perhaps others.
    pub(super) fn with_files<'n>(
        &self,
        names: impl Iterator<Item = &'n [u8]>,
        take: &mut dyn FnMut(u32, &[u8]),
    ) -> Result<(), String> {
        match &self.form {
            Form::Sqlite(sqlite) => sqlite.with_files(names, take).map_err(|e| e.to_string()),
            // Its index is another file in a form of its own: all headers are read again.
            Form::Ndb(ndb) => ndb.each(take).map_err(|e| e.to_string()),
        }
    }
}
