//! The same for Windows, as scripts with their inverse. Nothing here was run on Windows: the commands are those of
//! Microsoft's references, each named where it is used.
//!
//! Scripts do not hold a secret: they read each from a file `PEER.secret` in a folder that is given to them.

mod batch;
mod complement;
mod ipsecpol;
mod netsh;
mod powershell;

use doorward_filter::SetName;

use crate::{AuthorityName, Linux, Tunnels};

/// A script, and the one that takes back what it does. Either may be run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Does it.
    pub apply: String,
    /// Takes it back.
    pub inverse: String,
}

/// By which commands a Windows host is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowsVersion {
    /// Windows 2000: `ipsecpol.exe` of the resource kit.
    Server2000,
    /// Windows Server 2003: `netsh ipsec static`.
    Server2003,
    /// Windows Server 2012 and later: PowerShell's NetSecurity.
    Server2012,
}

/// Why there is no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowsError {
    /// Not a peer.
    #[error("no peer is called {0}")]
    NoSuchPeer(SetName),
    /// A peer that runs something else.
    #[error(
        "peers {0}: it does not say system = \"windows\", and strongSwan would not offer what Windows takes"
    )]
    NotWindows(SetName),
    /// An authority without a name.
    #[error("peers {0}: Windows finds an authority by its subject: give authority-name")]
    NoAuthorityName(SetName),
    /// A name that cannot be written for this version.
    #[error(
        "peers {peer}: the authority's name {name:?} cannot be written on this Windows's command line: {because}"
    )]
    Unwritable {
        /// The peer.
        peer: SetName,
        /// The name.
        name: AuthorityName,
        /// What is in the way.
        because: &'static str,
    },
    /// Certificates that this version cannot read.
    #[error(
        "peers {0}: this Windows knows RSA certificates alone (ECDSA came with Vista SP1): use an authority with RSA keys \
         and say signing = \"rsa\", or a secret"
    )]
    OnlyRsa(SetName),
    /// A peer without IPv4.
    #[error("peers {0}: this Windows filters IPv4 alone, and the peer has no IPv4 address")]
    NoIpv4(SetName),
    /// A peer's networks leave too many gaps.
    #[error("{0}: its clients leave more than {max} gaps between them to be blocked: name fewer networks", max = complement::MOST)]
    TooManyGaps(doorward_filter::Door),
}

impl Linux<'_> {
    /// For a peer of this host that runs Windows Server 2012, Windows 8 or later: PowerShell.
    pub fn windows_client(&self, name: &SetName) -> Result<Script, WindowsError> {
        powershell::client(self.tunnels, name)
    }
}

impl Tunnels {
    /// For a host that runs Windows. Its peers run Windows too, or are configured for it by hand.
    pub fn windows_host(&self, version: WindowsVersion) -> Result<Script, WindowsError> {
        match version {
            WindowsVersion::Server2000 => ipsecpol::host(self),
            WindowsVersion::Server2003 => netsh::host(self),
            WindowsVersion::Server2012 => powershell::host(self),
        }
    }
}
