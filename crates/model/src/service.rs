use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::WindowsService;

/// What a service manager starts, or a process that none owns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// The manager's own name: `ssh.service`, `cups.socket`, `W3SVC`; `inetd:telnet` for an inetd entry,
    /// `container:web` for a container, `process:socat` for programs that no manager owns, `kernel:nfsd` for a
    /// module that listens without a process.
    pub name: String,
    /// Other names of the same service (systemd's `Alias=`), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Who starts it.
    pub manager: Manager,
    /// The manager's or package's own description. Hostile text: escape before showing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it runs now.
    pub state: State,
    /// How it comes to run.
    pub start: Start,
    /// Absolute path of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// The file that defines it (unit file, script, configuration).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Account that it runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Effective Linux capabilities of its main process (`CAP_NET_ADMIN`), sorted; `["all"]` for the full set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Its processes, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<u32>,
    /// Memory that it holds now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// CPU time used since its start, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_usec: Option<u64>,
    /// When it last became active, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_since: Option<u64>,
    /// Names that it owns, or is activated by, on the system bus, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bus_names: Vec<String>,
    /// Declared dependencies that lead *out* of this service, sorted. The other direction is computed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// Package that owns its program or definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// What the registry says of it, for a service of Windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowsService>,
}

impl Service {
    /// Whether nobody's hand is needed for it to come up: at boot, or, on Windows, by an event.
    pub fn comes_up(&self) -> bool {
        let by_event = self.windows.as_ref().is_some_and(|w| w.triggers > 0);
        self.start.at_boot() || (self.start == Start::Manual && by_event)
    }
}

/// Who starts and stops a service.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// systemd's system manager.
    Systemd,
    /// inetd.conf entries.
    Inetd,
    /// xinetd entries.
    Xinetd,
    /// `SysV` init scripts without systemd.
    Sysv,
    /// `OpenRC`.
    Openrc,
    /// The Windows service control manager.
    Scm,
    /// A container engine.
    Container,
    /// The kernel itself.
    Kernel,
    /// Nobody: a process on its own.
    #[default]
    Nobody,
}

/// Whether a service runs.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs, or (for sockets, timers, paths) waits for its trigger.
    Running,
    /// It ran to its end and counts as active (a one-shot).
    Exited,
    /// It does not run.
    Stopped,
    /// It failed.
    Failed,
    /// It is between two states.
    Changing,
    /// Not known (an offline tree, no permission).
    #[default]
    Unknown,
}

/// How a service comes to run.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At boot.
    Enabled,
    /// Nothing starts it by itself.
    Disabled,
    /// It cannot be enabled; others start it (systemd's static and indirect).
    Static,
    /// Made impossible to start (masked; Windows' disabled).
    Masked,
    /// Made at boot by a generator, from an init script or a table.
    Generated,
    /// Started by hand or by a program at run time (systemd's transient; Windows' manual).
    Manual,
    /// Not known.
    #[default]
    Unknown,
}

impl Start {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Static => "static",
            Self::Masked => "masked",
            Self::Generated => "generated",
            Self::Manual => "manual",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it can come up without anybody's hand at the next boot.
    pub fn at_boot(self) -> bool {
        matches!(self, Self::Enabled | Self::Generated)
    }
}

/// One declared dependency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Dependency {
    /// The kind of edge.
    pub kind: DependencyKind,
    /// Name of the service at its end.
    pub on: String,
}

/// Kinds of declared dependencies, in systemd's terms; Windows' `DependOnService` is `Requires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DependencyKind {
    /// Hard: this fails or stops without the other.
    Requires,
    /// Hard, must already run.
    Requisite,
    /// Hard, and stops with it.
    BindsTo,
    /// Stops and restarts with the other.
    PartOf,
    /// Soft: the other is pulled in, its failure is tolerated.
    Wants,
    /// Keeps the other running.
    Upholds,
    /// This unit starts the other (socket, timer, path; `Sockets=` from the other side).
    Triggers,
    /// Both cannot run.
    Conflicts,
}

impl DependencyKind {
    /// Whether this service cannot run without the other.
    pub fn is_hard(self) -> bool {
        matches!(self, Self::Requires | Self::Requisite | Self::BindsTo)
    }

    /// Whether a need for this service is also a need for the other.
    pub fn carries_need(self) -> bool {
        self.is_hard() || matches!(self, Self::Wants | Self::Upholds)
    }
}

/// Memory held by a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// Bytes.
    pub bytes: u64,
    /// How it was measured.
    pub method: MemoryMethod,
}

/// How memory was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemoryMethod {
    /// The cgroup's `memory.current`, caches included.
    Cgroup,
    /// Sum of the processes' proportional set sizes.
    Pss,
    /// Sum of the processes' resident sizes, shared pages counted for each: an upper bound.
    Rss,
}
