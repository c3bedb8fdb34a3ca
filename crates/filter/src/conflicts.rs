//! Doors that a policy opens and other tables keep closed.

use std::fmt;

use doorward_netfilter::{Family, Interface, Query, Reach, RuleRef, Ruleset, Target, Transport as Protocol};

use crate::{Door, Transport};

/// A door that stays closed, or about which the others' rules do not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The door.
    pub door: Door,
    /// Over which version of the internet protocol.
    pub family: Family,
    /// The rule or policy that closes it, if one does.
    pub by: Option<RuleRef>,
    /// What it depends on, when it is undecided.
    pub undecided: Option<String>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.family == Family::V4 { "IPv4" } else { "IPv6" };
        let door = self.door;
        match (&self.by, &self.undecided) {
            (Some(rule), _) => write!(f, "{door} stays closed over {family} by {rule}"),
            (None, Some(why)) => {
                write!(f, "whether {door} is open over {family} depends on others' rules: {why}")
            }
            (None, None) => write!(f, "{door} stays closed over {family} by others' rules"),
        }
    }
}

/// What the other tables of a host keep closed of doors that a policy opens. `others` is the ruleset without the table.
pub fn conflicts(
    doors: impl IntoIterator<Item = Door>,
    others: &Ruleset,
    interfaces: &[Interface],
) -> Vec<Conflict> {
    let families = [Family::V4, Family::V6].into_iter().filter(|family| {
        let addresses = interfaces.iter().filter(|i| i.inbound).flat_map(|i| &i.addresses);
        addresses.map(|net| Family::of(net.addr())).any(|of| of == *family)
    });
    let families: Vec<Family> = families.collect();
    let mut found = Vec::new();
    for (door, family) in
        doors.into_iter().flat_map(|door| families.iter().map(move |family| (door, *family)))
    {
        let answer = others.reach(&Query {
            protocol: match door.transport {
                Transport::Tcp => Protocol::Tcp,
                Transport::Udp => Protocol::Udp,
            },
            family,
            address: None,
            port: door.port,
            bound_to: None,
            interfaces: interfaces.to_vec(),
            target: Target::Anything,
        });
        let (by, undecided) = match answer.reach {
            Reach::Closed => (answer.rule, None),
            Reach::Undecided { why } => (None, Some(why)),
            Reach::Open | Reach::Limited { .. } => continue,
        };
        found.push(Conflict { door, family, by, undecided });
    }
    found
}
