//! A unit is stopped, masked and brought back; what refuses to stop is told.

use std::path::PathBuf;

use doorward_change::system::{Activity, Node};
use doorward_lab::roots;
use doorward_model::Protocol;

use crate::inside::{Answer, Changed, Task};

const LIMIT: u64 = 30;

/// All that lasts of the service manager's settings.
fn settings(host: &Changed) -> String {
    host.prints(&["find", "/etc/systemd", "-printf", "%p %y %m %u %g %l\n"])
        + &host.prints(&["systemctl", "list-unit-files", "--no-legend"])
}

fn is(host: &Changed, unit: &str) -> Answer {
    host.ask(&Task::Activity(unit.into()))
}

#[test]
fn a_unit_is_stopped_masked_and_brought_back() {
    let Some(host) = Changed::boot(&roots::STATIC_NGINX) else { return };
    let (unit, path) = ("nginx.service", PathBuf::from("/etc/systemd/system/nginx.service"));
    let wanted = PathBuf::from("/etc/systemd/system/multi-user.target.wants/nginx.service");
    let before = settings(&host);
    let Answer::Node(mask_before) = host.ask(&Task::Node(path.clone())) else { panic!() };
    let Answer::Node(link_before) = host.ask(&Task::Node(wanted.clone())) else { panic!() };
    assert_eq!(mask_before, Node::Absent);
    assert!(matches!(link_before, Node::Link { .. }), "{link_before:?}");
    assert_eq!(is(&host, unit), Answer::Activity(Activity::Active));
    assert_eq!(host.ask(&Task::Answers(Protocol::Tcp, 80)), Answer::Is(true));

    host.tell(&Task::Stop(unit.into(), LIMIT));
    host.tell(&Task::Stop(unit.into(), LIMIT));
    host.tell(&Task::Put(wanted.clone(), Node::Absent));
    host.tell(&Task::Put(path.clone(), Node::Link { target: "/dev/null".into() }));
    host.tell(&Task::Reload);
    assert_eq!(is(&host, unit), Answer::Activity(Activity::Inactive));
    assert_eq!(host.prints(&["systemctl", "is-enabled", unit]).trim(), "masked");
    assert_eq!(host.ask(&Task::Answers(Protocol::Tcp, 80)), Answer::Is(false));
    assert_eq!(host.ask(&Task::Answers(Protocol::Tcp, 22)), Answer::Is(true));
    let why = host.refuse(&Task::Start(unit.into(), LIMIT));
    assert!(why.contains("masked"), "{why}");

    host.tell(&Task::Put(path, mask_before));
    host.tell(&Task::Put(wanted, link_before));
    host.tell(&Task::Reload);
    host.tell(&Task::Start(unit.into(), LIMIT));
    host.tell(&Task::Start(unit.into(), LIMIT));
    assert_eq!(is(&host, unit), Answer::Activity(Activity::Active));
    assert_eq!(host.ask(&Task::Answers(Protocol::Tcp, 80)), Answer::Is(true));
    assert_eq!(settings(&host), before);
    assert!(host.refuse(&Task::HoldLock).contains("the first"));
}

#[test]
fn units_that_do_not_do_as_they_are_told_are_told_of() {
    let Some(host) = Changed::boot(&roots::STATIC_NGINX) else { return };
    let unit = |name: &str, service: &str| {
        let path = format!("/etc/systemd/system/{name}.service");
        host.0.write_file(&path, format!("[Service]\n{service}\n")).unwrap();
    };
    unit("stubborn", "ExecStart=/bin/sh -c \"trap '' TERM; while :; do sleep 1; done\"\nTimeoutStopSec=60");
    unit("broken", "Type=oneshot\nExecStart=/bin/false");
    unit("once", "Type=oneshot\nExecStart=/bin/true");
    host.tell(&Task::Reload);
    assert_eq!(is(&host, "no-such.service"), Answer::Activity(Activity::Absent));
    host.tell(&Task::Stop("no-such.service".into(), LIMIT));
    host.tell(&Task::Start("once.service".into(), LIMIT));
    assert!(host.refuse(&Task::Start("broken.service".into(), LIMIT)).contains("Failed"));
    assert_eq!(is(&host, "broken.service"), Answer::Activity(Activity::Failed));
    host.tell(&Task::Start("stubborn.service".into(), LIMIT));
    let why = host.refuse(&Task::Stop("stubborn.service".into(), 2));
    assert!(why.contains("Timeout"), "{why}");
}

#[test]
fn without_a_bus_the_manager_is_reached_all_the_same() {
    let Some(host) = Changed::boot(&roots::STATIC_NGINX) else { return };
    host.0.succeed(&["systemctl", "stop", "dbus.socket", "dbus.service"]).unwrap();
    host.0.run(&["rm", "-f", "/run/dbus/system_bus_socket"]).unwrap();
    assert_eq!(is(&host, "nginx.service"), Answer::Activity(Activity::Active));
    host.tell(&Task::Stop("nginx.service".into(), LIMIT));
    assert_eq!(is(&host, "nginx.service"), Answer::Activity(Activity::Inactive));
    host.tell(&Task::Reload);
    host.tell(&Task::Start("nginx.service".into(), LIMIT));
    assert_eq!(is(&host, "nginx.service"), Answer::Activity(Activity::Active));
    host.tell(&Task::Arm("nobus".into(), "/bin/true".into(), 600));
    assert_eq!(host.ask(&Task::IsArmed("nobus".into())), Answer::Is(true));
    assert_eq!(host.ask(&Task::Disarm("nobus".into())), Answer::Is(false));
    assert_eq!(host.ask(&Task::IsArmed("nobus".into())), Answer::Is(false));
}
