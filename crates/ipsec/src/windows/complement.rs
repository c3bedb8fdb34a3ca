//! All addresses but those of a client set, as ranges: what a firewall blocks that has no "not".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_filter::ClientSet;

/// Most ranges of one rule.
pub(super) const MOST: usize = 1000;

/// Ranges of both families, first and last address; none when there would be too many. They begin with 1: no packet
/// comes from `0.0.0.0` or `::`.
pub(super) fn complement(set: &ClientSet) -> Option<Vec<(IpAddr, IpAddr)>> {
    let v4 = set.v4().iter().map(|net| (to_u128(net.network()), to_u128(net.broadcast())));
    let v6 = set.v6().iter().map(|net| (u128::from(net.network()), u128::from(net.broadcast())));
    let mut ranges: Vec<(IpAddr, IpAddr)> = Vec::new();
    ranges.extend(gaps(v4, u128::from(u32::MAX)).map(|(a, b)| (from_u128(a).into(), from_u128(b).into())));
    ranges.extend(gaps(v6, u128::MAX).map(|(a, b)| (Ipv6Addr::from(a).into(), Ipv6Addr::from(b).into())));
    (ranges.len() <= MOST).then_some(ranges)
}

/// What lies between sorted, disjoint ranges, from 1 to `last`.
fn gaps(taken: impl Iterator<Item = (u128, u128)>, last: u128) -> impl Iterator<Item = (u128, u128)> {
    let mut gaps = Vec::new();
    // None: nothing is left after the last address of all.
    let mut next = Some(1u128);
    for (first, end) in taken {
        if let Some(from) = next
            && from < first
        {
            gaps.push((from, first - 1));
        }
        next = if end >= last { None } else { next.max(Some(end + 1)) };
    }
    gaps.extend(next.map(|from| (from, last)));
    gaps.into_iter()
}

fn to_u128(address: Ipv4Addr) -> u128 {
    u32::from(address).into()
}

fn from_u128(address: u128) -> Ipv4Addr {
    Ipv4Addr::from(u32::try_from(address).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipnet::{Ipv4Net, Ipv6Net};
    use proptest::prelude::*;

    #[test]
    fn all_but_one_network() {
        let set = ClientSet::of_entries(["192.0.2.0/24", "2001:db8::/32"]).unwrap();
        let shown: Vec<String> =
            complement(&set).unwrap().into_iter().map(|(a, b)| format!("{a}-{b}")).collect();
        assert_eq!(
            shown,
            [
                "0.0.0.1-192.0.1.255",
                "192.0.3.0-255.255.255.255",
                "::1-2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
                "2001:db9::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
            ]
        );
        let everyone = ClientSet::of_entries(["0.0.0.0/0", "::/0"]).unwrap();
        assert_eq!(complement(&everyone), Some(Vec::new()));
    }

    proptest! {
        /// An address is in the set or in one range of the rest, never in both.
        #[test]
        fn each_address_is_on_one_side(
            nets in prop::collection::vec((any::<u32>(), 0u8..=32), 1..20),
            nets6 in prop::collection::vec((any::<u128>(), 0u8..=128), 0..20),
            probes in prop::collection::vec(1u32.., 20),
            probes6 in prop::collection::vec(1u128.., 20),
        ) {
            let nets: Vec<String> = nets
                .into_iter()
                .map(|(a, length)| Ipv4Net::new(a.into(), length).unwrap().trunc().to_string())
                // Addresses of the mapped form are refused by the set.
                .chain(nets6.into_iter().map(|(a, length)| {
                    Ipv6Net::new((a | 1 << 127).into(), length).unwrap().trunc().to_string()
                }))
                .collect();
            let set = ClientSet::of_entries(nets.iter().map(String::as_str)).unwrap();
            let rest = complement(&set).unwrap();
            let near = set.v4().iter().flat_map(|n| [n.network(), n.broadcast()]).map(IpAddr::from);
            let near6 = set.v6().iter().flat_map(|n| [n.network(), n.broadcast()]).map(IpAddr::from);
            let probes = probes.into_iter().map(|p| IpAddr::from(Ipv4Addr::from(p)));
            let probes6 = probes6.into_iter().map(|p| IpAddr::from(Ipv6Addr::from(p)));
            for probe in probes.chain(probes6).chain(near).chain(near6).filter(|p| !p.is_unspecified()) {
                let outside = rest.iter().filter(|(a, b)| a.is_ipv4() == probe.is_ipv4() && *a <= probe && probe <= *b);
                prop_assert_eq!(outside.count(), usize::from(!set.contains(probe)), "{}", probe);
            }
        }
    }
}
