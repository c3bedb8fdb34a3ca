//! What is planned, and how.

use doorward_model::DependencyKind::{Requires, Triggers, Wants};
use doorward_model::{PendingUpdate, Start, State};
use doorward_plan::{Action, KeepReason, Prefer};

use crate::made::{Made, changes, step};

/// A portmapper as packaged: a service and its socket.
fn rpcbind(made: Made) -> Made {
    made.runs("rpcbind.socket", "")
        .depends(Triggers, "rpcbind.service")
        .of("rpcbind", "1.2.6-6")
        .runs("rpcbind.service", "/sbin/rpcbind")
        .depends(Requires, "rpcbind.socket")
        .listens("0.0.0.0", 111, Some("rpcbind.socket"))
        .of("rpcbind", "1.2.6-6")
}

#[test]
fn what_nobody_needs_is_uninstalled_in_one_step_a_package() {
    let host = rpcbind(Made::host()).with(|s| {
        let package = s.packages.packages.get_mut("rpcbind").unwrap();
        package.update = Some(PendingUpdate { version: "1.2.6-7".into(), security: true });
        s.services.last_mut().unwrap().cpu_usec = Some(7);
    });
    let plan = host.plan();
    assert_eq!(changes(&plan), ["uninstall:rpcbind"]);
    let step = step(&plan, "uninstall:rpcbind");
    let Action::Uninstall { package, along, units } = &step.action else { panic!("{:?}", step.action) };
    assert_eq!((package.name.as_str(), package.version.as_str()), ("rpcbind", "1.2.6-6"));
    assert!(along.is_empty());
    assert_eq!(units.parts().systemd, ["rpcbind.socket", "rpcbind.service"], "what starts it stops first");
    assert_eq!(step.closes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["tcp 0.0.0.0:111"]);
    assert_eq!((step.saves.pending_updates, step.saves.cpu_usec), (1, Some(7)));
    assert!(step.undo.contains("rpcbind 1.2.6-6"), "{}", step.undo);
    assert!(step.danger.is_some());
    assert_eq!(host.check(&plan, &[]), []);
}

#[test]
fn the_site_the_admin_and_the_base_are_kept_and_seen() {
    let plan = Made::host().runs("dbus.service", "/usr/bin/dbus-daemon").plan();
    assert!(plan.is_empty());
    let reason = |id: &str| match &step(&plan, id).action {
        Action::Keep { reason, .. } => *reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason("keep:nginx.service"), KeepReason::Role);
    assert_eq!(reason("keep:ssh.service"), KeepReason::Admin);
    assert_eq!(reason("keep:dbus.service"), KeepReason::Base);
}

#[test]
fn other_preferences_disable_or_stop() {
    let host = rpcbind(Made::host());
    let plan = host.plan_with(Prefer::Disable);
    assert_eq!(changes(&plan), ["disable:rpcbind.service"]);
    let names: Vec<_> = step(&plan, "disable:rpcbind.service").action.units().unwrap().names().collect();
    assert_eq!(names, ["rpcbind.socket", "rpcbind.service"]);
    assert_eq!(changes(&host.plan_with(Prefer::Stop)), ["stop:rpcbind.service"]);
    let stopped = host.change(|s| s.state = State::Stopped);
    assert_eq!(changes(&stopped.plan_with(Prefer::Stop)), ["stop:rpcbind.service"], "its socket still waits");
}

#[test]
fn a_package_stays_where_its_removal_would_take_what_is_kept() {
    let own = Made::host()
        .runs("telnet.service", "/usr/sbin/in.telnetd")
        .tcp("0.0.0.0", 23)
        .of("nginx", "1.22.1-9");
    assert_eq!(changes(&own.plan()), ["disable:telnet.service"]);
    let plan = own.plan();
    let why = &step(&plan, "disable:telnet.service").why;
    assert!(why.contains("its package also brings nginx.service, which stays"), "{why}");
    let along = rpcbind(Made::host()).takes("rpcbind", "nginx");
    assert_eq!(changes(&along.plan()), ["disable:rpcbind.service"]);
    let essential =
        rpcbind(Made::host()).with(|s| s.packages.packages.get_mut("rpcbind").unwrap().essential = true);
    assert_eq!(changes(&essential.plan()), ["disable:rpcbind.service"]);
    let unversioned =
        rpcbind(Made::host()).takes("rpcbind", "x").with(|s| drop(s.packages.versions.remove("x")));
    assert_eq!(changes(&unversioned.plan()), ["disable:rpcbind.service"], "it could not be put back");
}

#[test]
fn what_goes_along_is_named_with_its_version() {
    let host = rpcbind(Made::host()).takes("rpcbind", "nis");
    let plan = host.plan();
    let step = step(&plan, "uninstall:rpcbind");
    let packages: Vec<_> = step.action.packages().map(|p| format!("{}={}", p.name, p.version)).collect();
    assert_eq!(packages, ["rpcbind=1.2.6-6", "nis=2.0"]);
    assert_eq!(step.takes_along, ["nis", "rpcbind.socket"]);
    assert_eq!(host.check(&plan, &[]), []);
}

#[test]
fn a_package_that_needs_another_goes_first() {
    let host = rpcbind(Made::host()).runs("zz.service", "/usr/sbin/zz").of("zz", "3").takes("rpcbind", "zz");
    let plan = host.plan();
    assert_eq!(changes(&plan), ["uninstall:zz", "uninstall:rpcbind"]);
    assert_eq!(step(&plan, "uninstall:rpcbind").action.packages().count(), 1, "zz has gone by then");
    assert_eq!(host.check(&plan, &[]), []);
}

#[test]
fn dependents_come_first_then_the_worst() {
    let host = Made::host()
        .runs("a-quiet.service", "/opt/quiet")
        .runs("redis-server.service", "/usr/bin/redis-server")
        .tcp("0.0.0.0", 6379)
        .runs("z-user.service", "/opt/user")
        .depends(Requires, "redis-server.service");
    let plan = host.plan();
    assert_eq!(
        changes(&plan),
        ["disable:a-quiet.service", "disable:z-user.service", "disable:redis-server.service"]
    );
    let step = step(&plan, "disable:redis-server.service");
    assert_eq!(step.needed_by, ["z-user.service"]);
}

#[test]
fn services_that_need_each_other_are_named_as_a_cycle() {
    let host = Made::host()
        .runs("a.service", "/opt/a")
        .depends(Requires, "b.service")
        .runs("b.service", "/opt/b")
        .depends(Wants, "a.service");
    let plan = host.plan();
    assert_eq!(changes(&plan), ["disable:a.service", "disable:b.service"]);
    assert!(
        step(&plan, "disable:a.service")
            .why
            .contains("the steps from disable:a.service on that need each other")
    );
    assert_eq!(host.check(&plan, &[]), []);
}

#[test]
fn packages_that_need_each_other_go_in_one_step() {
    let host = Made::host()
        .runs("a.service", "/opt/a")
        .of("a", "1")
        .runs("b.service", "/opt/b")
        .of("b", "1")
        .takes("a", "b")
        .takes("b", "a");
    let plan = host.plan();
    assert_eq!(changes(&plan), ["uninstall:a"]);
    assert_eq!(host.check(&plan, &[]), []);
}

#[test]
fn what_is_not_of_systemd_is_shut_where_its_mechanism_is_clear() {
    let host = Made::host()
        .runs("inetd:telnet", "/usr/sbin/in.telnetd")
        .tcp("0.0.0.0", 23)
        .runs("container:old", "/x")
        .docker()
        .runs("container:odd", "/x")
        .runs("process:socat", "/usr/bin/socat")
        .tcp("0.0.0.0", 9000);
    let plan = host.plan();
    assert_eq!(changes(&plan), ["disable:inetd:telnet", "disable:container:old"]);
    for by_hand in ["keep:process:socat", "keep:container:odd"] {
        let Action::Keep { reason, .. } = step(&plan, by_hand).action else { panic!() };
        assert_eq!(reason, KeepReason::ByHand);
    }
    assert_eq!(host.check(&plan, &[]), []);
}

#[test]
fn what_is_needed_on_the_host_alone_is_bound_to_loopback() {
    let redis = || {
        Made::host().runs("redis-server.service", "/usr/bin/redis-server").tcp("0.0.0.0", 6379).uses(
            "nginx.service",
            "redis-server.service",
            "127.0.0.1:6379",
        )
    };
    let plan = redis().plan();
    assert_eq!(changes(&plan), ["rebind:redis-server.service"]);
    let Action::Rebind(rebind) = &step(&plan, "rebind:redis-server.service").action else { panic!() };
    assert_eq!((rebind.setting.as_str(), rebind.to.as_str()), ("bind", "127.0.0.1 -::1"));
    assert_eq!(rebind.from, "0.0.0.0:6379");
    let elsewhere = redis().uses("nginx.service", "redis-server.service", "192.0.2.7:6379").plan();
    assert!(elsewhere.is_empty());
    let why = &step(&elsewhere, "keep:redis-server.service").why;
    assert!(why.contains("it is used at 192.0.2.7:6379"), "{why}");
}

#[test]
fn nothing_is_planned_for_what_only_an_unknown_one_needs() {
    let host = Made::host()
        .runs("redis-server.service", "/usr/bin/redis-server")
        .depends(Requires, "helper.service")
        .runs("helper.service", "/opt/helper")
        .with(|s| {
            s.source = doorward_model::Source::Live { privileged: false };
            s.unseen.push(doorward_model::Unseen::new(
                doorward_model::Subject::Owners,
                "sockets",
                "not root",
            ));
        });
    let plan = host.plan();
    assert!(plan.is_empty(), "{:?}", changes(&plan));
    assert_eq!(step(&plan, "keep:helper.service").needed_by, ["redis-server.service"]);
    assert_eq!(host.check(&plan, &[]), []);
}

#[test]
fn an_sshd_that_sleeps_behind_its_socket_is_never_planned_away() {
    let host = Made::bare()
        .runs("ssh.socket", "")
        .depends(Triggers, "ssh.service")
        .idle("ssh.service")
        .change(|s| s.start = Start::Disabled)
        .listens("0.0.0.0", 22, Some("ssh.socket"));
    let plan = host.plan();
    assert!(plan.is_empty(), "{:?}", changes(&plan));
}

#[test]
fn windows_is_told_to_wait() {
    let host = Made::bare().with(|s| s.host.family = doorward_model::OsFamily::Windows);
    let options = doorward_plan::Options::default();
    assert!(doorward_plan::plan(&host.assess(), &host.0, &crate::made::INDEX, options).is_err());
}
