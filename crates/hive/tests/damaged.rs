//! Damaged and hostile hives: what can be read is read, what cannot is named, and reading ends.
#![allow(missing_docs)]

mod common;

use std::io;

use common::{errors, open, system};
use doorward_hive::testing::{HiveBuilder, seal};
use doorward_hive::{Hive, HiveError, Key, Kind, Reason, Source, State};

/// Where cells are counted from.
const BINS: usize = 4096;

/// Head of a cell.
const HEAD: usize = 4;

fn refusal(bytes: &[u8]) -> HiveError {
    let why = Hive::from_bytes(bytes.to_vec(), Vec::new()).unwrap_err();
    assert_eq!(Hive::open(bytes.to_vec(), Vec::new()).unwrap_err(), why);
    why
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn put(bytes: &mut [u8], at: usize, word: usize) {
    bytes[at..at + 4].copy_from_slice(&u32::try_from(word).unwrap().to_le_bytes());
}

/// Where the record of a key is.
fn record(bytes: &[u8], path: &str) -> usize {
    usize::try_from(open(bytes).key(path).unwrap().unwrap().file_offset()).unwrap() + HEAD
}

/// A key's offset as other cells have it.
fn cell(bytes: &[u8], path: &str) -> usize {
    record(bytes, path) - HEAD - BINS
}

/// Where the record of a key's list of subkeys is.
fn list(bytes: &[u8], path: &str) -> usize {
    word(bytes, record(bytes, path) + 28) + BINS + HEAD
}

const SERVICES: &str = r"ControlSet001\Services";

#[test]
fn what_is_no_hive_is_refused() {
    assert_eq!(refusal(b"").reason, Reason::Empty);
    assert_eq!(refusal(b"CREG\0\0\x01\0").reason, Reason::Windows9x);
    assert_eq!(refusal(b"MZ").reason, Reason::NotAHive(*b"MZ\0\0"));
    assert_eq!(refusal(&[0xff; 9000]).reason, Reason::NotAHive([0xff; 4]));
    assert_eq!(
        refusal(b"\x1b[2J").to_string(),
        r"not a registry hive: it begins with \x1b[2J (file offset 0x0)"
    );

    let hive = system(5).build();
    assert_eq!(refusal(&hive[..4100]).reason, Reason::Truncated(4100));
    let mut log = hive[..512].to_vec();
    put(&mut log, 28, 6);
    assert_eq!(refusal(&log).reason, Reason::ALog(6));
    for version in [0, 7] {
        let mut hive = hive.clone();
        put(&mut hive, 24, version);
        seal(&mut hive);
        assert_eq!(refusal(&hive).reason, Reason::Version(1, u32::try_from(version).unwrap()));
    }
    let mut hive = hive.clone();
    hive[4096] = 0;
    assert_eq!(refusal(&hive).reason, Reason::NoBin);
}

/// A file that would fill the memory.
struct Huge {
    head: Vec<u8>,
    length: u64,
}

impl Source for Huge {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let there = usize::try_from(offset).ok().and_then(|at| self.head.get(at..)).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer.fill(0);
        buffer[..count].copy_from_slice(&there[..count]);
        Ok(buffer.len())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.length)
    }
}

#[test]
fn huge_files_are_no_trouble() {
    let open = |head: &[u8], length| Hive::open(Huge { head: head.to_vec(), length }, Vec::new());
    let hive = system(5).build();
    let padded = open(&hive, 2 << 30).unwrap();
    assert_eq!(errors(padded.root()), [], "what follows the bins is not read");

    let mut large = hive.clone();
    put(&mut large, 40, 0x7fff_f000);
    seal(&mut large);
    assert_eq!(open(&large, 2 << 30).unwrap_err().reason, Reason::TooLarge);
    assert_eq!(open(&large, u64::MAX).unwrap_err().reason, Reason::TooLarge);

    let mut damaged = hive.clone();
    damaged[100] ^= 1;
    assert_eq!(open(&damaged, 2 << 30).unwrap_err().reason, Reason::TooLarge);
    assert_eq!(open(&[], 2 << 30).unwrap_err().reason, Reason::NotAHive([0; 4]));
}

/// A disk that fails behind the first bin.
struct Failing(Vec<u8>);

impl Source for Failing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset > 0 { Err(io::Error::other("bad sector")) } else { self.0.read_at(buffer, offset) }
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
}

#[test]
fn a_disk_that_fails_is_an_error_where_it_fails() {
    let mut builder = HiveBuilder::new(5);
    for i in 0..2000 {
        builder.key(&format!("Key {i:04}"));
    }
    let hive = Hive::open(Failing(builder.build()), Vec::new()).expect("the root can be read");
    let errors = errors(hive.root());
    assert!(errors.iter().any(|why| why.reason == Reason::Read("bad sector".into())), "{errors:?}");
    assert!(hive.key("Key 1999").is_err(), "not found is not the same as not readable");
}

#[test]
fn a_cut_off_hive_gives_what_is_left() {
    let mut builder = system(5);
    builder.key("").u32("Number", 7);
    let whole = builder.build();
    let hive = open(&whole[..whole.len() - 4096]);
    assert!(hive.notes()[0].starts_with("the file is cut off"), "{:?}", hive.notes());
    assert_eq!(hive.root().u32("Number"), Ok(Some(7)));
    assert!(hive.key("Select").is_err(), "not found is not the same as not readable");
    assert!(matches!(errors(hive.root())[..], [HiveError { reason: Reason::OutOfBounds(_), .. }]));
}

#[test]
fn a_wrong_checksum_alone_is_noted() {
    let mut hive = system(5).build();
    hive[100] ^= 1;
    let hive = open(&hive);
    assert_eq!(hive.state(), State::Unfinished);
    assert!(hive.notes()[0].contains("checksum"), "{:?}", hive.notes());
    assert_eq!(errors(hive.root()), []);
}

#[test]
fn keys_in_a_loop_are_not_followed() {
    let mut hive = system(5).build();
    let (services, root) = (cell(&hive, SERVICES), cell(&hive, ""));
    let first = list(&hive, SERVICES) + 4;
    // A subkey that is its own grandparent; it even names the right parent.
    put(&mut hive, first, root);
    let parent = record(&hive, "") + 16;
    put(&mut hive, parent, services);
    let why = errors(open(&hive).root());
    assert!(matches!(why[0].reason, Reason::Parent { key, .. } if key as usize == root), "{why:?}");
    // A subkey that is its own parent.
    put(&mut hive, first, services);
    let why = errors(open(&hive).root());
    assert!(matches!(why[0].reason, Reason::Parent { key, .. } if key as usize == services), "{why:?}");
}

#[test]
fn a_subkey_of_another_key_is_not_followed() {
    let mut hive = system(5).build();
    let at = record(&hive, &format!(r"{SERVICES}\W3SVC")) + 16;
    put(&mut hive, at, 0x20);
    let hive = open(&hive);
    let services = hive.key(SERVICES).unwrap().unwrap();
    assert!(matches!(services.subkey("W3SVC").unwrap_err().reason, Reason::Parent { .. }));
    assert!(services.subkey("HTTP").unwrap().is_some());
    assert!(services.subkey("Missing").is_err(), "the one that cannot be read may be it");
    assert_eq!(services.subkeys().flatten().count(), 3);
}

#[test]
fn a_subkey_listed_twice_is_one() {
    let mut hive = system(5).build();
    let first = list(&hive, SERVICES) + 4;
    let one = word(&hive, first);
    put(&mut hive, first + 8, one);
    let hive = open(&hive);
    let subkeys: Vec<_> = hive.key(SERVICES).unwrap().unwrap().subkeys().collect();
    assert_eq!(subkeys.iter().filter(|key| key.is_ok()).count(), 3);
    assert!(
        subkeys
            .iter()
            .any(|key| matches!(key, Err(e) if e.reason == Reason::Twice(u32::try_from(one).unwrap())))
    );
}

#[test]
fn lists_that_lie_are_told() {
    let sound = system(5).build();
    let at = list(&sound, SERVICES);
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut hive = sound.clone();
        change(&mut hive);
        let hive = open(&hive);
        let services = hive.key(SERVICES).unwrap().unwrap();
        let found = services.subkeys().flatten().count();
        (found, services.subkeys().find_map(Result::err).expect("an error").reason)
    };
    let (found, why) = broken(&|hive| hive[at + 2] = 200);
    assert!(found == 4 && matches!(why, Reason::Short { what: "list of subkeys", .. }), "{found} {why}");
    let (found, why) = broken(&|hive| hive[at + 2] = 3);
    assert_eq!((found, why), (3, Reason::Count { said: 4, listed: 3 }));
    let (found, why) = broken(&|hive| hive[at..at + 2].copy_from_slice(b"ri"));
    assert!(found == 0 && matches!(why, Reason::Signature { found: [b'n', b'k'], .. }), "{found} {why}");
    let (found, why) = broken(&|hive| put(hive, at - HEAD, 0x18));
    assert!(found == 0 && matches!(why, Reason::Free(_)), "{found} {why}");
    let key = record(&sound, SERVICES);
    let (found, why) = broken(&|hive| put(hive, key + 28, 0x7fff_fff8));
    assert_eq!((found, why), (0, Reason::OutOfBounds(0x7fff_fff8)));
}

#[test]
fn a_wrong_hash_hides_nothing() {
    let mut hive = system(5).build();
    let first = list(&hive, SERVICES) + 4;
    for i in 0..4 {
        put(&mut hive, first + i * 8 + 4, 7);
    }
    assert!(open(&hive).key(&format!(r"{SERVICES}\w3svc")).unwrap().is_some());
}

#[test]
fn values_that_lie_are_told() {
    let sound = system(5).build();
    let service = format!(r"{SERVICES}\W3SVC");
    let value = |name: &str| {
        let hive = open(&sound);
        let value = hive.key(&service).unwrap().unwrap().value(name).unwrap().unwrap();
        usize::try_from(value.file_offset()).unwrap() + HEAD
    };
    let broken = |at: usize, field: usize, name: &str| {
        let mut hive = sound.clone();
        put(&mut hive, at, field);
        let hive = open(&hive);
        let key = hive.key(&service).unwrap().unwrap();
        key.value(name)
            .and_then(|value| value.expect("a value").data().map(|_| ()))
            .expect_err("damaged")
            .reason
    };
    let size = value("ImagePath") + 4;
    assert!(matches!(broken(size, 9999, "ImagePath"), Reason::Short { what: "data of a value", .. }));
    assert!(matches!(
        broken(value("Start") + 4, 0x8000_0005, "Start"),
        Reason::Short { need: 5, have: 4, .. }
    ));
    assert_eq!(broken(size + 4, 0x0fff_fff8, "ImagePath"), Reason::OutOfBounds(0x0fff_fff8));
    assert_eq!(broken(size + 4, 0x23, "ImagePath"), Reason::OutOfBounds(0x23));
    let key = record(&sound, &service);
    assert!(matches!(
        broken(key + 36, usize::from(u16::MAX), "Missing"),
        Reason::Short { what: "list of values", .. }
    ));
}

#[test]
fn long_data_in_pieces_is_no_longer_than_the_hive() {
    let mut builder = HiveBuilder::new(5);
    builder.key("").value("it", Kind::Binary, &vec![7; 50_000]);
    let mut hive = builder.build();
    let value =
        usize::try_from(open(&hive).root().value("it").unwrap().unwrap().file_offset()).unwrap() + HEAD;
    let pieces = word(&hive, word(&hive, value + 8) + BINS + HEAD + 4) + BINS + HEAD;
    // The same piece again and again, as often as its list has room for.
    let piece = word(&hive, pieces);
    for i in 0..4 {
        put(&mut hive, pieces + i * 4, piece);
    }
    let data = |hive: &[u8]| open(hive).root().value("it").unwrap().unwrap().data().map(|data| data.len());
    assert_eq!(data(&hive), Ok(50_000));
    for length in [60_000, 0x7fff_ffff] {
        put(&mut hive, value + 4, length);
        let why = data(&hive).unwrap_err().reason;
        assert!(matches!(why, Reason::Short { have, .. } if have == (hive.len() - BINS) as u64), "{why}");
    }
    put(&mut hive, value + 4, 50_000);
    let head = word(&hive, value + 8) + BINS + HEAD;
    hive[head + 2] = 3;
    let why = data(&hive).unwrap_err().reason;
    assert!(matches!(why, Reason::Short { need: 50_000, have: 49_032, .. }), "{why}");
}

#[test]
fn overlapping_lists_do_not_take_forever() {
    // Thousands of keys that share one list of thousands of values.
    let mut builder = HiveBuilder::new(5).leaf(60_000);
    for i in 0..700 {
        builder.key(&format!("Key {i:04}"));
    }
    for i in 0..3000 {
        builder.key("Key 0000").value(&format!("{i}"), Kind::Binary, &[]);
    }
    let mut hive = builder.build();
    let keys: Vec<usize> = {
        let hive = open(&hive);
        hive.root().subkeys().map(|key| usize::try_from(key.unwrap().file_offset()).unwrap() + HEAD).collect()
    };
    let shared: [u8; 8] = hive[keys[0] + 36..keys[0] + 44].try_into().unwrap();
    for &key in &keys {
        hive[key + 36..key + 44].copy_from_slice(&shared);
    }
    let hive = open(&hive);
    let last = |key: Key<'_>| key.values().last().expect("values").map(|_| ());
    let mut stopped = hive.root().subkeys().map(|key| last(key.unwrap())).skip_while(Result::is_ok);
    assert!(stopped.all(|why| why.unwrap_err().reason == Reason::Work));
    assert!(hive.root().subkeys().next().is_some_and(|key| key.is_err()) || hive.key("Key 0001").is_err());
}

#[test]
fn a_key_with_an_endless_name_is_refused() {
    for minor in [1, 5] {
        let mut builder = HiveBuilder::new(minor);
        builder.key(&"n".repeat(255));
        assert_eq!(errors(open(&builder.build()).root()), []);
        builder.key(&"m".repeat(256));
        let hive = open(&builder.build());
        let keys: Vec<_> = hive.root().subkeys().collect();
        assert_eq!(keys.iter().filter(|key| key.is_ok()).count(), 1);
        assert!(keys.iter().any(|key| matches!(key, Err(why) if why.reason == Reason::Name(256))));
    }
}

#[test]
fn what_is_shared_is_not_told_forever() {
    // Thousands of elements that lead to one value, whose name and data are long.
    let mut builder = HiveBuilder::new(5);
    builder.key("").value(&"n".repeat(16_000), Kind::Binary, &[7; 16_000]);
    for i in 0..9000 {
        builder.key("").u32(&format!("{i}"), i);
    }
    let mut hive = builder.build();
    let list = word(&hive, record(&hive, "") + 40) + BINS + HEAD;
    let first: [u8; 4] = hive[list..list + 4].try_into().unwrap();
    hive[list..list + 9001 * 4].copy_from_slice(&first.repeat(9001));
    let told = |told: &dyn Fn(&doorward_hive::Value<'_>) -> Result<usize, HiveError>| {
        let (hive, mut sum) = (open(&hive), 0);
        for value in hive.root().values() {
            match value.and_then(|value| told(&value)) {
                Ok(length) => sum += length,
                Err(why) => return (sum, why.reason),
            }
        }
        panic!("{sum} bytes and no end");
    };
    let most = 4 << 20;
    let (names, why) = told(&|value| Ok(value.name().len()));
    assert!(names < most && why == Reason::Work, "{names} {why}");
    let (data, why) = told(&|value| value.data().map(|data| data.len()));
    assert!(data < most && why == Reason::Work, "{data} {why}");
    // Keys that share a class name and a descriptor.
    let mut builder = HiveBuilder::new(5);
    builder.key("").class(&"c".repeat(30_000)).security(&[1; 15_000]);
    for i in 0..3000 {
        builder.key(&format!("{i}"));
    }
    let mut hive = builder.build();
    let (root, own) = (record(&hive, ""), |hive: &[u8], at: usize| hive[at..at + 4].try_into().unwrap());
    let (security, class): ([u8; 4], [u8; 4]) = (own(&hive, root + 44), own(&hive, root + 48));
    let keys: Vec<usize> = {
        let hive = open(&hive);
        hive.root().subkeys().map(|key| usize::try_from(key.unwrap().file_offset()).unwrap() + HEAD).collect()
    };
    for key in keys {
        hive[key + 44..key + 48].copy_from_slice(&security);
        hive[key + 48..key + 52].copy_from_slice(&class);
        hive[key + 74..key + 76].copy_from_slice(&60_000u16.to_le_bytes());
    }
    for told in [
        |key: Key<'_>| key.class_name().map(|name| name.map_or(0, |name| name.len())),
        |key: Key<'_>| key.security_descriptor().map(|raw| raw.map_or(0, <[u8]>::len)),
    ] {
        let hive = open(&hive);
        let all: Vec<_> = hive.root().subkeys().map(|key| key.and_then(told)).collect();
        assert!(all.iter().flatten().sum::<usize>() < most);
        assert!(all.iter().any(|told| matches!(told, Err(why) if why.reason == Reason::Work)));
    }
}

#[test]
fn depth_is_limited() {
    let mut builder = HiveBuilder::new(5);
    let mut key = builder.key("");
    for _ in 0..600 {
        key = key.subkey("deeper");
    }
    let hive = open(&builder.build());
    let mut key: Key<'_> = hive.root();
    let why = loop {
        match key.subkeys().next().expect("a subkey") {
            Ok(subkey) => key = subkey,
            Err(why) => break why,
        }
    };
    assert_eq!(why.reason, Reason::Depth);
}
