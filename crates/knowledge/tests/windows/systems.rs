//! The text form of systems, and what lies in a range.

use doorward_knowledge::{Index, Knowledge, NtVersion, System, Systems, holds_on};
use proptest::prelude::*;

fn systems(text: &str) -> Systems {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn windows(version: &str) -> System {
    System::Windows(version.parse().unwrap())
}

#[test]
fn a_version_without_a_build_means_all_of_its_builds() {
    let xp = systems("windows 5.1..5.2");
    for (version, inside) in
        [("5.0.2195", false), ("5.1", true), ("5.1.2600", true), ("5.2.3790", true), ("6.0", false)]
    {
        assert_eq!(xp.contains(windows(version)), inside, "{version}");
    }
}

#[test]
fn builds_are_told_apart_where_they_are_named() {
    let range = systems("windows 10.0.14393..10.0.17763");
    assert!(range.contains(windows("10.0.14393")) && range.contains(windows("10.0.17763")));
    assert!(!range.contains(windows("10.0.10240")) && !range.contains(windows("10.0.20348")));
    // A host whose build is not known is not taken for one of a certain build.
    assert!(!range.contains(windows("10.0")));
}

#[test]
fn open_ends_reach_on() {
    assert!(systems("windows 6.0..").contains(windows("10.0.26100")));
    assert!(systems("windows ..5.2").contains(windows("4.0.1381")));
    assert!(systems("windows").contains(windows("5.0")));
    assert!(!systems("windows").contains(System::Linux) && systems("linux").contains(System::Linux));
}

#[test]
fn an_empty_list_means_wherever_the_entry_holds() {
    assert!(holds_on(&[], System::Linux) && holds_on(&[], windows("5.0")));
    let list = [systems("windows 5.0"), systems("windows 6.0..")];
    assert!(holds_on(&list, windows("6.1")) && !holds_on(&list, windows("5.1")));
}

#[test]
fn a_mistake_is_told() {
    let error = |text: &str| text.parse::<Systems>().expect_err(text).to_string();
    assert_eq!(error("dos 6.22"), "\"dos 6.22\" names neither linux nor windows");
    assert_eq!(error("linux 6.1"), "\"linux 6.1\" names neither linux nor windows");
    assert_eq!(error("windows xp"), "\"xp\" is no version such as 6.1 or 10.0.17763");
    assert_eq!(error("windows 5"), "\"5\" is no version such as 6.1 or 10.0.17763");
    assert_eq!(error("windows 6.0..5.0"), "\"windows 6.0..5.0\" ends before it begins");
    for bad in [
        "",
        "windows ",
        "windows 5.0.",
        "windows 5.0.0",
        "windows 05.0",
        "windows 5.0.2195.1",
        "windows +5.0",
    ] {
        assert!(bad.parse::<Systems>().is_err() || bad == "windows ", "{bad:?}");
    }
}

#[test]
fn linux_sees_none_of_it() {
    let knowledge = Knowledge::built_in();
    let index = Index::new(&knowledge);
    assert_eq!(index.system(), System::Linux);
    assert!(index.services().all(|s| s.systems.is_empty()));
    assert!(
        index.roles().all(|r| r.systems.is_empty()) && index.applications().all(|a| a.systems.is_empty())
    );
    assert!(index.by_name("Spooler").is_none() && index.base("RpcSs").is_none());
}

fn version() -> impl Strategy<Value = NtVersion> {
    (3_u16..11, 0_u16..4, prop_oneof![Just(0), 1_u32..30_000]).prop_map(|(major, minor, build)| NtVersion {
        major,
        minor,
        build,
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(a in proptest::option::of(version()), b in proptest::option::of(version())) {
        let range = Systems::Windows { from: a, to: b };
        if let Ok(read) = range.to_string().parse::<Systems>() {
            prop_assert_eq!(read, range);
        } else {
            prop_assert!(a > b, "{} was refused", range);
        }
    }

    #[test]
    fn ranges_overlap_when_a_version_lies_in_both(
        a in version(), b in version(), c in version(), d in version(), probe in version(),
    ) {
        let range = |x: NtVersion, y: NtVersion| Systems::Windows { from: Some(x.min(y)), to: Some(x.max(y)) };
        let (one, two) = (range(a, b), range(c, d));
        if one.contains(System::Windows(probe)) && two.contains(System::Windows(probe)) {
            prop_assert!(one.overlaps(two) && two.overlaps(one));
        }
    }

    #[test]
    fn any_text_is_answered(text in ".{0,40}") {
        let _ = text.parse::<Systems>();
        let _ = format!("windows {text}").parse::<Systems>();
    }
}
