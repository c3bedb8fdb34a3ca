//! Whether what was applied still holds: everything that does not is told, with its step, and nothing is touched.

use doorward_change::System as _;
use doorward_change::fake::{FakeHost, FakePackage};
use doorward_change::journal::Record;
use doorward_change::{Change, DifferenceKind, Journal, NotVerified, Scope, apply, prepare, undo, verify};
use doorward_plan::{Action, Entry, PackageVersion, Parts, Plan, StepId, SuperServer, Units};

use super::cases::{ADMIN, disable, door, host};
use super::{journal, plan, step, units};

fn applied(host: &mut FakeHost, plan: &Plan) -> Journal {
    let steps = prepare(plan, host).unwrap();
    let (store, first) = journal(host);
    apply(host, &mut first.unwrap(), &steps, &mut ()).unwrap();
    store.open().unwrap()
}

fn told(host: &FakeHost, journal: &Journal) -> Vec<String> {
    verify(host, journal, &[]).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn what_comes_back_is_named_with_its_step_and_left() {
    let mut host = host(&[
        ("a.service", "X-Port=tcp/23"),
        ("b.service", ""),
        ("c.socket", "ListenStream=23"),
        ("keeper.service", "Upholds=b.service"),
    ]);
    host.set_active("c.socket", false).unwrap();
    host.set_active("keeper.service", false).unwrap();
    let closing = doorward_plan::Step { closes: vec![door(23)], ..disable(&["a.service"]) };
    let journal = applied(&mut host, &plan(vec![closing, disable(&["b.service"])]));
    assert_eq!(told(&host, &journal), [""; 0]);

    host.set_active("c.socket", true).unwrap();
    let mask = format!("{ADMIN}/b.service");
    host.link(&mask, "/nowhere");
    let link = format!("{ADMIN}/multi-user.target.wants/a.service");
    host.link(&link, "/usr/lib/systemd/system/a.service");
    let before = host.state().clone();
    assert_eq!(
        told(&host, &journal),
        [
            format!("disable:a.service: {link} is there again"),
            format!("disable:b.service: {mask} was changed since"),
            "disable:a.service: tcp port 23 answers again: see c.socket".to_owned(),
        ]
    );
    assert_eq!(*host.state(), before, "verifying only looks");
}

#[test]
fn a_unit_that_runs_again_and_a_package_that_is_back_are_told() {
    let mut host = host(&[("b.service", ""), ("keeper.service", "Upholds=b.service")]);
    host.set_active("keeper.service", false).unwrap();
    let package = FakePackage { version: "1".to_owned(), manual: true, files: [].into(), eager: false };
    host.install("t", package.clone());
    let version = PackageVersion { name: "t".to_owned(), version: "1".to_owned() };
    let action = Action::Uninstall { package: version, along: Vec::new(), units: units(&["t.service"]) };
    let stop = step("stop:b.service", Action::Stop { units: units(&["b.service"]) });
    let journal = applied(&mut host, &plan(vec![stop, step("uninstall:t", action)]));
    assert_eq!(told(&host, &journal), [""; 0]);
    host.install("t", FakePackage { version: "2".to_owned(), ..package });
    host.set_active("keeper.service", true).unwrap();
    host.reload().unwrap();
    let differences = verify(&host, &journal, &[]).unwrap();
    let kinds: Vec<_> = differences.iter().map(|d| d.kind).collect();
    assert_eq!(kinds, [DifferenceKind::Back, DifferenceKind::Back]);
    assert_eq!(
        told(&host, &journal),
        [
            "stop:b.service: b.service runs again: see keeper.service",
            "uninstall:t: t is installed again, as 2"
        ]
    );
    // What was to be stopped until the next boot may run after it.
    host.boot();
    assert_eq!(told(&host, &journal), ["uninstall:t: t is installed again, as 2"]);
}

#[test]
fn a_super_server_that_was_restarted_and_then_shut_is_not_missed() {
    let mut host = host(&[("inetd.service", "")]);
    host.write("/etc/inetd.conf", "telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n");
    let (name, file) = ("inetd:telnet".to_owned(), "/etc/inetd.conf".to_owned());
    let entry = Entry { name, manager: SuperServer::Inetd, file };
    let entry = Units::new(Parts { entries: vec![entry], ..Parts::default() }).unwrap();
    let off = step("disable:inetd:telnet", Action::Disable { units: entry });
    let journal = applied(&mut host, &plan(vec![off, disable(&["inetd.service"])]));
    let restarts = |r: &Record| matches!(r, Record::Intent { change: Change::Restart { .. }, .. });
    assert!(journal.records().iter().any(restarts), "{:?}", journal.records());
    assert_eq!(told(&host, &journal), [""; 0]);
}

#[test]
fn what_was_undone_or_changed_by_a_later_plan_is_not_missed() {
    let mut host = host(&[("a.service", ""), ("b.service", "")]);
    let mut first = applied(&mut host, &plan(vec![disable(&["a.service"]), disable(&["b.service"])]));
    undo(&mut host, &mut first, Scope::Step(&StepId::from("disable:b.service")), &mut ()).unwrap();
    assert_eq!(told(&host, &first), [""; 0]);
    // Undone by hand: then it is told of.
    host.write(&format!("{ADMIN}/a.service"), "[Service]\n");
    assert_eq!(told(&host, &first).len(), 1);
    let later = applied(&mut host, &plan(vec![disable(&["a.service"])]));
    assert_eq!(verify(&host, &first, &[&later]).unwrap(), []);
    undo(&mut host, &mut first, Scope::All, &mut ()).unwrap();
    assert!(matches!(verify(&host, &first, &[]), Err(NotVerified::Undone)));
}

#[test]
fn what_cannot_be_looked_at_is_told_and_is_no_proof() {
    let mut host = host(&[("a.service", "")]);
    let journal = applied(&mut host, &plan(vec![disable(&["a.service"])]));
    let all = host.operations();
    let _ = verify(&host, &journal, &[]).unwrap();
    assert!(host.operations() > all);
    let faults = doorward_change::fake::Faults { fail_at: Some(1), ..Default::default() };
    host.set_faults(faults);
    let differences = verify(&host, &journal, &[]).unwrap();
    assert_eq!(differences.iter().map(|d| d.kind).collect::<Vec<_>>(), [DifferenceKind::Unknown]);
}

#[test]
fn what_is_to_be_verified_after_a_boot_is_so_once_it_stays_and_only_once() {
    let mut host = host(&[("a.service", "")]);
    let steps = prepare(&plan(vec![disable(&["a.service"])]), &host).unwrap();
    let header = doorward_change::journal::Header { reboot_proof: true, ..super::header(&host) };
    let store = host.store();
    let mut journal = Journal::begin(Box::new(store.clone()), header).unwrap();
    apply(&mut host, &mut journal, &steps, &mut ()).unwrap();
    assert!(!journal.is_to_be_verified(), "nobody has confirmed it");
    journal.confirm(2).unwrap();
    assert!(journal.is_to_be_verified());
    host.boot();
    let differences = verify(&host, &journal, &[]).unwrap();
    journal.verified(host.boot_id().unwrap(), 3, differences).unwrap();
    let again = store.open().unwrap();
    assert!(!again.is_to_be_verified());
    let Some(Record::Verified { boot_id, differences, .. }) = again.records().last() else { panic!() };
    assert_eq!((boot_id.as_str(), differences.as_slice()), ("boot-3", &[][..]));
}

#[test]
fn a_journal_of_an_older_form_can_be_undone_but_not_verified() {
    let mut host = host(&[("a.service", "")]);
    let header = doorward_change::journal::Header { version: 1, ..super::header(&host) };
    let mut journal = Journal::begin(Box::new(host.store()), header).unwrap();
    let refused = verify(&host, &journal, &[]).unwrap_err();
    assert!(refused.to_string().contains("older form 1"), "{refused}");
    assert!(undo(&mut host, &mut journal, Scope::All, &mut ()).unwrap().is_complete());
}
