//! Where the registry is looked for, and what is said of files that are none.
#![allow(missing_docs)]

mod common;

use common::{Made, of, system};
use doorward_hive::testing::{HiveBuilder, entries_log, unfinished};
use doorward_model::{Start, Subject};
use doorward_windows_files::{Disk, DiskError, HiveKind, collect};

fn small() -> Vec<u8> {
    system(5, "X", "ServerNT", &[of("W3SVC", "W3", 2, "x.exe", &[])]).build()
}

#[test]
fn windows_is_found_whatever_its_case_and_however_much_of_it_there_is() {
    for place in [
        "WINDOWS/system32/CONFIG/system",
        "Winnt/System32/config/SYSTEM",
        "System32/config/SYSTEM",
        "config/SYSTEM",
        "SYSTEM",
    ] {
        let made = Made::new();
        made.file(place, small());
        assert_eq!(made.collect().services.len(), 1, "{place}");
    }
}

#[test]
fn a_second_windows_and_a_second_hive_are_told() {
    let made = Made::new();
    made.file("WINNT/System32/config/SYSTEM", small());
    made.file("WINDOWS/System32/config/SYSTEM", small());
    let other = made.file("other", small());
    assert!(made.collect().unseen.iter().any(|u| u.what == "Windows in WINNT"));
    let twice = Disk::from_files(&[other.clone(), other]).unwrap();
    assert!(collect(&twice).unseen.iter().any(|u| u.why.contains("a second SYSTEM")));
}

#[test]
fn what_is_no_hive_is_refused_with_its_reason() {
    let made = Made::new();
    assert!(matches!(Disk::open(made.path()), Err(DiskError::NoWindows { .. })));
    assert!(matches!(Disk::open(&made.path().join("absent")), Err(DiskError::Io { .. })));
    let text = made.file("Windows/System32/config/SYSTEM", "no hive");
    let why = Disk::open(made.path()).unwrap_err().to_string();
    assert!(why.contains("not a registry hive") && why.contains("SYSTEM"), "{why}");
    let mut user = HiveBuilder::new(5);
    user.key("Software");
    let user = made.file("NTUSER.DAT", user.named("ntuser.dat").build());
    assert!(matches!(Disk::from_files(std::slice::from_ref(&user)), Err(DiskError::OtherHive { .. })));
    assert!(matches!(Disk::from_files(&[] as &[&str]), Err(DiskError::Nothing)));
    let system = made.file("ok", small());
    let disk = Disk::from_files(&[text, user, system]).unwrap();
    assert_eq!(disk.kinds(), [HiveKind::System]);
    let unseen = collect(&disk).unseen;
    assert!(unseen.iter().any(|u| u.subject == Subject::Services && u.why.contains("not a registry hive")));
    assert!(unseen.iter().any(|u| u.why.contains("not SYSTEM, SOFTWARE, SAM or SECURITY")));
}

#[test]
fn damage_is_told_and_the_rest_is_read() {
    let made = Made::new();
    let whole =
        system(5, "X", "ServerNT", &[of("A", "A", 2, "a.exe", &[]), of("B", "B", 2, "b.exe", &[])]).build();
    let mut cut = whole.clone();
    cut.truncate(whole.len() - 100);
    let file = made.file("SYSTEM", &cut);
    let snapshot = collect(&Disk::from_files(&[file]).unwrap());
    assert!(snapshot.unseen.iter().any(|u| u.subject == Subject::Services && u.why.contains("cut off")));
    // A value of the wrong kind: the service is not known to be one, and that is said.
    let mut hive = system(5, "X", "ServerNT", &[of("A", "A", 2, "a.exe", &[])]);
    hive.key(r"ControlSet001\Services\A").string("Start", "2");
    let file = made.file("OTHER", hive.build());
    let snapshot = collect(&Disk::from_files(&[file]).unwrap());
    assert!(snapshot.services.is_empty());
    assert!(snapshot.unseen.iter().any(|u| u.what.ends_with(r"Services\A\Start")), "{:?}", snapshot.unseen);
}

#[test]
fn a_hive_without_services_says_so() {
    let made = Made::new();
    let mut hive = HiveBuilder::new(5);
    hive.key("Select").u32("Current", 7);
    let file = made.file("SYSTEM", hive.build());
    let snapshot = collect(&Disk::from_files(&[file]).unwrap());
    assert!(snapshot.unseen.iter().any(|u| u.what == "ControlSet007"));
}

#[cfg(unix)]
#[test]
#[allow(clippy::disallowed_methods, reason = "a test makes what it looks at")]
fn links_are_not_followed() {
    let outside = Made::new();
    outside.file("config/SYSTEM", small());
    let made = Made::new();
    std::fs::create_dir_all(made.path().join("Windows/System32")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("config"), made.path().join("Windows/System32/config"))
        .unwrap();
    std::os::unix::fs::symlink(outside.path().join("config/SYSTEM"), made.path().join("SYSTEM")).unwrap();
    assert!(matches!(Disk::open(made.path()), Err(DiskError::NoWindows { .. })));
}

#[test]
fn files_in_memory_are_the_same_as_on_a_disk() {
    let mut builder = system(5, "X", "ServerNT", &[of("W3SVC", "W3", 2, "x.exe", &[])]).sequence(10);
    let mut before = builder.build();
    unfinished(&mut before);
    builder.key(r"ControlSet001\Services\W3SVC").u32("Start", 4);
    let log = entries_log(&[&before, &builder.build()], 10);
    let metabase = r#"<c><MBProperty><a Location="/LM/W3SVC/1" ServerBindings=":80:"/></MBProperty></c>"#;
    let files =
        [("SYSTEM", before), ("system.log1", log), ("METABASE.XML", metabase.into()), ("x", Vec::new())];
    let files = |names: &[&str]| {
        let some = files.iter().filter(|(name, _)| names.contains(name));
        some.map(|(name, bytes)| (name.to_string(), bytes.clone())).collect::<Vec<_>>()
    };
    let snapshot =
        collect(&Disk::from_memory(files(&["SYSTEM", "system.log1", "METABASE.XML", "x"])).unwrap());
    let windows = snapshot.windows.as_ref().unwrap();
    assert_eq!(windows.hives[0].state, "recovered", "{:?}", windows.hives);
    assert_eq!(snapshot.service("W3SVC").unwrap().start, Start::Masked);
    assert_eq!(windows.iis.as_ref().unwrap().sites.len(), 1);
    assert!(snapshot.unseen.iter().any(|u| u.why.contains("x: the file is empty")));
    assert!(matches!(Disk::from_memory(files(&["METABASE.XML"])), Err(DiskError::Nothing)));
    assert!(matches!(Disk::from_memory(files(&["x"])), Err(DiskError::Hive { .. })));
}
