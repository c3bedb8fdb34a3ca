//! Why packages are installed, as the programs on top of rpm remember it: dnf 5 (TOML), dnf 4 (SQLite), zypper (text).

use std::collections::BTreeMap;

use super::sqlite::Sqlite;
use crate::packages::trouble::Trouble;
use crate::{CONFIG_LIMIT, ReadError, Tree};

/// Of dnf 5: each package that came by itself, with its reason. What came with a group is not in it.
const DNF5: &str = "/usr/lib/sysimage/libdnf5/packages.toml";
/// Of dnf 4: every transaction.
const DNF4: &str = "/var/lib/dnf/history.sqlite";
/// Of zypper: names of packages that nobody asked for.
const ZYPP: &str = "/var/lib/zypp/AutoInstalled";

/// Most packages of a history that are taken.
const HISTORY_LIMIT: i64 = 100_000;

/// Which packages somebody asked for.
#[derive(Default)]
pub(super) struct Reasons {
    /// Whether there is a record at all: with one, what it does not name came by a group or the installation.
    recorded: bool,
    automatic: BTreeMap<String, bool>,
}

impl Reasons {
    /// Whether somebody asked for the package; nothing where nothing records it.
    pub(super) fn manual(&self, name: &str) -> Option<bool> {
        self.recorded.then(|| !self.automatic.get(name).copied().unwrap_or_default())
    }
}

/// Reads the first record that there is.
pub(super) fn collect(tree: &Tree, trouble: &mut Trouble) -> Reasons {
    for read in [dnf5, dnf4, zypp] {
        match read(tree, trouble) {
            Ok(automatic) => return Reasons { recorded: true, automatic },
            Err(None) => {}
            Err(Some(why)) => {
                trouble.note("why packages are installed", why, Some("dnf repoquery --userinstalled"));
            }
        }
    }
    Reasons::default()
}

/// Packages by name, true for automatic ones; or why there is nothing, which is no failure if the file is not there.
type Automatic = Result<BTreeMap<String, bool>, Option<String>>;

fn absent(e: &ReadError) -> Option<String> {
    (!e.is_absent()).then(|| e.to_string())
}

fn dnf5(tree: &Tree, _: &mut Trouble) -> Automatic {
    #[derive(serde::Deserialize)]
    struct State {
        packages: BTreeMap<String, Reason>,
    }
    #[derive(serde::Deserialize)]
    struct Reason {
        reason: String,
    }
    let text = tree.read(DNF5, CONFIG_LIMIT).map_err(|e| absent(&e))?;
    let state: State = toml::from_slice(&text).map_err(|e| Some(format!("{DNF5}: {}", e.message())))?;
    let entry = |(package, Reason { reason }): (String, Reason)| {
        let name = package.rsplit_once('.').map_or(&*package, |(name, _architecture)| name).to_owned();
        (name, matches!(&*reason, "Dependency" | "Weak Dependency"))
    };
    Ok(state.packages.into_iter().map(entry).collect())
}

fn dnf4(tree: &Tree, trouble: &mut Trouble) -> Automatic {
    if !tree.exists(DNF4) {
        return Err(None);
    }
    let database = Sqlite::open(tree, DNF4, trouble).map_err(Some)?;
    let history = || -> rusqlite::Result<BTreeMap<String, bool>> {
        // Oldest first, so that the latest transaction of a package has the last word. Reasons: 1 is a dependency, 4 a
        // weak one, 2 a user's wish, 5 a group's; 0 and 3 say nothing new.
        let question = "SELECT rpm.name, trans_item.reason FROM trans_item JOIN rpm USING (item_id)
            WHERE trans_item.reason IN (1, 2, 4, 5) ORDER BY trans_item.id LIMIT ?1";
        let mut statement = database.connection().prepare(question)?;
        let rows =
            statement.query_map([HISTORY_LIMIT], |row| Ok((row.get(0)?, matches!(row.get(1)?, 1 | 4))))?;
        rows.collect()
    };
    history().map_err(|e| Some(format!("{DNF4}: {e}")))
}

fn zypp(tree: &Tree, _: &mut Trouble) -> Automatic {
    let text = tree.read(ZYPP, CONFIG_LIMIT).map_err(|e| absent(&e))?;
    let text = String::from_utf8_lossy(&text);
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(names.map(|name| (name.to_owned(), true)).collect())
}
