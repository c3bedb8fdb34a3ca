use proptest::prelude::*;

use super::syntax::words;
use crate::web::testing::{self, upstreams};

const MAIN: &str = "etc/haproxy/haproxy.cfg";

fn config(files: &[(&str, &str)]) -> (doorward_model::WebConfig, Vec<doorward_model::Unseen>) {
    testing::config("usr/sbin/haproxy", files)
}

#[test]
fn debian_as_installed_is_complete_and_passes_nothing_on() {
    let (config, unseen) = config(&[(
        MAIN,
        "global\n\tlog /dev/log\tlocal0\n\tstats socket /run/haproxy/admin.sock mode 660 level admin\n\n\t# See: x\ndefaults\n\tlog\tglobal\n\terrorfile 400 /etc/haproxy/errors/400.http\n",
    )]);
    assert!(config.complete && config.upstreams.is_empty() && unseen.is_empty(), "{unseen:?}");
}

#[test]
fn servers_have_addresses_of_many_families() {
    let (config, unseen) = config(&[
        (
            MAIN,
            "global\n setenv LAN 10.0.0\nfrontend in\n bind :80\n default_backend app\nbackend app\n server a 10.1.1.1:1080 check # first\n server b \"${LAN}.7:80\" backup\n server c /run/c.sock\n server d unix@/run/d.sock send-proxy\n server e abns@app\n server f [::1]:81\n server g ::1:82\n server h ipv4@host:83\n server i \"${NONE-127.0.0.1}:84\"\n server j \"$FROM_FILE:85\"\n server-template k 3 k.example:86 check\nlisten l\n dispatch 127.0.0.1:87\nresolvers dns\n nameserver n 127.0.0.53:53\n nameserver m udp@127.0.0.54\npeers p\n server x 10.9.9.9:1\n peer y 10.9.9.8:1\nfcgi-app php\n docroot /srv/app\n",
        ),
        ("etc/default/haproxy", "FROM_FILE=files.example\n"),
    ]);
    assert!(unseen.is_empty(), "{unseen:?}");
    let targets: Vec<&str> = config.upstreams.iter().map(|u| u.target.as_str()).collect();
    assert_eq!(
        targets,
        [
            "/run/c.sock",
            "/run/d.sock",
            "10.0.0.7:80",
            "10.1.1.1:1080",
            "127.0.0.1:84",
            "127.0.0.1:87",
            "127.0.0.53:53",
            "127.0.0.54:53",
            "@app",
            "[::1]:81",
            "[::1]:82",
            "files.example:85",
            "host:83",
            "k.example:86"
        ]
    );
    assert_eq!(config.document_roots, ["/srv/app"]);
    assert_eq!(upstreams(&config)[3], "10.1.1.1:1080 <- haproxy.cfg:7 server");
}

#[test]
fn what_only_a_client_tells_is_not_complete() {
    for line in [
        "server a 10.0.0.1",
        "server a 10.0.0.1:+1",
        "server a *:80",
        "server a 0.0.0.0",
        "server a \"$NONE:80\"",
        "server a sockpair@3",
        "server a",
        "http-request set-dst var(txn.ip)",
        "http-request lua.x",
        "server a \"10.0.0.1:80",
    ] {
        let (config, unseen) = config(&[(MAIN, &format!("backend b\n {line}\n"))]);
        assert!(!config.complete && config.upstreams.is_empty(), "{line}");
        assert_eq!(unseen[0].what, "what haproxy passes on by /etc/haproxy/haproxy.cfg:2");
    }
}

#[test]
fn a_folder_is_read_where_the_service_reads_it() {
    let folder = ("etc/haproxy/conf.d/a.cfg", "backend b\n server a 127.0.0.1:80\n");
    assert!(config(&[(MAIN, "global\n"), folder]).0.upstreams.is_empty());
    let unit =
        ("usr/lib/systemd/system/haproxy.service", "[Service]\nEnvironment=\"CFGDIR=/etc/haproxy/conf.d\"\n");
    assert_eq!(config(&[(MAIN, "global\n"), folder, unit]).0.upstreams.len(), 1);
}

#[test]
fn words_are_split_as_haproxy_splits_them() {
    let texts = |line: &str| {
        words(line, |_| Some("V".to_owned())).map(|w| w.into_iter().map(|w| w.text).collect::<Vec<_>>())
    };
    assert_eq!(
        texts("a\\ b 'c $d' \"e $f ${g}h\" $i #j"),
        Some(vec!["a b".into(), "c $d".into(), "e V Vh".into(), "$i".into()])
    );
    assert_eq!(texts("a 'b"), None);
}

proptest! {
    #[test]
    fn any_text(text in "(backend a\n|server a |nameserver |setenv |[\"'\\\\#$\\{\\}:@\n ]|.){0,60}") {
        let (config, unseen) = testing::reused("usr/sbin/haproxy", MAIN, &text);
        prop_assert_eq!(config.complete, unseen.is_empty());
    }
}
