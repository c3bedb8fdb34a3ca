//! What is known of Windows: its services by version, the roles of IIS, the base, and what products need.

#[path = "../common/mod.rs"]
mod common;

mod applications;
mod findings;
mod history;
mod roles;
mod services;
mod starts;
mod systems;

use std::sync::LazyLock;

use doorward_knowledge::{Index, Knowledge, NtVersion, ServiceEntry, System};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::built_in);

/// Every version that the data speaks of.
const VERSIONS: [&str; 12] = [
    "4.0",
    "5.0",
    "5.1",
    "5.2",
    "6.0",
    "6.1",
    "6.2",
    "6.3",
    "10.0.14393",
    "10.0.17763",
    "10.0.20348",
    "10.0.26100",
];

fn system(version: &str) -> System {
    System::Windows(version.parse::<NtVersion>().expect("a version"))
}

fn index(version: &str) -> Index<'static> {
    Index::for_system(&KNOWLEDGE, system(version))
}

/// The entries that describe some version of Windows.
fn entries() -> impl Iterator<Item = &'static ServiceEntry> {
    KNOWLEDGE.services.iter().filter(|s| VERSIONS.iter().any(|v| s.is_of(system(v))))
}

/// The entry of a key name or program on a version.
fn entry(version: &str, name: &str) -> &'static ServiceEntry {
    let index = index(version);
    let found = index.by_name(name).or_else(|| index.by_program(&format!("{name}.exe")));
    found.unwrap_or_else(|| panic!("no {name} on {version}"))
}
