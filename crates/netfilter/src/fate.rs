//! What becomes of one packet: the walk for a single client, exact where it is decided.

use crate::journey::{ends, travel};
use crate::packet::{Destination, State, World};
use crate::query::{Family, Fate, Interface, Packet};
use crate::ranges::Ranges;
use crate::ruleset::Ruleset;
use crate::value::number;

impl Ruleset {
    /// What becomes of a first packet, on a host with these interfaces.
    ///
    /// Limits count as not exceeded. Undecided when the rules depend on something that neither the packet nor the
    /// listing tells.
    pub fn fate(&self, packet: &Packet, interfaces: &[Interface]) -> Fate {
        let source = number(packet.source);
        let unnamed = Interface { name: packet.interface.clone(), inbound: true, ..Interface::default() };
        let world = World {
            family: Family::of(packet.destination),
            transport: packet.protocol,
            source: Some(source),
            source_port: packet.source_port,
            destination: Some(packet.destination),
            port: packet.port,
            interface: interfaces.iter().find(|i| i.name == packet.interface).unwrap_or(&unnamed),
            interfaces,
            tracks: self.tracks(Family::of(packet.destination)),
            throttled: false,
            ipsec: false,
            member_of: None,
            established: false,
        };
        let journey = travel(self, &world, Ranges::of(source, source));
        let undecided = || {
            let why = journey.doubts.first().map(|(_, why)| why.clone());
            Fate::Undecided { why: why.unwrap_or_else(|| "the rules are too many to follow".into()) }
        };
        if journey.gave_up {
            return undecided();
        }
        let mut fates: Vec<Fate> = Vec::new();
        if !journey.dropped().is_empty() {
            fates.push(Fate::Dropped);
        }
        for (flow, local) in ends(&journey) {
            let Some(fate) = Fate::of(&flow.state, local) else { return undecided() };
            if !fates.contains(&fate) {
                fates.push(fate);
            }
        }
        match (fates.pop(), fates.is_empty()) {
            (Some(only), true) => only,
            _ => undecided(),
        }
    }
}

impl Fate {
    /// What it means to have come to the end of the rules in a state; `None`: not known.
    pub(crate) fn of(state: &State, local: bool) -> Option<Self> {
        let port = state.port?;
        match (local, state.destination) {
            (true, Destination::Address(address)) => Some(Self::Delivered { address: Some(address), port }),
            (true, Destination::Host) => Some(Self::Delivered { address: None, port }),
            (false, Destination::Address(address)) => Some(Self::Forwarded { address, port }),
            _ => None,
        }
    }
}
