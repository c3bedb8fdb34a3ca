use proptest::prelude::*;

use super::*;
use crate::fixture::Made;

const NGINX: &str = r#"#!/sbin/openrc-run

description="Nginx http and reverse proxy server"
cfgfile=${cfgfile:-/etc/nginx/nginx.conf}
command=${command:-/usr/sbin/nginx}
command_user="web:www"

depend() {
	need net
	use dns logger netmount # comment
	want "redis"
	after firewall
}

start_pre() {
	need nothing
}
"#;

#[test]
fn scripts_become_services() {
    let made = Made::new()
        .file("etc/init.d/nginx", NGINX)
        .file("etc/init.d/networking", "#!/sbin/openrc-run\ndepend() { need localmount; provide net; }\n")
        .file(
            "etc/init.d/redis",
            "#!/sbin/openrc-run\n: ${user:=redis}\ncommand=\"/usr/bin/${RC_SVCNAME}-server\"\ncommand_user=$user\n",
        )
        .file("etc/init.d/functions.sh", "#!/bin/sh\n")
        .file("etc/conf.d/nginx", "command=/opt/nginx/sbin/nginx\n")
        .link("etc/runlevels/default/nginx", "/etc/init.d/nginx")
        .link("etc/runlevels/shutdown/redis", "/etc/init.d/redis");
    let facts = collect(&made.tree());
    assert_eq!(facts.unseen, []);
    let [networking, nginx, redis] = &facts.value[..] else { panic!("{facts:?}") };
    assert_eq!((networking.name.as_str(), networking.start), ("networking", Start::Disabled));
    let on = |kind, on: &str| Dependency { kind, on: on.into() };
    assert_eq!(networking.dependencies, [on(DependencyKind::Requires, "localmount")]);
    assert_eq!(nginx.start, Start::Enabled);
    assert_eq!(nginx.executable.as_deref(), Some("/opt/nginx/sbin/nginx"), "conf.d comes first");
    assert_eq!(nginx.user.as_deref(), Some("web"));
    assert_eq!(nginx.description.as_deref(), Some("Nginx http and reverse proxy server"));
    assert_eq!(
        nginx.dependencies,
        [
            on(DependencyKind::Requires, "networking"),
            on(DependencyKind::Wants, "dns"),
            on(DependencyKind::Wants, "logger"),
            on(DependencyKind::Wants, "netmount"),
            on(DependencyKind::Wants, "redis"),
        ]
    );
    assert_eq!((redis.start, redis.executable.as_deref()), (Start::Disabled, Some("/usr/bin/redis-server")));
    assert_eq!(redis.user.as_deref(), Some("redis"));
}

proptest! {
    #[test]
    fn any_text(text in "(depend ?\\(\\) ?|[{};#$]|need |\n|.){0,60}") {
        service("x", "/etc/init.d/x", &text, &text);
    }
}
