//! What a rule looks at: header fields, packet metadata, connection tracking, and arithmetic on them.

use serde_json::Value;

use crate::value::{Kind, scalar};

/// Something that has a value for a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Expr {
    Field(Field),
    Concat(Vec<Expr>),
    Bits(BitOp, Box<Expr>, Box<Expr>),
    Const(u128),
    /// Not evaluated; the text says what it is.
    Opaque(String),
}

/// Arithmetic that rules can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BitOp {
    And,
    Or,
    Xor,
    Left,
    Right,
}

/// A property of a packet, its way or its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    /// Source address of that version (4 or 6); absent in packets of the other.
    Source(u8),
    /// Destination address of that version.
    Destination(u8),
    /// The IP header's version field as packets of that version have it.
    Version(u8),
    /// `ip protocol` (4) or `ip6 nexthdr` (6).
    HeaderProtocol(u8),
    /// `meta l4proto`.
    Transport,
    /// Source port of the transport of that number, or of any (`th`).
    SourcePort(Option<u8>),
    /// Destination port likewise.
    DestinationPort(Option<u8>),
    TcpFlags,
    /// Offset and flags of fragments: zero in whole packets, but for "don't fragment".
    FragmentOffset,
    NetworkProtocol,
    EtherType,
    Interface,
    InterfaceType,
    OutInterface,
    PacketType,
    Mark,
    /// User or group of a local socket: a packet from outside has none yet.
    LocalSocketOwner,
    /// Whether the packet came out of an `IPsec` tunnel.
    Ipsec,
    /// Type of the destination address by the routing table; seen from the incoming interface if set.
    DestinationType {
        by_interface: bool,
    },
    /// Type of the source address by the routing table.
    SourceType,
    /// Whether the source is routed at all, or by the interface that it came from.
    ReversePath,
    CtState,
    CtStatus,
    CtDirection,
    CtMark,
    CtLabel,
    CtProtocol,
    CtNetworkProtocol,
    /// Tuple of the connection as it began, before address translation.
    CtSource(Option<u8>),
    CtDestination(Option<u8>),
    CtSourcePort,
    CtDestinationPort,
    /// A header or option that an ordinary first packet does not carry: only its existence has a value.
    MissingHeader {
        existence: bool,
    },
    /// Fields of other protocols than those that a door speaks.
    NeverThere,
}

impl Expr {
    /// How constants beside it are to be read.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Field(field) => field.kind(),
            Self::Bits(BitOp::And | BitOp::Or | BitOp::Xor, inner, _) => inner.kind(),
            Self::Bits(..) | Self::Const(_) => Kind::Integer,
            Self::Concat(_) | Self::Opaque(_) => Kind::Other,
        }
    }

    /// Kinds of its parts, for sets.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        match self {
            Self::Concat(parts) => parts.iter().map(Self::kind).collect(),
            other => vec![other.kind()],
        }
    }

    /// Every field in it, with repetitions.
    pub(crate) fn fields(&self, found: &mut Vec<Field>) {
        match self {
            Self::Field(field) => found.push(*field),
            Self::Concat(parts) => parts.iter().for_each(|p| p.fields(found)),
            Self::Bits(_, a, b) => [a, b].into_iter().for_each(|e| e.fields(found)),
            Self::Const(_) | Self::Opaque(_) => {}
        }
    }
}

impl Field {
    fn kind(self) -> Kind {
        match self {
            Self::Source(4)
            | Self::Destination(4)
            | Self::CtSource(Some(4))
            | Self::CtDestination(Some(4)) => Kind::Ipv4,
            Self::Source(_) | Self::Destination(_) => Kind::Ipv6,
            Self::CtSource(Some(_)) | Self::CtDestination(Some(_)) => Kind::Ipv6,
            Self::HeaderProtocol(_) | Self::Transport | Self::CtProtocol => Kind::Protocol,
            Self::TcpFlags => Kind::TcpFlags,
            Self::NetworkProtocol | Self::CtNetworkProtocol => Kind::NetworkProtocol,
            Self::EtherType => Kind::EtherType,
            // `iif` and `iifname` alike: nft prints the name, or the number of an interface that is gone.
            Self::Interface | Self::OutInterface => Kind::InterfaceName,
            Self::InterfaceType => Kind::InterfaceType,
            Self::PacketType => Kind::PacketType,
            Self::DestinationType { .. } | Self::SourceType => Kind::FibType,
            Self::CtState => Kind::CtState,
            Self::CtStatus => Kind::CtStatus,
            Self::CtDirection => Kind::CtDirection,
            Self::CtSource(None) | Self::CtDestination(None) => Kind::Other,
            _ => Kind::Integer,
        }
    }
}

/// Reads an expression; constants in arithmetic are read as the other side's kind.
pub(crate) fn parse(value: &Value) -> Expr {
    parse_known(value).unwrap_or_else(|| Expr::Opaque(crate::text::expression(value)))
}

fn parse_known(value: &Value) -> Option<Expr> {
    let Value::Object(map) = value else {
        return scalar(value, Kind::Integer).map(Expr::Const);
    };
    let (name, inner) = map.iter().next()?;
    let text = |key: &str| inner.get(key).and_then(Value::as_str);
    let field = match name.as_str() {
        "payload" => match text("protocol") {
            Some(protocol) => header_field(protocol, text("field")?)?,
            None => return raw_payload(inner),
        },
        "meta" => metadata(text("key").or_else(|| inner.as_str())?)?,
        "ct" => connection(text("key")?, text("dir"))?,
        "fib" => routing(text("result")?, inner.get("flags"))?,
        "exthdr" => Field::MissingHeader { existence: inner.get("field").is_none() },
        "ip option" => Field::MissingHeader { existence: inner.get("field").is_none() },
        "elem" => return parse_known(inner.get("val")?),
        "concat" => {
            let parts = inner.as_array()?.iter().map(parse).collect();
            return Some(Expr::Concat(parts));
        }
        _ => return arithmetic(name, inner),
    };
    Some(Expr::Field(field))
}

fn arithmetic(operator: &str, both: &Value) -> Option<Expr> {
    let op = match operator {
        "&" => BitOp::And,
        "|" => BitOp::Or,
        "^" => BitOp::Xor,
        "<<" => BitOp::Left,
        ">>" => BitOp::Right,
        _ => return None,
    };
    let (first, rest) = both.as_array()?.split_first()?;
    let mut left = parse_known(first)?;
    for operand in rest {
        let right = match scalar(operand, left.kind()) {
            Some(number) => Expr::Const(number),
            None => parse_known(operand)?,
        };
        left = Expr::Bits(op, Box::new(left), Box::new(right));
    }
    Some(left)
}

fn header_field(protocol: &str, field: &str) -> Option<Field> {
    let transport = match protocol {
        "tcp" => Some(6),
        "udp" => Some(17),
        "sctp" => Some(132),
        "udplite" => Some(136),
        "dccp" => Some(33),
        _ => None,
    };
    Some(match (protocol, field) {
        ("ip", "saddr") => Field::Source(4),
        ("ip", "daddr") => Field::Destination(4),
        ("ip6", "saddr") => Field::Source(6),
        ("ip6", "daddr") => Field::Destination(6),
        ("ip", "version") => Field::Version(4),
        ("ip6", "version") => Field::Version(6),
        ("ip", "protocol") => Field::HeaderProtocol(4),
        ("ip6", "nexthdr") => Field::HeaderProtocol(6),
        ("ip", "frag-off") => Field::FragmentOffset,
        ("tcp", "flags") => Field::TcpFlags,
        ("th", "sport") => Field::SourcePort(None),
        ("th", "dport") => Field::DestinationPort(None),
        (_, "sport") if transport.is_some() => Field::SourcePort(transport),
        (_, "dport") if transport.is_some() => Field::DestinationPort(transport),
        ("icmp" | "icmpv6" | "igmp" | "esp" | "ah" | "comp" | "arp" | "dccp", _) => Field::NeverThere,
        _ => return None,
    })
}

/// `@base,offset,length` where it means a field that has a name.
fn raw_payload(value: &Value) -> Option<Expr> {
    let offset = value.get("offset")?.as_u64()?;
    let length = value.get("len")?.as_u64()?;
    let field = match (value.get("base")?.as_str()?, offset, length) {
        ("th", 0, 16) => Field::SourcePort(None),
        ("th", 16, 16) => Field::DestinationPort(None),
        _ => return None,
    };
    Some(Expr::Field(field))
}

fn metadata(key: &str) -> Option<Field> {
    Some(match key {
        "l4proto" => Field::Transport,
        "nfproto" => Field::NetworkProtocol,
        "protocol" => Field::EtherType,
        "iif" | "iifname" => Field::Interface,
        "iiftype" => Field::InterfaceType,
        "oif" | "oifname" => Field::OutInterface,
        "pkttype" => Field::PacketType,
        "mark" => Field::Mark,
        "skuid" | "skgid" | "cgroup" => Field::LocalSocketOwner,
        "ipsec" | "secpath" => Field::Ipsec,
        _ => return None,
    })
}

fn connection(key: &str, direction: Option<&str>) -> Option<Field> {
    if direction == Some("reply") {
        return None;
    }
    Some(match key {
        "state" => Field::CtState,
        "status" => Field::CtStatus,
        "direction" => Field::CtDirection,
        "mark" => Field::CtMark,
        "label" => Field::CtLabel,
        "protocol" => Field::CtProtocol,
        "l3proto" => Field::CtNetworkProtocol,
        "saddr" => Field::CtSource(None),
        "ip saddr" => Field::CtSource(Some(4)),
        "ip6 saddr" => Field::CtSource(Some(6)),
        "daddr" => Field::CtDestination(None),
        "ip daddr" => Field::CtDestination(Some(4)),
        "ip6 daddr" => Field::CtDestination(Some(6)),
        "proto-src" => Field::CtSourcePort,
        "proto-dst" => Field::CtDestinationPort,
        _ => return None,
    })
}

fn routing(result: &str, flags: Option<&Value>) -> Option<Field> {
    let flags: Vec<&str> = match flags? {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let has = |flag: &str| flags.contains(&flag);
    match result {
        "type" if has("daddr") && !has("oif") => Some(Field::DestinationType { by_interface: has("iif") }),
        "type" if has("saddr") => Some(Field::SourceType),
        "oif" | "oifname" if has("saddr") => Some(Field::ReversePath),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arithmetic_reads_constants_as_the_fields_kind() {
        let e = parse(&json!({"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["syn", "ack"]]}));
        let flags = Expr::Field(Field::TcpFlags);
        assert_eq!(e, Expr::Bits(BitOp::And, Box::new(flags), Box::new(Expr::Const(18))));
    }

    #[test]
    fn what_is_not_known_keeps_its_text() {
        let e = parse(&json!({"osf": {"key": "name"}}));
        assert!(matches!(&e, Expr::Opaque(text) if text.contains("osf")), "{e:?}");
    }
}
