//! Constants as nft writes them in JSON: numbers, addresses, names of protocols and flags, prefixes, ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

/// What a constant stands for; it decides how names are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Ipv4,
    Ipv6,
    Protocol,
    InterfaceName,
    InterfaceIndex,
    InterfaceType,
    CtState,
    CtStatus,
    CtDirection,
    TcpFlags,
    PacketType,
    NetworkProtocol,
    EtherType,
    FibType,
    /// Plain numbers: ports, marks, existence.
    Integer,
    /// Something that the evaluator has no values for.
    Other,
}

/// One part of a set's element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// An inclusive range.
    Range(u128, u128),
    /// An interface's name, `*` at its end for any rest.
    Name(String),
    /// The element that catches all others.
    Any,
}

impl Kind {
    /// The kind of a set's data type, by nft's name for it.
    pub(crate) fn of_type(name: &str) -> Self {
        match name {
            "ipv4_addr" => Self::Ipv4,
            "ipv6_addr" => Self::Ipv6,
            "inet_proto" => Self::Protocol,
            "ifname" => Self::InterfaceName,
            "iface_index" => Self::InterfaceIndex,
            "iface_type" => Self::InterfaceType,
            "ct_state" => Self::CtState,
            "ct_status" => Self::CtStatus,
            "ct_dir" => Self::CtDirection,
            "tcp_flag" => Self::TcpFlags,
            "pkt_type" => Self::PacketType,
            "nf_proto" => Self::NetworkProtocol,
            "ether_type" => Self::EtherType,
            "fib_addrtype" => Self::FibType,
            "inet_service" | "mark" | "integer" | "boolean" | "bitmask" => Self::Integer,
            _ => Self::Other,
        }
    }

    /// Whether several values can hold at once, so that nft tests bits.
    pub(crate) fn is_bits(self) -> bool {
        matches!(self, Self::CtState | Self::CtStatus | Self::TcpFlags)
    }

    /// Number of bits of an address, for prefixes.
    fn width(self) -> u32 {
        match self {
            Self::Ipv6 => 128,
            _ => 32,
        }
    }

    /// The number behind a name. Sources: the kernel's uapi headers (`nf_conntrack_common.h`, `tcp.h`,
    /// `if_packet.h`, `rtnetlink.h`, `if_ether.h`, `in.h`).
    fn symbol(self, name: &str) -> Option<u128> {
        let table: &[(&str, u128)] = match self {
            Self::Protocol => &[
                ("icmp", 1),
                ("igmp", 2),
                ("ipencap", 4),
                ("tcp", 6),
                ("udp", 17),
                ("dccp", 33),
                ("ipv6", 41),
                ("gre", 47),
                ("esp", 50),
                ("ah", 51),
                ("icmpv6", 58),
                ("ipv6-icmp", 58),
                ("ospf", 89),
                ("comp", 108),
                ("ipcomp", 108),
                ("vrrp", 112),
                ("sctp", 132),
                ("udplite", 136),
            ],
            Self::CtState => {
                &[("invalid", 1), ("established", 2), ("related", 4), ("new", 8), ("untracked", 64)]
            }
            Self::CtStatus => &[
                ("expected", 1),
                ("seen-reply", 2),
                ("assured", 4),
                ("confirmed", 8),
                ("snat", 16),
                ("dnat", 32),
                ("dying", 512),
            ],
            Self::CtDirection => &[("original", 0), ("reply", 1)],
            Self::TcpFlags => &[
                ("fin", 1),
                ("syn", 2),
                ("rst", 4),
                ("psh", 8),
                ("ack", 16),
                ("urg", 32),
                ("ecn", 64),
                ("cwr", 128),
            ],
            Self::PacketType => {
                &[("host", 0), ("unicast", 0), ("broadcast", 1), ("multicast", 2), ("other", 3)]
            }
            Self::NetworkProtocol => &[("ipv4", 2), ("ipv6", 10)],
            Self::EtherType => &[
                ("ip", 0x0800),
                ("arp", 0x0806),
                ("vlan", 0x8100),
                ("8021q", 0x8100),
                ("ip6", 0x86dd),
                ("8021ad", 0x88a8),
            ],
            Self::FibType => &[
                ("unspec", 0),
                ("unicast", 1),
                ("local", 2),
                ("broadcast", 3),
                ("anycast", 4),
                ("multicast", 5),
                ("blackhole", 6),
                ("unreachable", 7),
                ("prohibit", 8),
            ],
            Self::InterfaceType => {
                &[("ether", 1), ("ppp", 512), ("sit", 776), ("loopback", 772), ("gre", 778)]
            }
            Self::Integer => &[("exists", 1), ("missing", 0)],
            _ => &[],
        };
        table.iter().find(|(n, _)| *n == name).map(|(_, number)| *number)
    }
}

/// An address as a number.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(u32::from(a)),
        IpAddr::V6(a) => u128::from(a),
    }
}

/// One constant: a number, a name, an address. Flags in a list or joined by `|` become one number.
pub(crate) fn scalar(value: &Value, kind: Kind) -> Option<u128> {
    match value {
        Value::Number(n) => n.as_u64().map(u128::from),
        Value::Bool(b) => Some(u128::from(*b)),
        Value::String(text) => scalar_text(text, kind),
        Value::Array(flags) if kind.is_bits() => {
            flags.iter().try_fold(0, |bits, flag| Some(bits | scalar(flag, kind)?))
        }
        Value::Object(map) => {
            let (name, inner) = map.iter().next()?;
            match (name.as_str(), inner) {
                ("elem", Value::Object(elem)) => scalar(elem.get("val")?, kind),
                ("|", Value::Array(both)) => {
                    both.iter().try_fold(0, |bits, flag| Some(bits | scalar(flag, kind)?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn scalar_text(text: &str, kind: Kind) -> Option<u128> {
    match kind {
        Kind::Ipv4 => text.parse::<Ipv4Addr>().ok().map(|a| number(a.into())),
        Kind::Ipv6 => text.parse::<Ipv6Addr>().ok().map(|a| number(a.into())),
        Kind::InterfaceName | Kind::Other => None,
        _ => kind.symbol(text).or_else(|| match text.strip_prefix("0x") {
            Some(hex) => u128::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        }),
    }
}

/// One part of an element: a constant, a prefix, a range, an interface's name, or the catch-all.
pub(crate) fn part(value: &Value, kind: Kind) -> Option<Part> {
    match value {
        Value::String(text) if text == "*" => Some(Part::Any),
        Value::String(text) if kind == Kind::InterfaceName => Some(Part::Name(text.clone())),
        Value::String(text) if kind == Kind::InterfaceIndex && text.parse::<u32>().is_err() => {
            Some(Part::Name(text.clone()))
        }
        Value::Object(map) => {
            let (name, inner) = map.iter().next()?;
            match name.as_str() {
                "elem" => part(inner.get("val")?, kind),
                "prefix" => prefix(inner, kind),
                "range" => {
                    let low = scalar(inner.get(0)?, kind)?;
                    let high = scalar(inner.get(1)?, kind)?;
                    Some(Part::Range(low, high))
                }
                _ => scalar(value, kind).map(|n| Part::Range(n, n)),
            }
        }
        _ => scalar(value, kind).map(|n| Part::Range(n, n)),
    }
}

fn prefix(value: &Value, kind: Kind) -> Option<Part> {
    let length = u32::try_from(value.get("len")?.as_u64()?).ok()?;
    let host_bits = kind.width().checked_sub(length)?;
    let rest = u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
    let first = scalar(value.get("addr")?, kind)? & !rest;
    Some(Part::Range(first, first | rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn constants_are_read_by_their_kind() {
        assert_eq!(part(&json!("10.0.0.1"), Kind::Ipv4), Some(Part::Range(0x0a00_0001, 0x0a00_0001)));
        let eight = json!({"prefix": {"addr": "10.0.0.0", "len": 8}});
        assert_eq!(part(&eight, Kind::Ipv4), Some(Part::Range(0x0a00_0000, 0x0aff_ffff)));
        let all = json!({"prefix": {"addr": "::", "len": 0}});
        assert_eq!(part(&all, Kind::Ipv6), Some(Part::Range(0, u128::MAX)));
        assert_eq!(part(&json!({"prefix": {"addr": "10.0.0.0", "len": 33}}), Kind::Ipv4), None);
        assert_eq!(scalar(&json!(["syn", "ack"]), Kind::TcpFlags), Some(18));
        assert_eq!(scalar(&json!({"|": ["fin", {"|": ["syn", "rst"]}]}), Kind::TcpFlags), Some(7));
        assert_eq!(scalar(&json!("tcp"), Kind::Protocol), Some(6));
        assert_eq!(scalar(&json!("0x10"), Kind::Integer), Some(16));
        assert_eq!(part(&json!("eth*"), Kind::InterfaceName), Some(Part::Name("eth*".into())));
        assert_eq!(scalar(&json!("no-such"), Kind::CtState), None);
    }
}
