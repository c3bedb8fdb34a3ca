mod against_systemctl;
mod bounds;
mod trees;

use doorward_model::Service;

use super::*;
use crate::fixture::Made;

fn service<'f>(facts: &'f Facts<UnitFacts>, name: &str) -> &'f Service {
    facts.value.services.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name} in {facts:#?}"))
}

/// Dependencies as `kind on`, those that every unit has left out.
fn edges(service: &Service) -> Vec<String> {
    let shown = service.dependencies.iter().map(|d| format!("{:?} {}", d.kind, d.on));
    shown.filter(|d| d != "Conflicts shutdown.target" && d != "Requires sysinit.target").collect()
}
