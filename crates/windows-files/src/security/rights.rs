//! What the bits of an access mask allow, in words, for each kind of thing that has a descriptor.
//!
//! The bits are those of Microsoft's documentation: standard and generic rights in MS-DTYP, registry keys in MS-RRP,
//! sessions in MS-TSTS 6.5 (`WINSTATION_QUERY` and the others; `Win32_TSAccount` explains them),
//! components in MS-COMA 2.2.2.21.1.1.

/// Whose rights a mask speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// A registry key's.
    Key,
    /// A share's or file's.
    File,
    /// Those of a connection that terminal services accept, and its sessions.
    Session,
    /// Those to use a component (DCOM).
    ComAccess,
    /// Those to start a component (DCOM).
    ComLaunch,
}

/// A bit and its name.
type Bit = (u32, &'static str);

const FULL: &str = "full control";

/// Rights that mean the same for everything.
const COMMON: [Bit; 8] = [
    (0x0001_0000, "delete"),
    (0x0002_0000, "read permissions"),
    (0x0004_0000, "change permissions"),
    (0x0008_0000, "take ownership"),
    (0x1000_0000, "all"),
    (0x2000_0000, "execute"),
    (0x4000_0000, "write"),
    (0x8000_0000, "read"),
];

const KEY: [Bit; 6] = [
    (0x01, "query values"),
    (0x02, "set values"),
    (0x04, "create subkeys"),
    (0x08, "list subkeys"),
    (0x10, "be notified"),
    (0x20, "create links"),
];

const SESSION: [Bit; 10] = [
    (0x001, "query information"),
    (0x002, "set information"),
    (0x004, "reset"),
    (0x008, "virtual channels"),
    (0x010, "remote control"),
    (0x020, "log on"),
    (0x040, "log off"),
    (0x080, "message"),
    (0x100, "connect"),
    (0x200, "disconnect"),
];

const COM_ACCESS: [Bit; 2] = [(0x02, "local access"), (0x04, "remote access")];

const COM_LAUNCH: [Bit; 4] = [
    (0x02, "local launch"),
    (0x04, "remote launch"),
    (0x08, "local activation"),
    (0x10, "remote activation"),
];

impl Rights {
    /// A mask in words: one for a usual combination, or each right.
    pub(super) fn name(self, mask: u32) -> String {
        /// All of `WINSTATION_ALL_ACCESS`.
        const SESSION_ALL: u32 = 0xf_03bf;
        let word = match (self, mask) {
            (_, 0x1000_0000) => FULL,
            (Self::Key, _) if mask & 0xf_003f == 0xf_003f => FULL,
            (Self::File, _) if mask & 0x1f_01ff == 0x1f_01ff => FULL,
            (Self::Session, _) if mask & SESSION_ALL == SESSION_ALL => FULL,
            (_, 0x8000_0000) | (Self::Key, 0x2_0019) | (Self::File, 0x12_00a9 | 0x12_0089) => "read",
            (Self::File, 0x13_01bf) => "change",
            (Self::Key, 0x2_0006) => "write",
            (Self::Key, 0x2_001f) => "read and write",
            (Self::File, _) => return format!("rights {mask:#x}"),
            (Self::Key, _) => return listed(mask, &KEY),
            (Self::Session, _) => return listed(mask, &SESSION),
            (Self::ComAccess, _) => return component(mask, &COM_ACCESS),
            (Self::ComLaunch, _) => return component(mask, &COM_LAUNCH),
        };
        word.to_owned()
    }
}

/// A component's rights. Bit 0 alone, as Windows wrote it before XP SP 2, means all of them; with others nothing.
fn component(mask: u32, bits: &[Bit]) -> String {
    const EXECUTE: u32 = 1;
    const FINER: u32 = 0x1e;
    let all = bits.iter().fold(0, |all, (bit, _)| all | bit);
    match mask {
        _ if mask & EXECUTE != 0 && mask & FINER == 0 => listed(mask & !EXECUTE | all, bits),
        _ => listed(mask & !EXECUTE, bits),
    }
}

/// Each bit's name; what has none is shown as a number.
fn listed(mask: u32, bits: &[Bit]) -> String {
    let known = bits.iter().chain(&COMMON);
    let mut rest = mask;
    let mut names = Vec::new();
    for (bit, name) in known {
        if mask & bit != 0 {
            names.push((*name).to_owned());
            rest &= !bit;
        }
    }
    if rest != 0 || names.is_empty() {
        names.push(format!("rights {rest:#x}"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn masks_of_real_registries_have_words() {
        let session = |mask| Rights::Session.name(mask);
        assert_eq!(session(0xf_03bf), "full control");
        assert_eq!(session(0x121), "query information, log on, connect");
        assert_eq!(session(0x81), "query information, message");
        assert_eq!(
            session(0xf_0089),
            "query information, virtual channels, message, delete, read permissions, change permissions, take ownership"
        );
        assert_eq!(Rights::Key.name(0x2_0009), "query values, list subkeys, read permissions");
        assert_eq!(Rights::Key.name(0x1f_01ff), "full control");
        assert_eq!(Rights::Session.name(0x1_0400), "delete, rights 0x400");
        assert_eq!(Rights::Session.name(0), "rights 0x0");
    }

    #[test]
    fn components_have_an_old_and_a_new_form() {
        assert_eq!(Rights::ComLaunch.name(0x0b), "local launch, local activation");
        assert_eq!(
            Rights::ComLaunch.name(0x1f),
            "local launch, remote launch, local activation, remote activation"
        );
        assert_eq!(Rights::ComLaunch.name(1), Rights::ComLaunch.name(0x1f));
        assert_eq!(Rights::ComAccess.name(1), "local access, remote access");
        assert_eq!(Rights::ComAccess.name(3), "local access");
    }

    proptest! {
        #[test]
        fn every_bit_is_told(mask: u32) {
            for rights in [Rights::Key, Rights::File, Rights::Session, Rights::ComAccess, Rights::ComLaunch] {
                prop_assert!(!rights.name(mask).is_empty());
            }
            let told = Rights::Session.name(mask);
            prop_assert!(told == FULL || told == "read" || mask == 0 || told.split(", ").count() <= 32);
        }
    }
}
