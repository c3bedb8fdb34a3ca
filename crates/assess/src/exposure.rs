//! Who can reach a listener: by its address first, then through the packet filter.

use std::cell::OnceCell;
use std::net::IpAddr;

use doorward_model::{
    Exposure, Interface, Listener, Namespace, PacketFilter, Protocol, PublishedPort, Snapshot, Subject,
    Unseen,
};
use doorward_netfilter::{Answer, Family, Query, Reach as Filtered, Ruleset, Target, Transport};

use windows::{Knock, To, WindowsFilter};

mod windows;

/// Beginnings of the names of interfaces that engines and virtual machines make on the host: what comes in by them
/// comes from the host's own guests.
const GUEST_INTERFACES: &[&str] =
    &["br-", "cali", "cni", "docker", "flannel", "lxc", "podman", "veth", "vir", "vnet"];

/// What is said of a container's port that ufw or firewalld seem to close.
const PAST_THE_FILTER: &str = "published past the packet filter, whose rules for the host close this port";

const UNREAD: &str = "by its address open; the packet filter could not be read";

/// Who can reach a door, and why that is said.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) exposure: Exposure,
    pub(crate) limited_to: Vec<String>,
    pub(crate) decided_by: Option<String>,
    pub(crate) note: Option<String>,
}

impl Access {
    fn by_address(exposure: Exposure) -> Self {
        Self { exposure, limited_to: Vec::new(), decided_by: None, note: None }
    }

    fn noted(exposure: Exposure, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..Self::by_address(exposure) }
    }
}

/// What is known of the way from the network to the host's sockets.
pub(crate) struct Reach<'s> {
    interfaces: &'s [Interface],
    filter: Filter<'s>,
    /// The rules without address translation, made when first asked for.
    untranslated: OnceCell<Ruleset>,
}

enum Filter<'s> {
    /// There is none.
    None,
    /// There is one that lets everything in, for this reason.
    Idle(String),
    Windows(WindowsFilter<'s>),
    /// It could not be read; the reason is among the unseen facts.
    Unread,
    /// It was read but not understood.
    Malformed(String),
    Rules(Box<Ruleset>),
}

impl<'s> Reach<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot) -> Self {
        let filter = match &snapshot.filter {
            PacketFilter::None => Filter::None,
            PacketFilter::Unknown => Filter::Unread,
            PacketFilter::WindowsFirewall => {
                match snapshot.windows.as_ref().and_then(|windows| windows.firewall.as_ref()) {
                    None => Filter::Unread,
                    Some(firewall) => match WindowsFilter::new(snapshot, firewall) {
                        Ok(filter) => Filter::Windows(filter),
                        Err(why) => Filter::Idle(why),
                    },
                }
            }
            PacketFilter::Nftables { ruleset } => match Ruleset::parse(ruleset) {
                Ok(rules) if rules.is_empty() => Filter::None,
                Ok(rules) => Filter::Rules(Box::new(rules)),
                Err(e) => Filter::Malformed(e.to_string()),
            },
        };
        Self { interfaces: &snapshot.host.interfaces, filter, untranslated: OnceCell::new() }
    }

    /// What keeps the packet filter from being evaluated, as a fact.
    pub(crate) fn problem(&self) -> Option<Unseen> {
        match &self.filter {
            Filter::Malformed(why) => Some(Unseen::new(Subject::Filter, "the nftables ruleset", why.clone())),
            _ => None,
        }
    }

    /// Who can reach a listener.
    pub(crate) fn listener(&self, listener: &Listener) -> Access {
        let by_address = self.by_address(listener);
        if !matches!(by_address.exposure, Exposure::Everyone | Exposure::Link) {
            return by_address;
        }
        let (Some(protocol), Some(port)) = (transport(listener.protocol), listener.port) else {
            return by_address;
        };
        if let Filter::Windows(filter) = &self.filter {
            let (protocol, service) = (listener.protocol, listener.service.as_deref());
            return filter.reach(by_address, &Knock { protocol, to: To::Port(port), service });
        }
        let both = listener.address.is_some_and(|a| a.is_unspecified() && a.is_ipv6())
            && listener.v6only != Some(true);
        let families: &[Family] = match listener.address {
            _ if both => &[Family::V4, Family::V6],
            Some(IpAddr::V6(_)) => &[Family::V6],
            _ => &[Family::V4],
        };
        // An engine's rules take packets to the container before its proxy's socket sees them.
        let of_container = listener.service.as_deref().is_some_and(|s| s.starts_with("container:"));
        let target = if of_container { Target::Anything } else { Target::Socket };
        let ways = families.iter().map(|&family| {
            let address = listener.address.filter(|a| !a.is_unspecified());
            let interface = listener.interface.as_deref();
            let door = self.query(protocol, family, address, port, interface, target);
            self.filtered(by_address.clone(), &door)
        });
        ways.max_by_key(|access| access.exposure).unwrap_or(by_address)
    }

    /// Who can reach the ports that the RPC runtime gives to a service's interfaces.
    pub(crate) fn dynamic_rpc(&self, service: &str) -> Access {
        let open = self.by_family(false);
        let knock = Knock { protocol: Protocol::Tcp, to: To::DynamicRpc, service: Some(service) };
        match &self.filter {
            Filter::Windows(filter) => filter.reach(open, &knock),
            Filter::Unread | Filter::Malformed(_) => Access::noted(Exposure::Unknown, UNREAD),
            Filter::Idle(why) => Access::noted(open.exposure, why),
            Filter::None | Filter::Rules(_) => open,
        }
    }

    /// Who can reach a container's port that the packet filter alone publishes.
    pub(crate) fn published(&self, address: IpAddr, port: &PublishedPort) -> Access {
        if address.is_loopback() {
            return Access::by_address(Exposure::Loopback);
        }
        let everyone = Access::by_address(Exposure::Everyone);
        let Some(protocol) = transport(port.protocol) else { return everyone };
        let address = Some(address).filter(|a| !a.is_unspecified());
        let family = address.map_or(Family::V4, Family::of);
        let door = self.query(protocol, family, address, port.host_port, None, Target::Anything);
        self.filtered(everyone, &door)
    }

    /// Whether the filter would close a published port if it were the host's own: ufw's and firewalld's rules for
    /// the host do not see what is translated to a container.
    fn is_published_past_the_filter(&self, door: &Query) -> bool {
        let Filter::Rules(rules) = &self.filter else { return false };
        let untranslated = self.untranslated.get_or_init(|| rules.without_translation());
        let own = Query { target: Target::Socket, ..door.clone() };
        untranslated.reach(&own).reach == Filtered::Closed
    }

    fn by_address(&self, listener: &Listener) -> Access {
        if let Namespace::Other { .. } = listener.namespace {
            return match listener.address {
                Some(a) if a.is_loopback() => Access::by_address(Exposure::Loopback),
                _ => Access {
                    limited_to: vec!["its own network namespace".to_owned()],
                    ..Access::by_address(Exposure::Limited)
                },
            };
        }
        if listener
            .interface
            .as_deref()
            .is_some_and(|name| self.interfaces.iter().any(|i| i.name == name && i.loopback))
        {
            return Access::by_address(Exposure::Loopback);
        }
        match listener.address {
            None => Access::by_address(Exposure::Link),
            Some(a) if a.is_loopback() => Access::by_address(Exposure::Loopback),
            Some(a) if is_link_local(a) => Access::by_address(Exposure::Link),
            Some(IpAddr::V6(a)) if a.is_unspecified() && listener.v6only == Some(true) => {
                self.by_family(true)
            }
            Some(IpAddr::V6(a)) if a.is_unspecified() => {
                let both = [self.by_family(false), self.by_family(true)];
                both.into_iter().max_by_key(|a| a.exposure).unwrap_or(Access::by_address(Exposure::Everyone))
            }
            Some(IpAddr::V4(a)) if a.is_unspecified() => self.by_family(false),
            Some(_) => Access::by_address(Exposure::Everyone),
        }
    }

    /// What a wildcard address of one family is worth, with the addresses that the host has.
    fn by_family(&self, v6: bool) -> Access {
        if self.interfaces.is_empty() {
            return Access::by_address(Exposure::Everyone); // not known: a tree that does not run
        }
        let outside = self.interfaces.iter().filter(|i| !i.loopback && i.up);
        let addresses =
            outside.flat_map(|i| &i.addresses).filter_map(|a| a.split('/').next()?.parse::<IpAddr>().ok());
        let (mut any, mut routable) = (false, false);
        for address in addresses.filter(|a| a.is_ipv6() == v6) {
            any = true;
            routable |= !is_link_local(address);
        }
        let exposure = match (any, routable) {
            (_, true) => Exposure::Everyone,
            (true, false) => Exposure::Link,
            (false, false) => Exposure::Loopback,
        };
        Access::by_address(exposure)
    }

    fn query(
        &self,
        protocol: Transport,
        family: Family,
        address: Option<IpAddr>,
        port: u16,
        bound_to: Option<&str>,
        target: Target,
    ) -> Query {
        let interfaces = self.interfaces.iter().map(rules_interface).collect();
        Query { protocol, family, address, port, bound_to: bound_to.map(str::to_owned), interfaces, target }
    }

    /// What the packet filter leaves of a door that is open by its address.
    fn filtered(&self, open: Access, door: &Query) -> Access {
        let rules = match &self.filter {
            Filter::None | Filter::Windows(_) => return open,
            Filter::Idle(why) => return Access { note: open.note.or_else(|| Some(why.clone())), ..open },
            Filter::Unread | Filter::Malformed(_) => {
                // A filter can only take away: neighbours on the link are still the most that can come.
                let exposure =
                    if open.exposure == Exposure::Link { Exposure::Link } else { Exposure::Unknown };
                return Access::noted(exposure, UNREAD);
            }
            Filter::Rules(rules) => rules,
        };
        let Answer { reach, rule, notes, .. } = rules.reach(door);
        let note = notes.into_iter().next();
        let decided_by = rule.map(|r| r.to_string());
        let (exposure, limited_to, note) = match reach {
            Filtered::Open => (open.exposure, Vec::new(), note),
            Filtered::Limited { to } => (Exposure::Limited, to, note),
            Filtered::Closed => (Exposure::Closed, Vec::new(), note),
            Filtered::Undecided { why } => {
                (Exposure::Unknown, Vec::new(), Some(format!("the packet filter does not decide: {why}")))
            }
        };
        let past = door.target == Target::Anything
            && exposure == Exposure::Everyone
            && self.is_published_past_the_filter(door);
        let note = if past { Some(PAST_THE_FILTER.to_owned()) } else { open.note.or(note) };
        Access { exposure, limited_to, decided_by, note }
    }
}

/// An interface of a snapshot as rules are evaluated for it: guests' bridges bring nothing from outside.
pub fn rules_interface(interface: &Interface) -> doorward_netfilter::Interface {
    let guests = GUEST_INTERFACES.iter().any(|start| interface.name.starts_with(start));
    doorward_netfilter::Interface {
        name: interface.name.clone(),
        index: (interface.index != 0).then_some(interface.index),
        addresses: interface.addresses.iter().filter_map(|a| a.parse().ok()).collect(),
        inbound: interface.up && !interface.loopback && !guests,
    }
}

pub(crate) fn transport(protocol: Protocol) -> Option<Transport> {
    match protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Udplite => Some(Transport::Udplite),
        Protocol::Sctp => Some(Transport::Sctp),
        Protocol::Raw | Protocol::Packet | Protocol::Pipe | Protocol::Rpc | Protocol::Share => None,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}
