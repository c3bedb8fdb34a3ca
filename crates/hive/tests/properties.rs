//! Whatever is done to a hive or its log: nothing panics, and reading ends.
#![allow(missing_docs)]

mod common;

use std::collections::HashSet;
use std::sync::LazyLock;

use common::{listing, log, system};
use doorward_hive::testing::{entries_log, pages_log, seal, unfinished};
use doorward_hive::{Hive, Key};
use proptest::prelude::*;
use proptest::sample::Index;

/// A hive with one of its lists divided, for each form of lists and names.
static HIVES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| [1, 3, 5].into_iter().map(|minor| system(minor).leaf(3).build()).collect());

/// Offsets in the hive where a pointer, a size or a count is likely to be.
#[derive(Debug, Clone)]
enum Change {
    Bit(Index, u8),
    Byte(Index, u8),
    /// A word, to a place in the hive: a pointer that leads astray.
    Pointer(Index, Index),
    /// A word, to any number.
    Word(Index, u32),
    /// One part of the hive over another.
    Copy(Index, Index, u16),
    Cut(Index),
    /// A signature of another record.
    Signature(Index, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<Index>;
    let edges = prop_oneof![
        Just(0u32),
        Just(1),
        Just(u32::MAX),
        Just(i32::MAX.cast_unsigned()),
        Just(i32::MIN.cast_unsigned()),
        0u32..0x2000,
        any::<u32>(),
        (1u32..64).prop_map(u32::wrapping_neg),
    ];
    let change = prop_oneof![
        (at(), 0u8..8).prop_map(|(at, bit)| Change::Bit(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), at()).prop_map(|(at, to)| Change::Pointer(at, to)),
        (at(), edges).prop_map(|(at, word)| Change::Word(at, word)),
        (at(), at(), 1u16..600).prop_map(|(from, to, length)| Change::Copy(from, to, length)),
        at().prop_map(Change::Cut),
        (at(), 0usize..8).prop_map(|(at, which)| Change::Signature(at, which)),
    ];
    prop::collection::vec(change, 1..12)
}

fn apply(bytes: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
        if bytes.len() < 8 {
            return;
        }
        let aligned = |at: &Index| at.index(bytes.len() / 4 - 1) * 4;
        match change {
            Change::Bit(at, bit) => *at.get_mut(bytes) ^= 1 << bit,
            Change::Byte(at, byte) => *at.get_mut(bytes) = *byte,
            Change::Pointer(at, to) => {
                let (at, to) = (aligned(at), u32::try_from(to.index(bytes.len()) & !7).unwrap());
                bytes[at..at + 4].copy_from_slice(&to.to_le_bytes());
            }
            Change::Word(at, word) => {
                let at = aligned(at);
                bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            Change::Copy(from, to, length) => {
                let (from, to) = (aligned(from), aligned(to));
                let length = usize::from(*length).min(bytes.len() - from.max(to));
                bytes.copy_within(from..from + length, to);
            }
            Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Change::Signature(at, which) => {
                let at = aligned(at);
                let signature = [b"nk", b"vk", b"sk", b"li", b"lf", b"lh", b"ri", b"db"][*which];
                bytes[at..at + 2].copy_from_slice(signature);
            }
        }
    }
}

/// Reads all that there is, in both ways, and looks for names that are there and one that is not.
fn read(bytes: &[u8], logs: &[&[u8]]) {
    let logs = || logs.iter().map(|bytes| log("LOG", bytes)).collect();
    let whole = Hive::from_bytes(bytes.to_vec(), logs());
    let pieces = Hive::open(bytes.to_vec(), logs());
    let (Ok(whole), Ok(pieces)) = (whole, pieces) else { return };
    let lines = listing(&whole);
    let mut seen = HashSet::new();
    once(whole.root(), &mut seen);
    if !listing(&pieces).iter().any(|line| line.contains("overlaps")) {
        assert_eq!(lines, listing(&pieces));
    }
    for path in [r"ControlSet001\Services\W3SVC", r"Select\Nothing", r"ControlSet001\Enum\Größe"] {
        if let Ok(Some(key)) = whole.key(path) {
            let _ = (key.u32("Start"), key.string("ImagePath"), key.strings("DependOnService"));
        }
    }
}

/// Each key is reached in one way only.
fn once(key: Key<'_>, seen: &mut HashSet<u64>) {
    assert!(seen.insert(key.file_offset()), "{:#x} twice", key.file_offset());
    for subkey in key.subkeys().flatten() {
        once(subkey, seen);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_change_of_a_hive_can_be_read(which in 0usize..3, changes in changes(), sealed in any::<bool>()) {
        let mut bytes = HIVES[which].clone();
        apply(&mut bytes, &changes);
        if sealed && bytes.len() > 512 {
            seal(&mut bytes);
        }
        read(&bytes, &[]);
    }

    #[test]
    fn any_change_of_a_log_can_be_read(of_pages in any::<bool>(), changes in changes(), sealed in any::<bool>()) {
        let after = &HIVES[2];
        let mut before = after.clone();
        before[4200..12_000].fill(0);
        unfinished(&mut before);
        let mut log = if of_pages { pages_log(&before, after, 1, 2) } else { entries_log(&[&before, after], 1) };
        apply(&mut log, &changes);
        if sealed && log.len() > 512 {
            seal(&mut log);
        }
        read(&before, &[&log, &log]);
    }

    #[test]
    fn a_damaged_log_is_replayed_whole_or_not_at_all(at in any::<Index>(), bit in 0u8..8) {
        let before = {
            let mut before = HIVES[2].clone();
            unfinished(&mut before);
            before
        };
        let after = { let mut hive = system(5); hive.key(r"ControlSet001\Services\W3SVC").u32("Start", 4); hive.build() };
        let mut log = entries_log(&[&before, &after], 1);
        *at.get_mut(&mut log) ^= 1 << bit;
        let hive = Hive::from_bytes(before.clone(), vec![common::log("LOG", &log)]).unwrap();
        let lines = listing(&hive);
        prop_assert!(lines == listing(&common::open(&before)) || lines == listing(&common::open(&after)));
    }

    #[test]
    fn noise_is_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..6000), like_a_hive in any::<bool>()) {
        let mut bytes = bytes;
        if like_a_hive && bytes.len() > 5000 {
            bytes[..4].copy_from_slice(b"regf");
            bytes[4096..4100].copy_from_slice(b"hbin");
            seal(&mut bytes);
        }
        read(&bytes, &[]);
    }
}
