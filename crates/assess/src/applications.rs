//! Installed applications: those that the collector found, and on Windows those that its list of products names.

use std::collections::BTreeMap;

use doorward_knowledge::{ApplicationEntry, Index};
use doorward_model::{Application, Service, Snapshot, Start};

/// An application of the host.
pub(crate) struct Found {
    pub(crate) application: Application,
    /// The component of Windows, by its place among the services, that alone tells of it: what it needs is needed only
    /// if the component is. An application of others is there to be used.
    pub(crate) component: Option<usize>,
}

/// All applications of a host, sorted.
pub(crate) fn all(snapshot: &Snapshot, index: &Index<'_>) -> Vec<Found> {
    let collected = snapshot.applications.iter().cloned();
    let mut all: Vec<Found> = collected.map(|application| Found { application, component: None }).collect();
    if snapshot.windows.is_some() {
        let known = |entry: &&ApplicationEntry| !snapshot.applications.iter().any(|a| a.id == entry.id);
        all.extend(index.applications().filter(known).filter_map(|entry| recognise(snapshot, index, entry)));
        all.sort_by(|a, b| a.application.cmp(&b.application));
    }
    all
}

fn recognise(snapshot: &Snapshot, index: &Index<'_>, entry: &ApplicationEntry) -> Option<Found> {
    let found = |place: &str, evidence, component| {
        let (id, place) = (entry.id.clone(), place.to_owned());
        Found { application: Application { id, place, evidence, settings: BTreeMap::new() }, component }
    };
    let product = entry.recognise.products.iter().find_map(|pattern| {
        let pattern = index.pattern(pattern);
        snapshot.windows.as_ref()?.products.iter().find(|p| pattern.is_match(&p.name))
    });
    if let Some(product) = product {
        let version = product.version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
        return Some(found(&product.place, format!("product {}{version}", product.name), None));
    }
    let is_there = |s: &Service, unit: &str| s.start != Start::Masked && index.matches(unit, s);
    let (node, service) = entry
        .recognise
        .units
        .iter()
        .find_map(|unit| snapshot.services.iter().enumerate().find(|(_, s)| is_there(s, unit)))?;
    let component = index.service(service).map(|_| node);
    Some(found(&service.name, format!("service {}", service.name), component))
}
