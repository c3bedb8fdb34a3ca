//! Installed applications: those that the collector found, and on Windows those that its list of products names.

use std::collections::BTreeMap;

use doorward_knowledge::{ApplicationEntry, Index};
use doorward_model::{Application, Service, Snapshot, Start};

/// All applications of a host, sorted.
pub(crate) fn all(snapshot: &Snapshot, index: &Index<'_>) -> Vec<Application> {
    let mut all = snapshot.applications.clone();
    if snapshot.windows.is_some() {
        let known = |entry: &&ApplicationEntry| !snapshot.applications.iter().any(|a| a.id == entry.id);
        all.extend(index.applications().filter(known).filter_map(|entry| recognise(snapshot, index, entry)));
        all.sort();
    }
    all
}

fn recognise(snapshot: &Snapshot, index: &Index<'_>, entry: &ApplicationEntry) -> Option<Application> {
    let product = || {
        entry.recognise.products.iter().find_map(|pattern| {
            let pattern = index.pattern(pattern);
            let product = snapshot.windows.as_ref()?.products.iter().find(|p| pattern.is_match(&p.name))?;
            let version = product.version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
            Some((product.place.clone(), format!("product {}{version}", product.name)))
        })
    };
    let service = || {
        entry.recognise.units.iter().find_map(|unit| {
            let is_there = |s: &&Service| s.start != Start::Masked && index.matches(unit, s);
            let service = snapshot.services.iter().find(is_there)?;
            Some((service.name.clone(), format!("service {}", service.name)))
        })
    };
    let (place, evidence) = product().or_else(service)?;
    Some(Application { id: entry.id.clone(), place, evidence, settings: BTreeMap::new() })
}
