//! When a plan no longer fits its host.

use doorward_model::{DependencyKind, Manager, Service, Start, State};
use doorward_plan::{Stale, check_fresh, difference};

use crate::made::Made;

fn host() -> Made {
    Made::host()
        .runs("foo.service", "/usr/sbin/foo")
        .of("foo", "1.2-2")
        .tcp("0.0.0.0", 40123)
        .depends(DependencyKind::Wants, "ssh.service")
}

fn words(change: impl FnOnce(Made) -> Made) -> Vec<String> {
    difference(&host().plan().recorded, &change(host()).0)
}

#[test]
fn an_unchanged_host_is_the_same_after_a_reboot() {
    let after = host().with(|s| {
        s.collected_at = 99;
        s.host.boot_id = Some("another".into());
        s.connections.clear();
        s.admin_path = None;
        for (service, at) in s.services.iter_mut().zip(1000..) {
            service.processes = vec![at];
            service.cpu_usec = Some(5);
            service.active_since = Some(8);
        }
        s.services[2].state = State::Stopped;
        s.listeners[2].port = Some(50999); // the kernel chose another
        for (name, manager, start) in [
            ("process:bash", Manager::Nobody, Start::Unknown),
            ("session-4.scope", Manager::Systemd, Start::Unknown),
            ("user@1000.service", Manager::Systemd, Start::Static),
            ("run-r1.service", Manager::Systemd, Start::Manual),
            ("doorward-boot-verify.service", Manager::Systemd, Start::Enabled),
        ] {
            s.services.push(Service { name: name.into(), manager, start, ..Service::default() });
        }
        // Somebody edits a file meanwhile.
        let editor = Some("vim".to_owned());
        s.services.push(Service { name: "process:vim".into(), package: editor, ..Service::default() });
        s.packages.packages.insert("vim".into(), s.packages.packages["foo"].clone());
    });
    let plan = host().plan();
    assert_eq!(check_fresh(&plan, &after.0), Ok(()));
    assert_eq!(after.plan().snapshot, plan.snapshot);
}

#[test]
fn the_difference_is_told_in_words() {
    assert_eq!(words(|h| h.tcp("0.0.0.0", 9000)), ["listener tcp 0.0.0.0:9000 foo.service is new"]);
    let newer = |s: &mut doorward_model::Snapshot| {
        s.packages.packages.get_mut("foo").unwrap().version = "1.2-3".into();
    };
    assert_eq!(words(|h| h.with(newer)), ["package foo is now 1.2-3, was 1.2-2"]);
    assert_eq!(
        words(|h| h.takes("foo", "bar")),
        ["what the removal of package foo would take along has changed"]
    );
    assert_eq!(words(|h| h.runs("new.service", "/x")), ["service new.service is new"]);
    assert_eq!(
        words(|h| h.change(|s| s.start = Start::Disabled)),
        ["service foo.service is now disabled, was enabled"]
    );
    assert_eq!(
        words(|h| h.depends(DependencyKind::Requires, "nginx.service")),
        ["service foo.service is defined otherwise: its file, or what it needs or starts"]
    );
    assert_eq!(words(|h| h.with(|s| drop(s.services.pop()))), ["service foo.service is gone"]);
}

#[test]
fn each_difference_changes_the_fingerprint() {
    let plan = host().plan();
    for changed in [host().tcp("0.0.0.0", 9000), host().change(|s| s.start = Start::Disabled)] {
        assert_ne!(changed.plan().snapshot, plan.snapshot);
        assert!(matches!(check_fresh(&plan, &changed.0), Err(Stale::Changed(words)) if words.len() == 1));
    }
}

#[test]
fn another_hosts_plan_and_an_edited_record_are_refused() {
    let mut plan = host().plan();
    let other = host().with(|s| s.host.name = "web2".into());
    let refused = check_fresh(&plan, &other.0).unwrap_err();
    assert!(refused.to_string().starts_with("the plan is for web1 (Debian"), "{refused}");
    plan.recorded.services.clear();
    assert_eq!(check_fresh(&plan, &host().0), Err(Stale::Edited));
}
