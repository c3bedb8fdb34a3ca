use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use doorward_plan::StepId;
use proptest::prelude::*;

use super::*;
use crate::Change;
use crate::system::Node;

struct Nowhere;

impl Store for Nowhere {
    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

fn private_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    rustix::fs::chmod(directory.path(), rustix::fs::Mode::RWXU).unwrap();
    directory
}

fn header() -> Header {
    Header {
        version: JOURNAL_VERSION,
        doorward: "0.1.0".to_owned(),
        host: "web\u{1b}[31m".to_owned(),
        plan: "ab".repeat(32),
        boot_id: "4f3c".to_owned(),
        time: 1_700_000_000,
        reboot_proof: false,
    }
}

fn put(number: usize, content: Vec<u8>) -> Record {
    let file = Node::File { content, mode: 0o644, uid: 0, gid: 0 };
    let change =
        Change::Put { path: PathBuf::from("/etc/a"), before: file, after: Node::Absent, made: Vec::new() };
    Record::Intent { number, step: StepId::from("disable:a"), change, saved: Vec::new() }
}

fn lines_of(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let mut chain = Chain::default();
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for record in records {
        let (line, next) = chain.line(record).unwrap();
        chain = next;
        bytes.extend(line);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let one = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80).prop_map(|content| put(0, content)),
        "\\PC{0,20}".prop_map(|why| Record::Failed { number: 3, why }),
        Just(Record::Done { number: 0 }),
        Just(Record::Confirmed { time: 3 }),
    ];
    prop::collection::vec(one, 0..6).prop_map(|mut all| {
        all.insert(0, Record::Header(header()));
        all
    })
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it writes what a dying program would")]
fn who_only_looks_cuts_nothing_off() {
    let directory = private_directory();
    let path = directory.path().join("1.journal");
    let mut writer = Journal::create(&path, header()).unwrap();
    writer.append(put(0, b"a".to_vec())).unwrap();
    // Somebody is in the midst of writing a record.
    let whole = std::fs::read(&path).unwrap();
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"half a rec").unwrap();
    let torn = std::fs::read(&path).unwrap();
    let mut looked = Journal::look(&path).unwrap();
    assert_eq!((looked.records(), looked.was_torn()), (writer.records(), true));
    assert_eq!(std::fs::read(&path).unwrap(), torn);
    assert!(matches!(looked.confirm(1), Err(JournalError::Append(_))));
    assert_eq!(std::fs::read(&path).unwrap(), torn);
    Journal::open(&path, IfDamaged::Refuse).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole, "who takes it up does");
}

proptest! {
    #[test]
    fn any_truncation_reads_as_a_prefix(records in records(), cut in any::<prop::sample::Index>()) {
        let (bytes, ends) = lines_of(&records);
        let cut = cut.index(bytes.len() + 1);
        let lines = lines::read(&bytes[..cut]);
        let whole = ends.iter().filter(|e| **e <= cut).count();
        prop_assert_eq!(lines.damage, None);
        prop_assert_eq!(&lines.records[..], &records[..whole]);
        prop_assert_eq!(lines.torn, cut != 0 && ends.iter().all(|e| *e != cut));
        prop_assert_eq!(lines.good, if whole == 0 { 0 } else { ends[whole - 1] });
    }

    #[test]
    fn any_flipped_bit_is_found(records in records(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let (mut bytes, ends) = lines_of(&records);
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        let lines = lines::read(&bytes);
        let before = ends.iter().filter(|e| **e <= at).count();
        let damage = lines.damage.expect("found");
        prop_assert_eq!(damage.records, before);
        prop_assert_eq!(&lines.records[..], &records[..before]);
        prop_assert_eq!(damage.offset, if before == 0 { 0 } else { ends[before - 1] as u64 });
    }

    #[test]
    fn any_bytes_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = lines::read(&bytes);
    }
}

#[test]
fn a_record_that_is_left_out_or_repeated_is_damage() {
    let (bytes, ends) = lines_of(&[Record::Header(header()), put(0, vec![1]), Record::Done { number: 0 }]);
    let without = [&bytes[..ends[0]], &bytes[ends[1]..]].concat();
    assert_eq!(lines::read(&without).damage.unwrap().records, 1);
    let twice = [&bytes[..ends[1]], &bytes[ends[0]..]].concat();
    assert_eq!(lines::read(&twice).damage.unwrap().records, 2);
}

#[test]
fn a_last_line_with_zeros_is_torn_rather_than_damaged() {
    let (mut bytes, ends) = lines_of(&[Record::Header(header()), put(0, vec![1; 40])]);
    bytes[ends[0] + 70..ends[0] + 90].fill(0);
    let lines = lines::read(&bytes);
    assert!(lines.torn && lines.damage.is_none() && lines.records.len() == 1);
}

#[test]
fn a_file_comes_back_after_its_tail_was_torn() {
    let directory = private_directory();
    let path = directory.path().join("journal");
    let mut journal = Journal::create(&path, header()).unwrap();
    journal.append(put(0, vec![0xff, 0])).unwrap();
    drop(journal);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let good = std::fs::read(&path).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a crash writes a part")]
    std::fs::write(&path, [&good[..], b"0123 garb"].concat()).unwrap();

    let mut journal = Journal::open(&path, IfDamaged::Refuse).unwrap();
    assert!(journal.was_torn());
    assert_eq!(journal.records()[1], put(0, vec![0xff, 0]));
    assert_eq!(journal.state(), State::Open);
    journal.confirm(5).unwrap();
    drop(journal);
    let journal = Journal::open(&path, IfDamaged::Refuse).unwrap();
    assert!(!journal.was_torn());
    assert_eq!(journal.state(), State::Confirmed);
    assert_eq!(journal.header(), &header());
}

#[test]
fn a_damaged_journal_is_refused_and_its_good_records_are_offered() {
    let (mut bytes, ends) = lines_of(&[Record::Header(header()), put(0, vec![1]), put(1, vec![2])]);
    bytes[ends[0] + 100] ^= 1;
    let Err(refused) = Journal::resume(Box::new(Nowhere), &bytes, IfDamaged::Refuse) else { panic!("taken") };
    let place = format!("byte {}", ends[0]);
    assert!(refused.to_string().contains(&place), "{refused}");
    let mut journal = Journal::resume(Box::new(Nowhere), &bytes, IfDamaged::UseGood).unwrap();
    assert_eq!(journal.records().len(), 1);
    assert!(journal.confirm(1).is_err());
}

#[test]
fn files_that_others_could_have_made_are_refused() {
    let directory = private_directory();
    let path = directory.path().join("journal");
    drop(Journal::create(&path, header()).unwrap());
    assert!(matches!(Journal::create(&path, header()), Err(JournalError::Io { .. })), "it exists");
    let link = directory.path().join("link");
    rustix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(Journal::open(&link, IfDamaged::Refuse), Err(JournalError::Io { .. })));
    assert!(matches!(Journal::create(&link, header()), Err(JournalError::Io { .. })));
    rustix::fs::chmod(directory.path(), rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
    assert!(matches!(Journal::open(&path, IfDamaged::Refuse), Err(JournalError::Unsafe { .. })));
    assert!(matches!(
        Journal::create(&directory.path().join("b"), header()),
        Err(JournalError::Unsafe { .. })
    ));
}

#[test]
fn a_journal_of_a_newer_form_is_refused() {
    let newer = Header { version: JOURNAL_VERSION + 1, ..header() };
    let (bytes, _) = lines_of(&[Record::Header(newer)]);
    let refused = Journal::resume(Box::new(Nowhere), &bytes, IfDamaged::Refuse);
    assert!(matches!(refused, Err(JournalError::Newer(_))));
    let empty = Journal::resume(Box::new(Nowhere), b"", IfDamaged::Refuse);
    assert!(matches!(empty, Err(JournalError::Empty)));
}
