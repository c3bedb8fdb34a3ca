//! Named sets of clients: addresses and networks of both families, merged.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Longest name. With its ending it is a set's name, which has at most 31 characters in kernels before 4.14
/// (`NFT_SET_MAXNAMELEN`).
const LONGEST_NAME: usize = 24;
/// Most entries of one set; more would not be a list of clients.
const MOST: usize = 1_000_000;

/// Name of a client set: lower-case letters, digits, `-` and `_`, beginning with a letter; at most 24.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SetName(String);

impl SetName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SetName> for String {
    fn from(name: SetName) -> Self {
        name.0
    }
}

impl TryFrom<String> for SetName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.len() > LONGEST_NAME
            || !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !name.chars().all(fits)
        {
            return Err(format!(
                "{name:?}: names of client sets are lower-case letters, digits, - and _, begin with a letter, and \
                 have at most {LONGEST_NAME} characters"
            ));
        }
        Ok(Self(name))
    }
}

/// Why something is no set of clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientsError {
    /// Neither an address nor a network: a host's name, a word, a mistake.
    #[error("{place}: {text:?} is no address and no network; names are not looked up, write addresses")]
    NotAnAddress {
        /// Line, or number of the entry, from 1.
        place: String,
        /// What is there, cut to a readable length.
        text: String,
    },
    /// Bits below the network's length are set: it is not said which was meant.
    #[error(
        "{place}: {given} has bits below its length; the network is {network}, the one address {address}"
    )]
    HostBits {
        /// Line, or number of the entry, from 1.
        place: String,
        /// As given.
        given: IpNet,
        /// The network without these bits.
        network: IpNet,
        /// The address alone.
        address: IpAddr,
    },
    /// An IPv4 address in IPv6 clothes: packets come as IPv4.
    #[error("{place}: {given} is an IPv4 address written as IPv6; write {v4}")]
    Mapped {
        /// Line, or number of the entry, from 1.
        place: String,
        /// As given.
        given: IpNet,
        /// As packets have it.
        v4: IpAddr,
    },
    /// Nobody is in it: the door would be closed to all.
    #[error("it is empty: nobody could come in; leave the door out to close it")]
    Empty,
    /// More entries than a set may have.
    #[error("it has more than {MOST} entries")]
    TooMany,
}

/// The addresses of a client set: networks of each family, sorted, disjoint, the fewest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientSet {
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

impl ClientSet {
    /// Merges entries, each an address or a network. Overlapping ones are one, and so are neighbours.
    pub fn of_entries<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, ClientsError> {
        let places = entries.into_iter().enumerate();
        Self::merge(places.map(|(at, entry)| (place("entry", at), entry)))
    }

    /// Merges the lines of a file: an address or a network a line, `#` begins a comment, empty lines are nothing.
    pub fn of_file(text: &str) -> Result<Self, ClientsError> {
        let lines = text.lines().enumerate();
        let entries =
            lines.map(|(at, line)| (at, line.split_once('#').map_or(line, |(entry, _)| entry).trim()));
        let entries = entries.filter(|(_, entry)| !entry.is_empty());
        Self::merge(entries.map(|(at, entry)| (place("line", at), entry)))
    }

    /// The members of either.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.v4.extend(other.v4);
        self.v6.extend(other.v6);
        Self { v4: Ipv4Net::aggregate(&self.v4), v6: Ipv6Net::aggregate(&self.v6) }
    }

    fn merge<'a>(entries: impl Iterator<Item = (Place, &'a str)>) -> Result<Self, ClientsError> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (at, (place, entry)) in entries.enumerate() {
            if at == MOST {
                return Err(ClientsError::TooMany);
            }
            match network(&place, entry)? {
                IpNet::V4(net) => v4.push(net),
                IpNet::V6(net) => v6.push(net),
            }
        }
        if v4.is_empty() && v6.is_empty() {
            return Err(ClientsError::Empty);
        }
        Ok(Self { v4: Ipv4Net::aggregate(&v4), v6: Ipv6Net::aggregate(&v6) })
    }

    /// IPv4 networks, sorted.
    pub fn v4(&self) -> &[Ipv4Net] {
        &self.v4
    }

    /// IPv6 networks, sorted.
    pub fn v6(&self) -> &[Ipv6Net] {
        &self.v6
    }

    /// Whether an address is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        // Of two networks that overlap, one begins in the other.
        let begins_in = |one: &Self, other: &Self| {
            one.v4.iter().any(|net| other.contains(net.network().into()))
                || one.v6.iter().any(|net| other.contains(net.network().into()))
        };
        begins_in(self, other) || begins_in(other, self)
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => {
                let after = self.v4.partition_point(|net| net.network() <= a);
                after.checked_sub(1).and_then(|at| self.v4.get(at)).is_some_and(|net| net.contains(&a))
            }
            IpAddr::V6(a) => {
                let after = self.v6.partition_point(|net| net.network() <= a);
                after.checked_sub(1).and_then(|at| self.v6.get(at)).is_some_and(|net| net.contains(&a))
            }
        }
    }
}

/// Where an entry stands; put into words only when something is wrong with it.
#[derive(Clone, Copy)]
struct Place(&'static str, usize);

fn place(what: &'static str, at: usize) -> Place {
    Place(what, at + 1)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

fn network(place: &Place, entry: &str) -> Result<IpNet, ClientsError> {
    let parsed = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
    let net = parsed.map_err(|_| ClientsError::NotAnAddress {
        place: place.to_string(),
        text: entry.chars().take(60).collect(),
    })?;
    if let IpNet::V6(v6) = net
        && let Some(v4) = v6.addr().to_ipv4_mapped()
    {
        return Err(ClientsError::Mapped { place: place.to_string(), given: net, v4: v4.into() });
    }
    if net.addr() != net.network() {
        let (network, address) = (net.trunc(), net.addr());
        return Err(ClientsError::HostBits { place: place.to_string(), given: net, network, address });
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(entries: &[&str]) -> String {
        ClientSet::of_entries(entries.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn entries_of_both_families_are_merged() {
        let set = ClientSet::of_entries([
            "192.0.2.128/25",
            "192.0.2.0/25",
            "192.0.2.7",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "2001:db8::/33",
            "2001:db8:8000::/33",
        ])
        .unwrap();
        assert_eq!(set.v4(), ["10.0.0.0/8".parse().unwrap(), "192.0.2.0/24".parse().unwrap()]);
        assert_eq!(set.v6(), ["2001:db8::/32".parse().unwrap()]);
        for (address, is_in) in
            [("10.255.0.1", true), ("192.0.3.0", false), ("9.255.255.255", false), ("2001:db8:ffff::1", true)]
        {
            assert_eq!(set.contains(address.parse().unwrap()), is_in, "{address}");
        }
        assert_eq!(set.clone().union(set.clone()), set);
    }

    #[test]
    fn sets_overlap_when_an_address_is_in_both() {
        let set = |entries: &[&str]| ClientSet::of_entries(entries.iter().copied()).unwrap();
        let office = set(&["192.0.2.0/24", "2001:db8::/32"]);
        for (other, overlaps) in [
            (&["192.0.2.7"][..], true),
            (&["192.0.0.0/16"], true),
            (&["2001:db8:1::/48"], true),
            (&["192.0.3.0/24", "2001:db9::/32"], false),
        ] {
            assert_eq!((office.overlaps(&set(other)), set(other).overlaps(&office)), (overlaps, overlaps));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert_eq!(
            said(&["10.0.0.0/8", "192.0.2.7/24"]),
            "entry 2: 192.0.2.7/24 has bits below its length; the network is 192.0.2.0/24, the one address 192.0.2.7"
        );
        assert_eq!(
            said(&["example.org"]),
            "entry 1: \"example.org\" is no address and no network; names are not looked up, write addresses"
        );
        assert!(said(&["::ffff:192.0.2.1"]).contains("write 192.0.2.1"));
        assert!(said(&[]).contains("empty"));
        assert!(said(&["10.0.0.0/33"]).contains("no network"));
        let file = ClientSet::of_file("# the office\n192.0.2.0/24 # all\n\n10.0.0.1/31\n").unwrap_err();
        assert!(file.to_string().starts_with("line 4: 10.0.0.1/31"), "{file}");
        assert_eq!(ClientSet::of_file("# nobody\n"), Err(ClientsError::Empty));
    }

    #[test]
    fn names_are_short_and_plain() {
        assert!(SetName::try_from("office-2_a".to_owned()).is_ok());
        for bad in ["", "2office", "Office", "a b", "a;drop", "é", &"a".repeat(25)] {
            assert!(SetName::try_from((*bad).to_owned()).is_err(), "{bad}");
        }
    }
}
