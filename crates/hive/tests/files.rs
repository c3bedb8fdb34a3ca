//! Files of all kinds and sizes, as they lie on disks: each gets an answer, or a refusal that names the offset and the
//! reason, and no more of it is read than the answer takes.
#![allow(missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test makes what it looks at")]

mod common;

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{errors, listing, log, open, system};
use doorward_hive::testing::{HiveBuilder, entries_log, seal, unfinished};
use doorward_hive::{Hive, HiveError, Log, Reason, Source, State};

/// Where cells are counted from.
const BINS: usize = 4096;

/// A file of this length that begins with these bytes; the rest is a hole.
fn sparse(head: &[u8], length: u64) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(head).unwrap();
    file.set_len(length).unwrap();
    file
}

fn put(bytes: &mut [u8], at: usize, word: u32) {
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

/// What a refusal says; it has to name the offset.
fn said(why: &HiveError) -> String {
    let text = why.to_string();
    assert!(text.ends_with(&format!(" (file offset {:#x})", why.offset)), "{text}");
    text
}

#[test]
fn files_that_are_no_hives_are_refused_by_their_beginning() {
    let kinds: [(&[u8], &str); 8] = [
        (b"CREG\0\0\x01\0", "a registry of Windows 95, 98 or Me, which has another format"),
        (b"MZ\x90\0", r"not a registry hive: it begins with MZ\x90\x00"),
        (b"SQLite format 3\0", "not a registry hive: it begins with SQLi"),
        (b"PK\x03\x04", r"not a registry hive: it begins with PK\x03\x04"),
        (b"\x1f\x8b\x08\0", r"not a registry hive: it begins with \x1f\x8b\x08\x00"),
        (b"Windows Registry Editor Version 5.00", "not a registry hive: it begins with Wind"),
        (b"REGEDIT4", "not a registry hive: it begins with REGE"),
        (&[0; 4096], r"not a registry hive: it begins with \x00\x00\x00\x00"),
    ];
    for (head, expected) in kinds {
        for length in [head.len() as u64, 9000, 2 << 30] {
            let why = Hive::open(sparse(head, length), Vec::new()).unwrap_err();
            assert_eq!(said(&why), format!("{expected} (file offset 0x0)"), "{length} bytes");
        }
    }
    assert_eq!(
        said(&Hive::open(sparse(b"", 0), Vec::new()).unwrap_err()),
        "the file is empty (file offset 0x0)"
    );
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_read_or_refused() {
    let whole = system(5).build();
    for length in (0..whole.len()).step_by(97).chain(1..6).chain(4090..4140) {
        match Hive::open(sparse(&whole[..length], length as u64), Vec::new()) {
            Ok(hive) => {
                assert!(length > BINS);
                let cut = format!("(file offset {length:#x})");
                assert!(
                    hive.notes()
                        .iter()
                        .any(|note| note.starts_with("the file is cut off") && note.ends_with(&cut))
                );
                for why in errors(hive.root()) {
                    said(&why);
                }
            }
            Err(why) => {
                let expected = match length {
                    0 => Reason::Empty,
                    1..4 => Reason::NotAHive(std::array::from_fn(|i| if i < length { whole[i] } else { 0 })),
                    4..4128 => Reason::Truncated(length as u64),
                    _ => why.reason.clone(), // the root key itself is cut off
                };
                assert_eq!(why.reason, expected, "{length}: {}", said(&why));
            }
        }
    }
}

/// A source that counts what is read of it.
struct Counted(File, Arc<AtomicU64>);

impl Source for Counted {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = Source::read_at(&self.0, buffer, offset)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
}

#[test]
fn of_a_huge_file_only_the_hive_is_read() {
    const HUGE: u64 = 2 << 30;
    let whole = system(5).build();
    let read = Arc::new(AtomicU64::new(0));
    let count = || read.swap(0, Ordering::Relaxed);
    let open_file = |head: &[u8]| Hive::open(Counted(sparse(head, HUGE), read.clone()), Vec::new());

    let hive = open_file(&whole).unwrap();
    assert_eq!(listing(&hive), listing(&open(&whole)));
    assert!(count() <= whole.len().next_multiple_of(1 << 15) as u64, "what follows the bins is not read");

    // A base block that announces all there may be: keys are where they were, and the hole is not read.
    let mut announced = whole.clone();
    put(&mut announced, 40, (512 << 20) - 4096);
    seal(&mut announced);
    let hive = open_file(&announced).unwrap();
    assert_eq!((errors(hive.root()), listing(&hive)), (vec![], listing(&open(&whole))));
    assert!(count() <= whole.len().next_multiple_of(1 << 15) as u64);

    put(&mut announced, 40, (512 << 20) - 4095);
    seal(&mut announced);
    let why = open_file(&announced).unwrap_err();
    assert_eq!(said(&why), "larger than 536870912 bytes (file offset 0x28)");
    let mut unsealed = whole.clone();
    unsealed[100] ^= 1;
    let why = open_file(&unsealed).unwrap_err();
    assert_eq!(why.reason, Reason::TooLarge, "how long it is cannot be told: {}", said(&why));
    assert!(count() <= 2 << 15);
}

#[test]
fn cells_that_lead_to_themselves_end() {
    let sound = system(5).build();
    let record = |path: &str| {
        let hive = open(&sound);
        usize::try_from(hive.key(path).unwrap().unwrap().file_offset()).unwrap() + 4
    };
    let word = |at: usize| u32::from_le_bytes(sound[at..at + 4].try_into().unwrap());
    let (root, services) = (record(""), record(r"ControlSet001\Services"));
    let list = word(services + 28);
    let at = list as usize + BINS + 4;
    let first_error = |hive: &[u8]| {
        let hive = open(hive);
        let why = errors(hive.root()).into_iter().next().expect("an error");
        (said(&why), why.reason)
    };

    // A list of lists that holds itself.
    let mut hive = sound.clone();
    hive[at..at + 4].copy_from_slice(b"ri\x01\0");
    put(&mut hive, at + 4, list);
    let (text, why) = first_error(&hive);
    assert_eq!(why, Reason::Signature { expected: "a list of subkeys", found: *b"ri" }, "{text}");
    // The same list twice.
    let leaf = word(root + 28);
    hive[at + 2] = 2;
    put(&mut hive, at + 4, leaf);
    put(&mut hive, at + 8, leaf);
    let (text, _) = first_error(&hive);
    assert!(text.contains("names") || text.contains("twice"), "{text}");
    // A list of subkeys that is the key itself, a list of values that is, and a descriptor.
    let key = u32::try_from(services - BINS - 4).unwrap();
    for (field, expected) in [(28, "nk"), (44, "nk")] {
        let mut hive = sound.clone();
        put(&mut hive, services + field, key);
        let (text, why) = first_error(&hive);
        assert!(matches!(why, Reason::Signature { found, .. } if found == *expected.as_bytes()), "{text}");
    }
    let mut hive = sound.clone();
    put(&mut hive, services + 36, 4);
    put(&mut hive, services + 40, key);
    first_error(&hive);
    // Bins that do not go on, where their length is all that tells the hive's.
    for size in [0, 4095, u32::MAX, i32::MAX.cast_unsigned()] {
        let mut hive = sound.clone();
        hive[100] ^= 1;
        put(&mut hive, BINS + 8, size);
        let hive = Hive::from_bytes(hive, Vec::new()).unwrap();
        assert_eq!((hive.state(), errors(hive.root())), (State::Unfinished, vec![]));
        assert!(hive.notes().iter().any(|note| note.contains("(file offset 0x28)")), "{:?}", hive.notes());
    }
}

#[test]
fn an_unfinished_hive_is_read_as_far_as_its_logs_let_it() {
    let mut builder = system(5).sequence(10);
    let mut before = builder.build();
    unfinished(&mut before);
    builder.key("Select").u32("Current", 2);
    let sound = entries_log(&[&before, &builder.build()], 10);
    let other = HiveBuilder::new(5).named("SAM").build();
    let of_another = entries_log(&[&before, &other], 10);
    let notes = |logs: Vec<Log<'_>>| {
        let hive = Hive::open(sparse(&before, before.len() as u64), logs).unwrap();
        assert_eq!(errors(hive.root()), []);
        (hive.state(), hive.notes().to_vec())
    };
    let (state, said) = notes(vec![]);
    assert_eq!(state, State::Unfinished);
    assert!(said[0].contains("sequence numbers 11 and 10 (file offset 0x4)"), "{said:?}");
    assert!(said[1].contains("the newest changes are missing"), "{said:?}");
    for wrong in [&b"MZ"[..], &[0; 600], b"CREG", &before, &other, &of_another, &sound[..700]] {
        let (state, said) = notes(vec![log("SYSTEM.LOG1", wrong)]);
        assert_eq!(state, State::Unfinished, "{said:?}");
        assert!(said.iter().any(|note| note.starts_with("SYSTEM.LOG1 is ")), "{said:?}");
        let (state, said) = notes(vec![log("SYSTEM.LOG1", wrong), log("SYSTEM.LOG2", &sound)]);
        assert_eq!(state, State::Recovered, "the other log is sound: {said:?}");
    }
    // A huge log is read no further than its entries go.
    let huge = sparse(&sound, 2 << 30);

    (&huge).rewind().unwrap();
    let (state, said) = notes(vec![Log::new("SYSTEM.LOG1", huge)]);
    assert_eq!(state, State::Recovered, "{said:?}");
}
