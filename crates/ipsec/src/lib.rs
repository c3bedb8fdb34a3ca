//! Doors that answer only to the holders of a certificate or a shared secret, by IPsec.
//!
//! [`Ipsec`] is what people write (`[ipsec]` of a plan): peers, how each proves who it is, and which doors it may use.
//! With what a host is known to offer, and the shared secrets that the caller read, it becomes [`Tunnels`], which are
//! checked as a whole. From these come, as text and nothing else:
//!
//! - [`Linux::host_files`] and [`Linux::client_files`]: strongSwan's files for the host and for a peer;
//! - [`Linux::table`]: the table of nftables that lets the doors answer only through a security association (SA). It
//!   fails closed: without strongSwan there is no SA, and nothing gets in. [`REMOVE`] takes it away;
//! - [`Linux::windows_client`]: the same for a peer that runs Windows;
//! - [`Tunnels::windows_host`]: for a host that runs Windows, from 2000 on. Each [`Script`] has its inverse.
//!
//! Secrets: [`PreSharedKey`] refuses what can be guessed, and shows itself to nobody; scripts for Windows read it from
//! a file and do not contain it. Only [`Content::Secret`] does, which has no `Display` and a silent `Debug`.
//!
//! Nothing here does I/O.
#![forbid(unsafe_code)]

mod charon;
mod files;
mod names;
mod nft;
mod secret;
mod swanctl;
mod tunnels;
mod values;
mod windows;

pub use charon::{Charon, CharonError};
pub use files::{Content, File, Sensitive};
pub use names::{AuthorityName, FilePath, Identity, NameError};
pub use nft::{PRIORITY, REMOVE, TABLE, WayOut};
pub use secret::{PreSharedKey, Weak};
pub use tunnels::{Given, IpsecError, Linux, Tunnels};
pub use values::{
    Allow, Authentication, Certificate, Engine, Ipsec, Own, OwnCertificate, Peer, Secret, Signing, System,
};
pub use windows::{Script, WindowsError, WindowsVersion};
