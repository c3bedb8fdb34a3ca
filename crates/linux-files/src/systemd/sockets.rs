//! What socket units listen on (`systemd.socket(5)`).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use doorward_model::{Listener, LocalSocket, Protocol, Subject, Unseen};

use super::unit::{ListenLine, Unit};

/// What one `Listen…=` line opens.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    /// An address and port, perhaps on one interface.
    Ip(SocketAddr, Option<String>),
    /// A path, or `@name` in the abstract namespace.
    Local(String),
    /// VSOCK: a door between a virtual machine and its host, not to the network.
    Vsock,
}

/// The listeners that a socket unit opens for `service` when it starts.
pub(super) fn listeners(
    unit: &Unit,
    service: &str,
    listeners: &mut Vec<Listener>,
    local: &mut Vec<LocalSocket>,
    unseen: &mut Vec<Unseen>,
) {
    for listen in &unit.listening.addresses {
        match endpoint(&listen.value) {
            Some(Endpoint::Ip(address, scope)) => {
                listeners.extend(ip_listener(unit, service, listen, address, scope));
            }
            Some(Endpoint::Local(path)) => {
                local.push(LocalSocket { path, service: Some(service.to_owned()) });
            }
            Some(Endpoint::Vsock) => {}
            None => {
                let what = format!("listener of {} ({}:{})", unit.name, listen.file, listen.line);
                let why = format!("{}={:.80} is no address", listen.key, listen.value);
                unseen.push(Unseen::new(Subject::Listeners, what, why));
            }
        }
    }
}

fn ip_listener(
    unit: &Unit,
    service: &str,
    listen: &ListenLine,
    address: SocketAddr,
    scope: Option<String>,
) -> Option<Listener> {
    let listening = &unit.listening;
    let protocol = match (listen.key.as_str(), listening.protocol.as_deref()) {
        ("ListenDatagram", Some("udplite")) => Protocol::Udplite,
        ("ListenDatagram", _) => Protocol::Udp,
        ("ListenStream", Some("sctp")) | ("ListenSequentialPacket", Some("sctp") | None) => Protocol::Sctp,
        ("ListenStream", _) => Protocol::Tcp,
        _ => return None, // the kernel has no such socket
    };
    let any_v6 = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let place = format!("{}:{} {}", listen.file, listen.line, listen.key);
    Some(Listener {
        v6only: any_v6.then_some(listening.v6only),
        interface: listening.device.clone().or(scope),
        service: Some(service.to_owned()),
        via: Some(unit.name.clone()),
        ..Listener::configured(protocol, address.ip(), address.port(), place)
    })
}

/// A port alone stands for all addresses of both families.
fn endpoint(value: &str) -> Option<Endpoint> {
    if value.starts_with(['/', '@']) {
        return Some(Endpoint::Local(value.to_owned()));
    }
    if value.starts_with("vsock:") || value.starts_with("vsock-") {
        return Some(Endpoint::Vsock);
    }
    let (value, scope) = match value.split_once('%') {
        Some((value, scope)) if !scope.is_empty() => (value, Some(scope.to_owned())),
        _ => (value, None),
    };
    let is_port = value.bytes().all(|b| b.is_ascii_digit());
    let address = if is_port {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, value.parse().ok()?))
    } else {
        value.parse().ok()?
    };
    (address.port() != 0).then_some(Endpoint::Ip(address, scope))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_of_all_forms() {
        let ip = |text: &str| Endpoint::Ip(text.parse().unwrap(), None);
        assert_eq!(endpoint("22"), Some(ip("[::]:22")));
        assert_eq!(endpoint("127.0.0.1:631"), Some(ip("127.0.0.1:631")));
        assert_eq!(endpoint("[::1]:631"), Some(ip("[::1]:631")));
        let scoped = Endpoint::Ip("[fe80::1]:80".parse().unwrap(), Some("eth0".into()));
        assert_eq!(endpoint("[fe80::1]:80%eth0"), Some(scoped));
        assert_eq!(endpoint("/run/a.socket"), Some(Endpoint::Local("/run/a.socket".into())));
        assert_eq!(endpoint("@a"), Some(Endpoint::Local("@a".into())));
        assert_eq!(endpoint("vsock::22"), Some(Endpoint::Vsock));
        for bad in ["", "0", "65536", "localhost:80", "::1:80", "127.0.0.1", "+80"] {
            assert_eq!(endpoint(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text(value in ".{0,40}") {
            let _ = endpoint(&value);
        }
    }
}
