use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AdminPath, Application, Connection, Container, Host, Listener, LocalSocket, OsFamily, Packages,
    SCHEMA_VERSION, Service, Source, Unseen, WebConfig, WindowsFacts,
};

/// All facts of a host, collected at one time.
///
/// The same snapshot gives the same verdicts anywhere. Lists are sorted ([`Snapshot::sort`]), so that the
/// difference between two snapshots is the difference between two hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// Version of this form.
    pub schema_version: u32,
    /// Version of the program that collected.
    pub collector: String,
    /// When collecting began, in seconds since the epoch.
    pub collected_at: u64,
    /// For how long connections were sampled, in seconds; 0 for one look.
    #[serde(default)]
    pub observed_seconds: u64,
    /// Where the facts came from.
    pub source: Source,
    /// The machine.
    pub host: Host,
    /// Services, sorted by name.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Listeners, sorted.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// Observed connections between services, sorted.
    #[serde(default)]
    pub connections: Vec<Connection>,
    /// Containers, sorted by name.
    #[serde(default)]
    pub containers: Vec<Container>,
    /// Packages.
    #[serde(default)]
    pub packages: Packages,
    /// Applications, sorted.
    #[serde(default)]
    pub applications: Vec<Application>,
    /// What the web servers' configuration says, sorted.
    #[serde(default)]
    pub web: Vec<WebConfig>,
    /// UNIX sockets that accept, sorted.
    #[serde(default)]
    pub local_sockets: Vec<LocalSocket>,
    /// The packet filter.
    #[serde(default)]
    pub filter: PacketFilter,
    /// The way by which the admin came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_path: Option<AdminPath>,
    /// What is known of Windows beyond the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowsFacts>,
    /// What could not be seen, sorted.
    #[serde(default)]
    pub unseen: Vec<Unseen>,
}

/// The host's packet filter, as its own tool prints it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum PacketFilter {
    /// Not known: the reason is among the unseen facts.
    #[default]
    Unknown,
    /// The kernel has none loaded.
    None,
    /// nftables; iptables-nft's rules are part of it.
    Nftables {
        /// What `nft -j list ruleset` prints.
        ruleset: serde_json::Value,
    },
    /// Windows Firewall: [`WindowsFacts::firewall`].
    #[serde(rename = "windows-firewall")]
    WindowsFirewall,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            collector: String::new(),
            collected_at: 0,
            observed_seconds: 0,
            source: Source::default(),
            host: Host::default(),
            services: Vec::new(),
            listeners: Vec::new(),
            connections: Vec::new(),
            containers: Vec::new(),
            packages: Packages::default(),
            applications: Vec::new(),
            web: Vec::new(),
            local_sockets: Vec::new(),
            filter: PacketFilter::default(),
            admin_path: None,
            windows: None,
            unseen: Vec::new(),
        }
    }
}

impl Snapshot {
    /// Brings every list into its one order and drops exact repetitions.
    pub fn sort(&mut self) {
        self.host.interfaces.sort();
        self.services.sort_by(|a, b| a.name.cmp(&b.name));
        for service in &mut self.services {
            service.dependencies.sort();
            service.dependencies.dedup();
            service.processes.sort_unstable();
        }
        self.listeners.sort();
        self.listeners.dedup();
        self.connections.sort();
        self.containers.sort();
        self.applications.sort();
        self.web.sort();
        self.local_sockets.sort();
        self.local_sockets.dedup();
        self.unseen.sort();
        self.unseen.dedup();
    }

    /// The service of that name or alias; on Windows, whose names have no case, of that name in any case.
    pub fn service(&self, name: &str) -> Option<&Service> {
        let is = |own: &str| match self.host.family {
            OsFamily::Linux => own == name,
            OsFamily::Windows => own.eq_ignore_ascii_case(name),
        };
        self.services
            .iter()
            .find(|s| is(&s.name))
            .or_else(|| self.services.iter().find(|s| s.aliases.iter().any(|a| is(a))))
    }
}
