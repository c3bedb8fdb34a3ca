//! A small certificate authority for IPsec: a key, what it issued, what it revoked, in a directory for its owner alone.
//!
//! [`Authority::create`] makes the directory's contents, [`Authority::open`] reads them and takes a lock. ECDSA over
//! P-384 with SHA-384 throughout; random serial numbers of 127 bits; certificates for servers, clients and IKE (RFC 4945)
//! with nothing but `subjectAltName`s that `[ipsec]` of a plan can name ([`Identity`]).
//!
//! Files are made without following links, and none is ever overwritten but the index and the list of revoked
//! certificates, which take their place as a whole. What is issued stands in the index before its files are written: a
//! certificate that is not known, and so cannot be revoked, never leaves.
//!
//! ```no_run
//! use doorward_pki::{Authority, CommonName, Days, Name};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name: CommonName = "Example CA".parse()?;
//! let mut authority = Authority::create("/var/lib/doorward/pki".as_ref(), &name, Days::of_authority(3650)?)?;
//! let issued = authority.issue(&"alice".parse()?, &["alice.example.org".parse()?], Days::of_certificate(365)?)?;
//! println!("{}", issued.certificate.display());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod authority;
mod certificate;
mod error;
mod folder;
mod index;
mod names;
mod shared;

pub use authority::{Authority, Issued, Revoked};
pub use doorward_ipsec::Identity;
pub use error::PkiError;
pub use index::{Entry, Reason, Revocation, Status};
pub use names::{CommonName, Days, Name};
pub use shared::write_secret;
