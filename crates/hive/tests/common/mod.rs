//! What several tests need.
#![allow(dead_code, reason = "not every test needs all of it")]

use doorward_hive::{Hive, HiveError, Key, Kind, Log};

/// Everything that a hive tells, one line each: two hives with the same listing are the same to any reader.
pub(crate) fn listing(hive: &Hive) -> Vec<String> {
    let mut lines = Vec::new();
    list(hive.root(), "", &mut lines);
    lines
}

fn list(key: Key<'_>, path: &str, lines: &mut Vec<String>) {
    let path = format!("{path}\\{}", key.name());
    let (class, security) = (key.class_name(), key.security_descriptor());
    lines.push(format!("{path} {:?} {class:?} {security:?}", key.last_written()));
    for value in key.values() {
        lines.push(match value {
            Ok(value) => format!("{path} {:?} {} {:?}", value.name(), value.kind(), value.data()),
            Err(why) => format!("{path} value: {why}"),
        });
    }
    for subkey in key.subkeys() {
        match subkey {
            Ok(subkey) => list(subkey, &path, lines),
            Err(why) => lines.push(format!("{path} subkey: {why}")),
        }
    }
}

/// All that cannot be read below a key.
pub(crate) fn errors(key: Key<'_>) -> Vec<HiveError> {
    let mut errors = Vec::new();
    for value in key.values() {
        errors.extend(value.and_then(|value| value.data()).err());
    }
    errors.extend(key.class_name().err());
    errors.extend(key.security_descriptor().err());
    for subkey in key.subkeys() {
        match subkey {
            Ok(subkey) => errors.append(&mut self::errors(subkey)),
            Err(why) => errors.push(why),
        }
    }
    errors
}

pub(crate) fn open(bytes: &[u8]) -> Hive {
    Hive::from_bytes(bytes.to_vec(), Vec::new()).expect("a hive")
}

pub(crate) fn log<'a>(name: &str, bytes: &'a [u8]) -> Log<'a> {
    Log::new(name, bytes)
}

/// A SYSTEM as small as can be, with something of everything.
pub(crate) fn system(minor: u32) -> doorward_hive::testing::HiveBuilder {
    let mut hive =
        doorward_hive::testing::HiveBuilder::new(minor).named(r"\SystemRoot\System32\Config\SYSTEM");
    hive.key("Select").u32("Current", 1).u32("Default", 1);
    let services = [("W3SVC", 2, 0x20), ("TlntSvr", 3, 0x10), ("HTTP", 3, 1), ("Schedule", 2, 0x120)];
    for (name, start, kind) in services {
        hive.key(&format!(r"ControlSet001\Services\{name}"))
            .u32("Start", start)
            .u32("Type", kind)
            .expand_string("ImagePath", &format!(r"%SystemRoot%\System32\{name}.exe"))
            .written(1_600_000_000);
    }
    hive.key(r"ControlSet001\Services\W3SVC")
        .strings("DependOnService", &["RPCSS", "HTTP"])
        .string("DisplayName", "World Wide Web Publishing Service")
        .security(&[
            1, 0, 4, 0x80, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0,
            0,
        ]);
    hive.key(r"ControlSet001\Services\W3SVC\Parameters").value("Key", Kind::Binary, &vec![7; 20_000]);
    hive.key(r"ControlSet001\Control\Lsa\JD").class("0123abcd");
    hive.key(r"ControlSet001\Enum\Größe").string("Привет", "ключ");
    hive
}
