//! What is made of trees that show one rule each.

use doorward_model::{Basis, Owner, Start};

use super::*;

const RUNS: &str = "[Service]\nExecStart=/usr/sbin/x\n";

#[test]
fn dropins_apply_in_order_and_reset() {
    let made = Made::new()
        .unit(
            "a-b.service",
            "[Unit]\nDescription=main\nWants=one.service\n[Service]\nExecStart=-/bin/main --x\nUser=main\n",
        )
        .unit("a-b.service.d/20-late.conf", "[Unit]\nWants=\nWants=two.service\n")
        .unit("a-.service.d/10-prefix.conf", "[Service]\nExecStart=\nExecStart=@+/bin/prefix argv0\n")
        .unit("service.d/30-type.conf", "[Service]\nUser=type\n")
        .unit("a-b.service.d/40-gone.conf", "[Service]\nUser=gone\n")
        .file("etc/systemd/system/a-b.service.d/20-late.conf", "[Unit]\nWants=three.service\n")
        .link("etc/systemd/system/a-b.service.d/40-gone.conf", "/dev/null");
    let facts = collect(&made.tree());
    let unit = service(&facts, "a-b.service");
    assert_eq!(edges(unit), ["Wants one.service", "Wants three.service"], "dependencies are never reset");
    assert_eq!(unit.executable.as_deref(), Some("/bin/prefix"));
    assert_eq!(unit.user.as_deref(), Some("type"));
    assert_eq!(unit.description.as_deref(), Some("main"));
    assert_eq!(unit.definition.as_deref(), Some("/usr/lib/systemd/system/a-b.service"));
    assert_eq!(facts.unseen, []);
}

#[test]
fn templates_instances_and_aliases() {
    let made = Made::new()
        .unit("getty@.service", "[Unit]\nDescription=Getty on %I\nRequires=dev-%i.service\nConflicts=rescue.service\n[Service]\nExecStart=-/sbin/agetty - %I\n[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n")
        .link("usr/lib/systemd/system/autovt@.service", "getty@.service")
        .unit("getty.target", "[Unit]\nWants=autovt@tty2.service\n")
        .link("etc/systemd/system/getty.target.wants/getty@tty1.service", "/lib/systemd/system/getty@.service")
        .link("lib", "usr/lib");
    let facts = collect(&made.tree());
    let target = service(&facts, "getty.target");
    assert_eq!(edges(target), ["Wants getty@tty1.service", "Wants getty@tty2.service"]);
    let tty1 = service(&facts, "getty@tty1.service");
    assert_eq!((tty1.start, &tty1.aliases[..]), (Start::Enabled, &["autovt@tty1.service".to_owned()][..]));
    assert_eq!(tty1.description.as_deref(), Some("Getty on tty1"));
    assert_eq!(edges(tty1), ["Requires dev-tty1.service", "Conflicts rescue.service"]);
    assert_eq!(tty1.definition.as_deref(), Some("/usr/lib/systemd/system/getty@.service"));
    assert_eq!(service(&facts, "getty@.service").start, Start::Enabled);
    assert_eq!(service(&facts, "getty@tty2.service").start, Start::Disabled);
    assert_eq!(facts.value.services.len(), 4, "each unit once, though /lib is /usr/lib");
    let loaded = load(&made.tree(), "autovt@tty7.service").value.unwrap();
    assert_eq!(loaded.name, "getty@tty7.service");
    assert_eq!(load(&made.tree(), "absent.service").value, None);
}

#[test]
fn masks_keep_a_unit_from_everything() {
    let made = Made::new()
        .unit("a.service", RUNS)
        .unit("b.service", RUNS)
        .link("etc/systemd/system/a.service", "/dev/null")
        .file("etc/systemd/system/b.service", "")
        .link("usr/lib/systemd/system/x.target.wants/c.service", "../c.service")
        .unit("c.service", RUNS)
        .unit("x.target", "[Unit]\nDescription=x\n")
        .link("etc/systemd/system/x.target.wants/c.service", "/dev/null");
    let facts = collect(&made.tree());
    for name in ["a.service", "b.service"] {
        let unit = service(&facts, name);
        assert_eq!((unit.start, unit.executable.as_deref(), edges(unit).len()), (Start::Masked, None, 0));
        assert_eq!(unit.definition.as_deref(), Some(format!("/etc/systemd/system/{name}").as_str()));
    }
    assert_eq!(edges(service(&facts, "x.target")), [""; 0], "the nearer link hides the other");
}

fn doors(facts: &Facts<UnitFacts>) -> Vec<String> {
    let show = |l: &doorward_model::Listener| {
        assert_eq!(l.basis, Basis::Configured);
        let Owner::Configured { place } = &l.owner else { panic!("{l:?}") };
        let only = l.v6only.map_or("", |only| if only { " v6only" } else { " dual" });
        let at = l.interface.as_ref().map(|i| format!(" at {i}")).unwrap_or_default();
        let file = place.rsplit('/').next().unwrap();
        let (service, via) = (l.service.as_ref().unwrap(), l.via.as_ref().unwrap());
        format!(
            "{} {}:{}{only}{at} {via} -> {service} ({file})",
            l.protocol.as_str(),
            l.address.unwrap(),
            l.port.unwrap()
        )
    };
    facts.value.listeners.iter().map(show).collect()
}

#[test]
fn sockets_that_start_at_boot_are_doors() {
    let made = Made::new()
        .link("etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target")
        .unit("multi-user.target", "[Unit]\nRequires=basic.target\n")
        .unit("basic.target", "[Unit]\nWants=sockets.target\n")
        .unit("sockets.target", "[Unit]\nDescription=Sockets\n")
        .unit("web.socket", "[Socket]\nListenStream=80\nListenStream=\nListenStream=127.0.0.1:8080\nListenDatagram=[::]:53\nBindIPv6Only=ipv6-only\nBindToDevice=eth1\nListenStream=/run/web.sock\nListenFIFO=/run/fifo\n[Install]\nWantedBy=sockets.target\n")
        .unit("web.service", RUNS)
        .link("etc/systemd/system/sockets.target.wants/web.socket", "/usr/lib/systemd/system/web.socket")
        .unit("each.socket", "[Socket]\nListenStream=23\nAccept=yes\n")
        .unit("each@.service", RUNS)
        .link("usr/lib/systemd/system/sockets.target.wants/each.socket", "../each.socket")
        .unit("off.socket", "[Socket]\nListenStream=24\n[Install]\nWantedBy=sockets.target\n")
        .unit("off.service", RUNS)
        .unit("pulled.socket", "[Socket]\nListenSequentialPacket=25\nSocketProtocol=sctp\nService=web.service\n")
        .unit("puller.service", "[Unit]\nRequires=pulled.socket\n[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=multi-user.target\n")
        .link("etc/systemd/system/multi-user.target.wants/puller.service", "/usr/lib/systemd/system/puller.service")
        .unit("orphan.socket", "[Socket]\nListenStream=26\n")
        .link("etc/systemd/system/sockets.target.wants/orphan.socket", "/usr/lib/systemd/system/orphan.socket")
        .unit("shared.socket", "[Socket]\nListenStream=localhost:27\nListenStream=28\n")
        .unit("daemon.service", "[Service]\nExecStart=/bin/d\nSockets=shared.socket\n")
        .link("etc/systemd/system/sockets.target.wants/shared.socket", "/usr/lib/systemd/system/shared.socket");
    let facts = collect(&made.tree());
    assert_eq!(
        doors(&facts),
        [
            "tcp 127.0.0.1:8080 at eth1 web.socket -> web.service (web.socket:4 ListenStream)",
            "tcp :::23 dual each.socket -> each@.service (each.socket:2 ListenStream)",
            "tcp :::28 dual shared.socket -> daemon.service (shared.socket:3 ListenStream)",
            "udp :::53 v6only at eth1 web.socket -> web.service (web.socket:5 ListenDatagram)",
            "sctp :::25 dual pulled.socket -> web.service (pulled.socket:2 ListenSequentialPacket)",
        ]
    );
    let local: Vec<_> =
        facts.value.local_sockets.iter().map(|s| (s.path.as_str(), s.service.as_deref())).collect();
    assert_eq!(local, [("/run/web.sock", Some("web.service"))]);
    assert_eq!(
        edges(service(&facts, "shared.socket")),
        ["Triggers shared.service", "Triggers daemon.service"]
    );
    assert_eq!(edges(service(&facts, "daemon.service")), ["Wants shared.socket"]);
    assert_eq!(facts.unseen.len(), 1, "{:?}", facts.unseen);
    assert_eq!(facts.unseen[0].what, "listener of shared.socket (/usr/lib/systemd/system/shared.socket:2)");
}

#[test]
fn what_the_manager_adds_by_itself() {
    let made = Made::new()
        .unit("bus.service", "[Service]\nBusName=org.example.Bus\nExecStart=/bin/bus\n")
        .unit("early.service", "[Unit]\nDefaultDependencies=no\n[Service]\nType=simple\nBusName=org.example.Early\nExecStart=/bin/e\nDynamicUser=yes\n")
        .unit("tick.timer", "[Timer]\nOnCalendar=daily\n")
        .unit("watch.path", "[Path]\nPathExists=/x\nUnit=bus.service\n")
        .unit("all.target", "[Unit]\nDescription=All\n");
    let facts = collect(&made.tree());
    let all = |name: &str| -> Vec<String> {
        service(&facts, name).dependencies.iter().map(|d| format!("{:?} {}", d.kind, d.on)).collect()
    };
    assert_eq!(
        all("bus.service"),
        ["Requires dbus.socket", "Requires sysinit.target", "Conflicts shutdown.target"]
    );
    assert_eq!(all("early.service"), [""; 0]);
    assert_eq!(service(&facts, "early.service").user.as_deref(), Some("early"));
    assert_eq!(service(&facts, "bus.service").user.as_deref(), Some("root"));
    assert_eq!(
        all("tick.timer"),
        ["Requires sysinit.target", "Triggers tick.service", "Conflicts shutdown.target"]
    );
    assert_eq!(edges(service(&facts, "watch.path")), ["Triggers bus.service"]);
    assert_eq!(all("all.target"), ["Conflicts shutdown.target"]);
}

#[test]
fn bus_names_activate_through_aliases() {
    let made = Made::new()
        .unit("avahi.service", "[Service]\nBusName=org.example.Avahi\nExecStart=/bin/avahi\n[Install]\nAlias=dbus-org.example.Other.service\n")
        .link("etc/systemd/system/dbus-org.example.Other.service", "/usr/lib/systemd/system/avahi.service")
        .file("usr/share/dbus-1/system-services/o.service", "[D-BUS Service]\nName=org.example.Other\nExec=/bin/false\nSystemdService=dbus-org.example.Other.service\n")
        .file("usr/share/dbus-1/system-services/p.service", "[D-BUS Service]\nName=org.example.Plain\nExec=/bin/plain\n");
    let facts = collect(&made.tree());
    let avahi = service(&facts, "avahi.service");
    assert_eq!(avahi.bus_names, ["org.example.Avahi", "org.example.Other"]);
    assert_eq!(avahi.aliases, ["dbus-org.example.Other.service"]);
    assert_eq!(avahi.start, Start::Enabled, "its own alias is linked");
}

#[test]
fn init_scripts_without_a_unit_become_one() {
    let script = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: app legacy-app\n# Required-Start: $network db\n# Short-Description: App\n### END INIT INFO\nDAEMON=/usr/sbin/appd\n";
    let made = Made::new()
        .executable("etc/init.d/app", script)
        .executable("etc/init.d/native", script)
        .executable("etc/init.d/idle.sh", "#!/bin/sh\n")
        .executable("etc/init.d/masked", script)
        .file("etc/init.d/data", script)
        .link("etc/rc2.d/S01app", "../init.d/app")
        .link("etc/rc5.d/S01app", "../init.d/app")
        .link("etc/systemd/system/masked.service", "/dev/null")
        .unit("native.service", RUNS)
        .unit("db.service", RUNS)
        .unit("multi-user.target", "[Unit]\nDescription=m\n")
        .unit("graphical.target", "[Unit]\nDescription=g\n")
        .file("etc/systemd/system/app.service.d/user.conf", "[Service]\nUser=app\n");
    let facts = collect(&made.tree());
    let app = service(&facts, "app.service");
    assert_eq!((app.start, &app.aliases[..]), (Start::Generated, &["legacy-app.service".to_owned()][..]));
    assert_eq!(app.executable.as_deref(), Some("/usr/sbin/appd"));
    assert_eq!(app.definition.as_deref(), Some("/etc/init.d/app"));
    assert_eq!(app.user.as_deref(), Some("app"));
    assert_eq!(edges(app), ["Wants db.service", "Wants network-online.target"]);
    assert_eq!(service(&facts, "idle.service").start, Start::Disabled);
    assert_eq!(service(&facts, "masked.service").start, Start::Masked);
    assert_eq!(
        service(&facts, "native.service").definition.as_deref(),
        Some("/usr/lib/systemd/system/native.service")
    );
    for target in ["multi-user.target", "graphical.target"] {
        assert_eq!(edges(service(&facts, target)), ["Wants app.service"]);
    }
    assert_eq!(load(&made.tree(), "legacy-app.service").value.unwrap().name, "app.service");
}

#[test]
fn only_a_tree_that_boots_it_has_it() {
    let with = |made: Made| is_present(&made.tree());
    assert!(with(
        Made::new()
            .file("usr/lib/systemd/systemd", "")
            .link("usr/sbin/init", "../lib/systemd/systemd")
            .link("sbin", "usr/sbin")
    ));
    assert!(with(Made::new().file("lib/systemd/systemd", "")), "an image without an init");
    assert!(!with(Made::new().file("lib/systemd/systemd", "").file("sbin/init", "")), "another init");
    assert!(!with(Made::new().file("bin/busybox", "").link("sbin/init", "/bin/busybox")));
}

#[test]
fn generators_that_were_not_run_are_named() {
    let made = Made::new()
        .file("usr/lib/systemd/systemd", "")
        .file("usr/lib/systemd/system-generators/systemd-fstab-generator", "")
        .file("usr/lib/systemd/system-generators/postfix-instance-generator", "");
    let unseen = collect(&made.tree()).unseen;
    assert_eq!(unseen.len(), 1);
    assert_eq!(unseen[0].what, "units that these make at boot: postfix-instance-generator");
    let ran = made.file("run/systemd/generator/a.service", RUNS);
    let facts = collect(&ran.tree());
    assert_eq!(facts.unseen, []);
    assert_eq!(service(&facts, "a.service").start, Start::Generated);
}
