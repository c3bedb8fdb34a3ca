//! The values that every part of Doorward speaks in.
//!
//! Two families, and one direction between them:
//!
//! - a [`Snapshot`] holds *facts*, as collected from one host at one time, with every failure to collect kept as
//!   an [`Unseen`] fact. No judgement. It can be saved as JSON and judged anywhere, any time later;
//! - an [`Audit`] holds *judgements*: doors and services with a [`Verdict`] and the evidence for it. Its JSON names
//!   are a contract (`schema/audit.schema.json`).
//!
//! Nothing here does I/O.
#![forbid(unsafe_code)]

mod application;
mod audit;
pub mod changes;
mod connection;
mod container;
mod host;
mod listener;
mod package;
pub mod reach;
mod service;
pub mod site;
mod snapshot;
pub mod trial;
mod unseen;
mod web;
mod windows;

pub use application::Application;
pub use audit::{
    Audit, AuditHost, AuditService, AuditWindows, Door, Evidence, EvidenceKind, Exposure, Finding, Link,
    Verdict,
};
pub use connection::{Connection, Transport};
pub use container::{Container, PublishedPort};
pub use host::{AdminPath, Host, Init, Interface, OsFamily, Source};
pub use listener::{Basis, Listener, Namespace, Owner, Protocol};
pub use package::{Package, PackageFamily, Packages, PendingUpdate};
pub use service::{Dependency, DependencyKind, Manager, Memory, MemoryMethod, Service, Start, State};
pub use snapshot::{PacketFilter, Snapshot};
pub use unseen::{Facts, Subject, Unseen};
pub use web::{LocalSocket, Upstream, WebConfig, WebEndpoint};
pub use windows::{
    AccessSetting, FirewallProfile, FirewallRule, Hotfix, Iis, IisBinding, IisSite, IisSiteKind,
    WindowsFacts, WindowsFirewall, WindowsHive, WindowsProduct, WindowsService, WindowsShare,
};

/// The version of the JSON forms of [`Snapshot`] and [`Audit`]. It grows when a name changes its meaning or goes;
/// new names may come without it.
pub const SCHEMA_VERSION: u32 = 1;
