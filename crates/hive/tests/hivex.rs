//! Agreement with hivex, another reader and writer of hives (Debian: libwin-hivex-perl), where it is installed: it reads
//! the hives that the tests write, and this crate reads what it writes.
#![allow(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "hivexregedit is run, by absolute path and without a shell")]

mod common;

use std::fs::File;
use std::path::Path;
use std::process::Command;

use common::{errors, open, system};
use doorward_hive::Hive;

const HIVEX: &str = "/usr/bin/hivexregedit";

fn is_installed() -> bool {
    let there = Path::new(HIVEX).exists();
    if !there {
        eprintln!("skipped: no {HIVEX}");
    }
    there
}

#[test]
fn hivex_reads_what_the_builder_writes() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (minor, leaf) in [(3, 500), (5, 500), (5, 2)] {
        let path = folder.path().join("SYSTEM");
        std::fs::write(&path, system(minor).leaf(leaf).build()).unwrap();
        let output = Command::new(HIVEX).arg("--export").arg(&path).arg("\\").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // It mixes encodings when names have letters beyond ASCII.
        let text = String::from_utf8_lossy(&output.stdout);
        let service = text.split(r"[\ControlSet001\Services\W3SVC]").nth(1).expect("the service");
        let service = service.split("\n[").next().unwrap();
        assert!(service.contains("\"Start\"=dword:00000002\n"), "{service}");
        let name: String = "World Wide Web Publishing Service\0".encode_utf16().map(hex).collect();
        assert!(
            service.contains(&format!("\"DisplayName\"=hex(1):{}", name.trim_end_matches(','))),
            "{service}"
        );
        assert_eq!(text.matches("\n[").count(), 14, "{text}");
        let long = text.split("\"Key\"=hex(3):").nth(1).expect("the long value").split('\n').next().unwrap();
        assert_eq!(long.split(',').count(), 20_000);
    }
}

fn hex(unit: u16) -> String {
    format!("{:02x},{:02x},", unit & 0xff, unit >> 8)
}

#[test]
fn what_hivex_writes_is_read() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (hive, changes) = (folder.path().join("SYSTEM"), folder.path().join("changes.reg"));
    std::fs::write(&hive, system(5).build()).unwrap();
    let added = |i: u32| {
        format!("[\\ControlSet001\\Services\\Added {i}]\n\"Start\"=dword:00000003\n\"Text\"=\"{i}\"\n\n")
    };
    let text = format!(
        "Windows Registry Editor Version 5.00\n\n[\\ControlSet001\\Services\\W3SVC]\n\"Start\"=dword:00000004\n\n\
         [-\\ControlSet001\\Services\\TlntSvr]\n\n{}",
        (0..100).map(added).collect::<String>()
    );
    std::fs::write(&changes, text).unwrap();
    let output = Command::new(HIVEX).arg("--merge").arg(&hive).arg(&changes).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let whole = open(&std::fs::read(&hive).unwrap());
    let hive = Hive::open(File::open(&hive).unwrap(), Vec::new()).unwrap();
    assert_eq!(common::listing(&hive), common::listing(&whole));
    assert_eq!(errors(hive.root()), []);
    let services = hive.key(r"ControlSet001\Services").unwrap().unwrap();
    assert_eq!(services.subkey("W3SVC").unwrap().unwrap().u32("Start"), Ok(Some(4)));
    assert!(services.subkey("TlntSvr").unwrap().is_none());
    assert_eq!(services.subkeys().count(), 103);
    assert_eq!(services.path("added 42").unwrap().unwrap().string("text").unwrap().as_deref(), Some("42"));
}
