//! Units that generators make at boot, for trees where no boot has made them: of init scripts they are made here, by
//! the rules of `systemd-sysv-generator(8)`; what other programs would make is not known.

use std::collections::{BTreeMap, BTreeSet};

use doorward_model::{Dependency, DependencyKind, Start, Subject, Unseen};

use super::name;
use super::search::Index;
use super::unit::Unit;
use crate::Tree;
use crate::sysv::{self, InitScript};

/// What an init script becomes.
#[derive(Debug)]
pub(super) struct Generated {
    pub(super) path: String,
    pub(super) aliases: BTreeSet<String>,
    pub(super) start: Start,
    /// Targets that pull it in.
    pub(super) wanted_by: BTreeSet<&'static str>,
    script: InitScript,
}

impl Generated {
    /// Puts into `unit` what the generated file would say. The manager only orders a script after those that it
    /// requires; here they are wanted, for what its author declared is evidence.
    pub(super) fn fill(&self, unit: &mut Unit) {
        unit.description.clone_from(&self.script.description);
        unit.program = Some(self.script.program.clone().unwrap_or_else(|| self.path.clone()));
        let wanted = self.script.requires.iter().chain(&self.script.wants).filter_map(|name| unit_name(name));
        let network = self.script.needs_network.then(|| "network-online.target".to_owned());
        unit.dependencies
            .extend(wanted.chain(network).map(|on| Dependency { kind: DependencyKind::Wants, on }));
    }
}

/// The units of all init scripts that have no unit of their own.
pub(super) fn units(tree: &Tree, index: &Index, unseen: &mut Vec<Unseen>) -> BTreeMap<String, Generated> {
    let mut units = BTreeMap::new();
    for script in sysv::scripts(tree, unseen) {
        let Some(name) = unit_name(&script.name).filter(|n| index.find(n).is_none()) else { continue };
        let wanted_by: BTreeSet<_> = script.runlevels.iter().filter_map(|level| target(*level)).collect();
        let aliases = script.provides.iter().filter_map(|p| unit_name(p));
        let generated = Generated {
            path: script.path.clone(),
            aliases: aliases.filter(|a| *a != name && index.find(a).is_none()).collect(),
            start: if wanted_by.is_empty() { Start::Disabled } else { Start::Generated },
            wanted_by,
            script,
        };
        units.insert(name, generated);
    }
    units
}

/// Programs that make units at boot (`systemd.generator(7)`).
const GENERATORS: &[&str] = &[
    "/etc/systemd/system-generators",
    "/usr/local/lib/systemd/system-generators",
    "/usr/lib/systemd/system-generators",
    "/lib/systemd/system-generators",
];

/// The fact, where no boot has run them, that generators of other projects than systemd's own would add units.
pub(super) fn unknown(tree: &Tree) -> Option<Unseen> {
    if tree.exists("/run/systemd/generator") {
        return None;
    }
    let entries = GENERATORS.iter().filter_map(|directory| tree.read_dir(directory).ok()).flatten();
    let names = entries.filter_map(|e| e.name.into_string().ok()).filter(|n| !n.starts_with("systemd-"));
    let names: BTreeSet<String> = names.take(20).collect();
    let list: Vec<&str> = names.iter().map(String::as_str).collect();
    (!list.is_empty()).then(|| {
        Unseen::new(
            Subject::Services,
            format!("units that these make at boot: {}", list.join(", ")),
            "generators are not run on a tree that does not run",
        )
        .with_remedy("audit the running host")
    })
}

fn unit_name(script: &str) -> Option<String> {
    let stem = script.strip_suffix(".sh").unwrap_or(script);
    Some(format!("{stem}.service")).filter(|n| name::is_valid(n))
}

/// The target that stands for a runlevel.
fn target(runlevel: char) -> Option<&'static str> {
    match runlevel {
        '2'..='4' => Some("multi-user.target"),
        '5' => Some("graphical.target"),
        _ => None,
    }
}
