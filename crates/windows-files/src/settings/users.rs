//! The machine's own accounts: names for SIDs.

use std::collections::BTreeMap;

use super::LIMIT;
use crate::registry::Node;
use crate::security::Sid;

/// Length of a SID of a machine: `S-1-5-21` and three more numbers.
const MACHINE_SID: usize = 24;

/// Names of accounts by their numbers, and the SID of the machine that they belong to.
#[derive(Debug, Default)]
pub(super) struct Users {
    machine: Option<Sid>,
    names: BTreeMap<u32, String>,
}

impl Users {
    /// Those of `SAM\Domains`.
    pub(super) fn of(domains: &Node<'_>) -> Self {
        let Some(account) = domains.child("Account") else { return Self::default() };
        // The number of a name is the kind of the default value of the key that carries the name.
        let number = |key: &Node<'_>| Some(key.key.values().next()?.ok()?.kind().number());
        let names = account.child(r"Users\Names").map(|names| {
            names.children().take(LIMIT).filter_map(|key| Some((number(&key)?, key.name()))).collect()
        });
        Self { machine: account.bytes("V").and_then(|raw| machine(&raw)), names: names.unwrap_or_default() }
    }

    /// The account's name, when it is one of the machine's.
    pub(super) fn by_number(&self, number: u32) -> Option<&str> {
        self.names.get(&number).map(String::as_str)
    }

    /// A name for a SID: the account's, a well-known one, or the SID itself.
    pub(super) fn name(&self, sid: &Sid) -> String {
        let own = self.machine.as_ref().is_some_and(|machine| sid.is_of(machine));
        let name = sid.relative().filter(|_| own).and_then(|number| self.by_number(number));
        name.map_or_else(|| sid.to_string(), str::to_owned)
    }
}

/// The machine's SID ends the value `V` of `SAM\Domains\Account` (so in all four SAM hives that were looked at, equal to
/// that in `SECURITY\Policy\PolAcDmS`).
fn machine(raw: &[u8]) -> Option<Sid> {
    let tail = raw.get(raw.len().checked_sub(MACHINE_SID)?..)?;
    Sid::parse(tail).filter(|(_, length)| *length == MACHINE_SID).map(|(sid, _)| sid)
}
