//! Reads a Windows system disk: services, IIS, programs, settings that open ways in, from its registry and files.
//!
//! [`Disk::open`] finds the registry below a directory, [`Disk::from_files`] takes single hives (as does
//! [`Disk::from_memory`]), [`collect`] tells all that they hold, and [`collect_with`] which applications lie in what IIS
//! serves. It works on any system, executes nothing, writes nothing, and follows no links.
//!
//! ```no_run
//! use doorward_windows_files::{Disk, collect};
//!
//! let disk = Disk::open(std::path::Path::new("/mnt"))?;
//! for service in collect(&disk).services {
//!     println!("{} {:?}", service.name, service.start);
//! }
//! # Ok::<(), doorward_windows_files::DiskError>(())
//! ```
#![forbid(unsafe_code)]

mod applications;
mod disk;
pub mod firewall;
#[cfg(test)]
mod fixture;
mod folder;
mod host;
mod iis;
mod image_path;
mod listeners;
mod memory;
mod products;
mod registry;
pub mod security;
mod services;
mod settings;
mod shares;
mod snapshot;
mod version;
pub mod xml;

pub use disk::{Disk, DiskError, HiveKind};
pub use settings::TOPICS;
pub use snapshot::{collect, collect_with};
