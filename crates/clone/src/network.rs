//! The copy's network: the host's own interfaces and addresses, with a visitor's at the other end of each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::error::Doing as _;
use crate::program::{SLEEP, UNSHARE, program, run_ip};
use crate::{CloneError, Interface};

/// What holds the copy's network namespace, also between two boots.
pub(crate) struct Network {
    pub(crate) holder: Child,
}

const LIMIT: Duration = Duration::from_secs(10);

impl Network {
    /// Made from the visitor's namespace, which is the caller's own.
    pub(crate) fn make(interfaces: &[Interface]) -> Result<Self, CloneError> {
        run_ip(None, &["link", "set", "lo", "up"])?;
        let holder = program(UNSHARE)
            .args(["--net", "--", SLEEP, "infinity"])
            .spawn()
            .doing(|| "make a network".to_owned())?;
        let network = Self { holder };
        network.wait()?;
        network.plug(interfaces)?;
        Ok(network)
    }

    /// Where the copy's namespace can be opened.
    pub(crate) fn place(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.holder.id()))
    }

    fn wait(&self) -> Result<(), CloneError> {
        let until = Instant::now() + LIMIT;
        let own = std::fs::read_link("/proc/self/ns/net").doing(|| "look at our network".to_owned())?;
        while std::fs::read_link(self.place()).doing(|| "look at the copy's network".to_owned())? == own {
            if Instant::now() > until {
                return Err(CloneError::Late { what: "make a network".to_owned(), limit: LIMIT });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn plug(&self, interfaces: &[Interface]) -> Result<(), CloneError> {
        let (place, pid) = (self.place(), self.holder.id().to_string());
        let inside = |words: &[&str]| run_ip(Some(&place), words);
        inside(&["link", "set", "lo", "up"])?;
        // What the copy asks of the world is answered at once: unreachable.
        for family in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            // A kernel without IPv6 lacks one of them.
            let _ = std::fs::write(Path::new("/proc/sys/net").join(family), "1\n");
        }
        let mut has_route = [false; 2];
        for (at, interface) in interfaces.iter().enumerate() {
            let (name, client) = (interface.name.as_str(), format!("client{at}"));
            run_ip(None, &["link", "add", &client, "type", "veth", "peer", "name", name, "netns", &pid])?;
            run_ip(None, &["link", "set", &client, "up"])?;
            inside(&["link", "set", name, "up"])?;
            for address in &interface.addresses {
                let visitor = visitor(address);
                let own = IpNet::new_assert(visitor, address.prefix_len()).to_string();
                let (one, visitor) = (address.to_string(), visitor.to_string());
                add(None, &own, &client)?;
                add(Some(&place), &one, name)?;
                let only = IpNet::from(address.addr()).to_string();
                run_ip(None, &["route", "replace", &only, "dev", &client])?;
                let family = usize::from(address.addr().is_ipv6());
                if !std::mem::replace(&mut has_route[family], true) {
                    let kind = ["-4", "-6"][family];
                    inside(&[kind, "route", "replace", "default", "via", &visitor, "dev", name, "onlink"])?;
                    run_ip(None, &[kind, "route", "replace", "unreachable", "default", "metric", "4096"])?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        crate::program::end(&mut self.holder);
    }
}

fn add(namespace: Option<&Path>, address: &str, device: &str) -> Result<(), CloneError> {
    // Usable at once, rather than after a second of asking who else has it.
    let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
    run_ip(namespace, &[&["addr", "add", address, "dev", device], nodad].concat())
}

/// A neighbour's address: the first or second of the network, or where that has no room, one that nobody else has.
fn visitor(of: &IpNet) -> IpAddr {
    match of {
        IpNet::V4(net) if net.prefix_len() > 30 => IpAddr::V4(Ipv4Addr::new(169, 254, 77, 1)),
        IpNet::V6(net) if net.prefix_len() > 126 => IpAddr::V6(Ipv6Addr::new(0xfdfe, 0x77, 0, 0, 0, 0, 0, 1)),
        IpNet::V4(net) => {
            let first = u32::from(net.network()) + 1;
            let next = if first == u32::from(net.addr()) { first + 1 } else { first };
            IpAddr::V4(Ipv4Addr::from(next))
        }
        IpNet::V6(net) => {
            let first = u128::from(net.network()) + 1;
            let next = if first == u128::from(net.addr()) { first + 1 } else { first };
            IpAddr::V6(Ipv6Addr::from(next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_visitor_is_a_neighbour_with_another_address() {
        for (own, expected) in [
            ("192.0.2.7/24", "192.0.2.1"),
            ("192.0.2.1/24", "192.0.2.2"),
            ("192.0.2.5/30", "192.0.2.6"),
            ("192.0.2.7/32", "169.254.77.1"),
            ("2001:db8::7/64", "2001:db8::1"),
            ("2001:db8::1/64", "2001:db8::2"),
            ("2001:db8::1/128", "fdfe:77::1"),
        ] {
            assert_eq!(visitor(&own.parse().unwrap()).to_string(), expected, "{own}");
        }
    }
}
