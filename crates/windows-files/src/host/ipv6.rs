//! Fixed addresses of version 6. They are not with the interfaces, as those of version 4 are.
//!
//! From Windows Vista on they are values of a key of the network store interface: 16 hexadecimal digits of the
//! interface's `NET_LUID` in the name, then 32 of the address; the byte at 16 of the data is the length of the prefix.
//! Microsoft does not document it; Stack Overflow 8155700 and the drivers of `XenServer` describe it, and in the hive of a
//! Windows 7 the sister key of version 4 holds just the addresses of `Tcpip\Parameters\Interfaces`. The second byte
//! triple of a `NET_LUID` is the adapter's `NetLuidIndex`, the last two bytes its `*IfType`, least byte first.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use crate::registry::Node;

const STORE: &str = r"Control\Nsi\{eb004a01-9b1a-11d4-9123-0050047759bc}\10";
const ADAPTERS: &str = r"Control\Class\{4D36E972-E325-11CE-BFC1-08002BE10318}";

/// Most addresses, and adapters, that are looked at.
const LIMIT: usize = 1000;

/// Digits of a `NET_LUID`.
const LUID: usize = 16;

/// Fixed addresses with the lengths of their prefixes, by the GUID of their interface in upper case, or its `NET_LUID` when
/// there is no such adapter.
pub(super) fn fixed(set: &Node<'_>) -> BTreeMap<String, Vec<String>> {
    let Some(store) = set.child(STORE) else { return BTreeMap::new() };
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for value in store.values().take(LIMIT) {
        let name = value.name();
        let (Some((luid, address)), Ok(data)) = (parse(&name), value.data()) else {
            store.note(&format!(r"{}\{name}", store.place), "it is no address of an interface");
            continue;
        };
        if address.is_loopback() || address.is_multicast() || address.is_unspecified() {
            continue;
        }
        let length = data.get(16).copied().filter(|length| *length <= 128).unwrap_or(128);
        found.entry(luid).or_default().push(format!("{address}/{length}"));
    }
    if found.is_empty() {
        return found;
    }
    let adapters = adapters(set);
    let of_adapter = |luid: String| adapters.get(&luid).cloned().unwrap_or(luid);
    found.into_iter().map(|(luid, addresses)| (of_adapter(luid), addresses)).collect()
}

/// GUIDs of the adapters by their `NET_LUID`.
fn adapters(set: &Node<'_>) -> BTreeMap<String, String> {
    let Some(class) = set.child(ADAPTERS) else { return BTreeMap::new() };
    let adapter = |key: Node<'_>| {
        let (index, kind) = (key.number("NetLuidIndex")?, key.number("*IfType")?);
        Some((luid(index, kind), key.text("NetCfgInstanceId")?.to_uppercase()))
    };
    class.children().take(LIMIT).filter_map(adapter).collect()
}

fn luid(index: u32, kind: u32) -> String {
    let (index, kind) = (index.to_le_bytes(), kind.to_le_bytes());
    let bytes = [&[0; 3], &index[..3], &kind[..2]].concat();
    bytes.iter().fold(String::new(), |luid, byte| format!("{luid}{byte:02X}"))
}

/// A `NET_LUID` in upper case, and an address.
fn parse(name: &str) -> Option<(String, Ipv6Addr)> {
    let (luid, address) = name.split_at_checked(LUID)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if address.len() != 32 || !digits(luid) || !digits(address) {
        return None;
    }
    Some((luid.to_uppercase(), u128::from_str_radix(address, 16).ok()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_an_interface_and_an_address() {
        let name = "000000090000060020010db8000000000000000000000001";
        assert_eq!(parse(name), Some((luid(9, 6), "2001:db8::1".parse().unwrap())));
        assert_eq!(luid(32_769, 6), "0000000180000600");
        assert_eq!(parse("0000000900000600c0a8017b"), None, "version 4");
        assert_eq!(parse(&name.replace('9', "+")), None);
    }

    proptest! {
        #[test]
        fn any_name_is_taken(name in ".{0,60}", digits in "[0-9a-fA-Fé]{48}") {
            let _ = (parse(&name), parse(&digits));
        }
    }
}
