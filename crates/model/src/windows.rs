use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the registry says of a service beyond what every manager says, in the registry's own numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WindowsService {
    /// `Start`: 0 boot, 1 system, 2 automatic, 3 manual, 4 disabled.
    pub start: u32,
    /// `Type`, a bit field: 1 kernel driver, 2 file system driver, 16 own process, 32 shared process, 64 template
    /// of a service per user, 128 instance of one, 256 interactive. 0 when the key has none.
    #[serde(rename = "type")]
    pub kind: u32,
    /// `ImagePath` as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_path: Option<String>,
    /// `ObjectName`: the account that it logs on as. Drivers have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `ServiceDll` as it is written, for a service inside of `svchost.exe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_dll: Option<String>,
    /// Group of `svchost.exe` that it runs in (`-k netsvcs`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub svchost_group: Option<String>,
    /// Whether that group's list in SOFTWARE names it: only then does it start. `None` when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub svchost_listed: Option<bool>,
    /// `Group`: load-order group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether an automatic start is delayed until after the boot.
    #[serde(default)]
    pub delayed: bool,
    /// Number of events that start it.
    #[serde(default)]
    pub triggers: u32,
    /// Groups that it depends on (`DependOnGroup`), as they are written. Their members are among
    /// [`crate::Service::dependencies`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on_groups: Vec<String>,
    /// What happens when it fails, in words: `restart after 60 s; run command after 0 s (c:\x.cmd)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_actions: Option<String>,
}

impl WindowsService {
    /// Whether it is a driver: part of the kernel, not a process.
    pub fn is_driver(&self) -> bool {
        self.kind & 0xf != 0
    }

    /// Whether it is the pattern that a service for each user's session is made from.
    pub fn is_user_template(&self) -> bool {
        self.kind & 0xc0 == 0x40
    }

    /// Whether it was made for one user's session.
    pub fn is_user_instance(&self) -> bool {
        self.kind & 0x80 != 0
    }
}

/// What is known of Windows beyond services, listeners and packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowsFacts {
    /// Registry hives that were read, sorted by place.
    #[serde(default)]
    pub hives: Vec<WindowsHive>,
    /// The control set that the next boot uses: `ControlSet001`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_set: Option<String>,
    /// `EditionID`, or what SYSTEM says of it: `ServerStandard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// `ProductType`: `WinNT` a workstation, `ServerNT` a server, `LanmanNT` a domain controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_type: Option<String>,
    /// Build number: `2195`, `20348`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<u32>,
    /// Revision of the build (`UBR`), which the monthly updates raise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Service pack: `Service Pack 4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_pack: Option<String>,
    /// Load-order groups, in their order.
    #[serde(default)]
    pub group_order: Vec<String>,
    /// Services of each group of `svchost.exe`.
    #[serde(default)]
    pub svchost_groups: BTreeMap<String, Vec<String>>,
    /// Programs that are installed, sorted by name.
    #[serde(default)]
    pub products: Vec<WindowsProduct>,
    /// Hotfixes that are installed, sorted.
    #[serde(default)]
    pub hotfixes: Vec<Hotfix>,
    /// Internet Information Services, when there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iis: Option<Iis>,
    /// Shares that the Server service offers, sorted.
    #[serde(default)]
    pub shares: Vec<WindowsShare>,
    /// Whether an adapter asks a DHCP server for its address; `None` when no adapter is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_addresses: Option<bool>,
    /// Services whose doors the configuration names in full, sorted: what is not among the listeners does not open.
    #[serde(default)]
    pub doors_known: Vec<String>,
    /// Windows Firewall, from Windows XP on, when its settings could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<WindowsFirewall>,
    /// Settings that open or shut ways in, sorted.
    #[serde(default)]
    pub settings: Vec<AccessSetting>,
}

impl WindowsFacts {
    /// The setting of that topic and name.
    pub fn setting(&self, topic: &str, name: &str) -> Option<&AccessSetting> {
        self.settings.iter().find(|s| s.topic == topic && s.name.eq_ignore_ascii_case(name))
    }
}

/// A registry hive that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WindowsHive {
    /// What it is: `SYSTEM`, `SOFTWARE`, `SAM`, `SECURITY`.
    pub name: String,
    /// Its file, as the user named it or below the disk.
    pub file: String,
    /// Whether it is as Windows will see it: `clean`, `recovered` from its logs, `unfinished`.
    pub state: String,
    /// What was found or replayed when it was opened.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A program that has told Windows how to uninstall it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WindowsProduct {
    /// Name that it shows. Hostile text.
    pub name: String,
    /// Version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Publisher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Name of its key: for Windows Installer its product code.
    pub key: String,
    /// Whether Windows Installer has installed it.
    #[serde(default)]
    pub msi: bool,
    /// Where it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Registry key.
    pub place: String,
}

/// A hotfix that is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Hotfix {
    /// `KB958644`, `Q299444`; for cumulative updates the package's name and version.
    pub id: String,
    /// Registry key.
    pub place: String,
}

/// Internet Information Services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Iis {
    /// Version: `5.0`, `6.0`, `10.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How the version is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_evidence: Option<String>,
    /// Configuration files that were read or seen, sorted.
    #[serde(default)]
    pub files: Vec<String>,
    /// Whether all configuration could be read: only then does a site that is absent not exist.
    pub complete: bool,
    /// Components that are installed (`InetStp\Components`), sorted.
    #[serde(default)]
    pub components: Vec<String>,
    /// Sites, sorted.
    #[serde(default)]
    pub sites: Vec<IisSite>,
}

/// A site of IIS.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct IisSite {
    /// Web, FTP, mail or news.
    pub kind: IisSiteKind,
    /// Its number.
    pub id: String,
    /// Its name. Hostile text.
    pub name: String,
    /// Whether it starts with its service.
    pub starts: bool,
    /// Where it listens, sorted.
    #[serde(default)]
    pub bindings: Vec<IisBinding>,
    /// Directory behind its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Whether it lets in those who give no name; `None` when that is not configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<bool>,
    /// Places in the site that can be written to, and how: `/uploads: AccessWrite`, sorted.
    #[serde(default)]
    pub writable: Vec<String>,
    /// Places with restrictions by address: `/: deny all but 192.0.2.0/255.255.255.0`, sorted.
    #[serde(default)]
    pub restrictions: Vec<String>,
    /// File, and element or path in it.
    pub place: String,
}

/// What a site of IIS serves.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum IisSiteKind {
    /// HTTP.
    #[default]
    Web,
    /// FTP.
    Ftp,
    /// SMTP.
    Smtp,
    /// NNTP.
    Nntp,
    /// POP3 or IMAP4 of Exchange, or another service that keeps its sites in the metabase.
    Other,
}

/// Where a site of IIS listens.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct IisBinding {
    /// `http`, `https`, `ftp`, `smtp`, `net.tcp`.
    pub protocol: String,
    /// Address; `*` for all.
    pub address: String,
    /// Port, where the protocol has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Host name that requests have to carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A share of the Server service.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WindowsShare {
    /// Name.
    pub name: String,
    /// What is shared: a directory, a printer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `disk`, `printer`, `device`, `ipc`.
    pub kind: String,
    /// Who may do what, in words; empty when the share has no descriptor of its own.
    #[serde(default)]
    pub access: Vec<String>,
    /// Registry value.
    pub place: String,
}

/// Windows Firewall.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowsFirewall {
    /// Profiles, sorted by name. Those of a policy (place in SOFTWARE) overrule those of the host.
    #[serde(default)]
    pub profiles: Vec<FirewallProfile>,
    /// Rules, sorted by id.
    #[serde(default)]
    pub rules: Vec<FirewallRule>,
    /// Whether all rules could be read.
    pub complete: bool,
}

/// A profile of Windows Firewall. What is not configured is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct FirewallProfile {
    /// `domain`, `private` (called standard up to Windows Vista), `public`.
    pub name: String,
    /// Whether the firewall is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether inbound traffic that no rule names is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks_inbound: Option<bool>,
    /// Whether rules are not looked at: everything inbound is blocked (`DoNotAllowExceptions`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_exceptions: Option<bool>,
    /// Whether it is a policy's.
    pub policy: bool,
    /// Registry key.
    pub place: String,
}

/// A rule of Windows Firewall.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct FirewallRule {
    /// Name of its registry value.
    pub id: String,
    /// Name that it shows, often a reference to a resource (`@dll,-id`). Hostile text.
    pub name: String,
    /// Whether it is on.
    pub active: bool,
    /// `allow`, `block`, `bypass`, or another word of the rule's, in lower case.
    pub action: String,
    /// Whether it is for inbound traffic.
    pub inbound: bool,
    /// IP protocol number; `None` for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    /// Local ports: `80`, `5000-5020`, `RPC`; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local_ports: Vec<String>,
    /// Local addresses; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local_addresses: Vec<String>,
    /// Remote addresses: `192.0.2.0/255.255.255.0`, `LocalSubnet`; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote_addresses: Vec<String>,
    /// Profiles: `domain`, `private`, `public`; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// Program that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Service that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Other conditions, as they are written (`Security=Authenticate`, `RPort=53`): it lets in less than the rest says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// Whether it is a policy's.
    pub policy: bool,
    /// Registry key that it stands in.
    pub place: String,
}

/// A setting that opens or shuts a way in.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct AccessSetting {
    /// What it is about: `Terminal Services`, `Remote Registry`.
    pub topic: String,
    /// Its name: that of the registry value, mostly.
    pub name: String,
    /// Registry key.
    pub place: String,
    /// The value, as text. Hostile text.
    pub value: String,
    /// What the value means.
    pub meaning: String,
}
