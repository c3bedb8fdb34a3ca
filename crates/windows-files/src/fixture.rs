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
