//! Network interfaces with their addresses, from rtnetlink (`rtnetlink(7)`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_model::{Facts, Interface, Subject, Unseen};

use crate::netlink::{self, Netlink, NetlinkError, attribute, attributes, be16_at, u32_at};

const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;

/// `struct ifinfomsg` and its attributes (`linux/if_link.h`).
const LINK_MESSAGE: usize = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_EXT_MASK: u16 = 29;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
/// `RTEXT_FILTER_SKIP_STATS`: counters are most of an answer.
const SKIP_STATS: u32 = 1 << 3;
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;

/// `struct ifaddrmsg` and its attributes (`linux/if_addr.h`).
const ADDRESS_MESSAGE: usize = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// The interfaces of the network namespace that this thread is in, sorted by name.
pub fn collect() -> Facts<Vec<Interface>> {
    let mut facts = Facts::complete(Vec::new());
    let links = links().unwrap_or_else(|e| {
        facts.unseen.push(Unseen::new(Subject::Host, "network interfaces", e.to_string()));
        Vec::new()
    });
    let mut addresses = addresses().unwrap_or_else(|e| {
        facts.unseen.push(Unseen::new(Subject::Host, "addresses of network interfaces", e.to_string()));
        BTreeMap::new()
    });
    facts.value = links
        .into_iter()
        .map(|link| Interface {
            loopback: link.flags & IFF_LOOPBACK != 0,
            up: link.flags & IFF_UP != 0,
            addresses: addresses.remove(&link.index).unwrap_or_default(),
            index: link.index,
            name: link.name,
        })
        .collect();
    facts.value.sort();
    facts
}

/// An interface without its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    index: u32,
    name: String,
    flags: u32,
    /// Kind of a virtual interface: `vxlan`, `wireguard`, `veth`.
    pub(crate) kind: Option<String>,
    /// UDP port that a tunnel of that kind receives on, where its kind tells.
    pub(crate) port: Option<u16>,
}

/// The interfaces of this thread's network namespace.
pub(crate) fn links() -> Result<Vec<Link>, NetlinkError> {
    let mut request = vec![0; LINK_MESSAGE];
    request.extend(attribute(IFLA_EXT_MASK, &SKIP_STATS.to_ne_bytes()));
    Netlink::open(None)?.dump(GET_LINK, &request, |kind, payload| match kind {
        NEW_LINK => parse_link(payload).map(Some).ok_or(NetlinkError::Malformed("link")),
        _ => Ok(None),
    })
}

fn addresses() -> Result<BTreeMap<u32, Vec<String>>, NetlinkError> {
    let found =
        Netlink::open(None)?.dump(GET_ADDRESS, &[0; ADDRESS_MESSAGE], |kind, payload| match kind {
            NEW_ADDRESS => parse_address(payload).map(Some).ok_or(NetlinkError::Malformed("address")),
            _ => Ok(None),
        })?;
    let mut by_link: BTreeMap<u32, Vec<(IpAddr, u8)>> = BTreeMap::new();
    for (index, address, prefix) in found {
        by_link.entry(index).or_default().extend(address.map(|address| (address, prefix)));
    }
    let text = |mut list: Vec<(IpAddr, u8)>| {
        list.sort_unstable();
        list.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect()
    };
    Ok(by_link.into_iter().map(|(index, list)| (index, text(list))).collect())
}

fn parse_link(payload: &[u8]) -> Option<Link> {
    let index = u32_at(payload, 4)?;
    let mut link =
        Link { index, name: format!("#{index}"), flags: u32_at(payload, 8)?, kind: None, port: None };
    let mut data: &[u8] = &[];
    for (kind, value) in attributes(payload.get(LINK_MESSAGE..)?) {
        match kind {
            IFLA_IFNAME => link.name = netlink::text(value),
            IFLA_LINKINFO => {
                for (kind, value) in attributes(value) {
                    match kind {
                        INFO_KIND => link.kind = Some(netlink::text(value)),
                        INFO_DATA => data = value,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    // IFLA_VXLAN_PORT, IFLA_GENEVE_PORT, IFLA_BAREUDP_PORT
    let wanted = match link.kind.as_deref() {
        Some("vxlan") => Some(15),
        Some("geneve") => Some(5),
        Some("bareudp") => Some(1),
        _ => None,
    };
    link.port =
        attributes(data).find(|(kind, _)| Some(*kind) == wanted).and_then(|(_, value)| be16_at(value, 0));
    Some(link)
}

/// Interface, address and prefix length; no address for families other than IP.
fn parse_address(payload: &[u8]) -> Option<(u32, Option<IpAddr>, u8)> {
    let (family, prefix, index) = (*payload.first()?, *payload.get(1)?, u32_at(payload, 4)?);
    let mut found = None;
    for (kind, value) in attributes(payload.get(ADDRESS_MESSAGE..)?) {
        // On a point-to-point link, `IFA_ADDRESS` is the peer's and `IFA_LOCAL` is ours.
        let ours = kind == IFA_LOCAL || (kind == IFA_ADDRESS && found.is_none());
        let address = match (family, ours) {
            (2, true) => value.first_chunk::<4>().map(|b| Ipv4Addr::from(*b).into()),
            (10, true) => value.first_chunk::<16>().map(|b| Ipv6Addr::from(*b).into()),
            _ => continue,
        };
        found = Some(address?);
    }
    Some((index, found, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn loopback_is_seen() {
        let facts = collect();
        assert_eq!(facts.unseen, []);
        let lo = facts.value.iter().find(|i| i.loopback).expect("a loopback");
        assert_eq!(lo.name, "lo");
        assert!(!lo.up || lo.addresses.contains(&"127.0.0.1/8".to_owned()), "{lo:?}");
    }

    #[test]
    fn a_vxlan_link_tells_its_port() {
        let mut bytes = vec![0; LINK_MESSAGE];
        bytes[4] = 9;
        bytes[8] = 1;
        bytes.extend(attribute(IFLA_IFNAME, b"vx0\0"));
        let mut info = attribute(INFO_KIND, b"vxlan\0");
        info.extend(attribute(INFO_DATA, &attribute(15, &4789u16.to_be_bytes())));
        bytes.extend(attribute(IFLA_LINKINFO, &info));
        let link = parse_link(&bytes).unwrap();
        assert_eq!((link.index, link.name.as_str(), link.flags), (9, "vx0", 1));
        assert_eq!((link.kind.as_deref(), link.port), (Some("vxlan"), Some(4789)));
    }

    #[test]
    fn a_point_to_point_link_has_its_own_address() {
        let mut bytes = vec![2, 32, 0, 0, 7, 0, 0, 0];
        bytes.extend(attribute(IFA_ADDRESS, &[192, 0, 2, 2]));
        bytes.extend(attribute(IFA_LOCAL, &[192, 0, 2, 1]));
        assert_eq!(parse_address(&bytes), Some((7, Some([192, 0, 2, 1].into()), 32)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_link(&bytes);
            let _ = parse_address(&bytes);
        }
    }
}
