//! apk: Alpine. One text file of records with one-letter fields, `world` with what somebody asked for, and the indexes
//! that apk fetched last.

use std::collections::{HashMap, HashSet};

use doorward_model::PackageFamily;

use super::graph::{Graph, GraphBuilder};
use super::paths::{Asked, Owners};
use super::trouble::Trouble;
use super::{Found, Installed, PackageId, SUMMARY_LIMIT, text};
use crate::{CONFIG_LIMIT, Tree};
use relation::{Relation, relation};

mod index;
mod relation;
pub(super) mod version;

/// The installed packages: as ever, and since apk 3 on systems with merged `/usr`.
const INSTALLED: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// What somebody asked for.
const WORLD: &str = "/etc/apk/world";

/// Largest database taken; a desktop's has some 10 million bytes, for it lists all files.
const LIMIT: u64 = 32 << 20;

/// Reads apk's database; nothing when there is none, or an empty one.
pub(super) fn collect<'a>(tree: &Tree, asked: &'a Asked<'a>, trouble: &mut Trouble) -> Option<Found<'a>> {
    let (path, database) = INSTALLED.iter().find_map(|path| match tree.read(path, LIMIT) {
        Ok(text) => Some((path, text)),
        Err(e) => {
            trouble.read("package database", &e);
            None
        }
    })?;
    let mut owners = Owners::new(asked);
    let records = parse(path, &database, &mut owners, trouble);
    if records.is_empty() {
        return None;
    }
    let world = world(tree, trouble);
    let offers = Offers::of(&records);
    let manual: Option<HashSet<PackageId>> = world.as_ref().map(|world| {
        let atoms = world.split(u8::is_ascii_whitespace).filter_map(relation);
        atoms.flat_map(|atom| offers.satisfiers(atom)).collect()
    });
    let manual = |id: PackageId| manual.as_ref().map(|manual| manual.contains(&id));
    let roots = (0..).zip(&records).map(|(id, _)| manual(id) != Some(false)).collect();
    let graph = resolve(&records, &offers, roots);
    let updates = index::collect(tree, &records, &owners, trouble);
    let installed = (0..).zip(&records).map(|(id, record)| Installed {
        name: text(record.name, 256),
        version: text(record.version, 256),
        source: Some(text(record.origin, 256)).filter(|origin| !origin.is_empty()),
        summary: Some(text(record.description, SUMMARY_LIMIT)).filter(|summary| !summary.is_empty()),
        essential: false, // apk knows no such thing
        manual: manual(id),
        bytes: text(record.installed_size, 20).parse().ok(),
    });
    Some(Found { family: PackageFamily::Apk, installed: installed.collect(), graph, owners, updates })
}

/// One installed package, borrowed from the database.
#[derive(Debug, Default, Clone, Copy)]
struct Record<'a> {
    name: &'a [u8],
    version: &'a [u8],
    origin: &'a [u8],
    description: &'a [u8],
    installed_size: &'a [u8],
    depends: &'a [u8],
    provides: &'a [u8],
}

/// Records end with an empty line. `F:` names a directory, the `R:` lines after it its files; `P:` comes before them.
fn parse<'a>(
    path: &str,
    database: &'a [u8],
    owners: &mut Owners<'_>,
    trouble: &mut Trouble,
) -> Vec<Record<'a>> {
    let mut records: Vec<Record<'a>> = Vec::new();
    let mut record = Record::default();
    let mut dir: &[u8] = b"";
    let mut file = Vec::new();
    let mut number = 0usize;
    for line in database.split(|c| *c == b'\n').chain([&b""[..]]) {
        number += 1;
        let Some((field, value)) = line.split_first_chunk::<2>() else {
            if !line.is_empty() {
                trouble.note("part of apk's database", format!("{path}, line {number}: not a field"), None);
            } else if !record.name.is_empty() && !record.version.is_empty() {
                records.push(record);
            } else if !(record.name.is_empty() && record.version.is_empty()) {
                let why = format!("{path}, line {number}: a record without name or version ends");
                trouble.note("part of apk's database", why, None);
            }
            if line.is_empty() {
                (record, dir) = (Record::default(), b"");
            }
            continue;
        };
        match field {
            b"P:" => record.name = value,
            b"V:" => record.version = value,
            b"o:" => record.origin = value,
            b"T:" => record.description = value,
            b"I:" => record.installed_size = value,
            b"D:" => record.depends = value,
            b"p:" => record.provides = value,
            b"F:" => dir = value,
            b"R:" if !record.name.is_empty() => {
                file.clear();
                for part in [&b"/"[..], dir, if dir.is_empty() { b"" } else { b"/" }, value] {
                    file.extend_from_slice(part);
                }
                if let Ok(id) = PackageId::try_from(records.len()) {
                    owners.claim(&file, &String::from_utf8_lossy(record.name), Some(id));
                }
            }
            [_, b':'] => {}
            _ => trouble.note("part of apk's database", format!("{path}, line {number}: not a field"), None),
        }
    }
    records
}

fn world(tree: &Tree, trouble: &mut Trouble) -> Option<Vec<u8>> {
    match tree.read(WORLD, CONFIG_LIMIT) {
        Ok(world) => Some(world),
        Err(e) => {
            trouble.read("why packages are installed", &e);
            None
        }
    }
}

/// What installed packages can satisfy, by name.
struct Offers<'a>(HashMap<&'a [u8], Vec<Offer<'a>>>);

/// A package, and the version that it offers, if any.
type Offer<'a> = (PackageId, Option<&'a [u8]>);

impl<'a> Offers<'a> {
    fn of(records: &[Record<'a>]) -> Self {
        let mut offers: HashMap<&'a [u8], Vec<_>> = HashMap::new();
        for (id, record) in (0..).zip(records) {
            offers.entry(record.name).or_default().push((id, Some(record.version)));
            for provided in relations(record.provides) {
                let version = provided.bound.map(|(_, version)| version);
                offers.entry(provided.name).or_default().push((id, version));
            }
        }
        Self(offers)
    }

    fn satisfiers(&self, wanted: Relation<'a>) -> impl Iterator<Item = PackageId> + use<'_, 'a> {
        let offers = self.0.get(wanted.name).map(Vec::as_slice).unwrap_or_default();
        offers.iter().filter(move |(_, version)| wanted.is_met_by(*version)).map(|(id, _)| *id)
    }
}

fn relations(field: &[u8]) -> impl Iterator<Item = Relation<'_>> {
    field.split(u8::is_ascii_whitespace).filter_map(relation)
}

fn resolve<'a>(records: &[Record<'a>], offers: &Offers<'a>, roots: Vec<bool>) -> Graph {
    let mut graph = GraphBuilder::new(roots);
    for (id, record) in (0..).zip(records) {
        for wanted in relations(record.depends) {
            graph.need(id, offers.satisfiers(wanted));
        }
    }
    graph.finish()
}

#[cfg(test)]
mod tests;
