//! What only Windows has: starts by version, recipes of removal, the burden of patches, settings that let in too much.

use serde::{Deserialize, Serialize};

use crate::systems::{System, Systems, describes};

/// How a service starts on a version as installed, and what the maker advises.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StartDefault {
    /// Versions where it holds.
    pub systems: Vec<Systems>,
    /// Edition, where the source speaks of one.
    #[serde(default)]
    pub edition: Option<Edition>,
    /// How it starts; absent where no source was found.
    #[serde(default)]
    pub start: Option<DefaultStart>,
    /// Key names of the services and drivers that it depends on as installed.
    #[serde(default)]
    pub depends: Vec<String>,
    /// What the maker says of disabling it.
    #[serde(default)]
    pub advice: Option<Advice>,
    /// What else to know: another source's word, service packs, conditions of the advice.
    #[serde(default)]
    pub note: Option<String>,
}

/// Kind of an edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Edition {
    /// Server.
    Server,
    /// Workstation, Professional, Home and their kind.
    Workstation,
}

/// How a service starts as installed, in the words of the service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultStart {
    /// By the boot loader.
    Boot,
    /// When the kernel comes up.
    System,
    /// At boot, by the service manager.
    Auto,
    /// When asked for.
    Manual,
    /// Never.
    Disabled,
    /// It is not there until its feature is installed.
    #[serde(rename = "not installed")]
    NotInstalled,
}

/// What the maker says of disabling a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Advice {
    /// It can be disabled where its feature is not used; a condition stands in the note.
    #[serde(rename = "ok to disable")]
    OkToDisable,
    /// It should never be enabled.
    #[serde(rename = "should be disabled")]
    ShouldBeDisabled,
    /// It is disabled as installed.
    #[serde(rename = "already disabled")]
    AlreadyDisabled,
    /// Disabling it breaks something essential.
    #[serde(rename = "do not disable")]
    DoNotDisable,
    /// The effect was not fully evaluated; the default should stay.
    #[serde(rename = "no guidance")]
    NoGuidance,
}

/// How a service is removed, rather than only stopped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Uninstall {
    /// Versions where it holds.
    pub systems: Vec<Systems>,
    /// The tool that removes it.
    pub mechanism: Mechanism,
    /// Names by which the tool knows it: `iis_smtp`, `IIS-FTPServer`.
    pub components: Vec<String>,
    /// What else to know.
    #[serde(default)]
    pub note: Option<String>,
    /// Where that was looked up.
    pub source: String,
}

/// A tool that removes components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// `sysocmgr` with an answer file that sets the component to `off`.
    Sysocmgr,
    /// Setup of the Windows NT 4.0 Option Pack, add or remove.
    OptionPack,
    /// An optional feature (`dism /disable-feature`).
    Feature,
    /// A role or feature of Server (`Uninstall-WindowsFeature`).
    Role,
    /// A product of Windows Installer.
    Msi,
    /// A capability on demand (`dism /remove-capability`).
    Capability,
    /// A component bound to a network connection, in the connection's properties.
    Binding,
}

/// A hotfix that a service alone makes necessary, as far as the records at hand show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hotfix {
    /// `MS03-026`, `KB823980`.
    pub id: String,
    /// Versions that need it.
    pub systems: Vec<Systems>,
    /// Where that was looked up.
    pub source: String,
}

/// A setting that lets in more than it should. Patterns have `*` for any text, and case does not count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FindingEntry {
    /// Stable id in kebab-case: `windows-snmp-any-host`.
    pub id: String,
    /// Versions where the value is a fault.
    pub systems: Vec<Systems>,
    /// Ids of the service entries that the setting is of, one for each range of versions; empty: of the host.
    #[serde(default)]
    pub services: Vec<String>,
    /// Topic of the setting, as the collector names it: `Terminal Services`.
    pub topic: String,
    /// Pattern of the setting's name: `UserAuthentication`, `community *`.
    pub name: String,
    /// Name of the policy's setting that overrules this one, where it has another name.
    #[serde(default)]
    pub policy: Option<String>,
    /// Patterns of values that are a fault. Of a list (`a; b`) each part is compared; one is enough.
    pub values: Vec<String>,
    /// Patterns of values, or parts, that are none although one of `values` matches.
    #[serde(default)]
    pub except: Vec<String>,
    /// What is wrong, in a few words.
    pub text: String,
    /// What to set instead.
    pub remedy: String,
    /// Where that was looked up.
    pub sources: Vec<String>,
}

impl FindingEntry {
    /// Whether the entry describes a system.
    pub fn is_of(&self, system: System) -> bool {
        describes(&self.systems, system)
    }
}
