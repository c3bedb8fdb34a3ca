//! Which units start at boot.

use std::collections::{HashMap, HashSet};

use doorward_model::{DependencyKind, Service, Start};

/// The units that a boot pulls in: the default target with all that it leads to, and whatever is enabled, wherever
/// (a target for hardware that may come, a target that is not the default now).
pub(super) fn starts(services: &[Service], default_target: Option<&str>) -> HashSet<String> {
    let by_name: HashMap<&str, &Service> = services.iter().map(|s| (s.name.as_str(), s)).collect();
    let enabled = services.iter().filter(|s| s.start.at_boot()).map(|s| s.name.as_str());
    let mut todo: Vec<&str> = default_target.into_iter().chain(enabled).collect();
    let mut reached: HashSet<&str> = HashSet::new();
    while let Some(name) = todo.pop() {
        let Some(service) = by_name.get(name).filter(|s| s.start != Start::Masked) else { continue };
        if reached.insert(&service.name) {
            let pulled = service.dependencies.iter().filter(|d| pulls_in(d.kind));
            todo.extend(pulled.map(|d| d.on.as_str()));
        }
    }
    reached.into_iter().map(str::to_owned).collect()
}

/// Whether starting a unit starts the other.
fn pulls_in(kind: DependencyKind) -> bool {
    matches!(
        kind,
        DependencyKind::Requires | DependencyKind::BindsTo | DependencyKind::Wants | DependencyKind::Upholds
    )
}
