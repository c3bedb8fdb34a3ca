use proptest::prelude::*;

use crate::web::testing::{self, upstreams};

const MAIN: &str = "etc/lighttpd/lighttpd.conf";

fn config(files: &[(&str, &str)]) -> (doorward_model::WebConfig, Vec<doorward_model::Unseen>) {
    testing::config("usr/sbin/lighttpd", files)
}

#[test]
fn debian_as_installed_is_complete_and_passes_nothing_on() {
    let (config, unseen) = config(&[
        (
            MAIN,
            "server.modules = (\n\t\"mod_indexfile\",\n\t\"mod_access\",\n)\n\nserver.document-root        = \"/var/www/html\"\nserver.port = 80\nserver.feature-flags       += (\"server.h2proto\" => \"enable\")\nserver.http-parseopts = (\n  \"header-strict\" => \"enable\",# default\n #\"x\" => \"y\",\n)\ninclude_shell \"/usr/share/lighttpd/use-ipv6.pl \" + server.port\ninclude_shell \"/usr/share/lighttpd/create-mime.conf.pl\"\ninclude \"/etc/lighttpd/conf-enabled/*.conf\"\n",
        ),
        (
            "etc/lighttpd/conf-enabled/90-javascript-alias.conf",
            "alias.url += ( \"/javascript/\" => \"/usr/share/javascript/\" )\n",
        ),
        ("usr/share/javascript/x", ""),
    ]);
    assert!(config.complete && config.upstreams.is_empty() && unseen.is_empty(), "{unseen:?}");
    assert_eq!(config.document_roots, ["/usr/share/javascript", "/var/www/html"]);
}

#[test]
fn every_module_that_passes_requests_on_is_seen() {
    let (config, unseen) = config(&[(
        MAIN,
        "var.dir = \"/run/\"\nfastcgi.server += ( \".php\" =>\n\t((\n\t\t\"socket\" => var.dir + \"php/php-fpm.sock\",\n\t\t\"broken-scriptfilename\" => \"enable\"\n\t))\n)\n$HTTP[\"host\"] == \"www.example.com\" {\n  proxy.server = ( \"\" => ( ( \"host\" => \"10.0.0.10\" ),\n    ( \"host\" => \"10.0.0.11\", \"port\" => 81 ) ) )\n} else $HTTP[\"host\"] =~ \"x\" {\n  scgi.server = (\"/\" => ((\"host\" => \"::1\", \"port\" => \"82\")))\n} else {\n  ajp13.server = (\"/\" => (\"localhost\" => (\"host\" => \"127.0.0.1\", \"port\" => 8009)))\n}\n$SERVER[\"socket\"] == \":443\" { evhost.path-pattern = \"/srv/%_/htdocs\" }\n",
    )]);
    assert!(unseen.is_empty(), "{unseen:?}");
    assert_eq!(config.names, ["www.example.com"]);
    assert_eq!(config.document_roots, ["/srv"]);
    let targets: Vec<&str> = config.upstreams.iter().map(|u| u.target.as_str()).collect();
    assert_eq!(
        targets,
        ["/run/php/php-fpm.sock", "10.0.0.10:80", "10.0.0.11:81", "127.0.0.1:8009", "[::1]:82"]
    );
    assert_eq!(upstreams(&config)[1], "10.0.0.10:80 <- lighttpd.conf:9 proxy.server");
}

#[test]
fn what_a_command_or_the_environment_tells_is_not_complete() {
    for text in [
        "include_shell \"cat /etc/x\"",
        "proxy.server = (\"\" => ((\"host\" => env.BACKEND)))",
        "proxy.server = ALL",
        "magnet.attract-raw-url-to = (\"/x.lua\")",
        "include env.X",
        "include \"absent.conf\"",
        "a = (",
        "$HTTP[\"host\"] == \"x\" { a = 1",
        "?",
    ] {
        let (config, unseen) = config(&[(MAIN, text)]);
        assert!(!config.complete && unseen.len() == 1 && config.upstreams.is_empty(), "{text} {unseen:?}");
    }
}

proptest! {
    #[test]
    fn any_text(text in "(proxy.server = |include |\\$HTTP\\[\"host\"\\] == |else |a |\\(|\\)|=>|[=+,{}\"'\\\\#\n$ ]|.){0,60}") {
        let (config, unseen) = testing::reused("usr/sbin/lighttpd", MAIN, &text);
        prop_assert_eq!(config.complete, unseen.is_empty());
    }
}
