//! The table of nftables that binds doors to security associations.
//!
//! It only drops. What it lets pass goes on to all other tables, which may still drop it.

use std::fmt::Write as _;
use std::net::IpAddr;

use doorward_filter::nft::{Base, chain, set};
use doorward_filter::{Door, SetName, Transport};

use crate::Linux;
use crate::values::Engine;

/// The table, as nft names it. It is this program's own; no other is ever touched.
pub const TABLE: &str = "inet doorward-ipsec";

/// Priority of its chains at the input and forward hooks: before Doorward's own filter (-10) and the usual ones (0).
/// A drop is final wherever it happens.
pub const PRIORITY: i32 = -15;

/// Takes the table away, also where there is none; in the form that `nft -f` takes.
pub const REMOVE: &str = "table inet doorward-ipsec\ndelete table inet doorward-ipsec\n";

/// What IPsec itself comes by: IKE, and IKE and ESP in UDP (RFC 3947, RFC 3948).
pub(crate) const IKE: [Door; 2] =
    [Door { transport: Transport::Udp, port: 500 }, Door { transport: Transport::Udp, port: 4500 }];

/// A connection that goes on without IPsec while changes wait to be confirmed: the administrator's, who would else be
/// cut off before having tried the new way in. New connections have to come through IPsec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WayOut {
    /// Where the administrator comes from.
    pub client: IpAddr,
    /// By which door.
    pub door: Door,
}

impl Linux<'_> {
    /// Everything that `nft -f` needs to put the table in the place of any earlier one, in one transaction. With a way
    /// out while changes wait, without one after.
    pub fn table(&self, way_out: Option<WayOut>) -> String {
        let mut text = format!("# Doors that answer only through IPsec. Made by doorward.\n{REMOVE}");
        let _ = writeln!(text, "table {TABLE} {{");
        for (name, peer) in &self.tunnels.peers {
            set(&mut text, name, "v4", "ipv4_addr", peer.from.v4());
            set(&mut text, name, "v6", "ipv6_addr", peer.from.v6());
        }
        // As the packet has the port, and as the client sent it before a translation on the host: both must be guarded,
        // or a redirected or published port would be a way round.
        let now = |door: Door| format!("{} dport {}", door.transport.as_str(), door.port);
        let before = |door: Door| {
            let protocol = door.transport.as_str();
            format!(
                "ct status dnat ct direction original meta l4proto {protocol} ct original proto-dst {}",
                door.port
            )
        };
        for (door, to) in &self.tunnels.doors {
            chain(&mut text, &chain_of(*door), None, &self.admit(to));
        }
        let mut input = vec!["iifname \"lo\" accept".to_owned()];
        input.extend(way_out.map(|way| {
            let family = if way.client.is_ipv4() { "ip" } else { "ip6" };
            let goes_on = match way.door.transport {
                // Not by the state of connections, which the kernel may only begin to track with this table: what does
                // not begin with SYN alone begins nothing.
                Transport::Tcp => "tcp flags & (fin | syn | rst | ack) != syn",
                Transport::Udp => "ct state established",
            };
            format!("{family} saddr {} {} {goes_on} accept", way.client, now(way.door))
        }));
        let guard = |matches: String, door: Door| format!("{matches} goto {}", chain_of(door));
        let doors = || self.tunnels.doors.keys().copied();
        input.extend(doors().flat_map(|door| [guard(now(door), door), guard(before(door), door)]));
        let forward: Vec<String> = doors().map(|door| guard(before(door), door)).collect();
        chain(&mut text, "input", Some(base("input")), &input);
        chain(&mut text, "forward", Some(base("forward")), &forward);
        text.push_str("}\n");
        text
    }

    /// What must be let in for IPsec itself, and whether ESP (IP protocol 50) without UDP around it is part of that.
    pub fn comes_by(&self) -> (impl Iterator<Item = Door>, bool) {
        (IKE.into_iter(), self.tunnels.engine == Engine::Kernel)
    }

    fn admit<'a>(&self, to: impl IntoIterator<Item = &'a SetName>) -> Vec<String> {
        let through_no_sa = match self.tunnels.engine {
            Engine::Kernel => "meta ipsec missing drop",
            Engine::Userspace => "iifname != \"ipsec0\" drop",
        };
        let mut rules = vec![through_no_sa.to_owned()];
        for name in to {
            let from = &self.tunnels.peers[name].from;
            if !from.v4().is_empty() {
                rules.push(format!("ip saddr @{name}.v4 accept"));
            }
            if !from.v6().is_empty() {
                rules.push(format!("ip6 saddr @{name}.v6 accept"));
            }
        }
        rules.push("drop".to_owned());
        rules
    }
}

fn chain_of(door: Door) -> String {
    format!("{}-{}", door.transport.as_str(), door.port)
}

/// It only drops: what it does not, others decide about.
fn base(hook: &str) -> Base<'_> {
    Base { hook, priority: PRIORITY, policy: "accept" }
}
