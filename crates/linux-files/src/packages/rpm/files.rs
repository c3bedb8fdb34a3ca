//! Which package owns which of the files asked for, and which has the files that others require by path.

use std::collections::{BTreeMap, BTreeSet};

use super::header::Header;
use super::relations::Relations;
use super::store::Store;
use crate::packages::paths::Owners;
use crate::packages::trouble::Trouble;
use crate::packages::{Installed, PackageId};

/// Looks up the files by their last components.
pub(super) fn claim(
    store: &Store,
    by_number: &BTreeMap<u32, PackageId>,
    installed: &[Installed],
    relations: &mut Relations,
    owners: &mut Owners<'_>,
    trouble: &mut Trouble,
) {
    let mut names: BTreeSet<Vec<u8>> = owners.asked().basenames().map(<[u8]>::to_vec).collect();
    names.extend(relations.required_paths().map(basename).map(<[u8]>::to_vec));
    let read = store.with_files(names.iter().map(Vec::as_slice), &mut |number, blob| {
        let Some(id) = by_number.get(&number) else { return };
        let Some(name) = installed.get(*id as usize).map(|one| &*one.name) else { return };
        // What is no header was told when all were read.
        let Ok(header) = Header::parse(blob) else { return };
        for (dir, file) in header.files().filter(|(_, file)| names.contains(*file)) {
            let path = [dir, file].concat();
            owners.claim(&path, name, Some(*id));
            relations.has_file(*id, &path);
        }
    });
    if let Err(why) = read {
        trouble.note(
            "owners of files",
            format!("{}: {why}", store.path()),
            Some("rpm --rebuilddb on the host"),
        );
    }
}

fn basename(path: &[u8]) -> &[u8] {
    path.rsplit(|c| *c == b'/').next().unwrap_or_default()
}
