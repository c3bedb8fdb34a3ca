//! What is refused, rule by rule.

use doorward_model::DependencyKind::{Requires, Triggers, Wants};
use doorward_plan::{Action, Parts, Plan, Prefer, Rule, Step, StepId, Units, check_commands};

use crate::made::{INDEX, Made, changes};

fn site() -> Made {
    Made::host()
        .runs("rpcbind.service", "/sbin/rpcbind")
        .tcp("0.0.0.0", 111)
        .of("rpcbind", "1.2.6-6")
        .runs("cups.service", "/usr/sbin/cupsd")
        .tcp("0.0.0.0", 631)
        .of("cups", "2.4")
        .runs("dbus.service", "/usr/bin/dbus-daemon")
}

/// A plan with one more step, before the others.
fn and_disable(mut plan: Plan, units: &[&str]) -> Plan {
    let parts = Parts { systemd: units.iter().map(|u| (*u).to_owned()).collect(), ..Parts::default() };
    let mut step = plan.steps[0].clone();
    step.id = StepId::from("mine");
    step.on = true;
    step.action = Action::Disable { units: Units::new(parts).unwrap() };
    plan.steps
        .retain(|s| !matches!(&s.action, Action::Keep { service, .. } if units.contains(&service.as_str())));
    plan.steps.insert(0, step);
    plan
}

fn rules(host: &Made, plan: &Plan, overrides: &[&str]) -> Vec<(String, Rule)> {
    let mut rules: Vec<_> = host.check(plan, overrides).into_iter().map(|v| (v.step.0, v.rule)).collect();
    rules.dedup();
    rules
}

fn switch(plan: &mut Plan, id: &str, on: bool) {
    plan.steps.iter_mut().find(|s| s.id.0 == id).unwrap().on = on;
}

fn edit(plan: &mut Plan, id: &str, edit: impl FnOnce(&mut Step)) {
    edit(plan.steps.iter_mut().find(|s| s.id.0 == id).unwrap());
}

#[test]
fn protected_services_are_refused_and_can_be_overridden_by_name() {
    let host = site();
    for (unit, rule) in [("nginx.service", Rule::Role), ("dbus.service", Rule::Base)] {
        let plan = and_disable(host.plan(), &[unit]);
        assert_eq!(rules(&host, &plan, &[]), [("mine".to_owned(), rule)], "{unit}");
        assert_eq!(rules(&host, &plan, &["mine"]), []);
        assert_eq!(rules(&host, &plan, &["uninstall:cups"]).last().unwrap().1, Rule::UselessOverride);
    }
}

#[test]
fn the_last_way_in_is_refused_whatever_is_overridden() {
    let host = site();
    let plan = and_disable(host.plan(), &["ssh.service"]);
    assert_eq!(
        rules(&host, &plan, &["mine"]),
        [("mine".to_owned(), Rule::LastWayIn)],
        "the override takes the admin's path, not the last way in"
    );
    let other = site().runs("dropbear.service", "/usr/sbin/dropbear").tcp("0.0.0.0", 2222);
    let plan = and_disable(other.plan(), &["ssh.service"]);
    assert_eq!(rules(&other, &plan, &[]), [("mine".to_owned(), Rule::Admin)]);
    assert_eq!(rules(&other, &plan, &["mine"]), []);
}

#[test]
fn what_opens_the_last_way_in_or_carries_it_is_refused_too() {
    let host = Made::bare()
        .runs("ssh.socket", "")
        .depends(Triggers, "ssh.service")
        .idle("ssh.service")
        .listens("0.0.0.0", 22, Some("ssh.socket"))
        .depends(Requires, "carrier.service")
        .runs("carrier.service", "/opt/carrier");
    for unit in ["ssh.socket", "carrier.service"] {
        let plan = and_disable(host.plan(), &[unit]);
        let rules = rules(&host, &plan, &["mine"]);
        assert!(rules.contains(&("mine".to_owned(), Rule::LastWayIn)), "{unit}: {rules:?}");
    }
}

#[test]
fn what_kept_ones_need_is_refused_declared_or_seen_and_far_away() {
    let host = site()
        .with(|s| s.services.push(doorward_model::Service { name: "x.target".into(), ..Default::default() }))
        .change(|s| s.manager = doorward_model::Manager::Systemd)
        .depends(Requires, "far.service")
        .runs("far.service", "/opt/far")
        .runs("seen.service", "/opt/seen")
        .depends(Wants, "x.target")
        .uses("nginx.service", "seen.service", "/run/seen.sock");
    for unit in ["seen.service", "far.service"] {
        let plan = and_disable(host.plan(), &[unit]);
        assert_eq!(rules(&host, &plan, &[]), [("mine".to_owned(), Rule::Dependency)], "{unit}");
    }
}

#[test]
fn a_step_that_is_off_keeps_what_it_needs() {
    let host = site()
        .runs("browsed.service", "/usr/sbin/cups-browsed")
        .depends(Requires, "cups.service")
        .of("browsed", "1");
    let mut plan = host.plan();
    assert_eq!(host.check(&plan, &[]), []);
    switch(&mut plan, "uninstall:browsed", false);
    let found = host.check(&plan, &[]);
    assert_eq!((found[0].step.0.as_str(), found[0].rule), ("uninstall:cups", Rule::Dependency));
    assert!(found[0].way_out.contains("switch uninstall:browsed on again"), "{}", found[0].way_out);
    plan.steps.retain(|s| s.id.0 != "uninstall:browsed");
    assert_eq!(
        rules(&host, &plan, &[]),
        [("uninstall:cups".to_owned(), Rule::Dependency)],
        "and one taken out"
    );
}

#[test]
fn a_package_takes_along_only_what_is_named() {
    let host = site().takes("cups", "rpcbind");
    let mut plan = host.plan();
    assert_eq!(changes(&plan), ["uninstall:rpcbind", "uninstall:cups"]);
    assert_eq!(host.check(&plan, &[]), []);
    switch(&mut plan, "uninstall:rpcbind", false);
    assert_eq!(rules(&host, &plan, &["uninstall:cups"])[0], ("uninstall:cups".to_owned(), Rule::TakesAlong));
    switch(&mut plan, "uninstall:rpcbind", true);
    plan.steps.swap(0, 1);
    assert_eq!(rules(&host, &plan, &[]), [("uninstall:cups".to_owned(), Rule::TakesAlong)]);
    let kept = site().takes("cups", "nginx");
    let mut plan = site().plan();
    edit(&mut plan, "uninstall:cups", |s| {
        let Action::Uninstall { along, .. } = &mut s.action else { panic!() };
        along.push(doorward_plan::PackageVersion { name: "nginx".into(), version: "1.22.1-9".into() });
    });
    let found = rules(&kept, &plan, &[]);
    assert!(found.contains(&("uninstall:cups".to_owned(), Rule::Role)), "{found:?}");
}

#[test]
fn the_order_is_checked() {
    let host = site()
        .runs("browsed.service", "/usr/sbin/cups-browsed")
        .depends(Requires, "cups.service")
        .of("browsed", "1");
    let mut plan = host.plan();
    let at = |plan: &Plan, id: &str| plan.steps.iter().position(|s| s.id.0 == id).unwrap();
    let (first, second) = (at(&plan, "uninstall:browsed"), at(&plan, "uninstall:cups"));
    plan.steps.swap(first, second);
    assert_eq!(rules(&host, &plan, &[]), [("uninstall:browsed".to_owned(), Rule::Order)]);
}

#[test]
fn a_cycle_that_is_not_named_is_refused() {
    let host = site()
        .runs("a.service", "/opt/a")
        .depends(Requires, "b.service")
        .runs("b.service", "/opt/b")
        .depends(Wants, "a.service");
    let mut plan = host.plan();
    edit(&mut plan, "disable:a.service", |s| s.cycle = None);
    assert_eq!(rules(&host, &plan, &[]), [("disable:b.service".to_owned(), Rule::Cycle)]);
}

#[test]
fn what_this_host_does_not_have_is_refused() {
    let host = site();
    let plan = and_disable(host.plan(), &["no-such.service"]);
    assert_eq!(rules(&host, &plan, &["mine"])[0], ("mine".to_owned(), Rule::NoSuch));
    let mut plan = host.plan();
    edit(&mut plan, "uninstall:cups", |s| {
        let Action::Uninstall { package, .. } = &mut s.action else { panic!() };
        package.version = "9".into();
    });
    assert_eq!(rules(&host, &plan, &[]), [("uninstall:cups".to_owned(), Rule::NoSuch)]);
    let parts =
        Parts { bus_names: vec!["org.x".into()], systemd: vec!["cups.service".into()], ..Parts::default() };
    edit(&mut plan, "uninstall:cups", |s| s.action = Action::Stop { units: Units::new(parts).unwrap() });
    assert_eq!(rules(&host, &plan, &[]), [("uninstall:cups".to_owned(), Rule::NoSuch)]);
    let parts = Parts {
        scripts: vec![doorward_plan::Script {
            name: "cups.service".into(),
            manager: doorward_plan::ScriptManager::Sysv,
        }],
        ..Parts::default()
    };
    edit(&mut plan, "uninstall:cups", |s| s.action = Action::Stop { units: Units::new(parts).unwrap() });
    assert_eq!(rules(&host, &plan, &[]), [("uninstall:cups".to_owned(), Rule::NoSuch)]);
}

#[test]
fn nothing_is_done_twice() {
    let host = site();
    let plan = and_disable(host.plan(), &["cups.service"]);
    assert_eq!(rules(&host, &plan, &[]).iter().map(|r| r.1).collect::<Vec<_>>(), [Rule::Twice]);
    let mut plan = host.plan();
    let again = plan.steps[0].clone();
    plan.steps.push(again);
    assert!(host.check(&plan, &[]).iter().all(|v| v.rule == Rule::Twice));
    assert!(!host.check(&plan, &[]).is_empty());
}

#[test]
fn a_setting_must_be_one_and_close_something() {
    let host = site().runs("redis-server.service", "/usr/bin/redis-server").tcp("0.0.0.0", 6379).uses(
        "nginx.service",
        "redis-server.service",
        "127.0.0.1:6379",
    );
    let good = host.plan();
    assert_eq!(host.check(&good, &[]), []);
    let with = |change: &dyn Fn(&mut doorward_plan::Rebind)| {
        let mut plan = good.clone();
        edit(&mut plan, "rebind:redis-server.service", |s| {
            let Action::Rebind(rebind) = &mut s.action else { panic!() };
            change(rebind);
        });
        rules(&host, &plan, &[]).into_iter().map(|r| r.1).collect::<Vec<_>>()
    };
    assert_eq!(with(&|r| r.to = "127.0.0.1 0.0.0.0".into()), [Rule::Setting]);
    assert_eq!(with(&|r| r.to = "10.0.0.5".into()), []);
    assert_eq!(with(&|r| r.to = "127.0.0.1\nrequirepass x".into()), [Rule::Setting]);
    assert_eq!(with(&|r| r.file = "/etc/../etc/shadow".into()), [Rule::Setting]);
    assert_eq!(with(&|r| r.check = Some("sh -c x".into())), [Rule::Setting]);
    assert!(with(&|r| r.service = "ssh.service".into()).contains(&Rule::LastWayIn));
    assert!(with(&|r| r.service = "nginx.service".into()).contains(&Rule::Role));
}

#[test]
fn a_check_of_a_setting_is_one_that_the_knowledge_gives() {
    let host = site().runs("redis-server.service", "/usr/bin/redis-server").tcp("0.0.0.0", 6379).uses(
        "nginx.service",
        "redis-server.service",
        "127.0.0.1:6379",
    );
    let mut plan = host.plan();
    assert_eq!(check_commands(&plan, &INDEX), []);
    let mut with = |check: &str| {
        edit(&mut plan, "rebind:redis-server.service", |s| {
            let Action::Rebind(rebind) = &mut s.action else { panic!() };
            rebind.check = Some(check.to_owned());
        });
        check_commands(&plan, &INDEX).into_iter().map(|v| v.rule).collect::<Vec<_>>()
    };
    assert_eq!(with("/usr/sbin/nginx -t"), []);
    for foreign in ["/bin/rm -rf /srv", "/usr/sbin/nginx -t -c /tmp/x", "/usr/sbin/nginx"] {
        assert_eq!(with(foreign), [Rule::Setting], "{foreign}");
    }
}

#[test]
fn what_could_not_be_judged_is_refused() {
    let host = Made::host().runs("redis-server.service", "/usr/bin/redis-server").with(|s| {
        s.source = doorward_model::Source::Live { privileged: false };
        s.unseen.push(doorward_model::Unseen::new(doorward_model::Subject::Owners, "sockets", "not root"));
    });
    let plan = and_disable(host.plan(), &["redis-server.service"]);
    assert_eq!(rules(&host, &plan, &[]), [("mine".to_owned(), Rule::Unknown)]);
}

#[test]
fn groups_are_no_services() {
    let host = site().with(|s| {
        s.services.push(doorward_model::Service {
            name: "multi-user.target".into(),
            manager: doorward_model::Manager::Systemd,
            ..Default::default()
        });
    });
    let plan = and_disable(host.plan_with(Prefer::Disable), &["multi-user.target"]);
    assert_eq!(rules(&host, &plan, &[]), [("mine".to_owned(), Rule::Base)]);
}
