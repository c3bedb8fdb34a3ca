use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Host name as the host itself has it.
    pub name: String,
    /// Linux or Windows.
    pub family: OsFamily,
    /// Distribution id (`debian`, `rhel`, `alpine`; `ID` of os-release).
    pub os_id: String,
    /// Distributions that this one is like, nearest first (`ID_LIKE` of os-release).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub os_like: Vec<String>,
    /// The operating system's full name: `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Its version number: `12`, `9.4`, `10.0.20348`.
    pub version: String,
    /// Kernel release, where one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// What started the host's services.
    pub init: Init,
    /// Virtualization that the host runs in, in systemd's words (`kvm`, `vmware`, `systemd-nspawn`), if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtualization: Option<String>,
    /// The kernel's id of this boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Name servers that the host asks (`/etc/resolv.conf`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<IpAddr>,
    /// Network interfaces of the host's own namespace, sorted by name.
    #[serde(default)]
    pub interfaces: Vec<Interface>,
}

impl Host {
    /// Whether an address is the host's own: loopback, or one of its interfaces'.
    pub fn has_address(&self, ip: IpAddr) -> bool {
        let mut own = self.interfaces.iter().flat_map(|i| &i.addresses);
        ip.is_loopback() || own.any(|a| a.split('/').next().and_then(|a| a.parse().ok()) == Some(ip))
    }
}

/// Family of operating systems.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OsFamily {
    /// Any Linux distribution.
    #[default]
    Linux,
    /// Any Windows from NT 4 on.
    Windows,
}

/// The program that starts services.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// systemd as process 1.
    Systemd,
    /// `OpenRC`.
    Openrc,
    /// `SysV` init scripts.
    Sysv,
    /// The Windows service control manager.
    Scm,
    /// None of these (a container's single program, an unknown init).
    #[default]
    Other,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Interface {
    /// Name (`eth0`).
    pub name: String,
    /// Kernel's index; 0 when not known.
    pub index: u32,
    /// Whether it is a loopback.
    pub loopback: bool,
    /// Whether it is up.
    pub up: bool,
    /// Addresses with prefix lengths (`192.0.2.7/24`, `fe80::1/64`).
    #[schemars(with = "Vec<String>")]
    pub addresses: Vec<String>,
}

/// The connection by which the administrator who runs Doorward came in. It is protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdminPath {
    /// Service that carries the connection (`ssh.service`), when its owner is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Address on the host that the admin connected to.
    pub local: String,
    /// Port on the host.
    pub port: u16,
    /// Address that the admin came from.
    pub remote: String,
    /// How it was found: `SSH_CONNECTION of this shell`.
    pub evidence: String,
}

/// Where the facts came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Source {
    /// The running host.
    Live {
        /// Whether the collector ran with all privileges.
        privileged: bool,
    },
    /// A mounted file tree; nothing of it ran.
    Tree {
        /// The directory, as the user named it.
        path: String,
    },
}

impl Default for Source {
    fn default() -> Self {
        Self::Live { privileged: false }
    }
}
