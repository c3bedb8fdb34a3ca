//! What people write: `[ipsec]` of a plan.
//!
//! ```toml
//! [ipsec]
//! engine = "kernel"
//!
//! [ipsec.own]
//! addresses = ["198.51.100.10"]
//! identity = "web.example.org"
//! certificate = { file = "/etc/doorward/web.crt", key = "/etc/doorward/web.key" }
//!
//! [ipsec.peers.alice]
//! from = ["192.0.2.0/24"]
//! identity = "alice.example.org"
//! by = { certificate = { authority = "/etc/doorward/ca.crt", crl = "/etc/doorward/ca.crl" } }
//!
//! [ipsec.peers.backup]
//! from = ["203.0.113.5"]
//! identity = "backup.example.org"
//! by = { secret = { file = "/etc/doorward/backup.secret" } }
//!
//! [ipsec.doors]
//! ssh = { to = ["alice"] }
//! "tcp/5432" = { to = ["alice", "backup"] }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use doorward_filter::{DoorName, SetName};
use serde::{Deserialize, Serialize};

use crate::{AuthorityName, FilePath, Identity};

/// Doors that answer only through IPsec, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ipsec {
    /// What encrypts packets.
    #[serde(default)]
    pub engine: Engine,
    /// The host itself.
    pub own: Own,
    /// Who may come.
    pub peers: BTreeMap<SetName, Peer>,
    /// Doors by port or service, and the peers that may use each. All other ways to these doors are closed.
    pub doors: BTreeMap<DoorName, Allow>,
}

/// What encrypts packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The kernel's ESP, in transport mode.
    #[default]
    Kernel,
    /// strongSwan itself (kernel-libipsec), in tunnel mode: for kernels without ESP. What comes through it comes by the
    /// interface `ipsec0`.
    Userspace,
}

/// The host, as its peers meet it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Own {
    /// Addresses that peers connect to; at least one.
    pub addresses: Vec<IpAddr>,
    /// Who it is.
    pub identity: Identity,
    /// Its certificate; needed when a peer uses one.
    #[serde(default)]
    pub certificate: Option<OwnCertificate>,
}

/// The host's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnCertificate {
    /// The certificate.
    pub file: FilePath,
    /// Its key.
    pub key: FilePath,
}

/// Somebody who may come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Peer {
    /// Addresses and networks that it comes from; at least one.
    pub from: Vec<String>,
    /// Who it is.
    pub identity: Identity,
    /// How it proves that.
    pub by: Authentication,
    /// What it runs: Windows needs other proposals.
    #[serde(default)]
    pub system: System,
}

/// How a peer and the host prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// Both by X.509 certificates.
    Certificate(Certificate),
    /// Both by a secret that they share.
    Secret(Secret),
}

/// Whose certificates are taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Certificate {
    /// The authority that must have issued the peer's certificate, and issued the host's.
    pub authority: FilePath,
    /// Its subject, by which Windows finds it.
    #[serde(default)]
    pub authority_name: Option<AuthorityName>,
    /// What it signs with; Windows has to be told.
    #[serde(default)]
    pub signing: Signing,
    /// Its list of revoked certificates. Where one is named it must be valid, or nobody gets in.
    #[serde(default)]
    pub crl: Option<FilePath>,
}

/// What an authority signs with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signing {
    /// ECDSA over P-384, as `doorward pki` does.
    #[default]
    #[serde(rename = "ecdsa-384")]
    Ecdsa384,
    /// ECDSA over P-256.
    #[serde(rename = "ecdsa-256")]
    Ecdsa256,
    /// RSA.
    Rsa,
}

/// Where a shared secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Secret {
    /// A file that holds it and nothing else, for root alone.
    pub file: FilePath,
}

/// What a peer runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// strongSwan, or another that takes its proposals.
    #[default]
    StrongSwan,
    /// Windows Server 2012, Windows 8 or later.
    Windows,
}

/// Who may use a door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Peers; at least one.
    pub to: Vec<SetName>,
}

impl Ipsec {
    /// Files with shared secrets, to be read into [`Given::secrets`](crate::Given::secrets).
    pub fn secrets(&self) -> BTreeSet<&FilePath> {
        let secrets = self.peers.values().filter_map(|peer| match &peer.by {
            Authentication::Secret(secret) => Some(&secret.file),
            Authentication::Certificate(_) => None,
        });
        secrets.collect()
    }
}
