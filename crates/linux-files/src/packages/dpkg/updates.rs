//! Pending updates, from the lists that apt keeps of its archives.
//!
//! Lists of security archives are always read. Of the others only short ones are (`-updates`, small third-party
//! archives): a distribution's main list has some fifty million bytes, nearly all about packages that are not
//! installed, and a fix for a known hole comes by the security archive first. So a pending *security* update is never
//! missed for this; one of another kind may be.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use doorward_model::PendingUpdate;

use super::control;
use super::status::Record;
use super::version;
use crate::packages::paths::Owners;
use crate::packages::trouble::Trouble;
use crate::packages::{PackageId, Updates, text, unpack};
use crate::{Kind, Tree};

const LISTS: &str = "/var/lib/apt/lists";

/// Longest list that is read of an archive that is no security archive, in bytes as stored.
const PLAIN_LIST_LIMIT: u64 = 4 << 20;

/// How much of a Release file is read: its fields come before its long lists of sums.
const RELEASE_HEAD: u64 = 8 << 10;

/// Looks for newer versions of the packages in `owners`.
pub(super) fn collect(
    tree: &Tree,
    records: &[Record<'_>],
    owners: &Owners<'_>,
    trouble: &mut Trouble,
) -> Updates {
    let mut updates = Updates::default();
    let mut wanted: HashMap<&[u8], Vec<PackageId>> = HashMap::new();
    for id in owners.packages() {
        if let Some(record) = records.get(id as usize) {
            wanted.entry(record.name).or_default().push(id);
        }
    }
    let names: Vec<String> = match tree.read_dir(LISTS) {
        Ok(entries) => {
            let files = entries.into_iter().filter(|e| e.kind == Kind::File);
            files.filter_map(|e| e.name.into_string().ok()).collect()
        }
        Err(e) => {
            trouble.read("pending updates", &e);
            Vec::new()
        }
    };
    let archives: Vec<Archive> = names.iter().filter_map(|name| Archive::of(tree, name)).collect();
    let mut secured = false;
    for name in names.iter().filter(|name| is_list(name)) {
        let archive = archives
            .iter()
            .filter(|archive| name.starts_with(&archive.prefix))
            .max_by_key(|a| a.prefix.len());
        if archive.is_some_and(|archive| archive.not_automatic) {
            continue;
        }
        let security = name.contains("-security") || archive.is_some_and(|archive| archive.security);
        secured |= security;
        let path = Path::new(LISTS).join(name);
        let list = match tree.open_file(&path).map(|file| (file.metadata(), file)) {
            Ok((Ok(meta), file)) if security || meta.len() <= PLAIN_LIST_LIMIT => file,
            Ok(_) => continue,
            Err(e) => {
                trouble.read("pending updates", &e);
                continue;
            }
        };
        match unpack::reader(name, list) {
            Ok(reader) => {
                let read = control::stream(reader, |stanza| {
                    offer_to(&mut updates, stanza, &wanted, records, security);
                });
                if let Err(e) = read {
                    trouble.note(
                        "pending updates",
                        format!("{}: {e}", path.display()),
                        Some("apt-get update"),
                    );
                }
            }
            Err(ending) => {
                let why = format!("{}: .{ending} lists are not read", path.display());
                trouble.note("pending updates", why, Some("apt-get -s upgrade"));
            }
        }
    }
    let files = names.iter().filter(|name| is_list(name) || is_release(name));
    let ages = files.filter_map(|name| tree.metadata(Path::new(LISTS).join(name)).ok()?.modified().ok());
    updates.lists_updated =
        ages.filter_map(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())).max();
    if !secured {
        let why = if updates.lists_updated.is_none() {
            "no list of packages"
        } else {
            "no list of a security archive"
        };
        trouble.note("pending security updates", format!("{LISTS}: {why}"), Some("apt-get update"));
    }
    updates
}

fn is_list(name: &str) -> bool {
    name.split_once("_Packages").is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('.'))
}

fn is_release(name: &str) -> bool {
    name.ends_with("_InRelease") || name.ends_with("_Release")
}

/// One suite of an archive, by its Release file.
struct Archive {
    /// How the names of its lists begin.
    prefix: String,
    security: bool,
    /// Its versions are installed only on request (backports, experimental): no updates.
    not_automatic: bool,
}

impl Archive {
    fn of(tree: &Tree, name: &str) -> Option<Self> {
        let prefix = name.strip_suffix("InRelease").or_else(|| name.strip_suffix("Release"))?;
        let mut head = Vec::new();
        tree.open_file(Path::new(LISTS).join(name)).ok()?.take(RELEASE_HEAD).read_to_end(&mut head).ok()?;
        // A signature's armour comes as a stanza of its own.
        let stanza =
            control::stanzas(&head).map(|(_, stanza)| stanza).find(|s| control::field(s, "Suite").is_some());
        let value = |field: &str| stanza.and_then(|stanza| control::field(stanza, field)).unwrap_or_default();
        let security = value("Label").eq_ignore_ascii_case(b"Debian-Security")
            || value("Suite").ends_with(b"-security")
            || value("Codename").ends_with(b"-security");
        Some(Self { prefix: prefix.to_owned(), security, not_automatic: value("NotAutomatic") == b"yes" })
    }
}

/// Takes one package of a list, if it is a newer one of those wanted.
fn offer_to(
    updates: &mut Updates,
    stanza: &[u8],
    wanted: &HashMap<&[u8], Vec<PackageId>>,
    records: &[Record<'_>],
    security: bool,
) {
    let Some(ids) = control::package(stanza).and_then(|name| wanted.get(name)) else { return };
    let Some(offered) = control::field(stanza, "Version") else { return };
    let architecture = control::field(stanza, "Architecture").unwrap_or_default();
    for id in ids {
        let Some(record) = records.get(*id as usize) else { continue };
        let fits =
            architecture == record.architecture || architecture == b"all" || record.architecture == b"all";
        if !fits || version::compare(offered, record.version).is_le() {
            continue;
        }
        let update = updates
            .pending
            .entry(*id)
            .or_insert_with(|| PendingUpdate { version: text(offered, 256), security });
        update.security |= security;
        if version::compare(offered, update.version.as_bytes()).is_gt() {
            update.version = text(offered, 256);
        }
    }
}
