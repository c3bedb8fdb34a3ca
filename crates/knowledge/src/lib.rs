//! What is known of services, roles, applications and hazards: data, not code.
//!
//! The entries live as TOML in the `knowledge/` folder at the top of the repository and are compiled in. A user's
//! own folder of the same form adds entries and overrides those of the same id ([`Knowledge::load`]). Every entry
//! names its sources; `knowledge/README.md` describes the form.
#![forbid(unsafe_code)]

mod check;
mod entry;
mod finding;
mod load;
mod lookup;
mod pattern;
mod systems;
mod windows;

pub use check::Problem;
pub use entry::{
    ApplicationEntry, BaseEntry, Bind, Classification, Condition, DoorFact, Family, HazardClass, Need,
    Recognise, Restriction, RoleEntry, RoleKind, RoleRequirement, RoleSpare, ServiceEntry, Unless,
    Vulnerability,
};
pub use load::{Knowledge, LoadError};
pub use lookup::Index;
pub use pattern::Pattern;
pub use systems::{NtVersion, System, Systems, SystemsError, holds_on};
pub use windows::{Advice, DefaultStart, Edition, FindingEntry, Hotfix, Mechanism, StartDefault, Uninstall};
