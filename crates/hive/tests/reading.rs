//! Sound hives, of every version.
#![allow(missing_docs)]

mod common;

use common::{errors, listing, open, system};
use doorward_hive::testing::HiveBuilder;
use doorward_hive::{Hive, Kind, Reason, State};

/// Windows NT 3.1, 3.5; 4.0 and 2000; a beta; XP and later; 10.
const VERSIONS: [u32; 6] = [1, 2, 3, 4, 5, 6];

#[test]
fn every_version_tells_the_same() {
    let mut first = None;
    for minor in VERSIONS {
        let hive = open(&system(minor).build());
        assert_eq!((hive.version(), hive.state()), ((1, minor), State::Clean));
        assert_eq!(hive.notes(), [""; 0]);
        assert_eq!(errors(hive.root()), []);
        let listing = listing(&hive);
        assert_eq!(*first.get_or_insert_with(|| listing.clone()), listing, "1.{minor}");
    }
}

#[test]
fn a_service_is_read_as_it_was_written() {
    let hive = open(&system(5).build());
    let service = hive.key(r"controlset001\SERVICES\w3svc").unwrap().expect("case does not matter");
    assert_eq!(service.name(), "W3SVC");
    assert_eq!(service.last_written(), Some(1_600_000_000));
    assert_eq!(service.u32("start"), Ok(Some(2)));
    assert_eq!(service.u32("Nothing"), Ok(None));
    assert_eq!(service.string("ImagePath").unwrap().unwrap(), r"%SystemRoot%\System32\W3SVC.exe");
    assert_eq!(service.strings("DependOnService").unwrap().unwrap(), ["RPCSS", "HTTP"]);
    assert_eq!(service.security_descriptor().unwrap().map(<[u8]>::len), Some(32));
    assert_eq!(service.class_name(), Ok(None));
    let names: Vec<_> = service.values().map(|value| value.unwrap().name().into_owned()).collect();
    assert_eq!(names, ["Start", "Type", "ImagePath", "DependOnService", "DisplayName"]);
    let long = service.path("Parameters").unwrap().unwrap().value("Key").unwrap().unwrap();
    assert_eq!(long.data().unwrap(), vec![7; 20_000]);
    let secret = hive.key(r"ControlSet001\Control\Lsa\JD").unwrap().unwrap();
    assert_eq!(secret.class_name().unwrap().as_deref(), Some("0123abcd"));
    assert_eq!(secret.last_written(), None);
    assert_eq!(hive.key(r"ControlSet002\Services").unwrap().map(|key| key.file_offset()), None);
    assert_eq!(hive.key("").unwrap().map(|key| key.name()), Some("ROOT".into()));
}

#[test]
fn names_are_found_whatever_their_case_and_letters() {
    for minor in VERSIONS {
        let hive = open(&system(minor).build());
        let key = hive.key(r"controlset001\enum\GRÖßE").unwrap().expect("a key with Latin-1 letters");
        assert_eq!(key.name(), "Größe");
        assert_eq!(key.string("ПРИВЕТ").unwrap().as_deref(), Some("ключ"));
        assert!(hive.key(r"ControlSet001\Enum\Grosse").unwrap().is_none());
    }
}

#[test]
fn kinds_are_told_apart() {
    let mut builder = HiveBuilder::new(5);
    let key = builder.key("");
    key.u32("number", 7).value("other order", Kind::U32BigEndian, &[0, 0, 1, 0]);
    key.value("long", Kind::U64, &[1, 0, 0, 0, 0, 0, 0, 0x80]).value("short", Kind::U32, &[1, 0]);
    key.string("", "the default").value("bare", Kind::String, b"a\0b\0").value("empty", Kind::String, &[]);
    key.value("broken", Kind::String, &[0x3d, 0xd8, 0x41, 0, 0x42]).strings("none", &[]);
    key.value("account", Kind::Other(0x3e9), &[]);
    let hive = open(&builder.build());
    let value = |name| hive.root().value(name).unwrap().unwrap();
    assert_eq!(value("number").as_u32(), Ok(7));
    assert_eq!(value("other order").as_u32(), Ok(256));
    assert_eq!(value("long").as_u64(), Ok(0x8000_0000_0000_0001));
    assert_eq!(value("").as_string().as_deref(), Ok("the default"));
    assert_eq!(value("bare").as_string().as_deref(), Ok("ab"));
    assert_eq!(value("empty").as_string().as_deref(), Ok(""));
    assert_eq!(value("broken").as_string().as_deref(), Ok("\u{fffd}A"));
    assert_eq!(value("none").as_strings(), Ok(vec![]));
    assert_eq!((value("account").kind(), value("account").data().unwrap().len()), (Kind::Other(0x3e9), 0));
    let why = value("").as_u32().unwrap_err();
    assert_eq!(why.reason, Reason::Kind { expected: "REG_DWORD", found: Kind::String });
    assert_eq!(why.offset, value("").file_offset());
    assert_eq!(value("short").as_u32().unwrap_err().reason, Reason::Length { kind: Kind::U32, length: 2 });
    assert!(value("number").as_u64().is_err());
    assert!(value("number").as_strings().is_err());
    assert!(value("none").as_string().is_err());
    for number in 0..20 {
        let kind = match number {
            0..=11 => open_kind(number),
            other => Kind::Other(other),
        };
        assert_eq!(kind.number(), number);
    }
}

/// A kind by its number, through a hive.
fn open_kind(number: u32) -> Kind {
    let mut builder = HiveBuilder::new(5);
    builder.key("").value("it", Kind::Other(number), &[]);
    open(&builder.build()).root().value("it").unwrap().unwrap().kind()
}

#[test]
fn long_data_comes_back_whole() {
    for minor in [3, 5] {
        for length in [0, 1, 4, 5, 4092, 16_344, 16_345, 32_688, 32_689, 100_000] {
            let data: Vec<u8> = (0..length).map(|i: u32| (i % 251) as u8).collect();
            let mut builder = HiveBuilder::new(minor);
            builder.key("").value("it", Kind::Binary, &data);
            let hive = open(&builder.build());
            let value = hive.root().value("it").unwrap().unwrap();
            assert_eq!(value.data().unwrap(), data, "{length} bytes in 1.{minor}");
        }
    }
}

#[test]
fn many_subkeys_are_listed_and_found() {
    for (minor, leaf) in [(2, 100), (3, 100), (5, 100), (5, 5000)] {
        let mut builder = HiveBuilder::new(minor).leaf(leaf);
        for i in 0..1500 {
            builder.key(&format!(r"many\Key {i:04}")).u32("number", i);
        }
        let hive = open(&builder.build());
        let many = hive.key("many").unwrap().unwrap();
        let names: Vec<_> = many.subkeys().map(|key| key.unwrap().name().into_owned()).collect();
        assert!(names.is_sorted() && names.len() == 1500);
        for i in [0, 99, 100, 777, 1499] {
            let found = many.subkey(&format!("KEY {i:04}")).unwrap().unwrap();
            assert_eq!(found.u32("number"), Ok(Some(i)));
        }
        assert!(many.subkey("Key 1500").unwrap().is_none());
    }
}

#[test]
fn a_file_is_read_in_pieces_and_tells_the_same() {
    let mut builder = system(5);
    for i in 0..400u32 {
        let path = format!(r"ControlSet001\Services\Service {i}");
        builder.key(&path).value("Data", Kind::Binary, &vec![7; 700 + i as usize]);
    }
    let bytes = builder.build();
    assert!(bytes.len() > 300_000, "several chunks");
    // A source in memory that is read like a file.
    let hive = Hive::open(bytes.clone(), Vec::new()).unwrap();
    assert_eq!(errors(hive.root()), []);
    assert_eq!(listing(&hive), listing(&open(&bytes)));
}

#[test]
fn what_follows_the_last_bin_is_nothing() {
    let plain = system(5).build();
    let mut padded = plain.clone();
    padded.extend([0xff; 5000]);
    assert_eq!(listing(&open(&padded)), listing(&open(&plain)));
    assert_eq!(open(&padded).notes(), [""; 0]);
}
