//! Which service listens at an address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use doorward_model::{Listener, Namespace, Owner, Protocol};

use super::places::PlaceId;

/// Listeners by network namespace, protocol and port.
#[derive(Debug, Default)]
pub(super) struct Listeners<'a>(HashMap<(PlaceId, Protocol, u16), Vec<&'a Listener>>);

impl<'a> Listeners<'a> {
    pub(super) fn new(listeners: &'a [Listener]) -> Self {
        let mut found = Self::default();
        for listener in listeners.iter().filter(|l| !matches!(l.owner, Owner::Configured { .. })) {
            let place = match &listener.namespace {
                Namespace::Host => PlaceId::Host,
                Namespace::Other { id, .. } => PlaceId::Other(*id),
            };
            if let Some(port) = listener.port {
                found.0.entry((place, listener.protocol, port)).or_default().push(listener);
            }
        }
        found
    }

    /// What accepts connections to that address: on that very address before those on all.
    pub(super) fn at(&self, place: PlaceId, protocol: Protocol, address: SocketAddr) -> Option<Found<'a>> {
        let all = self.0.get(&(place, protocol, address.port()))?;
        let exact: Vec<&Listener> = all.iter().copied().filter(|l| l.address == Some(address.ip())).collect();
        let found = if exact.is_empty() {
            all.iter().copied().filter(|l| takes_all(l, address.ip())).collect()
        } else {
            exact
        };
        let first = found.first()?;
        // Several services may share a port; which of them it was, the socket's holder tells.
        let agree = found.iter().all(|l| l.service == first.service);
        Some(Found { service: first.service.as_deref().filter(|_| agree) })
    }
}

/// What was found at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// The service behind it, where it is known and the only one.
    pub(super) service: Option<&'a str>,
}

fn takes_all(listener: &Listener, address: IpAddr) -> bool {
    match listener.address {
        Some(IpAddr::V4(any)) => any.is_unspecified() && address.is_ipv4(),
        Some(IpAddr::V6(any)) => any.is_unspecified() && (address.is_ipv6() || listener.v6only != Some(true)),
        None => false,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use doorward_model::Basis;

    pub(in crate::connections) fn listener(address: &str, service: Option<&str>) -> Listener {
        let address: SocketAddr = address.parse().unwrap();
        Listener {
            protocol: Protocol::Tcp,
            address: Some(address.ip()),
            port: Some(address.port()),
            v6only: None,
            interface: None,
            namespace: Namespace::Host,
            owner: Owner::Processes { pids: vec![], executable: None },
            service: service.map(str::to_owned),
            via: None,
            basis: Basis::Observed,
        }
    }

    #[test]
    fn the_very_address_comes_first() {
        let list = [
            listener("0.0.0.0:80", Some("all.service")),
            listener("127.0.0.1:80", Some("local.service")),
            listener("[::]:443", Some("six.service")),
            Listener { v6only: Some(true), ..listener("[::]:444", Some("only.service")) },
            listener("0.0.0.0:53", Some("one.service")),
            listener("0.0.0.0:53", Some("two.service")),
        ];
        let listeners = Listeners::new(&list);
        let at = |address: &str| listeners.at(PlaceId::Host, Protocol::Tcp, address.parse().unwrap());
        assert_eq!(at("127.0.0.1:80").unwrap().service, Some("local.service"));
        assert_eq!(at("192.0.2.1:80").unwrap().service, Some("all.service"));
        assert_eq!(at("192.0.2.1:443").unwrap().service, Some("six.service"));
        assert_eq!((at("192.0.2.1:444"), at("[::1]:80")), (None, None));
        assert_eq!(at("[::1]:444").unwrap().service, Some("only.service"));
        assert_eq!(at("192.0.2.1:53").unwrap().service, None, "one of two");
        assert_eq!(listeners.at(PlaceId::Other(7), Protocol::Tcp, "127.0.0.1:80".parse().unwrap()), None);
    }
}
