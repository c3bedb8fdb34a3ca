//! Reads Windows registry hives from their files: SYSTEM, SOFTWARE, SAM, SECURITY of a machine that does not run.
//!
//! [`Hive::open`] takes a file and its logs; [`Hive::key`] finds a key; [`Key`] and [`Value`] tell the rest. A hive that
//! was left unfinished is recovered from its logs in memory, by the rules that Windows itself follows. Nothing is ever
//! written. Of a file only those parts are read that are asked for.
//!
//! ```no_run
//! use doorward_hive::{Hive, Log};
//! use std::fs::File;
//!
//! let log = Log::new("SYSTEM.LOG1", File::open("SYSTEM.LOG1")?);
//! let hive = Hive::open(File::open("SYSTEM")?, vec![log])?;
//! for note in hive.notes() {
//!     eprintln!("SYSTEM: {note}");
//! }
//! let current = hive.key("Select")?.map(|key| key.u32("Current")).transpose()?.flatten().unwrap_or(1);
//! if let Some(services) = hive.key(&format!(r"ControlSet{current:03}\Services"))? {
//!     for service in services.subkeys() {
//!         let service = service?;
//!         println!("{} starts {:?}", service.name(), service.u32("Start")?);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds for any file
//! - No panic, no loop, and bounded work, memory and depth: each key is reached in one way only ([`Reason::Parent`]),
//!   nested at most [`DEPTH_LIMIT`] deep, in a hive of at most [`LIMIT`] bytes. Lists that share their elements end in
//!   [`Reason::Work`], and so do names and data that are told again and again. Names of keys longer than Windows' own
//!   255 characters are refused ([`Reason::Name`]).
//! - What cannot be read is an error that says where and why, beside all that can be. "There is no such key" is said
//!   only when the whole list could be read.
//! - A log is replayed if, and only if, the hive was left unfinished and the log is whole, belongs to it and is not
//!   older; each log and what became of it is in [`Hive::notes`].
//!
//! # Why there is one more reader
//! Three free ones were tried, in a release build, on 50 hives of Windows XP to 10, among them unfinished and damaged
//! ones, and on 20 that were damaged on purpose. On sound hives the first two agreed with this one on all keys and
//! values. Beyond that:
//!
//! | | `regf` 0.2.0 | `winreg-core` 0.2.1 | `frnsc-hive` 0.13.4 | this |
//! |---|---|---|---|---|
//! | real logs | reads none of their entries, because it sums them with the seed's bytes reversed; has nothing that would apply them | replays none, because it takes a field's neighbour for the number of pages; 2.9 s for 1 MiB | never looks at them | replays them, with the result that Windows 10 had |
//! | number, checksum, hive of a log | checksum, number | not looked at | not looked at | have to fit |
//! | damaged hives | all or nothing: a wrong parent, hash, order or count, a cut-off page, and the whole hive is refused (7 of 50) | panics at a cell of 2 bytes, overflows the stack in lists or keys that loop, asks for 128 GiB, and refuses a wrong checksum even where a log has the right one | five never end, one asks for 48 GiB | says what is damaged, reads the rest |
//! | `REG_MULTI_SZ` | yes | yes | panics, as at resource lists | yes |
//! | security descriptors | raw records | no | no | yes |
//! | versions 1.1 and 1.2 | refused | read as if they were 1.3 | read as if they were 1.3 | yes |
//! | all values of all services in a SYSTEM of 15 MiB | 94 ms | 18 ms | 110 ms, 3 of 737 services lost | 0.9 ms |
//! | peak memory for that | 36 MiB | 33 MiB | 5 MiB | 5 MiB |
//! | unsafe code | no | no | yes | forbidden |
#![forbid(unsafe_code)]

mod base;
mod bins;
mod bytes;
mod error;
mod hive;
mod key;
mod kind;
mod list;
mod load;
mod recover;
mod source;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod value;

pub use error::{HiveError, Reason};
pub use hive::{DEPTH_LIMIT, Hive, LIMIT};
pub use key::Key;
pub use kind::Kind;
pub use list::Subkeys;
pub use recover::{Log, State};
pub use source::Source;
pub use value::{Value, Values};
