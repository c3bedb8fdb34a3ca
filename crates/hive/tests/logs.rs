//! Unfinished hives and their logs: replayed if, and only if, they are whole, belong to the hive and are not older.
#![allow(missing_docs)]

mod common;

use common::{listing, log, open, system};
use doorward_hive::testing::{HiveBuilder, entries_log, pages_log, seal, seal_log, unfinished};
use doorward_hive::{Hive, Log, State};

/// Two states of a hive; the first one is unfinished.
struct Case {
    before: Vec<u8>,
    after: Vec<u8>,
}

fn case(minor: u32) -> Case {
    let mut builder = system(minor).sequence(10);
    let mut before = builder.build();
    unfinished(&mut before);
    changed(&mut builder);
    Case { before, after: builder.build() }
}

fn changed(builder: &mut HiveBuilder) {
    builder.remove(r"ControlSet001\Services\TlntSvr");
    builder.key(r"ControlSet001\Services\W3SVC").u32("Start", 4);
    for i in 0..200 {
        builder.key(&format!(r"ControlSet001\Services\New {i}")).string("Description", "makes the hive grow");
    }
}

/// Opens a hive from memory and like a file, which has to be the same.
fn recovered(hive: &[u8], logs: &[(&str, &[u8])]) -> Hive {
    let logs = || logs.iter().map(|(name, bytes)| log(name, bytes)).collect::<Vec<Log<'_>>>();
    let whole = Hive::from_bytes(hive.to_vec(), logs()).unwrap();
    let pieces = Hive::open(hive.to_vec(), logs()).unwrap();
    assert_eq!(listing(&whole), listing(&pieces));
    assert_eq!((whole.state(), whole.notes()), (pieces.state(), pieces.notes()));
    whole
}

fn is_replayed(hive: &[u8], logs: &[(&str, &[u8])], after: &[u8]) {
    let hive = recovered(hive, logs);
    assert_eq!(hive.state(), State::Recovered, "{:?}", hive.notes());
    assert!(listing(&hive) == listing(&open(after)), "{:?}", hive.notes());
}

fn is_refused(hive: &[u8], log: &[u8], why: &str) {
    let refused = recovered(hive, &[("SYSTEM.LOG1", log)]);
    assert_eq!(refused.state(), State::Unfinished, "{why}");
    assert!(listing(&refused) == listing(&open(hive)), "{why}");
    let noted = |text: &str| refused.notes().iter().any(|note| note.contains(text));
    assert!(noted("SYSTEM.LOG1 is ") && noted(why), "{why}: {:?}", refused.notes());
    assert!(noted("no log was replayed"));
}

#[test]
fn logs_of_all_ages_are_replayed() {
    let Case { before, after } = case(5);
    is_replayed(&before, &[("SYSTEM.LOG1", &entries_log(&[&before, &after], 10))], &after);
    // Windows 2000 has the number of the last write that was finished in its log, Windows 7 the one of this write.
    is_replayed(&before, &[("SYSTEM.LOG", &pages_log(&before, &after, 2, 10))], &after);
    is_replayed(&before, &[("SYSTEM.LOG1", &pages_log(&before, &after, 1, 11))], &after);
    let Case { before, after } = case(1);
    is_replayed(&before, &[("SYSTEM.LOG", &pages_log(&before, &after, 2, 10))], &after);
}

#[test]
fn without_a_log_the_hive_is_read_as_it_is() {
    let Case { before, .. } = case(5);
    let hive = recovered(&before, &[]);
    assert_eq!(hive.state(), State::Unfinished);
    assert_eq!(hive.notes().len(), 2, "{:?}", hive.notes());
    assert_eq!(hive.key(r"ControlSet001\Services\W3SVC").unwrap().unwrap().u32("Start"), Ok(Some(2)));
}

#[test]
fn a_finished_hive_leaves_its_logs_alone() {
    let Case { before, after } = case(5);
    let old = entries_log(&[&after, &before], 12);
    let newer = entries_log(&[&before, &after], 10);
    for log in [&old, &newer, &pages_log(&after, &before, 1, 10)] {
        let hive = recovered(&after, &[("SYSTEM.LOG1", log)]);
        assert_eq!((hive.state(), hive.notes()), (State::Clean, &[][..]));
        assert_eq!(listing(&hive), listing(&open(&after)));
    }
}

/// A log that nobody may read.
struct Untouchable;

impl std::io::Read for Untouchable {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("was read"))
    }
}

#[test]
fn logs_are_read_only_when_needed() {
    let Case { before, after } = case(5);
    let hive = Hive::from_bytes(after, vec![Log::new("SYSTEM.LOG1", Untouchable)]).unwrap();
    assert_eq!(hive.state(), State::Clean);
    let hive = Hive::from_bytes(before, vec![Log::new("SYSTEM.LOG1", Untouchable)]).unwrap();
    assert!(hive.notes().contains(&"SYSTEM.LOG1 is not replayed: was read".to_owned()), "{:?}", hive.notes());
}

#[test]
fn what_does_not_fit_is_refused() {
    let Case { before, after } = case(5);
    is_refused(&before, &[], "it is empty");
    is_refused(&before, &before[..100], "it is cut off");
    is_refused(&before, &[0; 1024], "not a registry hive");
    is_refused(&before, &after, "its type 0 is not known");
    is_refused(&before, &entries_log(&[&before, &after], 9), "it is older than the hive: it begins with 9");
    is_refused(&before, &pages_log(&before, &after, 1, 9), "it is older than the hive: it has 9");

    let mut log = entries_log(&[&before, &after], 10);
    log[48] ^= 1;
    is_refused(&before, &log, "its checksum is wrong");

    let mut log = entries_log(&[&before, &after], 10);
    log[4..8].copy_from_slice(&11u32.to_le_bytes());
    seal(&mut log);
    is_refused(&before, &log, "it is unfinished itself");

    let mut log = pages_log(&before, &after, 1, 11);
    log[12] ^= 1;
    seal(&mut log);
    is_refused(&before, &log, "its time differs");

    let other = system(5).named(r"\SystemRoot\System32\Config\SOFTWARE").build();
    is_refused(&before, &entries_log(&[&before, &other], 10), "of another hive: SOFTWARE, not SYSTEM");
    is_refused(&before, &pages_log(&before, &other, 1, 11), "of another hive");

    let (mut one, mut other) = (before.clone(), after.clone());
    one[112..128].copy_from_slice(&[1; 16]);
    other[112..128].copy_from_slice(&[2; 16]);
    seal(&mut one);
    is_refused(&one, &entries_log(&[&one, &other], 10), "resource managers differ");
}

#[test]
fn damaged_logs_change_nothing() {
    let Case { before, after } = case(5);
    let log = entries_log(&[&before, &after], 10);
    for (at, why) in
        [(512 + 8, "checksum of the head"), (512 + 40, "checksum of entry"), (2000, "checksum of entry")]
    {
        let mut log = log.clone();
        log[at] ^= 1;
        is_refused(&before, &log, why);
    }
    is_refused(&before, &log[..log.len() - 512], "entry 10 is cut off");

    let log = pages_log(&before, &after, 1, 11);
    is_refused(&before, &log[..log.len() - 512], "it is cut off");
    is_refused(&before, &log[..520], "its map of pages is cut off");
    let first_bin = log.windows(4).position(|bytes| bytes == b"hbin").expect("a changed bin");
    let mut log = log.clone();
    log[first_bin + 8] ^= 1;
    is_refused(&before, &log, "is damaged");
}

#[test]
fn a_log_that_was_sealed_again_is_sound() {
    let Case { before, after } = case(5);
    let sound = entries_log(&[&before, &after, &before, &after], 10);
    let mut log = sound.clone();
    for at in (0..log.len()).filter(|at| sound[*at..].starts_with(b"HvLE")) {
        log[at + 24..at + 40].fill(0);
    }
    log[508..512].fill(0);
    is_refused(&before, &log, "its checksum is wrong");
    seal_log(&mut log);
    assert_eq!(log, sound);
    for length in [0, 511, 512, 530, log.len() - 1] {
        seal_log(&mut log[..length]);
    }
    assert_eq!(log, sound, "what does not end is left as it is");
}

#[test]
fn a_log_that_makes_the_hive_huge_adds_no_bytes() {
    const HUGE: u32 = (512 << 20) - 4096;
    let Case { before, after } = case(5);
    let mut entries = entries_log(&[&before, &after], 10);
    entries[512 + 16..512 + 20].copy_from_slice(&HUGE.to_le_bytes());
    seal_log(&mut entries);
    let hive = recovered(&before, &[("SYSTEM.LOG1", &entries)]);
    assert_eq!(hive.state(), State::Recovered);
    assert!(listing(&hive) == listing(&open(&after)), "{:?}", hive.notes());
    // A key that would be where no byte is.
    let at = usize::try_from(open(&after).key("Select").unwrap().unwrap().file_offset()).unwrap() + 4;
    let mut astray = after.clone();
    astray[at + 28..at + 32].copy_from_slice(&0x1000_0000u32.to_le_bytes());
    astray[at + 20..at + 24].copy_from_slice(&1u32.to_le_bytes());
    let mut entries = entries_log(&[&before, &astray], 10);
    entries[512 + 16..512 + 20].copy_from_slice(&HUGE.to_le_bytes());
    seal_log(&mut entries);
    let hive = recovered(&before, &[("SYSTEM.LOG1", &entries)]);
    let why = hive.key("Select").unwrap().unwrap().subkeys().next().unwrap().unwrap_err();
    assert_eq!(why.reason, doorward_hive::Reason::OutOfBounds(0x1000_0000));
}

#[test]
fn entries_go_on_in_the_other_log() {
    let mut builder = system(5).sequence(10);
    let mut before = builder.build();
    unfinished(&mut before);
    let mut states = vec![before.clone()];
    for i in 0..4 {
        builder.key(&format!(r"ControlSet001\Services\Step {i}"));
        states.push(builder.build());
    }
    let logs = |some: std::ops::RangeInclusive<usize>, sequence| {
        entries_log(&states[some].iter().map(Vec::as_slice).collect::<Vec<_>>(), sequence)
    };
    let (one, two) = (logs(0..=2, 10), logs(2..=4, 12));
    is_replayed(&before, &[("SYSTEM.LOG1", &one), ("SYSTEM.LOG2", &two)], &states[4]);
    is_replayed(&before, &[("SYSTEM.LOG1", &two), ("SYSTEM.LOG2", &one)], &states[4]);
    is_replayed(&before, &[("SYSTEM.LOG1", &one)], &states[2]);

    // A gap: what follows it is of no use.
    is_replayed(&before, &[("SYSTEM.LOG1", &one), ("SYSTEM.LOG2", &logs(3..=4, 13))], &states[2]);
    // A damaged entry: those before it are good.
    let mut damaged = two.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    is_replayed(&before, &[("SYSTEM.LOG1", &one), ("SYSTEM.LOG2", &damaged)], &states[3]);
    // Entries of an earlier round stand behind the new ones.
    let mut reused = one.clone();
    reused.extend_from_slice(&logs(0..=1, 3)[512..]);
    is_replayed(&before, &[("SYSTEM.LOG1", &reused)], &states[2]);
}

#[test]
fn a_lost_base_block_is_taken_from_the_log() {
    let Case { mut before, after } = case(5);
    before[40..44].copy_from_slice(&[0xff; 4]);
    is_replayed(&before, &[("SYSTEM.LOG1", &entries_log(&[&before, &after], 10))], &after);
    is_replayed(&before, &[("SYSTEM.LOG1", &pages_log(&before, &after, 1, 11))], &after);
    let hive = recovered(&before, &[]);
    assert_eq!(hive.state(), State::Unfinished);
    assert!(hive.notes().iter().any(|note| note.contains("bytes of bins")), "{:?}", hive.notes());
    assert_eq!(hive.key(r"ControlSet001\Services\W3SVC").unwrap().unwrap().u32("Start"), Ok(Some(2)));
}

#[test]
fn without_its_numbers_a_hive_takes_the_newest_log() {
    let mut builder = system(5).sequence(10);
    let before = builder.build();
    builder.key("One");
    let one = builder.build();
    builder.key("Two");
    let two = builder.build();
    let mut lost = one.clone();
    lost[8] ^= 1;
    let (older, newer) = (entries_log(&[&before, &one], 10), entries_log(&[&one, &two], 11));
    let hive = recovered(&lost, &[("SYSTEM.LOG1", &newer), ("SYSTEM.LOG2", &older)]);
    assert_eq!(hive.state(), State::Recovered);
    assert!(listing(&hive) == listing(&open(&two)));
    let noted = |text: &str| hive.notes().iter().any(|note| note == text);
    assert!(noted("SYSTEM.LOG2 is not replayed: another log is newer"), "{:?}", hive.notes());
    assert!(noted("SYSTEM.LOG1 was replayed: entries 11 to 11"), "{:?}", hive.notes());
}
