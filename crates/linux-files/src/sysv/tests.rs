use proptest::prelude::*;

use super::*;
use crate::fixture::Made;

const SCRIPT: &str = "#!/bin/sh
### BEGIN INIT INFO
# Provides:          app appd
# Required-Start:    $network $remote_fs mysql +cache
# Should-Start:      mail
# Default-Start:     2 3 4 5
# Short-Description: The application
### END INIT INFO
NAME=appd
DAEMON=/usr/sbin/$NAME
";

fn host() -> Made {
    Made::new()
        .executable("etc/init.d/app", SCRIPT)
        .executable("etc/init.d/mariadb", "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: mysql\n### END INIT INFO\n")
        .executable(
            "etc/init.d/old",
            "#!/bin/sh\n# chkconfig: 345 80 20\n# description: An old \\\n#  one\n# processname: /usr/sbin/oldd\n",
        )
        .executable("etc/init.d/told", "#!/bin/sh\nx=sshd\n\tstart-stop-daemon --start --exec /usr/sbin/$x -- -D\n")
        .executable("etc/init.d/functions", "")
        .executable("etc/init.d/app.dpkg-old", SCRIPT)
        .executable("etc/init.d/openrc", "#!/sbin/openrc-run\n")
        .file("etc/init.d/README", "")
        .link("etc/rc2.d/S20app", "../init.d/app")
        .link("etc/rc5.d/S80old", "../init.d/old")
        .link("etc/rc3.d/K01mariadb", "../init.d/mariadb")
}

#[test]
fn scripts_become_services() {
    let facts = collect(&host().tree());
    assert_eq!(facts.unseen, []);
    let [app, mariadb, old, told] = &facts.value[..] else { panic!("{facts:?}") };
    assert_eq!(
        (app.name.as_str(), app.start, &app.aliases[..]),
        ("app", Start::Enabled, &["appd".to_owned()][..])
    );
    assert_eq!(app.executable.as_deref(), Some("/usr/sbin/appd"));
    assert_eq!(app.description.as_deref(), Some("The application"));
    let on = |kind, on: &str| Dependency { kind, on: on.into() };
    assert_eq!(
        app.dependencies,
        [
            on(DependencyKind::Requires, "mariadb"),
            on(DependencyKind::Wants, "cache"),
            on(DependencyKind::Wants, "mail"),
        ]
    );
    assert_eq!(mariadb.start, Start::Disabled, "a kill link starts nothing");
    assert_eq!((old.start, old.description.as_deref()), (Start::Enabled, Some("An old")));
    assert_eq!(old.executable.as_deref(), Some("/usr/sbin/oldd"));
    assert_eq!(told.executable.as_deref(), Some("/usr/sbin/sshd"));
}

#[test]
fn the_default_runlevel_decides() {
    let made = host().file("etc/inittab", "# id:5:initdefault:\nid:2:initdefault:\nsi::sysinit:/etc/rc\n");
    let facts = collect(&made.tree());
    assert_eq!(facts.value[0].start, Start::Enabled);
    assert_eq!(facts.value[2].start, Start::Disabled);
}

proptest! {
    #[test]
    fn any_text(text in "(# ?(Provides|Required-Start|description|chkconfig):? ?|### (BEGIN|END) INIT INFO|\n|.){0,60}") {
        InitScript::parse("x", "/etc/init.d/x", &text);
        started_by(&text);
    }
}
