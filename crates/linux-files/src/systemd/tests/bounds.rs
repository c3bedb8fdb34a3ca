//! Hostile and huge trees: bounded, named, and the rest intact.

use std::fmt::Write as _;

use doorward_model::Start;
use proptest::prelude::*;

use super::*;

#[test]
fn bad_lines_are_named_and_the_rest_kept() {
    let made = Made::new()
        .unit("a.service", b"[Unit]\nWants=good.service\nnonsense\n\xff\xfe\n[Service]\nExecStart=/bin/a\n")
        .unit("b.service", "[Unit]\nWants=../evil good.service %H.service\n[Service]\nExecStart=/bin/%H\n");
    let facts = collect(&made.tree());
    let said: Vec<String> = facts.unseen.iter().map(|u| format!("{}: {}", u.what, u.why)).collect();
    assert_eq!(
        said,
        [
            "/usr/lib/systemd/system/b.service:2 (b.service): no unit has the name ../evil",
            "/usr/lib/systemd/system/b.service:4 (b.service): %H in /bin/%H is known to the running host only",
            "/usr/lib/systemd/system/a.service:3: neither a section nor an assignment, and 1 more lines",
        ]
    );
    assert_eq!(edges(service(&facts, "a.service")), ["Wants good.service"]);
    assert_eq!(service(&facts, "a.service").executable.as_deref(), Some("/bin/a"));
    assert_eq!(edges(service(&facts, "b.service")), ["Wants good.service"]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let made = Made::new()
        .unit("giant.service", vec![b'#'; 2 << 20])
        .unit("ok.service", "[Service]\nExecStart=/bin/ok\n")
        .link("etc/systemd/system/loop.service", "/opt/loop")
        .link("opt/loop", "/opt/loop")
        .link("etc/systemd/system/fifo.service", "/opt/fifo")
        .link("etc/systemd/system/round.service", "trip.service")
        .link("etc/systemd/system/trip.service", "round.service");
    let fifo = made.path().join("opt/fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let facts = collect(&made.tree());
    let mut whats: Vec<&str> = facts.unseen.iter().map(|u| u.what.as_str()).collect();
    whats.sort_unstable();
    assert_eq!(whats, ["unit fifo.service", "unit giant.service", "unit loop.service"]);
    assert_eq!(facts.value.services.len(), 1);
    assert_eq!(service(&facts, "ok.service").start, Start::Static);
}

#[test]
fn instances_that_breed_instances_end() {
    let made = Made::new()
        .unit("a@.service", "[Unit]\nWants=a@%ix.service a@%iy.service\n[Service]\nExecStart=/bin/a\n")
        .unit("start.service", "[Unit]\nWants=a@0.service\n[Service]\nExecStart=/bin/a\n");
    let facts = collect(&made.tree());
    assert!(facts.value.services.len() <= 10_000);
    assert!(facts.unseen.iter().any(|u| u.what == "further systemd units"), "{:?}", facts.unseen);
}

#[test]
fn settings_for_a_whole_type_are_bounded() {
    let mut made =
        Made::new().unit("service.d/all.conf", format!("[Unit]\nWants={}\n", "x.service ".repeat(90_000)));
    for i in 0..40 {
        made = made.unit(&format!("s{i}.service"), "[Service]\nExecStart=/bin/s\n");
    }
    let facts = collect(&made.tree());
    assert_eq!(facts.value.services.len(), 40);
    assert!(facts.unseen.iter().any(|u| u.what == "further systemd units"), "{:?}", facts.unseen);
}

#[test]
fn thousands_of_units_are_all_there() {
    let mut made = Made::new();
    let mut wants = String::from("[Unit]\n");
    for i in 0..2000 {
        made = made.unit(&format!("s{i}.service"), "[Service]\nExecStart=/bin/s\n");
        writeln!(wants, "Wants=s{i}.service").unwrap();
    }
    let facts = collect(&made.unit("all.target", &wants).tree());
    assert_eq!(facts.value.services.len(), 2001);
    assert_eq!(edges(service(&facts, "all.target")).len(), 2000);
    assert_eq!(facts.unseen, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_in_any_file(
        files in proptest::collection::vec(
            (
                proptest::sample::select(&[
                    "a.service", "a@.service", "b.socket", "service.d/x.conf", "b.socket.d/y.conf", "c.timer", "x.target",
                ][..]),
                proptest::collection::vec(
                    prop_oneof![
                        4 => proptest::sample::select(&[
                            "[Unit]\n", "[Socket]\n", "[Service]\n", "[Install]\n", "ListenStream=", "Wants=", "%i", "a@%n.service",
                            "Accept=yes\n", "\\\n", "ExecStart=", "\"", "Sockets=b.socket\n", "Alias=", "Service=",
                        ][..]).prop_map(|s| s.as_bytes().to_vec()),
                        1 => proptest::collection::vec(any::<u8>(), 0..9),
                    ],
                    0..12,
                ),
            ),
            0..6,
        )
    ) {
        let made = files.into_iter().fold(Made::new(), |made, (name, parts)| made.unit(name, parts.concat()));
        let made = made.link("etc/systemd/system/x.target.wants/b.socket", "/x").link("etc/systemd/system/x.target.wants/a@q.service", "/x");
        collect(&made.tree());
    }
}
