//! Single cases, each with its reason.

use std::path::{Path, PathBuf};

use doorward_change::fake::{FakeHost, FakePackage};
use doorward_change::journal::{IfDamaged, Record, State, Store};
use doorward_change::system::{Activity, Node};
use doorward_change::{
    ApplyError, Change, Journal, NotUndone, Observer, PreparedStep, Problem, Scope, System, apply, prepare,
    undo,
};
use doorward_model::{Exposure, Protocol};
use doorward_plan::{
    Action, ClosedDoor, ContainerName, KeepReason, PackageVersion, Parts, Rebind, Script, ScriptManager,
    Step, StepId, Units,
};

use super::{journal, plan, step, units};

pub(crate) const ADMIN: &str = "/etc/systemd/system";

pub(crate) fn host(services: &[(&str, &str)]) -> FakeHost {
    let mut host = FakeHost::new();
    for (name, text) in services {
        host.write(&format!("/usr/lib/systemd/system/{name}"), text);
        let link = format!("{ADMIN}/multi-user.target.wants/{name}");
        host.link(&link, &format!("/usr/lib/systemd/system/{name}"));
    }
    host.boot();
    host
}

pub(crate) fn disable(names: &[&str]) -> Step {
    step(&format!("disable:{}", names[0]), Action::Disable { units: units(names) })
}

pub(crate) fn door(port: u16) -> ClosedDoor {
    ClosedDoor {
        protocol: Protocol::Tcp,
        address: "0.0.0.0".to_owned(),
        port: Some(port),
        interface: None,
        namespace: None,
        exposure: Exposure::Everyone,
    }
}

struct Full;

impl Store for Full {
    fn append(&mut self, _: &[u8]) -> std::io::Result<()> {
        Err(std::io::ErrorKind::StorageFull.into())
    }
}

fn words(steps: &[PreparedStep]) -> Vec<String> {
    steps.iter().flat_map(|s| &s.changes).map(ToString::to_string).collect()
}

#[test]
fn a_service_is_stopped_taken_out_of_the_boot_and_masked() {
    let mut host = host(&[("a.socket", "X-Busy=yes"), ("a.service", ""), ("b.service", "")]);
    host.link(&format!("{ADMIN}/dbus-a.service"), "/usr/lib/systemd/system/a.service");
    let steps = prepare(&plan(vec![disable(&["a.service", "a.socket"])]), &host).unwrap();
    assert_eq!(
        words(&steps),
        [
            "stop a.socket",
            "stop a.service",
            "remove /etc/systemd/system/dbus-a.service",
            "remove /etc/systemd/system/multi-user.target.wants/a.service",
            "remove /etc/systemd/system/multi-user.target.wants/a.socket",
            "link /etc/systemd/system/a.service to /dev/null",
            "link /etc/systemd/system/a.socket to /dev/null",
            "make the service manager read its files anew",
        ]
    );
    let (store, mut journal) = journal(&host);
    let applied = apply(&mut host, journal.as_mut().unwrap(), &steps, &mut ()).unwrap();
    assert_eq!((applied.steps, applied.changes), (1, 8));
    assert_eq!(host.state().active.iter().collect::<Vec<_>>(), ["b.service"]);
    host.boot();
    assert_eq!(host.state().active.iter().collect::<Vec<_>>(), ["b.service"], "stop means stop");
    // An empty journal was used up.
    let refused = apply(&mut host, &mut store.open().unwrap(), &steps, &mut ());
    assert!(matches!(refused, Err(ApplyError::Used)));
}

#[test]
fn what_cannot_be_carried_out_is_refused_before_anything_changes() {
    let host = host(&[("a.service", "")]);
    let script = Script { name: "old".to_owned(), manager: ScriptManager::Sysv };
    let container = ContainerName { name: "web".to_owned(), engine: "docker".to_owned() };
    let shut = |parts| Action::Disable { units: Units::new(parts).unwrap() };
    let package = PackageVersion { name: "gone".to_owned(), version: "1".to_owned() };
    let keep = Action::Keep { service: "ssh.service".to_owned(), reason: KeepReason::Admin };
    let steps = vec![
        disable(&["a.service"]),
        step("keep:ssh.service", keep),
        step("disable:old", shut(Parts { scripts: vec![script], ..Parts::default() })),
        step("disable:web", shut(Parts { containers: vec![container], ..Parts::default() })),
        step("disable:odd", shut(Parts { systemd: vec!["../x.service".to_owned()], ..Parts::default() })),
        step(
            "uninstall:gone",
            Action::Uninstall { package, along: Vec::new(), units: units(&["a.service"]) },
        ),
    ];
    let refusals = prepare(&plan(steps), &host).unwrap_err();
    let texts: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(texts[0].starts_with("disable:old: ") && texts[0].contains("init script"));
    assert!(texts[1].starts_with("disable:web: ") && texts[1].contains("container"));
    assert!(texts[2].starts_with("disable:odd: "));
    assert!(texts[3].contains("gone is not installed"));
}

#[test]
fn a_daemon_that_objects_to_its_configuration_is_not_restarted_with_it() {
    let rebind = |check: &str| {
        let (service, file, setting) = ("db.service", "/etc/db.conf", "bind");
        let [service, file, setting, from, to] =
            [service, file, setting, "0.0.0.0:1", "127.0.0.1"].map(str::to_owned);
        let rebind = Rebind { service, file, setting, from, to, check: Some(check.to_owned()) };
        plan(vec![step("rebind:db.service", Action::Rebind(rebind))])
    };
    let mut host = host(&[("db.service", "")]);
    host.write("/etc/db.conf", "bind 0.0.0.0\n");
    let missing = prepare(&rebind("/usr/sbin/db -t"), &host).unwrap_err();
    assert!(missing[0].why.contains("there is no /usr/sbin/db"), "{missing:?}");
    assert!(prepare(&rebind("db -t"), &host).is_err(), "a program is named by its path");

    host.write("/usr/sbin/db", "line 1 is wrong");
    let prior = host.state().clone();
    let steps = prepare(&rebind("/usr/sbin/db -t"), &host).unwrap();
    assert_eq!(words(&steps), ["edit /etc/db.conf", "check with /usr/sbin/db -t", "restart db.service"]);
    let (store, first) = journal(&host);
    let failed = apply(&mut host, &mut first.unwrap(), &steps, &mut ()).unwrap_err();
    assert_eq!(failed.to_string(), "rebind:db.service: /usr/sbin/db: line 1 is wrong");
    assert!(!store.open().unwrap().records().iter().any(|r| matches!(r, Record::Done { number: 1 | 2 })));
    assert!(undo(&mut host, &mut store.open().unwrap(), Scope::All, &mut ()).unwrap().is_complete());
    assert_eq!(*host.state(), prior);
}

#[test]
fn a_step_that_is_off_or_keeps_gives_nothing() {
    let host = host(&[("a.service", "")]);
    let off = Step { on: false, ..disable(&["a.service"]) };
    assert_eq!(prepare(&plan(vec![off]), &host).unwrap(), []);
}

#[test]
fn who_starts_a_unit_again_is_named() {
    // It is stopped alone, so that nothing masks it.
    let mut host = host(&[("a.service", ""), ("watch.service", "Upholds=a.service")]);
    let stop = step("stop:a.service", Action::Stop { units: units(&["a.service"]) });
    let steps = prepare(&plan(vec![stop]), &host).unwrap();
    let (_, journal) = journal(&host);
    let failed = apply(&mut host, &mut journal.unwrap(), &steps, &mut ()).unwrap_err();
    let ApplyError::Stopped { problem: Problem::RunsAgain { unit, by }, .. } = &failed else {
        panic!("{failed}")
    };
    assert_eq!((unit.as_str(), by.as_slice()), ("a.service", &["watch.service".to_owned()][..]));
    assert_eq!(failed.to_string(), "stop:a.service: a.service runs again: see watch.service");
}

#[test]
fn who_still_answers_is_named_unless_it_was_recorded_at_another_address() {
    let services = [("a.service", "X-Port=tcp/23"), ("b.socket", "ListenStream=23")];
    let closing = || Step { closes: vec![door(23)], ..disable(&["a.service"]) };
    let mut host_one = host(&services);
    let steps = prepare(&plan(vec![closing()]), &host_one).unwrap();
    let (_, first) = journal(&host_one);
    let failed = apply(&mut host_one, &mut first.unwrap(), &steps, &mut ()).unwrap_err();
    assert_eq!(failed.to_string(), "disable:a.service: tcp port 23 still answers: see b.socket");

    let mut host_two = host(&services);
    let mut plan = plan(vec![closing()]);
    plan.recorded.listeners.insert("tcp 127.0.0.1:23 b.socket".to_owned());
    plan.recorded.listeners.insert("tcp 0.0.0.0:23 a.service".to_owned());
    let steps = prepare(&plan, &host_two).unwrap();
    assert_eq!(steps[0].doors[0].others, ["b.socket"]);
    let (_, second) = journal(&host_two);
    apply(&mut host_two, &mut second.unwrap(), &steps, &mut ()).unwrap();
}

#[test]
fn what_was_changed_since_the_preparation_is_not_touched() {
    let mut host = host(&[("a.service", "")]);
    let steps = prepare(&plan(vec![disable(&["a.service"])]), &host).unwrap();
    host.write(&format!("{ADMIN}/a.service"), "[Service]\n");
    let (store, first) = journal(&host);
    let failed = apply(&mut host, &mut first.unwrap(), &steps, &mut ()).unwrap_err();
    assert!(matches!(failed, ApplyError::Stopped { problem: Problem::Moved { .. }, .. }), "{failed}");
    let result = undo(&mut host, &mut store.open().unwrap(), Scope::All, &mut ()).unwrap();
    assert!(result.is_complete());
    assert_eq!(host.activity("a.service").unwrap(), Activity::Active);
}

#[test]
fn an_edit_of_the_user_is_kept_and_told_and_the_rest_is_undone() {
    let mut host = host(&[("a.service", ""), ("b.service", "")]);
    let steps = prepare(&plan(vec![disable(&["a.service"]), disable(&["b.service"])]), &host).unwrap();
    let (store, first) = journal(&host);
    apply(&mut host, &mut first.unwrap(), &steps, &mut ()).unwrap();
    let edited = format!("{ADMIN}/a.service");
    host.link(&edited, "/nowhere");
    let mut again = store.open().unwrap();
    let result = undo(&mut host, &mut again, Scope::All, &mut ()).unwrap();
    assert_eq!(result.conflicts.len(), 1, "{result:?}");
    assert_eq!(result.conflicts[0].what, edited);
    assert_eq!(result.failures, []);
    assert!(!result.is_complete());
    assert_eq!(host.state().nodes[Path::new(&edited)], Node::Link { target: PathBuf::from("/nowhere") });
    assert_eq!(host.activity("b.service").unwrap(), Activity::Active);
    assert_eq!(again.state(), State::Undone);
    // Looking again tells the conflict again, and changes nothing.
    let before = host.state().clone();
    let look = undo(&mut host, &mut again, Scope::All, &mut ()).unwrap();
    assert_eq!((look.conflicts.len(), look.restored.len()), (1, 0));
    assert_eq!(*host.state(), before);
}

#[test]
fn nothing_is_raised_above_what_it_was() {
    // B did not run before, and A asks for it when it starts.
    let mut host = host(&[("b.service", ""), ("a.service", "Wants=b.service"), ("c.service", "")]);
    host.set_active("b.service", false).unwrap();
    host.set_active("c.service", false).unwrap();
    let prior = host.state().clone();
    let steps = prepare(&plan(vec![disable(&["a.service"]), disable(&["c.service"])]), &host).unwrap();
    let (store, first) = journal(&host);
    apply(&mut host, &mut first.unwrap(), &steps, &mut ()).unwrap();
    let result = undo(&mut host, &mut store.open().unwrap(), Scope::All, &mut ()).unwrap();
    assert!(result.is_complete(), "{result:?}");
    assert_eq!(*host.state(), prior);
}

#[test]
fn a_socket_whose_service_another_socket_would_start_comes_back_first() {
    // B's socket starts B at once, and that starts A: then A's socket cannot start any more.
    let mut host = host(&[
        ("a.socket", ""),
        ("a.service", ""),
        ("b.socket", "X-Busy=yes"),
        ("b.service", "Requires=a.service"),
    ]);
    let prior = host.state().clone();
    let steps = prepare(&plan(vec![disable(&["a.socket", "b.socket", "a.service", "b.service"])]), &host);
    let (store, first) = journal(&host);
    apply(&mut host, &mut first.unwrap(), &steps.unwrap(), &mut ()).unwrap();
    let result = undo(&mut host, &mut store.open().unwrap(), Scope::All, &mut ()).unwrap();
    assert!(result.is_complete(), "{result:?}");
    assert_eq!(*host.state(), prior);
}

#[test]
fn a_package_of_another_version_is_kept() {
    let mut host = host(&[]);
    let text = "[Install]\nWantedBy=multi-user.target\n";
    let file = Node::File { content: text.into(), mode: 0o644, uid: 0, gid: 0 };
    let path = PathBuf::from("/usr/lib/systemd/system/t.service");
    let package =
        FakePackage { version: "1".to_owned(), manual: true, files: [(path, file)].into(), eager: true };
    host.install("t", package.clone());
    host.boot();
    let version = PackageVersion { name: "t".to_owned(), version: "1".to_owned() };
    let action = Action::Uninstall { package: version, along: Vec::new(), units: units(&["t.service"]) };
    let steps = prepare(&plan(vec![step("uninstall:t", action)]), &host).unwrap();
    let (store, first) = journal(&host);
    apply(&mut host, &mut first.unwrap(), &steps, &mut ()).unwrap();
    assert!(host.state().packages.is_empty());
    host.install("t", FakePackage { version: "2".to_owned(), ..package });
    let result = undo(&mut host, &mut store.open().unwrap(), Scope::All, &mut ()).unwrap();
    assert_eq!(result.conflicts[0].to_string(), "t: it is installed as 2, was 1, and is kept");
    assert_eq!(host.state().packages["t"].version, "2");
}

#[test]
fn one_step_is_undone_alone_unless_a_later_one_rests_on_it() {
    let mut host = host(&[("a.service", ""), ("b.service", "")]);
    let second = step("stop:a.service", Action::Stop { units: units(&["a.service"]) });
    let steps =
        prepare(&plan(vec![disable(&["a.service"]), disable(&["b.service"]), second]), &host).unwrap();
    let (store, first) = journal(&host);
    apply(&mut host, &mut first.unwrap(), &steps, &mut ()).unwrap();
    let mut journal = store.open().unwrap();
    let id = |id: &str| StepId::from(id);
    let mut undone = |step: &StepId| undo(&mut host, &mut journal, Scope::Step(step), &mut ());
    assert_eq!(undone(&id("no")).unwrap_err(), NotUndone::NoSuchStep(id("no")));
    let Err(NotUndone::Touched { later, what, .. }) = undone(&id("disable:a.service")) else {
        panic!("undone")
    };
    assert_eq!((later, what.as_str()), (id("stop:a.service"), "a.service"));
    let result = undone(&id("disable:b.service")).unwrap();
    assert!(result.is_complete() && result.restored.contains(&"b.service".to_owned()), "{result:?}");
    assert_eq!(undone(&id("disable:b.service")).unwrap().restored, [] as [&str; 0]);
    assert_eq!(journal.state(), State::Open);
    assert_eq!(host.activity("a.service").unwrap(), Activity::Inactive);
    assert_eq!(host.activity("b.service").unwrap(), Activity::Active);
    // And everything, after that.
    let all = undo(&mut host, &mut journal, Scope::All, &mut ()).unwrap();
    assert!(all.is_complete(), "{all:?}");
    assert_eq!(host.activity("a.service").unwrap(), Activity::Active);
}

#[test]
fn a_full_disk_does_not_hinder_the_undoing_and_is_told() {
    let mut host = host(&[("a.service", "")]);
    let prior = host.state().clone();
    let steps = prepare(&plan(vec![disable(&["a.service"])]), &host).unwrap();
    let (store, first) = journal(&host);
    apply(&mut host, &mut first.unwrap(), &steps, &mut ()).unwrap();
    let mut full = Journal::resume(Box::new(Full), &store.bytes(), IfDamaged::Refuse).unwrap();
    let result = undo(&mut host, &mut full, Scope::All, &mut ()).unwrap();
    assert_eq!(*host.state(), prior);
    assert_eq!(result.failures.len(), 1, "{result:?}");
    assert_eq!(result.failures[0].to_string(), "journal: the journal cannot be written: no storage space");
}

#[test]
fn an_observer_is_told_of_each_step_in_order() {
    #[derive(Default)]
    struct Told(Vec<String>);
    impl Observer for Told {
        fn step(&mut self, at: usize, of: usize, step: &PreparedStep) {
            self.0.push(format!("{}/{of} {}", at + 1, step.id));
        }
        fn change(&mut self, _: &StepId, change: &Change) {
            self.0.push(change.to_string());
        }
        fn done(&mut self, step: &PreparedStep) {
            self.0.push(format!("done {}", step.id));
        }
    }
    let mut host = host(&[("a.service", "")]);
    let stop = step("stop:a.service", Action::Stop { units: units(&["a.service"]) });
    let steps = prepare(&plan(vec![stop]), &host).unwrap();
    let (_, first) = journal(&host);
    let mut told = Told::default();
    apply(&mut host, &mut first.unwrap(), &steps, &mut told).unwrap();
    assert_eq!(told.0, ["1/1 stop:a.service", "stop a.service", "done stop:a.service"]);
}
