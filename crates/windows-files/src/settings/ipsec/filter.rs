//! `ipsecData` of lists of filters and of rules (MS-GPIPSEC 2.2.1.5.1 and 2.2.1.3.1).

use std::fmt;
use std::net::Ipv4Addr;

/// Most filters of a list.
const LIMIT: usize = 1000;

/// GUIDs as they are stored: {80DC20B5-2EC8-11D1-A89E-00A0248D3021} begins the filters,
/// {35FECD3D-AE29-4373-8A6A-C5D8FAB2FB08} those of the newer form, {11BBAC00-498D-11D1-8639-00A0248D3021} a rule.
const FILTERS: [u8; 16] =
    [0xb5, 0x20, 0xdc, 0x80, 0xc8, 0x2e, 0xd1, 0x11, 0xa8, 0x9e, 0x00, 0xa0, 0x24, 0x8d, 0x30, 0x21];
const NEWER: [u8; 16] =
    [0x3d, 0xcd, 0xfe, 0x35, 0x29, 0xae, 0x73, 0x43, 0x8a, 0x6a, 0xc5, 0xd8, 0xfa, 0xb2, 0xfb, 0x08];
const RULE: [u8; 16] =
    [0x00, 0xac, 0xbb, 0x11, 0x8d, 0x49, 0xd1, 0x11, 0x86, 0x39, 0x00, 0xa0, 0x24, 0x8d, 0x30, 0x21];

/// Why a list of filters cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FilterError {
    /// It begins with another GUID.
    #[error("ipsecData is no list of filters")]
    Form,
    /// Something leads out of it.
    #[error("{part} leads out of ipsecData's {length} bytes")]
    Bounds { part: &'static str, length: usize },
    /// It says that it has more than anybody makes.
    #[error("ipsecData has {0} filters, more than are read")]
    Many(u32),
}

/// A list of filters.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct FilterList {
    pub(super) all: Vec<Filter>,
    /// How many there are of the newer form, which is not read.
    pub(super) newer: u32,
}

/// Which packets a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    source: End,
    destination: End,
    protocol: u32,
    mirrored: bool,
    tunnel: Option<Ipv4Addr>,
}

/// Where packets come from or go to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    address: Ipv4Addr,
    mask: Ipv4Addr,
    port: u16,
    name: String,
    /// Stands for what the machine is configured with: `the DNS servers`.
    special: Option<&'static str>,
}

impl FilterList {
    pub(super) fn parse(raw: &[u8]) -> Result<Self, FilterError> {
        let mut rest = Rest { raw, at: 0 };
        if rest.take(16, "its GUID") != Ok(&FILTERS) {
            return Err(FilterError::Form);
        }
        rest.word("its length")?;
        let count = rest.word("the number of filters")?;
        if count as usize > LIMIT {
            return Err(FilterError::Many(count));
        }
        let mut list = Self::default();
        for _ in 0..count {
            list.all.push(Filter::parse(&mut rest)?);
        }
        // After a list of the older form comes one of the newer, or a byte that means nothing.
        if rest.take(16, "") == Ok(&NEWER) {
            rest.word("the second length")?;
            rest.word("the number of older filters")?;
            list.newer = rest.word("the number of newer filters")?;
        }
        Ok(list)
    }
}

impl Filter {
    fn parse(rest: &mut Rest<'_>) -> Result<Self, FilterError> {
        let (source, destination) = (rest.text("a name")?, rest.text("a name")?);
        rest.text("a description")?;
        rest.take(16, "a filter's GUID")?;
        let mirrored = rest.word("a filter")? != 0;
        let [source_ip, source_mask, destination_ip, destination_mask, tunnel] = rest.addresses()?;
        let protocol = rest.word("a filter")?;
        let (source_port, destination_port) = (rest.half("a port")?, rest.half("a port")?);
        let &[is_tunnel, special, _, _] = rest.take(4, "a filter")? else { return Err(FilterError::Form) };
        let end = |address, mask, port, name, special| End { address, mask, port, name, special };
        let of = |mark: u8| special_name(special & 0x7f).filter(|_| special & 0x80 == mark);
        Ok(Self {
            source: end(source_ip, source_mask, source_port, source, of(0)),
            destination: end(destination_ip, destination_mask, destination_port, destination, of(0x80)),
            protocol,
            mirrored,
            tunnel: (is_tunnel != 0).then_some(tunnel),
        })
    }
}

fn special_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "the DNS servers",
        2 => "the WINS servers",
        3 => "the DHCP server",
        4 => "the default gateway",
        _ => return None,
    })
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            0 => f.write_str("any protocol")?,
            1 => f.write_str("ICMP")?,
            6 => f.write_str("TCP")?,
            17 => f.write_str("UDP")?,
            other => write!(f, "protocol {other}")?,
        }
        write!(f, " from {} to {}", self.source, self.destination)?;
        if let Some(tunnel) = self.tunnel {
            write!(f, " through the tunnel to {tunnel}")?;
        }
        f.write_str(if self.mirrored { ", and back" } else { "" })
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.special, self.address.is_unspecified(), self.mask.to_bits()) {
            (Some(special), ..) => f.write_str(special)?,
            (None, true, 0) => f.write_str("any")?,
            (None, false, u32::MAX) => write!(f, "{}", self.address)?,
            _ => write!(f, "{}/{}", self.address, self.mask)?,
        }
        if !self.name.is_empty() {
            write!(f, " ({})", self.name)?;
        }
        if self.port != 0 {
            write!(f, " port {}", self.port)?;
        }
        Ok(())
    }
}

/// Whether a rule is switched on, as its `ipsecData` says; `None` when that cannot be read.
pub(super) fn is_active(raw: &[u8]) -> Option<bool> {
    let mut rest = Rest { raw, at: 0 };
    if rest.take(16, "") != Ok(&RULE) {
        return None;
    }
    rest.word("").ok()?;
    let methods = rest.word("").ok()? as usize;
    for _ in 0..methods.min(LIMIT) {
        rest.word("").ok()?;
        rest.text("").ok()?;
    }
    rest.word("").ok()?; // kind of interface
    rest.text("").ok()?; // its name
    rest.take(8, "").ok()?; // tunnel
    rest.word("").ok().map(|active| active != 0)
}

/// What is left of some bytes.
struct Rest<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize, part: &'static str) -> Result<&'a [u8], FilterError> {
        let end = self.at.checked_add(length);
        let there = end.and_then(|end| self.raw.get(self.at..end));
        let there = there.ok_or(FilterError::Bounds { part, length: self.raw.len() })?;
        self.at += length;
        Ok(there)
    }

    fn half(&mut self, part: &'static str) -> Result<u16, FilterError> {
        self.take(2, part).map(|b| u16::from_le_bytes([b[0], b[1]]))
    }

    fn word(&mut self, part: &'static str) -> Result<u32, FilterError> {
        self.take(4, part).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn addresses(&mut self) -> Result<[Ipv4Addr; 5], FilterError> {
        let raw = self.take(20, "an address")?;
        Ok(std::array::from_fn(|n| Ipv4Addr::new(raw[4 * n], raw[4 * n + 1], raw[4 * n + 2], raw[4 * n + 3])))
    }

    /// A length, and so many bytes of UTF-16 that a zero ends.
    fn text(&mut self, part: &'static str) -> Result<String, FilterError> {
        let length = self.word(part)? as usize;
        let units = self.take(length, part)?.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
        Ok(String::from_utf16_lossy(&units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ipsec_filters, ipsec_rule};
    use proptest::prelude::*;

    const WEB: [u8; 52] = [
        9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, // GUID
        1, 0, 0, 0, // mirrored
        0, 0, 0, 0, 0, 0, 0, 0, // from any
        192, 0, 2, 1, 255, 255, 255, 255, // to one
        0, 0, 0, 0, // no tunnel
        6, 0, 0, 0, 0, 0, 80, 0, // TCP, any port to 80
        0, 0, 0, 0,
    ];

    #[test]
    fn filters_are_read() {
        let list = FilterList::parse(&ipsec_filters(&[("", &WEB), ("www.example.org", &WEB)])).unwrap();
        let told: Vec<String> = list.all.iter().map(ToString::to_string).collect();
        assert_eq!(told[0], "TCP from any to 192.0.2.1 port 80, and back");
        assert_eq!(told[1], "TCP from any (www.example.org) to 192.0.2.1 port 80, and back");
        let mut special = WEB;
        special[16] = 0;
        special[49] = 0x81;
        let list = FilterList::parse(&ipsec_filters(&[("", &special)])).unwrap();
        assert_eq!(list.all[0].to_string(), "TCP from any to the DNS servers port 80");
    }

    #[test]
    fn those_of_the_newer_form_are_counted() {
        let mut raw = ipsec_filters(&[]);
        raw.extend(NEWER);
        raw.extend([0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(FilterList::parse(&raw), Ok(FilterList { all: Vec::new(), newer: 3 }));
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let raw = ipsec_filters(&[("a", &WEB)]);
        for length in 0..raw.len() {
            assert!(FilterList::parse(&raw[..length]).is_err(), "{length} of {} bytes", raw.len());
        }
    }

    #[test]
    fn rules_are_on_or_off() {
        assert_eq!(is_active(&ipsec_rule(true)), Some(true));
        assert_eq!(is_active(&ipsec_rule(false)), Some(false));
        assert_eq!(is_active(&ipsec_rule(true)[..40]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(raw in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (FilterList::parse(&raw), is_active(&raw));
            let _ = FilterList::parse(&[&FILTERS[..], &raw].concat());
            let _ = is_active(&[&RULE[..], &raw].concat());
        }

        #[test]
        fn damaged_ones_are_taken(at in 0usize..1000, byte: u8) {
            let mut raw = ipsec_filters(&[("name", &WEB), ("", &WEB)]);
            let length = raw.len();
            raw[at % length] = byte;
            let _ = FilterList::parse(&raw).map(|list| list.all.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
    }
}
