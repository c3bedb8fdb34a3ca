//! The doors of a host as its neighbour finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use doorward_lab::{Client, Host};
use doorward_model::{Audit, Protocol};

/// Ports from here on are given out by the kernel for a while: they tell nothing of the host.
const EPHEMERAL: u16 = 32768;

/// What answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doors(BTreeSet<(Protocol, u16)>);

/// Which services answer there, by the audit.
pub(super) struct Names(BTreeMap<(Protocol, u16), String>);

impl Names {
    pub(super) fn of(host: &Host, program: &str) -> anyhow::Result<Self> {
        let audit: Audit = serde_json::from_str(&host.succeed(&[program, "--format", "json"])?)?;
        let named = audit.doors.into_iter().filter_map(|door| {
            let service = door.service?;
            let name = service.strip_suffix(".service").unwrap_or(&service).to_owned();
            Some(((door.protocol, door.port?), name))
        });
        Ok(Self(named.collect()))
    }
}

impl Doors {
    /// TCP ports that take a connection, and UDP ports that do not refuse a datagram.
    pub(super) fn scan(from: &Client, address: IpAddr) -> anyhow::Result<Self> {
        let tcp = from.tcp_open(address, 1..EPHEMERAL)?;
        let udp = from.udp_scan(address, 1..EPHEMERAL)?.not_refused();
        let tcp = tcp.into_iter().map(|port| (Protocol::Tcp, port));
        Ok(Self(tcp.chain(udp.into_iter().map(|port| (Protocol::Udp, port))).collect()))
    }

    pub(super) fn tcp(ports: &[u16]) -> Self {
        Self(ports.iter().map(|&port| (Protocol::Tcp, port)).collect())
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// All of them in a few lines.
    pub(super) fn list(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let ports: Vec<String> =
                self.0.iter().filter(|door| door.0 == protocol).map(|door| door.1.to_string()).collect();
            lines.push(format!("  {:<4}{:>3} open: {}", protocol.as_str(), ports.len(), ports.join(" ")));
        }
        lines.join("\n")
    }

    /// Each door of either scan, a line each.
    pub(super) fn beside(&self, after: &Self, names: &Names) -> String {
        let mut out = format!("  {:<10}{:<8}{:<8}SERVICE", "DOOR", "BEFORE", "AFTER");
        for door in self.0.union(&after.0) {
            let [was, is] = [self, after].map(|scan| if scan.0.contains(door) { "open" } else { "-" });
            let name = names.0.get(door).map_or("", String::as_str);
            let door = format!("{}/{}", door.0.as_str(), door.1);
            let _ = write!(out, "\n  {door:<10}{was:<8}{is:<8}{name}");
        }
        out
    }
}
