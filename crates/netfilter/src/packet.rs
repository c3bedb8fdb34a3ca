//! The packet that is followed: what is fixed for a whole walk ([`World`]), what rules change on the way
//! ([`State`]), and the value of an expression at a point of it ([`Sym`]).
//!
//! Everything is concrete but the source address: that one is a set of ranges, so that one walk answers for every
//! client at once. With a single client the same walk is exact for that client.

use std::net::IpAddr;

use crate::expression::{BitOp, Expr, Field};
use crate::query::{Family, Interface, Transport};
use crate::value::number;

/// Kernel priorities (`nf_ip_hook_priorities`): from here on packets have a connection.
pub(crate) const PRIORITY_CONNTRACK: i32 = -200;
/// The one place in prerouting where all NAT chains run, whatever their own priorities.
pub(crate) const PRIORITY_DNAT: i32 = -100;
/// The same in input and postrouting.
pub(crate) const PRIORITY_SNAT: i32 = 100;

/// Where a base chain is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Hook {
    Ingress,
    Prerouting,
    Input,
    Forward,
    Postrouting,
}

/// What does not change during a walk.
#[derive(Debug, Clone)]
pub(crate) struct World<'a> {
    pub(crate) family: Family,
    pub(crate) transport: Transport,
    /// The client, if there is only one.
    pub(crate) source: Option<u128>,
    pub(crate) source_port: u16,
    /// Where the client sends to; `None`: an address of the host that is not known.
    pub(crate) destination: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) interface: &'a Interface,
    pub(crate) interfaces: &'a [Interface],
    /// Whether the kernel tracks connections.
    pub(crate) tracks: bool,
    /// Whether limits are exceeded.
    pub(crate) throttled: bool,
    /// Whether the packet came through an `IPsec` tunnel.
    pub(crate) ipsec: bool,
    /// A dynamic set that the client got itself into.
    pub(crate) member_of: Option<usize>,
    /// Whether the packet belongs to a connection that is established, instead of opening one.
    pub(crate) established: bool,
}

/// What rules change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) destination: Destination,
    /// `None`: translated to a port that is not known.
    pub(crate) port: Option<u16>,
    /// `None`: set to something that is not known.
    pub(crate) mark: Option<u32>,
    pub(crate) ct_mark: Option<u32>,
    pub(crate) tracking: Tracking,
    /// A NAT rule was applied; no other will be.
    pub(crate) translated: bool,
    /// ... and it changed the destination; `None`: not known.
    pub(crate) destination_changed: Option<bool>,
    /// Sets that rules added something of this packet to: the set and the key.
    pub(crate) added: Vec<(usize, Expr)>,
}

/// Where a packet goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    Address(IpAddr),
    /// An address of the host, not known which.
    Host,
    Unknown,
}

/// Whether a packet has a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tracking {
    Tracked,
    /// `notrack` came before connection tracking.
    Untracked,
    Unknown,
}

/// The point of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) hook: Hook,
    pub(crate) priority: i32,
    /// Address translation: it is decided by a connection's first packet, whichever is followed.
    pub(crate) nat: bool,
}

/// What connection tracking has done at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    NotYet,
    New,
    Established,
    None,
    Unknown,
}

/// The value of an expression.
#[derive(Debug, Clone)]
pub(crate) enum Sym<'a> {
    Number(u128),
    /// The source address, any of the walk's.
    Source,
    /// The source address with bits masked away.
    Masked(u128),
    Interface(&'a Interface),
    /// Any number but this one.
    Not(u128),
    /// The packet has no such thing: a rule that looks at it does not match, whatever it compares to.
    Absent,
    Unknown(String),
}

impl World<'_> {
    /// The packet as it comes in.
    pub(crate) fn start(&self) -> State {
        State {
            destination: self.destination.map_or(Destination::Host, Destination::Address),
            port: Some(self.port),
            mark: Some(0),
            ct_mark: if self.established { None } else { Some(0) },
            tracking: Tracking::Tracked,
            translated: false,
            destination_changed: Some(false),
            added: Vec::new(),
        }
    }

    /// Whether the host takes packets for that destination itself.
    pub(crate) fn is_local(&self, destination: Destination) -> Option<bool> {
        match destination {
            Destination::Host => Some(true),
            Destination::Unknown => None,
            Destination::Address(address) => Some(
                self.destination == Some(address)
                    || address.is_loopback()
                    || self.interfaces.iter().any(|i| i.has(address)),
            ),
        }
    }

    /// The interface that leads to an address, when one of the host's networks holds it.
    fn way_out(&self, destination: Destination) -> Option<&Interface> {
        let Destination::Address(address) = destination else { return None };
        let on_link = |i: &&Interface| i.addresses.iter().any(|net| net.contains(&address));
        let longest = |i: &&Interface| {
            i.addresses.iter().filter(|net| net.contains(&address)).map(ipnet::IpNet::prefix_len).max()
        };
        self.interfaces.iter().filter(on_link).max_by_key(longest)
    }

    fn is_v4(&self) -> bool {
        self.family == Family::V4
    }

    fn version(&self) -> u8 {
        if self.is_v4() { 4 } else { 6 }
    }

    fn connection(&self, state: &State, stage: Stage) -> Connection {
        let before = match stage.hook {
            _ if !self.tracks => true,
            Hook::Ingress => true,
            Hook::Prerouting if stage.priority == PRIORITY_CONNTRACK => return Connection::Unknown,
            Hook::Prerouting => stage.priority < PRIORITY_CONNTRACK,
            _ => false,
        };
        match state.tracking {
            Tracking::Untracked => Connection::None,
            Tracking::Unknown => Connection::Unknown,
            Tracking::Tracked if before => Connection::NotYet,
            Tracking::Tracked if self.established && !stage.nat => Connection::Established,
            Tracking::Tracked => Connection::New,
        }
    }

    /// What `notrack` leaves behind at a point: it does nothing to a packet that has a connection.
    pub(crate) fn untracked(&self, state: &State, stage: Stage) -> Tracking {
        match self.connection(state, stage) {
            Connection::New | Connection::Established => Tracking::Tracked,
            Connection::Unknown => Tracking::Unknown,
            Connection::NotYet | Connection::None => Tracking::Untracked,
        }
    }

    /// The parts of a key.
    pub(crate) fn key(&self, expr: &Expr, state: &State, stage: Stage) -> Vec<Sym<'_>> {
        match expr {
            Expr::Concat(parts) => parts.iter().map(|p| self.value(p, state, stage)).collect(),
            one => vec![self.value(one, state, stage)],
        }
    }

    /// The value of an expression of one part.
    pub(crate) fn value(&self, expr: &Expr, state: &State, stage: Stage) -> Sym<'_> {
        match expr {
            Expr::Field(field) => self.field(*field, state, stage),
            Expr::Const(n) => Sym::Number(*n),
            Expr::Opaque(what) => Sym::Unknown(what.clone()),
            Expr::Concat(_) => Sym::Unknown("a concatenation inside an expression".into()),
            Expr::Bits(op, left, right) => {
                if let (Expr::Field(Field::FragmentOffset), BitOp::And, Expr::Const(mask)) =
                    (&**left, op, &**right)
                    && self.is_v4()
                    && mask & DONT_FRAGMENT == 0
                {
                    return Sym::Number(0);
                }
                self.bits(*op, self.value(left, state, stage), self.value(right, state, stage))
            }
        }
    }

    fn bits<'s>(&self, op: BitOp, left: Sym<'s>, right: Sym<'s>) -> Sym<'s> {
        match (op, left, right) {
            (_, Sym::Absent, _) | (_, _, Sym::Absent) => Sym::Absent,
            (op, Sym::Number(a), Sym::Number(b)) => Sym::Number(match op {
                BitOp::And => a & b,
                BitOp::Or => a | b,
                BitOp::Xor => a ^ b,
                // Shifts are done on registers of 32 bits.
                BitOp::Left => {
                    u32::try_from(b).ok().and_then(|n| a.checked_shl(n)).unwrap_or(0) & 0xffff_ffff
                }
                BitOp::Right => u32::try_from(b).ok().and_then(|n| a.checked_shr(n)).unwrap_or(0),
            }),
            (BitOp::And, Sym::Source, Sym::Number(mask)) => {
                Sym::Masked(if self.is_v4() { mask | !u128::from(u32::MAX) } else { mask })
            }
            (_, Sym::Unknown(why), _) | (_, _, Sym::Unknown(why)) => Sym::Unknown(why),
            _ => Sym::Unknown("arithmetic on the source address".into()),
        }
    }

    fn field(&self, field: Field, state: &State, stage: Stage) -> Sym<'_> {
        let flag = |b: bool| Sym::Number(u128::from(b));
        match field {
            Field::Source(version) if version == self.version() => self.source(),
            Field::Destination(version) if version == self.version() => Self::destination(state.destination),
            Field::Version(version) if version == self.version() => Sym::Number(version.into()),
            Field::HeaderProtocol(version) if version == self.version() => {
                Sym::Number(self.transport.number())
            }
            Field::Source(_) | Field::Destination(_) | Field::Version(_) | Field::HeaderProtocol(_) => {
                Sym::Absent
            }
            Field::Transport => Sym::Number(self.transport.number()),
            Field::SourcePort(of) if self.speaks(of) => Sym::Number(self.source_port.into()),
            Field::DestinationPort(of) if self.speaks(of) => match state.port {
                Some(port) => Sym::Number(port.into()),
                None => Sym::Unknown("the port after address translation".into()),
            },
            Field::SourcePort(_) | Field::DestinationPort(_) | Field::NeverThere => Sym::Absent,
            Field::TcpFlags if self.transport == Transport::Tcp => {
                Sym::Number(if self.established && !stage.nat { ACK } else { SYN })
            }
            Field::TcpFlags => Sym::Absent,
            Field::FragmentOffset if self.is_v4() => Sym::Unknown("ip frag-off".into()),
            Field::FragmentOffset => Sym::Absent,
            Field::NetworkProtocol => Sym::Number(if self.is_v4() { 2 } else { 10 }),
            Field::EtherType => Sym::Number(if self.is_v4() { 0x0800 } else { 0x86dd }),
            Field::Interface => Sym::Interface(self.interface),
            Field::InterfaceType => Sym::Not(LOOPBACK_TYPE),
            Field::OutInterface => match stage.hook {
                Hook::Forward | Hook::Postrouting => match self.way_out(state.destination) {
                    Some(interface) => Sym::Interface(interface),
                    None => Sym::Unknown("the outgoing interface".into()),
                },
                // The kernel compares with an empty name.
                _ => Sym::Interface(&NO_INTERFACE),
            },
            Field::PacketType => Sym::Number(0),
            Field::Mark => match state.mark {
                // The first packet's may have been another.
                Some(_) if self.established && stage.nat => {
                    Sym::Unknown("the mark of the connection's first packet".into())
                }
                Some(mark) => Sym::Number(mark.into()),
                None => Sym::Unknown("meta mark".into()),
            },
            // The kernel may have found the connection's socket before the input hook.
            Field::LocalSocketOwner if self.established && stage.hook == Hook::Input => {
                Sym::Unknown("the owner of the connection's socket".into())
            }
            Field::LocalSocketOwner => Sym::Absent,
            Field::Ipsec => flag(self.ipsec),
            Field::DestinationType { by_interface } => self.destination_type(state, by_interface),
            Field::SourceType => Sym::Number(UNICAST),
            Field::ReversePath => flag(true),
            Field::MissingHeader { existence: true } => flag(false),
            Field::MissingHeader { existence: false } => Sym::Absent,
            Field::CtState => match self.connection(state, stage) {
                Connection::NotYet => Sym::Number(CT_INVALID),
                Connection::New => Sym::Number(CT_NEW),
                Connection::Established => Sym::Number(CT_ESTABLISHED),
                Connection::None => Sym::Number(CT_UNTRACKED),
                Connection::Unknown => Sym::Unknown("ct state".into()),
            },
            _ => match self.connection(state, stage) {
                Connection::Established if matches!(field, Field::CtStatus | Field::CtLabel) => {
                    Sym::Unknown("what an established connection has seen".into())
                }
                Connection::New | Connection::Established => self.connection_field(field, state),
                Connection::Unknown => Sym::Unknown("connection tracking".into()),
                Connection::NotYet | Connection::None => Sym::Absent,
            },
        }
    }

    /// Fields of the connection, which is new and has seen this one packet.
    fn connection_field(&self, field: Field, state: &State) -> Sym<'_> {
        let same_version = |of: Option<u8>| of.is_none_or(|v| v == self.version());
        match field {
            Field::CtStatus => match state.destination_changed {
                Some(changed) => Sym::Number(if changed { CT_STATUS_DNAT } else { 0 }),
                None => Sym::Unknown("ct status".into()),
            },
            Field::CtDirection | Field::CtLabel => Sym::Number(0),
            Field::CtMark => match state.ct_mark {
                Some(mark) => Sym::Number(mark.into()),
                None => Sym::Unknown("ct mark".into()),
            },
            Field::CtProtocol => Sym::Number(self.transport.number()),
            Field::CtNetworkProtocol => Sym::Number(if self.is_v4() { 2 } else { 10 }),
            Field::CtSource(of) if same_version(of) => self.source(),
            Field::CtDestination(of) if same_version(of) => match self.destination {
                Some(address) => Sym::Number(number(address)),
                None => Sym::Unknown("the host's address".into()),
            },
            Field::CtSourcePort => Sym::Number(self.source_port.into()),
            Field::CtDestinationPort => Sym::Number(self.port.into()),
            _ => Sym::Absent,
        }
    }

    fn source(&self) -> Sym<'_> {
        self.source.map_or(Sym::Source, Sym::Number)
    }

    fn destination(of: Destination) -> Sym<'static> {
        match of {
            Destination::Address(address) => Sym::Number(number(address)),
            Destination::Host | Destination::Unknown => Sym::Unknown("the destination address".into()),
        }
    }

    fn destination_type(&self, state: &State, by_interface: bool) -> Sym<'_> {
        let own = self.interface.addresses.iter();
        match (self.is_local(state.destination), state.destination) {
            (None, _) => Sym::Unknown("the destination after address translation".into()),
            (Some(false), _) => Sym::Number(UNICAST),
            (Some(true), _) if !by_interface => Sym::Number(LOCAL),
            (Some(true), Destination::Address(address)) if own.len() > 0 => {
                Sym::Number(if self.interface.has(address) { LOCAL } else { UNICAST })
            }
            (Some(true), _) => Sym::Unknown("the incoming interface's addresses".into()),
        }
    }

    fn speaks(&self, transport: Option<u8>) -> bool {
        transport.is_none_or(|number| u128::from(number) == self.transport.number())
    }
}

const SYN: u128 = 2;
const ACK: u128 = 16;
const DONT_FRAGMENT: u128 = 0x4000;
const UNICAST: u128 = 1;
const LOCAL: u128 = 2;
const LOOPBACK_TYPE: u128 = 772;
const CT_INVALID: u128 = 1;
const CT_ESTABLISHED: u128 = 2;
const CT_NEW: u128 = 8;
const CT_UNTRACKED: u128 = 64;
const CT_STATUS_DNAT: u128 = 32;

static NO_INTERFACE: Interface =
    Interface { name: String::new(), index: Some(0), addresses: Vec::new(), inbound: false };
