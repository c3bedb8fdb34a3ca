//! Raw values that tests make themselves.

/// A SID.
pub(crate) fn sid(authority: u8, parts: &[u32]) -> Vec<u8> {
    let mut sid = vec![1, u8::try_from(parts.len()).unwrap(), 0, 0, 0, 0, 0, authority];
    sid.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
    sid
}

/// A self-relative descriptor that Administrators own, with these entries: type, flags, mask, SID.
pub(crate) fn descriptor(entries: &[(u8, u8, u32, &[u8])]) -> Vec<u8> {
    let mut acl = Vec::new();
    for (kind, flags, mask, sid) in entries {
        let size = u16::try_from(8 + sid.len()).unwrap().to_le_bytes();
        acl.extend([*kind, *flags, size[0], size[1]]);
        acl.extend(mask.to_le_bytes());
        acl.extend(*sid);
    }
    let (size, count) = (u16::try_from(8 + acl.len()).unwrap(), u16::try_from(entries.len()).unwrap());
    let owner = sid(5, &[32, 544]);
    let mut bytes = vec![1, 0, 4, 0x80];
    let list = 20 + u32::try_from(acl.len()).unwrap() + 8;
    for offset in [list, list, 0, 20] {
        bytes.extend(offset.to_le_bytes());
    }
    bytes.extend([2, 0]);
    bytes.extend(size.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(acl);
    bytes.extend(owner);
    bytes
}

/// The value `V` of an account, with one part in it.
pub(crate) fn user(part: usize, content: &[u8]) -> Vec<u8> {
    let mut raw = vec![0; 17 * 12];
    raw[part * 12 + 4..part * 12 + 8].copy_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
    raw.extend(content);
    raw
}

/// `userParameters` with these properties.
pub(crate) fn user_parameters(properties: &[(&str, &[u8])]) -> Vec<u8> {
    let half = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    let mut raw = b" \0".repeat(48);
    raw.extend(b"P\0");
    raw.extend(half(properties.len()));
    for (name, value) in properties {
        raw.extend(half(2 * name.len()));
        raw.extend(half(2 * value.len()));
        raw.extend([1, 0]);
        raw.extend(name.bytes().flat_map(|byte| [byte, 0]));
        raw.extend(value.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    }
    raw
}

/// `ipsecData` of a list of filters: the name of each one's source, and its fixed part.
pub(crate) fn ipsec_filters(filters: &[(&str, &[u8; 52])]) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut body = word(filters.len()).to_vec();
    for (name, fixed) in filters {
        body.extend(word(2 * name.len() + 2));
        body.extend(name.bytes().chain([0]).flat_map(|byte| [byte, 0]));
        body.extend([2, 0, 0, 0, 0, 0].repeat(2));
        body.extend(*fixed);
    }
    let guid = [0xb5, 0x20, 0xdc, 0x80, 0xc8, 0x2e, 0xd1, 0x11, 0xa8, 0x9e, 0, 0xa0, 0x24, 0x8d, 0x30, 0x21];
    [&guid[..], &word(body.len()), &body].concat()
}

/// `ipsecData` of a rule that asks for Kerberos on all interfaces.
pub(crate) fn ipsec_rule(active: bool) -> Vec<u8> {
    let guid = [0, 0xac, 0xbb, 0x11, 0x8d, 0x49, 0xd1, 0x11, 0x86, 0x39, 0, 0xa0, 0x24, 0x8d, 0x30, 0x21];
    let head = [42, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 0, 0];
    let interface = [0xfd, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0];
    let tunnel = [0, 0, 0, 0, 0, 0, 0, 0, u8::from(active), 0, 0, 0, 2, 0, 0, 0, 0, 0, 0];
    [&guid[..], &head, &interface, &tunnel].concat()
}
