//! The forms of the entries, as they stand in the TOML files.

use std::collections::BTreeMap;

use doorward_applications::Setting;
use doorward_model::Protocol;
use serde::{Deserialize, Serialize};

use crate::systems::{System, Systems, describes};
use crate::windows::{FindingEntry, Hotfix, StartDefault, Uninstall};

/// What one file holds, or many together.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Entries {
    /// `[[service]]`.
    #[serde(default)]
    pub(crate) service: Vec<ServiceEntry>,
    /// `[[class]]`.
    #[serde(default)]
    pub(crate) class: Vec<HazardClass>,
    /// `[[role]]`.
    #[serde(default)]
    pub(crate) role: Vec<RoleEntry>,
    /// `[[base]]`.
    #[serde(default)]
    pub(crate) base: Vec<BaseEntry>,
    /// `[[application]]`.
    #[serde(default)]
    pub(crate) application: Vec<ApplicationEntry>,
    /// `[[finding]]`.
    #[serde(default)]
    pub(crate) finding: Vec<FindingEntry>,
}

/// One service: what it is, its doors, why it is dangerous, how it is restricted or removed.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceEntry {
    /// Stable id in kebab-case: `openssh-server`.
    pub id: String,
    /// Name as people say it: `OpenSSH server`.
    pub title: String,
    /// What it is, in one sentence without a full stop.
    pub what: String,
    /// Systems where its names mean this; empty: Linux. It need not exist on each of them.
    #[serde(default)]
    pub systems: Vec<Systems>,
    /// Hazard class (an id in `classes.toml`); absent when it offers an intruder nothing over the network.
    #[serde(default)]
    pub class: Option<String>,
    /// Names by which managers know it, on any distribution; `*` matches any text (`postgresql@*.service`). On
    /// Windows the key names of services and drivers, whose case does not count.
    #[serde(default)]
    pub units: Vec<String>,
    /// Names of its inetd or xinetd entries.
    #[serde(default)]
    pub inetd: Vec<String>,
    /// Base names of its programs, for processes that no manager owns and units under another name.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Kernel modules that answer for it.
    #[serde(default)]
    pub modules: Vec<String>,
    /// Packages that bring it, by family of distributions. An empty list says: not packaged there.
    #[serde(default)]
    pub packages: BTreeMap<Family, Vec<String>>,
    /// Doors that it opens as packaged.
    #[serde(default)]
    pub doors: Vec<DoorFact>,
    /// Why no door is listed, where a hazard class is: `Its port is configured`.
    #[serde(default)]
    pub no_door: Option<String>,
    /// What it gives an intruder, when that differs from its class.
    #[serde(default)]
    pub gives: Option<String>,
    /// How that is misused, when it differs from its class.
    #[serde(default)]
    pub misuse: Option<String>,
    /// Whether it is the host's packet filter or holds it up: it is never switched off.
    #[serde(default)]
    pub firewall: bool,
    /// How it starts on each version of Windows.
    #[serde(default)]
    pub defaults: Vec<StartDefault>,
    /// How it was attacked.
    #[serde(default)]
    pub history: Vec<Vulnerability>,
    /// How it is restricted when it must stay, best first.
    #[serde(default)]
    pub restrict: Vec<Restriction>,
    /// Topics of the access settings that are its own, as the collector of Windows names them: `Terminal Services`.
    #[serde(default)]
    pub settings: Vec<String>,
    /// What is lost, or what else to know, when it is removed.
    #[serde(default)]
    pub removal: Option<String>,
    /// How it is removed on each version of Windows.
    #[serde(default)]
    pub uninstall: Vec<Uninstall>,
    /// Hotfixes that it alone makes necessary.
    #[serde(default)]
    pub hotfixes: Vec<Hotfix>,
    /// Benchmarks that name it: `CIS Debian 12 2.1.6`.
    #[serde(default)]
    pub benchmarks: Vec<String>,
    /// Where the facts were looked up.
    pub sources: Vec<String>,
}

/// Family of distributions that share package and unit names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Debian, Ubuntu.
    Debian,
    /// RHEL, Alma, Rocky, Fedora.
    Redhat,
    /// SLES, openSUSE.
    Suse,
    /// Alpine.
    Alpine,
}

impl Family {
    /// The family of a distribution, by its os-release ids, nearest first.
    pub fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        ids.into_iter().find_map(|id| match id {
            "debian" | "ubuntu" => Some(Self::Debian),
            "rhel" | "fedora" | "centos" | "almalinux" | "rocky" | "ol" | "amzn" => Some(Self::Redhat),
            "suse" | "sles" | "opensuse" | "opensuse-leap" | "opensuse-tumbleweed" => Some(Self::Suse),
            "alpine" => Some(Self::Alpine),
            _ => None,
        })
    }
}

/// A door that a service opens as packaged: a port, or an interface that another one's port leads to.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DoorFact {
    /// Transport; `pipe` for a named pipe over SMB, `rpc` for an interface behind the endpoint mapper.
    pub protocol: Protocol,
    /// Port, where the protocol has one.
    #[serde(default)]
    pub port: Option<u16>,
    /// Name of the pipe (`winreg`), or of the protocol that the RPC interface speaks (`MS-TSCH`).
    #[serde(default)]
    pub name: Option<String>,
    /// Where it binds as packaged.
    #[serde(default)]
    pub bind: Bind,
    /// When it opens, if not always: `only with mod_ssl`.
    #[serde(default)]
    pub when: Option<String>,
    /// Id of the service entry whose port it is, when the port is not its own: requests reach it through that one.
    #[serde(default)]
    pub via: Option<String>,
    /// Versions where it opens; empty: all that the entry describes.
    #[serde(default)]
    pub systems: Vec<Systems>,
}

/// Where a packaged service binds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bind {
    /// All addresses.
    Any,
    /// Loopback.
    Loopback,
    /// The source does not say.
    #[default]
    Unknown,
}

/// One way in which a service was attacked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vulnerability {
    /// `CVE-2022-0543`; where there is none, the maker's bulletin (`MS00-095`).
    pub id: String,
    /// The maker's bulletin that answers it: `MS03-026`.
    #[serde(default)]
    pub bulletin: Option<String>,
    /// What it gave, in a few words.
    pub what: String,
    /// Whether CISA's catalogue of known exploited vulnerabilities names it.
    #[serde(default)]
    pub exploited: bool,
    /// Versions of the system that have it; empty: not told, or not a matter of the system's version.
    #[serde(default)]
    pub systems: Vec<Systems>,
}

/// One way to restrict a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Restriction {
    /// What to do and what it achieves, in own words.
    pub text: String,
    /// File that holds the setting.
    #[serde(default)]
    pub file: Option<String>,
    /// Registry key that holds the setting, with `CurrentControlSet` for the control set in use.
    #[serde(default)]
    pub registry: Option<String>,
    /// The setting's name.
    #[serde(default)]
    pub setting: Option<String>,
    /// The value that restricts.
    #[serde(default)]
    pub value: Option<String>,
    /// Command by which the daemon checks its configuration (absolute program path, no shell).
    #[serde(default)]
    pub check: Option<String>,
    /// Versions that have the setting; empty: all that the entry describes.
    #[serde(default)]
    pub systems: Vec<Systems>,
}

/// What a reachable service of a class gives an intruder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HazardClass {
    /// Id: `data-store`.
    pub id: String,
    /// Name in tables: `data store`.
    pub title: String,
    /// What an intruder gains.
    pub gives: String,
    /// How it is misused.
    pub misuse: String,
    /// Where that was looked up.
    pub sources: Vec<String>,
}

/// A role: what a web server is for, and what it requires.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoleEntry {
    /// Id as in JSON and `--role`: `nginx`, `php-fpm`.
    pub id: String,
    /// Name as people say it.
    pub title: String,
    /// Systems of the role; empty: Linux.
    #[serde(default)]
    pub systems: Vec<Systems>,
    /// Whether it faces the clients.
    pub kind: RoleKind,
    /// Ids of the service entries that make the role when they run.
    pub services: Vec<String>,
    /// Services that have to be there as well, where others play the same role on the system.
    #[serde(default)]
    pub present: Vec<String>,
    /// Services that may not be there.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Ports at which a process with one of those services' programs is taken for the site's own server.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// What the role requires besides the base.
    #[serde(default)]
    pub requires: Vec<RoleRequirement>,
    /// What a source says the role does not require, as evidence against it.
    #[serde(default)]
    pub spares: Vec<RoleSpare>,
    /// Where the facts were looked up.
    pub sources: Vec<String>,
}

/// How a role takes part in serving the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleKind {
    /// Answers clients: its TCP doors are the site's own.
    Front,
    /// An application server: answers clients when nothing stands in front, and the front otherwise.
    Runtime,
}

/// A service that a role requires.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoleRequirement {
    /// Unit name or glob.
    pub unit: String,
    /// Families where this holds; absent: all.
    #[serde(default)]
    pub families: Vec<Family>,
    /// Whether the role cannot do without, or only some sites cannot.
    #[serde(default)]
    pub classification: Classification,
    /// Why; of what only may be required, when.
    pub why: String,
    /// Where another source says otherwise, what it says, with its name.
    #[serde(default)]
    pub disputed: Option<String>,
    /// Where that was looked up; absent: among the role's sources.
    #[serde(default)]
    pub source: Option<String>,
}

/// How firmly a role requires a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Classification {
    /// Without it the role does not work.
    #[default]
    Required,
    /// Some sites need it.
    #[serde(rename = "may be required")]
    MayBeRequired,
}

/// A service that a source says a role does not require.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoleSpare {
    /// Key names.
    pub units: Vec<String>,
    /// What the source says.
    pub why: String,
    /// Where that was looked up.
    pub source: String,
}

/// A service that a host needs to live, or that only looks so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BaseEntry {
    /// Id: `journal`.
    pub id: String,
    /// Systems that need it; empty: Linux.
    #[serde(default)]
    pub systems: Vec<Systems>,
    /// Unit names or globs, and init scripts of the other managers.
    pub units: Vec<String>,
    /// When the host needs it.
    pub needed: Condition,
    /// Virtualizations (systemd's words) for which [`Condition::Guest`] holds.
    #[serde(default)]
    pub guest_of: Vec<String>,
    /// Why it is needed, or why it only looks so.
    pub why: String,
    /// Where that was looked up.
    pub sources: Vec<String>,
}

/// When a host needs a base service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Always.
    Always,
    /// When it is the one that configures the network (it runs or is enabled, and so is no other of its kind).
    Network,
    /// When the host's resolv.conf names a loopback address, that is, asks a resolver on the host itself.
    LocalResolver,
    /// When it keeps the clock.
    Clock,
    /// Where the host is a guest of one of `guest-of`.
    Guest,
    /// When a file system, the boot or the packet filter rests on it: an active one is needed.
    Active,
    /// When the host is a member of a Windows domain.
    Domain,
    /// When `IPsec` policies are assigned to the host.
    Ipsec,
    /// Never: it only looks so. It is judged like any other service.
    Never,
}

/// An application that needs services.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ApplicationEntry {
    /// Id: `wordpress`.
    pub id: String,
    /// Name as people say it.
    pub title: String,
    /// Systems that it runs on; empty: Linux.
    #[serde(default)]
    pub systems: Vec<Systems>,
    /// How it is recognised.
    pub recognise: Recognise,
    /// Settings that say what it needs, and where.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// What it needs.
    pub needs: Vec<Need>,
    /// What else to know.
    #[serde(default)]
    pub note: Option<String>,
    /// Where that was looked up.
    pub sources: Vec<String>,
}

/// How an application is recognised: any one match suffices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recognise {
    /// Installed packages, of any family; `*` matches any text.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Display names of products installed on Windows; `*` matches any text, and case does not count.
    #[serde(default)]
    pub products: Vec<String>,
    /// Files: absolute ones, or relative to a document root of the site (`wp-includes/version.php`; `../artisan`
    /// where the document root is a folder of the application).
    #[serde(default)]
    pub files: Vec<String>,
    /// Running units; on Windows the key names of installed services. `*` matches any text.
    #[serde(default)]
    pub units: Vec<String>,
}

/// One need of an application.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Need {
    /// Ids of service entries, any one of which satisfies it. All that are installed count as needed.
    pub any: Vec<String>,
    /// What for.
    pub why: String,
    /// Only when this setting was found (and, with `is`, has a value that begins so).
    #[serde(default)]
    pub when: Option<Unless>,
    /// Not when this setting names another host, or has the value given.
    #[serde(default)]
    pub unless: Option<Unless>,
}

/// A condition on a setting.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unless {
    /// The setting's name.
    pub setting: String,
    /// The value begins with one of these, ASCII case ignored; an empty text begins every value. An empty list asks
    /// for the host instead: `when` holds if the value names this host, `unless` if it names another.
    #[serde(default)]
    pub is: Vec<String>,
}

impl ServiceEntry {
    /// Whether the entry describes a system.
    pub fn is_of(&self, system: System) -> bool {
        describes(&self.systems, system)
    }
}

impl BaseEntry {
    /// Whether the entry describes a system.
    pub fn is_of(&self, system: System) -> bool {
        describes(&self.systems, system)
    }
}

impl RoleEntry {
    /// Whether the entry describes a system.
    pub fn is_of(&self, system: System) -> bool {
        describes(&self.systems, system)
    }
}

impl ApplicationEntry {
    /// Whether the entry describes a system.
    pub fn is_of(&self, system: System) -> bool {
        describes(&self.systems, system)
    }
}
