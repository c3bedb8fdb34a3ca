//! Lists of addresses in the metabase: who may come in, who may relay mail.
//!
//! Microsoft only calls them octet strings. What is read here is the form that scripts in public use write by WMI
//! (`RelayIpList` of `IIsSmtpServerSetting`) and look for in `MetaBase.xml`: offsets of four lists, marked by their highest
//! bit (denied and granted addresses, denied and granted names); a list with two numbers and, if the first is 1, one
//! group: family, numbers of entries, length of one, and the marked offset of a mask and the addresses under it. All that
//! is otherwise stays undecoded.

use std::net::Ipv4Addr;

/// Longest list that is read: bytes.
const LIMIT: usize = 1 << 16;

/// Where the lists begin: those of denied addresses, and those of names.
const DENIED: usize = 0x18;
const NAMES: [usize; 2] = [0x3c, 0x44];

/// Where the addresses of the only group begin.
const ADDRESSES: usize = 0x4c;

/// Bytes of a list without a group, and with one.
const EMPTY: usize = 8;
const ONE_GROUP: usize = 28;

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Addresses {
    /// All but these.
    AllBut(Vec<String>),
    /// These only.
    Only(Vec<String>),
}

impl Addresses {
    /// Decodes the digits of such a list.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        if digits.len() > 2 * LIMIT {
            return None;
        }
        Self::read(&bytes(digits.as_bytes())?)
    }

    fn read(raw: &[u8]) -> Option<Self> {
        const MARK: u32 = 0x8000_0000;
        let word = |at: usize| raw.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let offset = |at: usize| word(at).filter(|word| word & MARK != 0).map(|word| (word & !MARK) as usize);
        let are =
            |at: usize, wanted: [u32; 2]| (word(at), word(at + 4)) == (Some(wanted[0]), Some(wanted[1]));
        if offset(0)? != DENIED || offset(8)? != NAMES[0] || offset(12)? != NAMES[1] {
            return None;
        }
        let granted = offset(4)?;
        let (group, empty) = match granted.checked_sub(DENIED)? {
            EMPTY => (granted, DENIED),
            ONE_GROUP => (DENIED, granted),
            _ => return None,
        };
        if ![empty, NAMES[0], NAMES[1]].into_iter().all(|list| are(list, [0, 0])) {
            return None;
        }
        // One group of IP version 4, whose entries are the mask and the addresses.
        let entries = word(group + 12)?;
        let addresses = entries.checked_sub(1)?;
        if word(group)? != 1 || word(group + 8)? != 2 || !are(group + 16, [4, 0]) {
            return None;
        }
        if word(group + 4)? != addresses || offset(group + 24)? != ADDRESSES {
            return None;
        }
        let listed = raw.get(ADDRESSES..)?;
        if listed.len() != 4 * entries as usize {
            return None;
        }
        let mut listed = listed.chunks_exact(4).map(|b| Ipv4Addr::new(b[0], b[1], b[2], b[3]));
        let mask = listed.next()?;
        // The address 0.0.0.0 is nobody's: it stands for an empty list.
        let listed = listed.filter(|address| !(address.is_unspecified() && mask.is_broadcast()));
        let told = listed.map(|ip| if mask.is_broadcast() { ip.to_string() } else { format!("{ip}/{mask}") });
        let told = told.collect();
        Some(if group == DENIED { Self::AllBut(told) } else { Self::Only(told) })
    }
}

/// Two hexadecimal digits for each byte.
fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A list as scripts write it.
    fn list(denied: bool, mask: [u8; 4], addresses: &[[u8; 4]]) -> Vec<u8> {
        let count = u32::try_from(addresses.len()).unwrap();
        let group = [1, count, 2, count + 1, 4, 0, 0x8000_004c];
        let lists = if denied { [&group[..], &[0, 0]] } else { [&[0, 0][..], &group] };
        let granted = 0x8000_0018 + if denied { 28 } else { 8 };
        let head = [0x8000_0018, granted, 0x8000_003c, 0x8000_0044, 1, 0x4c];
        let words = [&head[..], lists[0], lists[1], &[0; 4]].concat();
        let raw = words.iter().flat_map(|word: &u32| word.to_le_bytes());
        raw.chain(mask).chain(addresses.iter().flatten().copied()).collect()
    }

    fn hex(raw: &[u8]) -> String {
        raw.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    const HOST: [u8; 4] = [255; 4];

    #[test]
    fn published_lists_are_read() {
        // That which lets the machine itself relay, as it is passed around.
        let relay = "18000080200000803c00008044000080010000004c0000000000000000000000010000000100\
            0000020000000200000004000000000000004c00008000000000000000000000000000000000ffffffff7f000001";
        assert_eq!(Addresses::decode(relay), Some(Addresses::Only(vec!["127.0.0.1".into()])));
        assert_eq!(relay, hex(&list(false, HOST, &[[127, 0, 0, 1]])));
    }

    #[test]
    fn denied_and_granted_ones_are_told_apart() {
        let read = |denied, mask, addresses: &[_]| Addresses::decode(&hex(&list(denied, mask, addresses)));
        let two = [[192, 0, 2, 1], [192, 0, 2, 2]];
        let told = vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()];
        assert_eq!(read(true, HOST, &two), Some(Addresses::AllBut(told.clone())));
        assert_eq!(read(false, HOST, &two), Some(Addresses::Only(told)));
        assert_eq!(read(false, HOST, &[[0; 4]]), Some(Addresses::Only(vec![])));
        let net = read(true, [255, 255, 255, 0], &[[192, 0, 2, 0]]);
        assert_eq!(net, Some(Addresses::AllBut(vec!["192.0.2.0/255.255.255.0".into()])));
    }

    #[test]
    fn other_forms_stay_undecoded() {
        let raw = list(false, HOST, &[[192, 0, 2, 1]]);
        for at in [0, 4, 8, 12, 24, 32, 36, 40, 44, 48, 56, 60, 68] {
            let mut other = raw.clone();
            other[at] ^= 1;
            assert_eq!(Addresses::read(&other), None, "byte {at}");
        }
        for length in 0..raw.len() {
            assert_eq!(Addresses::read(&raw[..length]), None);
        }
        assert_eq!(Addresses::decode("0x18000080"), None);
        assert_eq!(Addresses::decode("é"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".{0,40}", digits in "[0-9a-f]{0,240}", raw in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Addresses::decode(&text), Addresses::decode(&digits), Addresses::read(&raw));
        }

        #[test]
        fn damaged_ones_are_taken(denied: bool, at in 0usize..100, byte: u8) {
            let mut raw = list(denied, HOST, &[[192, 0, 2, 1], [192, 0, 2, 2]]);
            let length = raw.len();
            raw[at % length] = byte;
            let _ = Addresses::read(&raw);
        }
    }
}
