//! Groups whose members may come in, from SAM.
//!
//! A local group is a key named by its number, whose value `C` begins with a table of offsets that count from 0x34: name
//! at 0x10, members at 0x28, with the number of members at 0x30. Members are SIDs, one after the other.

use doorward_model::AccessSetting;

use super::users::Users;
use super::{LIMIT, setting};
use crate::registry::Node;
use crate::security::Sid;

/// Where the parts of a group's record begin.
const HEAD: usize = 0x34;

/// Local groups that give access, by topic: built-in ones by number, others by name.
const BUILTIN: [(u32, &str, &str); 5] = [
    (544, "Administrators", "Accounts"),
    (546, "Guests", "Accounts"),
    (555, "Remote Desktop Users", "Terminal Services"),
    (562, "Distributed COM Users", "DCOM"),
    (580, "Remote Management Users", "WinRM"),
];
const NAMED: [(&str, &str); 2] = [("TelnetClients", "Telnet"), ("WinRMRemoteWMIUsers__", "WinRM")];

/// Members of those groups, and whether Guest is enabled.
pub(super) fn collect(domains: &Node<'_>, users: &Users, all: &mut Vec<AccessSetting>) {
    for (number, name, topic) in BUILTIN {
        let group = domains.child(&format!(r"Builtin\Aliases\{number:08X}"));
        all.extend(group.and_then(|group| members(&group, name, topic, users)));
    }
    for (name, topic) in NAMED {
        // The number of a name is the kind of the default value of the key that carries the name.
        let number = |key: Node<'_>| Some(key.key.values().next()?.ok()?.kind().number());
        let number = domains.child(&format!(r"Account\Aliases\Names\{name}")).and_then(number);
        let group = number.and_then(|number| domains.child(&format!(r"Account\Aliases\{number:08X}")));
        all.extend(group.and_then(|group| members(&group, name, topic, users)));
    }
    all.extend(guest(domains));
}

fn members(group: &Node<'_>, name: &str, topic: &str, users: &Users) -> Option<AccessSetting> {
    let raw = group.bytes("C")?;
    let Some(sids) = sids(&raw) else {
        group.note(
            &format!(r"{}\C", group.place),
            format!("the members of {name} lead out of the value's {} bytes", raw.len()),
        );
        return None;
    };
    let names: Vec<String> = sids.iter().map(|sid| users.name(sid)).collect();
    let value = if names.is_empty() { "nobody".to_owned() } else { names.join("; ") };
    Some(setting(topic, &format!("members of {name}"), group, value, "who is in this group"))
}

fn sids(raw: &[u8]) -> Option<Vec<Sid>> {
    let word = |at: usize| raw.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let (offset, count) = (word(0x28)?, word(0x30)?);
    if count == 0 {
        return Some(Vec::new());
    }
    let mut rest = raw.get(HEAD.checked_add(offset)?..)?;
    let mut sids = Vec::new();
    for _ in 0..count.min(LIMIT) {
        let (sid, length) = Sid::parse(rest)?;
        sids.push(sid);
        rest = &rest[length..];
    }
    Some(sids)
}

/// Whether the account Guest can be used: bit 0 of the flags at 0x38 of its value `F` marks a disabled account
/// (`USER_ACCOUNT_DISABLED` of the Windows headers; so in all five SAM hives that were looked at).
fn guest(domains: &Node<'_>) -> Option<AccessSetting> {
    let key = domains.child(r"Account\Users\000001F5")?;
    let raw = key.bytes("F")?;
    let flags = raw.get(0x38..0x3a)?;
    let (value, meaning) = if flags[0] & 1 == 0 {
        ("enabled", "the account Guest can be used")
    } else {
        ("disabled", "the account Guest cannot be used")
    };
    Some(setting("Accounts", "Guest", &key, value, meaning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), head in prop::collection::vec(0u8..60, 52)) {
            let _ = sids(&bytes);
            let _ = sids(&[head, bytes].concat());
        }
    }
}
