use proptest::prelude::*;

use super::*;
use crate::fixture::Made;

fn host(files: &[(&str, &str)]) -> Facts<SuperServerFacts> {
    let made = Made::new().file("etc/services", "tftp 69/udp\ndiscard 9/udp\n");
    collect(&files.iter().fold(made, |made, (path, text)| made.file(path, text)).tree())
}

fn unlisted(name: &str, port: &str, more: &str) -> String {
    format!(
        "service {name}\n{{\n type = UNLISTED\n socket_type = stream\n protocol = tcp\n port = {port}\n wait = no\n user = nobody\n server = /bin/cat\n {more}\n}}\n"
    )
}

/// The same services as were given to xinetd 2.3.15 in a Debian 12 host, with the sockets that it opened there.
#[test]
fn listeners_are_those_that_xinetd_opens() {
    let conf = [
        "defaults\n{\n disabled = offone\n}\n".to_owned(),
        unlisted("plain", "7001", ""),
        unlisted("flags6", "7003", "flags = IPv6"),
        unlisted("flags4", "7004", "flags = IPv4"),
        unlisted("v6only", "7005", "flags = IPv6\n v6only = yes"),
        unlisted("bound", "7006", "bind = 127.0.0.1"),
        unlisted("offone", "7007", ""),
        unlisted("both46", "7008", "flags = IPv4 IPv6"),
        unlisted("boundname", "7009", "interface = localhost"),
        unlisted("braceone", "7010", "").replace("\n{", " {"),
        unlisted("v6onlydefault", "7011", "v6only = yes"),
        unlisted("disyes", "7013", "disable = yes"),
        unlisted("disdup", "7014", "disable = maybe"),
        unlisted("badport", "7015x", ""),
        "service discard\n{\n type = INTERNAL\n id = discard-udp\n socket_type = dgram\n protocol = udp\n wait = yes\n user = root\n}\n".to_owned(),
    ];
    let facts = host(&[("etc/xinetd.conf", &conf.concat())]);
    let show = |l: &Listener| {
        let only = l.v6only.map_or("", |only| if only { " v6only" } else { " dual" });
        format!("{} {}{only}", l.port.unwrap(), l.address.unwrap())
    };
    let mut doors: Vec<String> = facts.value.listeners.iter().map(show).collect();
    doors.sort();
    assert_eq!(
        doors,
        [
            "7001 :: dual",
            "7003 :: dual",
            "7004 0.0.0.0",
            "7005 :: v6only",
            "7006 127.0.0.1",
            "7008 :: dual",
            "7009 ::1",
            "7011 :: v6only",
            "9 :: dual"
        ]
    );
    let whats: Vec<&str> = facts.unseen.iter().map(|u| u.what.as_str()).collect();
    let line_of = |text: &str| 1 + conf.concat().lines().position(|l| l.starts_with(text)).unwrap();
    let brace = format!("/etc/xinetd.conf:{}", line_of("service braceone"));
    let disdup = format!("/etc/xinetd.conf:{}", line_of("service disdup"));
    let badport = format!("listener of xinetd:badport (/etc/xinetd.conf:{})", line_of("service badport"));
    assert_eq!(whats, [brace.as_str(), &disdup, &badport]);
    let start = |name: &str| facts.value.services.iter().find(|s| s.name == name).map(|s| s.start);
    assert_eq!(start("xinetd:plain"), Some(Start::Enabled));
    assert_eq!(start("xinetd:discard-udp"), Some(Start::Enabled));
    for off in ["offone", "disyes", "disdup"] {
        assert_eq!(start(&format!("xinetd:{off}")), Some(Start::Disabled), "{off}");
    }
}

#[test]
fn included_directories_are_read_and_loops_end() {
    let facts = host(&[
        (
            "etc/xinetd.conf",
            "defaults\n{\n enabled = tftp\n enabled += x\n}\nincludedir /etc/xinetd.d\ninclude /etc/xinetd.conf\ninclude /absent\n",
        ),
        (
            "etc/xinetd.d/tftp",
            "service tftp\n{\n disable = no\n socket_type = dgram\n protocol = udp\n wait = yes\n user = root\n server = /usr/sbin/in.tftpd\n}\ninclude /etc/xinetd.d/tftp\n",
        ),
        ("etc/xinetd.d/other", &unlisted("other", "7001", "")),
        ("etc/xinetd.d/tftp.rpmsave", &unlisted("saved", "7002", "")),
        ("etc/xinetd.d/tftp~", &unlisted("backup", "7003", "")),
    ]);
    let services: Vec<_> = facts.value.services.iter().map(|s| (s.name.as_str(), s.start)).collect();
    assert_eq!(services, [("xinetd:other", Start::Disabled), ("xinetd:tftp", Start::Enabled)]);
    assert_eq!(facts.value.services[1].executable.as_deref(), Some("/usr/sbin/in.tftpd"));
    assert_eq!(facts.value.listeners.len(), 1);
    assert_eq!((facts.value.listeners[0].port, facts.value.listeners[0].protocol), (Some(69), Protocol::Udp));
    assert_eq!(facts.unseen.len(), 1, "{:?}", facts.unseen);
    assert_eq!(facts.unseen[0].what, "xinetd services in /absent");
}

#[test]
fn an_open_end_is_not_started() {
    let text = unlisted("last", "7001", "");
    let facts = host(&[("etc/xinetd.conf", text.trim_end().trim_end_matches('}'))]);
    assert_eq!(facts.value.services[0].start, Start::Disabled);
    assert_eq!(facts.value.listeners, []);
}

proptest! {
    #[test]
    fn any_text(text in "((service|defaults|include|[a-z]{1,5}) ?|[{}=+~-]|\n|.){0,80}") {
        Config::default().parse(&text, "f", &mut Vec::new());
    }
}
