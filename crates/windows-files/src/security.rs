//! Security descriptors in their self-relative form: who owns something, and who may do what with it.
//!
//! The layout is that of `SECURITY_DESCRIPTOR`, `ACL`, `ACE_HEADER` and `SID` in Microsoft's open specification
//! MS-DTYP. Each part is taken from within its bounds; what is cut off is an error, never a guess.

use std::fmt;

mod rights;

pub use rights::Rights;

/// Most sub-authorities that a SID has.
const SUB_AUTHORITIES: usize = 15;

/// Why something is no security descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecurityError {
    /// It has another revision than 1, or is not self-relative.
    #[error("not a self-relative security descriptor of revision 1")]
    Form,
    /// A part leads out of it.
    #[error("{part} leads out of the security descriptor's {length} bytes")]
    Bounds {
        /// Which part.
        part: &'static str,
        /// The descriptor's length.
        length: usize,
    },
}

/// A security identifier: an account or a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ace {
    /// What it does: allow, deny, or another type by its number.
    pub kind: AceKind,
    /// Its flags; 8 marks one that is only inherited by what is below.
    pub flags: u8,
    /// Which rights, as bits.
    pub mask: u32,
    /// Whose.
    pub sid: Sid,
}

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AceKind {
    /// It allows.
    Allow,
    /// It denies.
    Deny,
    /// Something else: audit, object rights, conditions. Its SID and mask are not understood and left empty.
    Other(u8),
}

/// Owner, group, and who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityDescriptor {
    /// Its owner.
    pub owner: Option<Sid>,
    /// Its primary group.
    pub group: Option<Sid>,
    /// Who may do what, in the order in which it counts. `None`: everybody may do everything.
    pub dacl: Option<Vec<Ace>>,
}

impl SecurityDescriptor {
    /// Reads a descriptor.
    pub fn parse(bytes: &[u8]) -> Result<Self, SecurityError> {
        const SELF_RELATIVE: u16 = 0x8000;
        const HAS_DACL: u16 = 4;
        let all = Parts { bytes };
        if bytes.first() != Some(&1) {
            return Err(SecurityError::Form);
        }
        let control = all.half(2, "its head")?;
        if control & SELF_RELATIVE == 0 {
            return Err(SecurityError::Form);
        }
        let at = |place, part| all.word(place, part).map(|at| at as usize);
        let sid = |place, part| match at(place, part)? {
            0 => Ok(None),
            at => all.sid(at, bytes.len(), part).map(Some),
        };
        let (owner, group) = (sid(4, "the owner")?, sid(8, "the group")?);
        let dacl = match at(16, "its head")? {
            0 => None,
            _ if control & HAS_DACL == 0 => None,
            at => Some(all.acl(at)?),
        };
        Ok(Self { owner, group, dacl })
    }

    /// Who may do what, one sentence fragment each: `Administrators: full control`. Entries that only things below
    /// inherit are left out.
    pub fn access(&self, rights: Rights) -> Vec<String> {
        const INHERIT_ONLY: u8 = 8;
        let Some(dacl) = &self.dacl else {
            return vec!["Everyone: full control (there is no list)".to_owned()];
        };
        if dacl.is_empty() {
            return vec!["nobody (the list is empty)".to_owned()];
        }
        let counts = dacl.iter().filter(|ace| ace.flags & INHERIT_ONLY == 0);
        counts
            .map(|ace| match ace.kind {
                AceKind::Allow => format!("{}: {}", ace.sid, rights.name(ace.mask)),
                AceKind::Deny => format!("{}: denied {}", ace.sid, rights.name(ace.mask)),
                AceKind::Other(kind) => format!("an entry of type {kind} that is not understood"),
            })
            .collect()
    }

    /// Whether it lets somebody in who gives no name or is not asked for one: Everyone, Anonymous, Guests, or for want of
    /// a list.
    pub fn admits_strangers(&self) -> bool {
        let Some(dacl) = &self.dacl else { return true };
        dacl.iter().any(|ace| {
            ace.kind == AceKind::Allow && matches!(ace.sid.name(), Some("Everyone" | "Anonymous" | "Guests"))
        })
    }
}

struct Parts<'a> {
    bytes: &'a [u8],
}

impl<'a> Parts<'a> {
    fn slice(&self, at: usize, length: usize, part: &'static str) -> Result<&'a [u8], SecurityError> {
        let end = at.checked_add(length);
        let there = end.and_then(|end| self.bytes.get(at..end));
        there.ok_or(SecurityError::Bounds { part, length: self.bytes.len() })
    }

    fn half(&self, at: usize, part: &'static str) -> Result<u16, SecurityError> {
        self.slice(at, 2, part).map(|b| u16::from_le_bytes([b[0], b[1]]))
    }

    fn word(&self, at: usize, part: &'static str) -> Result<u32, SecurityError> {
        self.slice(at, 4, part).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// The SID at `at`, which ends before `end`.
    fn sid(&self, at: usize, end: usize, part: &'static str) -> Result<Sid, SecurityError> {
        let outside = SecurityError::Bounds { part, length: self.bytes.len() };
        let room = self.bytes.get(at..end.min(self.bytes.len())).ok_or(outside)?;
        Sid::parse(room).map(|(sid, _)| sid).ok_or(outside)
    }

    fn acl(&self, at: usize) -> Result<Vec<Ace>, SecurityError> {
        let part = "the access list";
        let end = at.saturating_add(usize::from(self.half(at.saturating_add(2), part)?));
        let count = usize::from(self.half(at.saturating_add(4), part)?);
        if end > self.bytes.len() {
            return Err(SecurityError::Bounds { part, length: self.bytes.len() });
        }
        let mut aces = Vec::new();
        let mut at = at + 8;
        for _ in 0..count {
            let head = self.slice(at, 4, "an access entry")?;
            let size = usize::from(u16::from_le_bytes([head[2], head[3]]));
            if size < 8 || at + size > end {
                return Err(SecurityError::Bounds { part: "an access entry", length: self.bytes.len() });
            }
            let kind = match head[0] {
                0 => AceKind::Allow,
                1 => AceKind::Deny,
                other => AceKind::Other(other),
            };
            let (mask, sid) = match kind {
                AceKind::Other(_) => (0, Sid::default()),
                _ => (self.word(at + 4, "an access entry")?, self.sid(at + 8, at + size, "an access entry")?),
            };
            aces.push(Ace { kind, flags: head[1], mask, sid });
            at += size;
        }
        Ok(aces)
    }
}

impl Default for Sid {
    /// The SID of nobody, S-1-0-0.
    fn default() -> Self {
        Self { authority: 0, parts: vec![0] }
    }
}

impl Sid {
    /// Reads a SID from the beginning of `bytes`, and says how long it is.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&revision, &count) = (bytes.first()?, bytes.get(1)?);
        let count = usize::from(count);
        if revision != 1 || count > SUB_AUTHORITIES {
            return None;
        }
        let authority = bytes.get(2..8)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let length = 8 + 4 * count;
        let parts = bytes.get(8..length)?.chunks_exact(4);
        let parts = parts.map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Some((Self { authority, parts }, length))
    }

    /// Its well-known name, if it has one: the same on each machine, in English (the well-known SIDs of Microsoft's
    /// MS-DTYP 2.4.2.4, compared with public listings).
    pub fn name(&self) -> Option<&'static str> {
        Some(match (self.authority, self.parts.as_slice()) {
            (0, [0]) => "Nobody",
            (1, [0]) => "Everyone",
            (3, [0]) => "Creator Owner",
            (3, [1]) => "Creator Group",
            (5, [1]) => "Dialup",
            (5, [2]) => "Network",
            (5, [3]) => "Batch",
            (5, [4]) => "Interactive",
            (5, [6]) => "Service",
            (5, [7]) => "Anonymous",
            (5, [9]) => "Enterprise Domain Controllers",
            (5, [10]) => "Self",
            (5, [11]) => "Authenticated Users",
            (5, [12]) => "Restricted",
            (5, [13]) => "Terminal Server Users",
            (5, [14]) => "Remote Interactive Logon",
            (5, [18]) => "SYSTEM",
            (5, [19]) => "Local Service",
            (5, [20]) => "Network Service",
            (5, [32, group]) => return builtin(*group),
            (5, [80, 0]) => "All Services",
            (5, [21, _, _, _, 500]) => "Administrator",
            (5, [21, _, _, _, 501]) => "Guest",
            (5, [21, _, _, _, 512]) => "Domain Admins",
            (5, [21, _, _, _, 513]) => "Domain Users",
            (5, [21, _, _, _, 514]) => "Domain Guests",
            (15, [2, 1]) => "All Application Packages",
            _ => return None,
        })
    }

    /// The relative id in the domain, for accounts of one.
    pub fn relative(&self) -> Option<u32> {
        self.parts.last().copied().filter(|_| self.authority == 5 && self.parts.first() == Some(&21))
    }

    /// Whether it is an account of this domain or machine.
    pub fn is_of(&self, domain: &Self) -> bool {
        let own = self.parts.split_last().map(|(_, own)| own);
        self.authority == domain.authority && own == Some(&domain.parts[..])
    }

    /// The SID in its usual notation.
    pub fn number(&self) -> String {
        self.parts.iter().fold(format!("S-1-{}", self.authority), |sid, part| format!("{sid}-{part}"))
    }
}

/// Groups that each machine has.
fn builtin(group: u32) -> Option<&'static str> {
    Some(match group {
        544 => "Administrators",
        545 => "Users",
        546 => "Guests",
        547 => "Power Users",
        548 => "Account Operators",
        549 => "Server Operators",
        550 => "Print Operators",
        551 => "Backup Operators",
        552 => "Replicator",
        554 => "Pre-Windows 2000 Compatible Access",
        555 => "Remote Desktop Users",
        556 => "Network Configuration Operators",
        558 => "Performance Monitor Users",
        559 => "Performance Log Users",
        562 => "Distributed COM Users",
        568 => "IIS_IUSRS",
        573 => "Event Log Readers",
        580 => "Remote Management Users",
        _ => return None,
    })
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => f.write_str(&self.number()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{descriptor, sid};
    use proptest::prelude::*;

    #[test]
    fn owners_and_entries_have_names() {
        let administrators = sid(5, &[32, 544]);
        let bytes = descriptor(&[
            (0, 0, 0xf_003f, &administrators),
            (1, 0, 0x2_0019, &sid(1, &[0])),
            (5, 0, 1, &sid(5, &[18])),
        ]);
        let sd = SecurityDescriptor::parse(&bytes).unwrap();
        assert_eq!(sd.owner.as_ref().map(ToString::to_string).as_deref(), Some("Administrators"));
        let access = sd.access(Rights::Key);
        assert_eq!(
            access,
            [
                "Administrators: full control",
                "Everyone: denied read",
                "an entry of type 5 that is not understood"
            ]
        );
        assert!(!sd.admits_strangers());
        let account = Sid::parse(&sid(5, &[21, 1, 2, 3, 1001])).unwrap().0;
        assert_eq!((account.to_string(), account.relative()), ("S-1-5-21-1-2-3-1001".into(), Some(1001)));
    }

    #[test]
    fn no_list_is_everybody_and_an_empty_one_nobody() {
        let mut bytes = descriptor(&[]);
        assert_eq!(
            SecurityDescriptor::parse(&bytes).unwrap().access(Rights::Key),
            ["nobody (the list is empty)"]
        );
        bytes[16..20].fill(0);
        let open = SecurityDescriptor::parse(&bytes).unwrap();
        assert!(open.admits_strangers() && open.access(Rights::Key)[0].starts_with("Everyone: full control"));
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let bytes = descriptor(&[(0, 0, 1, &sid(5, &[32, 544]))]);
        for length in 0..bytes.len() {
            assert!(
                SecurityDescriptor::parse(&bytes[..length]).is_err(),
                "{length} of {} bytes",
                bytes.len()
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = SecurityDescriptor::parse(&bytes).map(|sd| sd.access(Rights::Key));
        }

        #[test]
        fn damaged_ones_are_taken(at in 0usize..120, byte: u8) {
            let mut bytes = descriptor(&[(0, 0, 0xf_003f, &sid(5, &[32, 544])), (0, 0, 1, &sid(5, &[18]))]);
            let length = bytes.len();
            bytes[at % length] = byte;
            let _ = SecurityDescriptor::parse(&bytes).map(|sd| sd.access(Rights::File));
        }

        #[test]
        fn entries_are_kept(
            entries in prop::collection::vec((0u8..2, any::<u32>(), prop::collection::vec(any::<u32>(), 1..8)), 0..20)
        ) {
            let sids: Vec<Vec<u8>> = entries.iter().map(|(_, _, parts)| sid(5, parts)).collect();
            let raw: Vec<_> = entries.iter().zip(&sids).map(|((kind, mask, _), sid)| (*kind, 0, *mask, sid.as_slice())).collect();
            let dacl = SecurityDescriptor::parse(&descriptor(&raw)).unwrap().dacl.unwrap();
            prop_assert_eq!(dacl.len(), entries.len());
            for (ace, (kind, mask, parts)) in dacl.iter().zip(&entries) {
                prop_assert_eq!(ace.kind == AceKind::Deny, *kind == 1);
                prop_assert_eq!((ace.mask, &ace.sid.parts), (*mask, parts));
            }
        }
    }
}
