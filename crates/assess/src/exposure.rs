//! Who can reach a listener: by its address first, then through the packet filter.

use std::net::IpAddr;

use doorward_model::{
    Exposure, Interface, Listener, Namespace, PacketFilter, Protocol, PublishedPort, Snapshot, Subject,
    Unseen,
};
use stub::{Family, Query, Ruleset, Transport};
mod stub {
    #[derive(Clone, Copy)]
    pub(super) enum Family {
        V4,
        V6,
    }
    #[derive(Default)]
    pub(super) struct Query;
    pub(super) struct Ruleset;
    impl Ruleset {
        pub(super) fn parse(_: &serde_json::Value) -> Result<Self, String> {
            Ok(Self)
        }
        pub(super) fn is_empty(&self) -> bool {
            false
        }
    }
    pub(super) enum Transport {
        Tcp,
        Udp,
        Udplite,
        Sctp,
    }
}

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
    filter: Filter,
}

enum Filter {
    /// There is none.
    None,
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
            PacketFilter::Nftables { ruleset } => match Ruleset::parse(ruleset) {
                Ok(rules) if rules.is_empty() => Filter::None,
                Ok(rules) => Filter::Rules(Box::new(rules)),
                Err(e) => Filter::Malformed(e.to_string()),
            },
        };
        Self { interfaces: &snapshot.host.interfaces, filter }
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
        if !matches!(by_address.exposure, Exposure::Everyone | Exposure::Link)
            || !listener.protocol.has_port()
        {
            return by_address;
        }
        let Some(port) = listener.port else { return by_address };
        let both = listener.address.is_some_and(|a| a.is_unspecified() && a.is_ipv6())
            && listener.v6only != Some(true);
        let address = listener.address.filter(|a| !a.is_unspecified());
        let families: &[Family] = match listener.address {
            _ if both => &[Family::V4, Family::V6],
            Some(IpAddr::V6(_)) => &[Family::V6],
            _ => &[Family::V4],
        };
        let ways = families.iter().map(|&family| {
            self.filtered(
                by_address.clone(),
                listener.protocol,
                family,
                address,
                port,
                listener.interface.as_deref(),
                None,
            )
        });
        ways.max_by_key(|access| access.exposure).unwrap_or(by_address)
    }

    /// Who can reach a container's port that the packet filter alone publishes.
    pub(crate) fn published(&self, address: IpAddr, port: &PublishedPort) -> Access {
        if address.is_loopback() {
            return Access::by_address(Exposure::Loopback);
        }
        let family = if address.is_ipv6() { Family::V6 } else { Family::V4 };
        let address = Some(address).filter(|a| !a.is_unspecified());
        let everyone = Access::by_address(Exposure::Everyone);
        self.filtered(everyone, port.protocol, family, address, port.host_port, None, None)
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

    fn filtered(
        &self,
        open: Access,
        protocol: Protocol,
        family: Family,
        address: Option<IpAddr>,
        port: u16,
        interface: Option<&str>,
        forwarded: Option<(IpAddr, u16)>,
    ) -> Access {
        let rules = match &self.filter {
            Filter::None => return open,
            Filter::Unread | Filter::Malformed(_) => {
                return Access::noted(
                    Exposure::Unknown,
                    "by its address open; the packet filter could not be read",
                );
            }
            Filter::Rules(rules) => rules,
        };
        let Some(transport) = transport(protocol) else { return open };
        let _ = (rules, transport, family, address, port, interface, forwarded, Query::default());
        open
    }
}

fn transport(protocol: Protocol) -> Option<Transport> {
    match protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Udplite => Some(Transport::Udplite),
        Protocol::Sctp => Some(Transport::Sctp),
        Protocol::Raw | Protocol::Packet | Protocol::Pipe | Protocol::Rpc => None,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}
