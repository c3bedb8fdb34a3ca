//! Installed applications, recognised by packages, files or running units, with the settings that say what they need.
//!
//! What to look for is told by the caller ([`doorward_applications::Marker`]): the knowledge of applications is not here. Files are looked for
//! where sites lie: in the document roots that web servers name and in those of distributions, two directories deep, and
//! in the folders that packages make. Trees are not walked through.

use std::collections::BTreeMap;

use doorward_applications::Marker;
use doorward_model::{Application, Facts, Packages, Service, State, Unseen};

use crate::Tree;
use crate::web::glob;
use settings::Reader;

mod find;
mod settings;
#[cfg(test)]
mod tests;

/// Instances of one application; more are not told apart.
const INSTANCE_LIMIT: usize = 200;

/// One place where an application was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Find {
    /// The directory, or the name of the package or unit.
    place: String,
    evidence: String,
    /// Directory that relative files start from.
    base: Option<String>,
    /// Whether that may be the directory above a document root, from which its files are written (`../.env`).
    is_above: bool,
    /// Whether it lies where packages and installers put it, not among documents.
    is_installed: bool,
    /// Whether it was found by a file of a fixed path.
    is_fixed: bool,
}

/// The applications of a tree, sorted. `document_roots` are those that web servers name; `services` tell what runs.
pub fn collect(
    tree: &Tree,
    markers: &[Marker],
    document_roots: &[String],
    packages: &Packages,
    services: &[Service],
) -> Facts<Vec<Application>> {
    let mut unseen = Vec::new();
    let found = find::by_files(tree, markers, document_roots, &mut unseen);
    let mut reader = Reader::new(tree);
    let mut all = Vec::new();
    for (marker, finds) in markers.iter().zip(found) {
        let package = package(marker, packages);
        let unit = unit(marker, services);
        all.extend(applications(marker, finds, package, unit, &mut reader));
    }
    unseen.extend(reader.into_unseen());
    all.sort();
    all.dedup();
    unseen.sort();
    unseen.dedup();
    Facts { value: all, unseen }
}

/// The first installed package that an application is known by, with its version.
fn package<'p>(marker: &Marker, packages: &'p Packages) -> Option<(&'p str, &'p str)> {
    let installed = |pattern: &String| {
        if glob::is_pattern(pattern) {
            packages.versions.iter().find(|(name, _)| glob::matches(pattern, name))
        } else {
            packages.versions.get_key_value(pattern)
        }
    };
    marker.packages.iter().find_map(installed).map(|(name, version)| (name.as_str(), version.as_str()))
}

/// The first running unit that an application is known by.
fn unit<'s>(marker: &Marker, services: &'s [Service]) -> Option<&'s Service> {
    let is_named = |s: &Service, pattern: &str| {
        std::iter::once(&s.name).chain(&s.aliases).any(|name| glob::matches(pattern, name))
    };
    let running = |pattern: &String| services.iter().find(|s| runs(s) && is_named(s, pattern));
    marker.units.iter().find_map(running)
}

/// Whether a service runs, or would in a tree that does not.
fn runs(service: &Service) -> bool {
    match service.state {
        State::Running | State::Changing | State::Failed => true,
        State::Exited | State::Unknown => service.start.at_boot(),
        State::Stopped => false,
    }
}

/// All instances of one application.
fn applications(
    marker: &Marker,
    mut finds: Vec<Find>,
    package: Option<(&str, &str)>,
    unit: Option<&Service>,
    reader: &mut Reader<'_>,
) -> Vec<Application> {
    let evidence = match (package, unit) {
        (Some((name, version)), _) => Some((name.to_owned(), format!("package {name} {version}"))),
        (None, Some(unit)) => {
            Some((unit.package.clone().unwrap_or_else(|| unit.name.clone()), format!("unit {}", unit.name)))
        }
        (None, None) => None,
    };
    let mut known: Vec<(Find, Vec<BTreeMap<String, String>>)> = Vec::new();
    let is_single = finds.len() <= 1;
    finds.truncate(INSTANCE_LIMIT);
    for find in finds {
        let settings = reader.settings(marker, &find, find.is_installed || is_single);
        known.push((find, settings));
    }
    if let Some((place, evidence)) = evidence {
        // The same application, seen twice: its place is the one that has settings.
        let is_it = |(find, settings): &(Find, Vec<BTreeMap<String, String>>)| {
            (find.is_installed, settings.iter().any(|s| !s.is_empty()))
        };
        let best = (0..known.len()).rev().max_by_key(|&n| is_it(&known[n]));
        if let Some(best) = best {
            let find = &mut known[best].0;
            find.evidence = if package.is_some() { evidence } else { std::mem::take(&mut find.evidence) };
            known[best].1 = reader.settings(marker, &known[best].0, true);
        } else {
            let find =
                Find { place, evidence, base: None, is_above: false, is_installed: true, is_fixed: false };
            let settings = reader.settings(marker, &find, true);
            known.push((find, settings));
        }
    }
    let instance = |find: &Find, settings| Application {
        id: marker.id.clone(),
        place: find.place.clone(),
        evidence: find.evidence.clone(),
        settings,
    };
    known.into_iter().flat_map(|(f, all)| all.into_iter().map(move |s| instance(&f, s))).collect()
}

/// What could not be looked at.
fn dark(what: impl Into<String>, error: &crate::ReadError) -> Unseen {
    crate::unread::unread(doorward_model::Subject::Applications, what, error)
}
