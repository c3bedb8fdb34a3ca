//! Whether a ruleset does what a policy says: the evaluator asked about clients at each set's borders.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_netfilter::{Fate, Interface, Packet, Ruleset, Transport as Protocol};
use ipnet::IpNet;

use crate::{Door, Policy, Says, Transport};

/// Networks of a set that are asked about; a larger set is asked about at its ends and evenly in between.
const ASKED: usize = 12;
/// Differences that are told.
const TOLD: usize = 5;
/// A client's port, of those that the kernel gives out.
const SOURCE_PORT: u16 = 40_000;
/// Clients of no set, most likely: of the networks for documentation (RFC 5737, RFC 3849).
const STRANGERS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 77)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77)),
];

/// Where a policy's table, evaluated alone, does not say what the policy says; empty when it does. `rules` is the
/// listing's table and no other; `closed` are doors besides the policy's own, which it closes. A sentence each, a few at
/// most.
pub fn differences(
    policy: &Policy,
    rules: &Ruleset,
    interfaces: &[Interface],
    closed: impl IntoIterator<Item = Door>,
) -> Vec<String> {
    let doors: BTreeSet<Door> = policy.doors().chain(closed).collect();
    let clients = clients(policy);
    let mut found = Vec::new();
    for interface in interfaces.iter().filter(|i| i.inbound) {
        for own in &interface.addresses {
            for (door, client) in doors.iter().flat_map(|door| clients.iter().map(move |c| (*door, *c))) {
                if client.is_ipv4() != own.addr().is_ipv4() || client == own.addr() {
                    continue;
                }
                let packet = Packet {
                    protocol: match door.transport {
                        Transport::Tcp => Protocol::Tcp,
                        Transport::Udp => Protocol::Udp,
                    },
                    source: client,
                    source_port: SOURCE_PORT,
                    destination: own.addr(),
                    port: door.port,
                    interface: interface.name.clone(),
                };
                let is_open = policy.says(client, door) != Says::Closed;
                let told = match rules.fate(&packet, interfaces) {
                    Fate::Delivered { .. } | Fate::Forwarded { .. } if is_open => continue,
                    Fate::Dropped if !is_open => continue,
                    Fate::Delivered { .. } | Fate::Forwarded { .. } => "lets it in".to_owned(),
                    Fate::Dropped => "drops it".to_owned(),
                    Fate::Undecided { why } => format!("does not decide: {why}"),
                };
                let wanted = if is_open { "may" } else { "may not" };
                found.push(format!("{client} {wanted} come in by {door}, and the table {told}"));
                if found.len() == TOLD {
                    return found;
                }
            }
        }
    }
    found
}

/// The first and last address of networks, and those just beyond.
fn clients(policy: &Policy) -> BTreeSet<IpAddr> {
    let mut all: BTreeSet<IpAddr> = STRANGERS.into();
    for set in policy.clients().values() {
        let v4 = spread(set.v4()).map(|net| IpNet::V4(*net));
        let v6 = spread(set.v6()).map(|net| IpNet::V6(*net));
        all.extend(v4.chain(v6).flat_map(borders));
    }
    // Sent by nobody from outside, or to many.
    all.retain(|a| !a.is_unspecified() && !a.is_loopback() && !a.is_multicast());
    all
}

fn spread<T>(items: &[T]) -> impl Iterator<Item = &T> {
    let step = (items.len() / ASKED).max(1);
    items.iter().step_by(step).chain(items.last())
}

fn borders(net: IpNet) -> Vec<IpAddr> {
    let (first, last) = match net {
        IpNet::V4(net) => (IpAddr::V4(net.network()), IpAddr::V4(net.broadcast())),
        IpNet::V6(net) => (IpAddr::V6(net.network()), IpAddr::V6(net.broadcast())),
    };
    [Some(first), Some(last), moved(first, false), moved(last, true)].into_iter().flatten().collect()
}

fn moved(address: IpAddr, up: bool) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => {
            let n = u32::from(a);
            Some(Ipv4Addr::from(if up { n.checked_add(1) } else { n.checked_sub(1) }?).into())
        }
        IpAddr::V6(a) => {
            let n = u128::from(a);
            Some(Ipv6Addr::from(if up { n.checked_add(1) } else { n.checked_sub(1) }?).into())
        }
    }
}
