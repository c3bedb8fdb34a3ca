//! Who may log on how, and what is logged, from SECURITY.
//!
//! Each account that has rights is a key of `Policy\Accounts`, named by its SID. The default value of its key `ActSysAc`
//! holds the ways to log on as bits (MS-LSAD 2.2.1.2, named in 3.1.1.2.2); that of `Privilgs` holds privileges as
//! `LSAPR_PRIVILEGE_SET` of MS-LSAD has them: how many, flags, and 12 bytes each, which begin with a number of
//! MS-LSAD 3.1.1.2.1. Up to Windows Server 2003 `Policy\PolAdtEv` is as Microsoft's Q246120 tells; later ones are not
//! documented.

use doorward_model::AccessSetting;

use super::users::Users;
use super::{LIMIT, setting};
use crate::registry::Node;
use crate::security::Sid;

const TOPIC: &str = "User rights";

/// Ways to log on: their bits, names, and what they mean. Batch and service logons come from the machine itself.
const LOGONS: [(u32, &str, &str); 6] = [
    (0x001, "SeInteractiveLogonRight", "who may log on at the machine"),
    (0x002, "SeNetworkLogonRight", "who may use this machine over the network"),
    (0x040, "SeDenyInteractiveLogonRight", "who may not log on at the machine"),
    (0x080, "SeDenyNetworkLogonRight", "who may not use this machine over the network"),
    (0x400, "SeRemoteInteractiveLogonRight", "who may log on by remote desktop"),
    (0x800, "SeDenyRemoteInteractiveLogonRight", "who may not log on by remote desktop"),
];

/// A privilege that is used from other machines: its number, name, and what it means.
const PRIVILEGES: [(u32, &str, &str); 1] =
    [(24, "SeRemoteShutdownPrivilege", "who may shut this machine down from another")];

/// Most privileges that are read of an account.
const PRIVILEGE_LIMIT: usize = 200;

/// Categories of events in their order (`POLICY_AUDIT_EVENT_TYPE` of MS-LSAD). NT 4.0 has the first seven.
const CATEGORIES: [&str; 9] = [
    "system",
    "logons and logoffs",
    "object access",
    "use of privileges",
    "processes",
    "policy changes",
    "account management",
    "directory access",
    "account logons",
];

/// Rights and audit policy.
pub(super) fn collect(security: &Node<'_>, users: &Users, all: &mut Vec<AccessSetting>) {
    if let Some(accounts) = security.child(r"Policy\Accounts") {
        rights(&accounts, users, all);
    }
    if let Some(key) = security.child(r"Policy\PolAdtEv")
        && let Some(raw) = key.bytes("")
    {
        audit_policy(&key, &raw, all);
    }
}

fn rights(accounts: &Node<'_>, users: &Users, all: &mut Vec<AccessSetting>) {
    let mut holders: Vec<(&str, &str, Vec<String>)> =
        LOGONS.iter().chain(&PRIVILEGES).map(|(_, name, meaning)| (*name, *meaning, Vec::new())).collect();
    for account in accounts.children().take(LIMIT) {
        let sid = account.child("Sid").and_then(|key| key.bytes(""));
        let sid = sid.and_then(|raw| Sid::parse(&raw)).map(|(sid, _)| sid);
        let name = sid.map_or_else(|| account.name(), |sid| users.name(&sid));
        let logons = part(&account, "ActSysAc", |raw| Some(u32::from_le_bytes(*raw.first_chunk()?)));
        let privileges = part(&account, "Privilgs", privileges).unwrap_or_default();
        let has_logon = LOGONS.iter().map(|(bit, ..)| logons.is_some_and(|logons| logons & bit != 0));
        let has_privilege = PRIVILEGES.iter().map(|(number, ..)| privileges.contains(number));
        for (has, (.., holders)) in has_logon.chain(has_privilege).zip(&mut holders) {
            if has {
                holders.push(name.clone());
            }
        }
    }
    for (name, meaning, mut holders) in holders {
        holders.sort();
        let value = if holders.is_empty() { "nobody".to_owned() } else { holders.join("; ") };
        all.push(setting(TOPIC, name, accounts, value, meaning));
    }
}

/// What the default value of an account's subkey says, or an unseen fact that it says nothing.
fn part<T>(account: &Node<'_>, name: &str, read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let key = account.child(name)?;
    let raw = key.bytes("")?;
    let found = read(&raw);
    if found.is_none() {
        key.note(&key.place, format!("its {} bytes are too few", raw.len()));
    }
    found
}

fn privileges(raw: &[u8]) -> Option<Vec<u32>> {
    let word = |at: usize| raw.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let count = (word(0)? as usize).min(PRIVILEGE_LIMIT);
    (0..count).map(|number| word(8 + 12 * number)).collect()
}

fn audit_policy(key: &Node<'_>, raw: &[u8], all: &mut Vec<AccessSetting>) {
    const TOPIC: &str = "Audit policy";
    let meaning = "which events are logged";
    let Some((on, categories)) = categories(raw) else {
        let value = format!("{} bytes, not decoded", raw.len());
        all.push(setting(TOPIC, "PolAdtEv", key, value, meaning));
        return;
    };
    all.push(setting(TOPIC, "auditing", key, if on { "on" } else { "off" }, "whether anything is logged"));
    for (category, events) in CATEGORIES.iter().zip(categories) {
        let value = ["nothing", "success", "failure", "success and failure"][(events & 3) as usize];
        all.push(setting(TOPIC, category, key, value, meaning));
    }
}

/// Whether auditing is on, and what of each category: a word of which the first byte counts, one for each category, and
/// their number, 7 or 9.
fn categories(raw: &[u8]) -> Option<(bool, Vec<u32>)> {
    let words: Vec<u32> = raw.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let [head, categories @ .., count] = &words[..] else { return None };
    let fits = raw.len().is_multiple_of(4) && matches!(count, 7 | 9) && categories.len() == *count as usize;
    (fits && categories.iter().all(|events| *events <= 3)).then(|| (head & 0xff != 0, categories.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn privileges_are_numbers() {
        assert_eq!(privileges(&words(&[2, 0, 23, 0, 3, 24, 0, 0])), Some(vec![23, 24]));
        assert_eq!(privileges(&words(&[0, 0])), Some(vec![]));
        assert_eq!(privileges(&words(&[2, 0, 23, 0, 0])), None, "cut off");
        assert_eq!(privileges(&[]), None);
    }

    #[test]
    fn audit_policies_of_nt_are_read() {
        // The two examples of Q246120.
        let everything = [0x01, 0x21, 0x14, 0x00].into_iter().chain(words(&[3, 3, 3, 3, 3, 3, 3, 7]));
        assert_eq!(categories(&everything.collect::<Vec<u8>>()), Some((true, vec![3; 7])));
        let nothing = [0x01, 0x21, 0x14, 0x00].into_iter().chain(words(&[0, 0, 0, 0, 0, 0, 0, 7]));
        assert_eq!(categories(&nothing.collect::<Vec<u8>>()), Some((true, vec![0; 7])));
        assert_eq!(categories(&words(&[0, 3, 7])), None);
        assert_eq!(categories(&words(&[0x0100, 9, 126])), None, "Windows Vista and later");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(raw in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = categories(&raw);
            prop_assert!(privileges(&raw).is_none_or(|all| all.len() <= raw.len() / 12));
        }
    }
}
