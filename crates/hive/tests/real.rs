//! Hives of real Windows machines, where the collection of them lies beside the checkout.
#![allow(missing_docs)]

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use common::{errors, listing, log};
use doorward_hive::{Hive, Key, Log, Reason, State};
use serde_json::Value as Json;

/// The folder `../shared/data/windows` beside the checkout.
fn collection() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/windows");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no folder ../shared/data/windows beside the checkout");
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// A file's bytes; those of an `.xz` are unpacked by the system's `xz`, `None` where there is none.
#[expect(clippy::disallowed_methods, reason = "xz unpacks test data, by absolute path and without a shell")]
fn bytes(path: &Path) -> Option<Vec<u8>> {
    if path.extension().is_none_or(|end| end != "xz") {
        return Some(fs::read(path).unwrap());
    }
    let output = std::process::Command::new("/usr/bin/xz").args(["-dc", "--"]).arg(path).output();
    match output {
        Ok(output) if output.status.success() => Some(output.stdout),
        _ => {
            eprintln!("skipped: {}: /usr/bin/xz cannot unpack it", path.display());
            None
        }
    }
}

fn open(bytes: &[u8], logs: &[(&str, Vec<u8>)]) -> Hive {
    let logs = || logs.iter().map(|(name, bytes)| log(name, bytes)).collect::<Vec<Log<'_>>>();
    let whole = Hive::from_bytes(bytes.to_vec(), logs()).unwrap();
    let pieces = Hive::open(bytes.to_vec(), logs()).unwrap();
    assert!(listing(&whole) == listing(&pieces), "read in pieces it is another hive");
    pieces
}

#[test]
fn services_are_as_other_readers_found_them() {
    let Some(folder) = collection() else { return };
    let mut oracles = Vec::new();
    files(&folder.join("oracle"), &mut oracles);
    assert!(!oracles.is_empty());
    for oracle in oracles {
        let oracle: Json = serde_json::from_slice(&fs::read(&oracle).unwrap()).unwrap();
        let file = folder.parent().unwrap().join(oracle["meta"]["file"].as_str().unwrap());
        let path = if file.exists() { file } else { file.with_added_extension("xz") };
        let Some(bytes) = bytes(&path) else { continue };
        let hive = open(&bytes, &[]);
        let set = oracle["meta"]["control_set"].as_str().unwrap();
        let services = hive.key(&format!(r"{set}\Services")).unwrap().expect("services");
        assert_eq!(services.subkeys().count() as u64, oracle["meta"]["services_keys"].as_u64().unwrap());
        let expected = oracle["services"].as_object().unwrap();
        for (name, expected) in expected {
            let service = services.subkey(&name.to_uppercase()).unwrap().unwrap_or_else(|| panic!("{name}"));
            assert_eq!(service.name(), *name);
            for number in ["Start", "Type", "ErrorControl"] {
                let number_there = service.u32(number).unwrap().map(u64::from);
                assert_eq!(number_there, expected[number].as_u64(), "{name}: {number}");
            }
            for text in ["ImagePath", "ObjectName", "DisplayName"] {
                if let Some(expected) = expected[text].as_str() {
                    assert_eq!(service.string(text).unwrap().as_deref(), Some(expected), "{name}: {text}");
                }
            }
            if let Some(expected) = expected["DependOnService"].as_array() {
                let there = service.strings("DependOnService").unwrap().expect("a list");
                assert!(
                    there.iter().map(String::as_str).eq(expected.iter().filter_map(Json::as_str)),
                    "{name}"
                );
            }
        }
        println!("{}: {} services agree", path.display(), expected.len());
    }
}

#[test]
fn every_file_is_read_or_refused_with_a_reason() {
    let Some(folder) = collection() else { return };
    let mut found = Vec::new();
    files(&folder.join("hives"), &mut found);
    for path in found {
        let Some(bytes) = bytes(&path) else { continue };
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        match Hive::open(bytes, Vec::new()) {
            Ok(hive) => {
                let errors = errors(hive.root());
                let damaged = ["BadListHive", "TruncatedHive", "TruncatedNameHive"];
                assert_eq!(
                    !errors.is_empty(),
                    damaged.iter().any(|end| name.ends_with(end)),
                    "{name}: {errors:?}"
                );
            }
            Err(why) => {
                let expected = match why.reason {
                    Reason::ALog(_) | Reason::Empty => name.to_lowercase().contains(".log"),
                    Reason::NotAHive(_) => name.contains(".reg") || name.ends_with("InvalidParentFragment"),
                    _ => false,
                };
                assert!(expected, "{name}: {why}");
            }
        }
    }
}

/// A hive of the collection with logs of it.
fn with_logs(folder: &Path, hive: &str, logs: &[&str]) -> Option<Hive> {
    let read = |name: &str| bytes(&folder.join("hives").join(name));
    let logs: Option<Vec<_>> = logs.iter().map(|name| Some((*name, read(name)?))).collect();
    Some(open(&read(hive)?, &logs?))
}

#[test]
fn recovered_hives_are_as_windows_recovered_them() {
    let Some(folder) = collection() else { return };
    let (hive, log1, log2) = ("NewDirtyHive", "NewDirtyHive.LOG1", "NewDirtyHive.LOG2");
    let [hive, log1, log2] = [hive, log1, log2].map(|name| format!("yarp/NewDirtyHive1/{name}"));
    let by_windows = with_logs(&folder, "yarp/NewDirtyHive1/RecoveredHive_Windows10", &[]).unwrap();
    for logs in [[&*log1, &*log2], [&*log2, &*log1]] {
        let hive = with_logs(&folder, &hive, &logs).unwrap();
        assert_eq!(hive.state(), State::Recovered);
        assert_eq!(listing(&hive), listing(&by_windows));
    }

    let logs = ["regipy/transactions_ntuser.dat.log1.xz", "regipy/transactions_ntuser.dat.log2.xz"];
    let count = |key: Key<'_>| subkeys_in_all(key);
    if let Some(hive) = with_logs(&folder, "regipy/transactions_NTUSER.DAT.xz", &logs) {
        assert_eq!(hive.state(), State::Recovered);
        assert_eq!(errors(hive.root()), []);
        assert!(hive.notes().iter().any(|note| note.ends_with("was replayed: entries 566 to 588")));
        assert!(
            hive.notes()
                .iter()
                .any(|note| note.contains("log2.xz is not replayed: it is older than the hive"))
        );
        let before = with_logs(&folder, "regipy/transactions_NTUSER.DAT.xz", &[]).unwrap();
        assert_eq!((count(before.root()), count(hive.root())), (2589, 3104));
    }
}

fn subkeys_in_all(key: Key<'_>) -> usize {
    key.subkeys().map(|subkey| 1 + subkeys_in_all(subkey.unwrap())).sum()
}

#[test]
fn logs_that_do_not_fit_are_left() {
    let Some(folder) = collection() else { return };
    let win10 = |name: &str| format!("dfiram/win10_rathbun/{name}");
    // Older logs of a hive that was written to the end.
    let hive = with_logs(&folder, &win10("SAM"), &[&win10("SAM.LOG1"), &win10("SAM.LOG2")]).unwrap();
    assert_eq!((hive.state(), hive.notes()), (State::Clean, &[][..]));
    // A log of another hive.
    let hive = with_logs(&folder, &win10("SECURITY"), &[&win10("SAM.LOG1")]).unwrap();
    assert_eq!(hive.state(), State::Unfinished);
    assert!(hive.notes().iter().any(|note| note.contains("it is of another hive: SAM, not SECURITY")));
    // Its own one.
    let hive = with_logs(&folder, &win10("SECURITY"), &[&win10("SECURITY.LOG1")]).unwrap();
    assert_eq!(hive.state(), State::Recovered);
    // A damaged one.
    let logs = ["LOG1", "LOG2"].map(|end| format!("yarp/BadLogHive1/BadLogHive.{end}"));
    let hive = with_logs(&folder, "yarp/BadLogHive1/BadLogHive", &[&logs[0], &logs[1]]).unwrap();
    assert_eq!(hive.state(), State::Unfinished);
    assert!(hive.notes().iter().any(|note| note.contains("its checksum is wrong")));
}

#[test]
fn a_file_is_opened_as_it_lies_on_the_disk() {
    let Some(folder) = collection() else { return };
    let file = File::open(folder.join("hives/libyal/SYSTEM_winevtkb_old")).unwrap();
    let hive = Hive::open(file, Vec::new()).unwrap();
    assert_eq!(hive.key("Select").unwrap().unwrap().u32("Current"), Ok(Some(1)));
    assert_eq!(hive.name(), "SYSTEM");
}

#[test]
fn names_are_found_as_windows_compares_them() {
    let Some(folder) = collection() else { return };
    for name in ["UpcaseHive", "UnicodeHive", "PairHive", "TruncatedPairHive"] {
        let hive = with_logs(&folder, &format!("yarp/{name}"), &[]).unwrap();
        for subkey in hive.root().subkeys() {
            let subkey = subkey.unwrap();
            println!("{name}: {:?}", subkey.name());
            if !subkey.name().contains('\u{fffd}') {
                let found = hive.root().subkey(&subkey.name()).unwrap().expect("its own name");
                assert_eq!(found.file_offset(), subkey.file_offset());
            }
        }
    }
    let hive = with_logs(&folder, "yarp/UnicodeHive", &[]).unwrap();
    assert!(hive.key(r"ПРИВЕТ\кЛЮЧ").unwrap().is_some());
}
