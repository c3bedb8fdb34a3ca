use proptest::prelude::*;

use super::syntax::{block_length, lines};
use crate::web::testing::{self, upstreams};

const MAIN: &str = "etc/caddy/Caddyfile";

fn config(files: &[(&str, &str)]) -> (doorward_model::WebConfig, Vec<doorward_model::Unseen>) {
    testing::config("usr/bin/caddy", files)
}

#[test]
fn debian_as_installed_is_complete_and_passes_nothing_on() {
    let (config, unseen) = config(&[(
        MAIN,
        "# The Caddyfile\n\n:80 {\n\t# Set this\n\troot * /usr/share/caddy\n\tfile_server\n\t# reverse_proxy localhost:8080\n}\n",
    )]);
    assert!(config.complete && config.upstreams.is_empty() && unseen.is_empty(), "{unseen:?}");
    assert_eq!(config.document_roots, ["/usr/share/caddy"]);
    assert!(config.names.is_empty());
}

#[test]
fn proxies_snippets_and_imports_are_followed() {
    let (config, unseen) = config(&[
        (
            MAIN,
            "{\n\temail a@example.com\n}\n(app) {\n\treverse_proxy /api/* {args[0]}:{args.1}\n}\nexample.com, https://www.Example.com:443,\n*.example.net {\n\timport app 127.0.0.1 9001\n\tphp_fastcgi unix//run/php/php-fpm.sock\n\tforward_auth 127.0.0.1:9091 {\n\t\turi /x\n\t}\n\treverse_proxy @m {\n\t\tto localhost:8001-8002 https://up.example\n\t\tto :8005 {\n\t}\n\troot * /srv/{host}/public\n}\nimport sites/*\n"
                .replace("\t\tto :8005 {\n", "\t\tto :8005\n")
                .as_str(),
        ),
        ("etc/caddy/sites/b", "b.example {\n reverse_proxy h2c://127.0.0.1 \\\n  [::1]:81\n root /var/www/b\n}\n"),
    ]);
    assert!(unseen.is_empty(), "{unseen:?}");
    assert_eq!(config.names, ["*.example.net", "b.example", "example.com", "www.example.com"]);
    assert_eq!(config.document_roots, ["/srv", "/var/www/b"]);
    assert_eq!(
        upstreams(&config),
        [
            "/run/php/php-fpm.sock <- Caddyfile:10 php_fastcgi",
            "127.0.0.1:80 <- b:2 reverse_proxy",
            "127.0.0.1:9001 <- Caddyfile:5 reverse_proxy",
            "127.0.0.1:9091 <- Caddyfile:11 forward_auth",
            "[::1]:81 <- b:2 reverse_proxy",
            "localhost:8001 <- Caddyfile:15 reverse_proxy",
            "localhost:8002 <- Caddyfile:15 reverse_proxy",
            "localhost:8005 <- Caddyfile:16 reverse_proxy",
            "up.example:443 <- Caddyfile:15 reverse_proxy",
        ]
    );
}

#[test]
fn a_single_site_needs_no_braces() {
    let (config, _) = config(&[(MAIN, "example.com\n\nreverse_proxy 127.0.0.1:9000\n")]);
    assert_eq!(config.names, ["example.com"]);
    assert_eq!(upstreams(&config), ["127.0.0.1:9000 <- Caddyfile:3 reverse_proxy"]);
}

#[test]
fn what_the_environment_or_a_request_tells_is_not_complete() {
    for (line, target) in [
        ("reverse_proxy {$BACKEND}", None),
        ("reverse_proxy {$BACKEND:127.0.0.1:8000}", Some("127.0.0.1:8000")),
        ("reverse_proxy {http.request.host}:80", None),
        ("reverse_proxy {\n dynamic srv x\n }", None),
        ("reverse_proxy a:1-60000", None),
        ("import absent", None),
    ] {
        let (config, unseen) = config(&[(MAIN, &format!(":80 {{\n {line}\n}}\n"))]);
        assert!(!config.complete && unseen.len() == 1, "{line} {unseen:?}");
        assert_eq!(config.upstreams.first().map(|u| u.target.as_str()), target, "{line}");
    }
    for text in [":80 {\n", "}\n", "(a) {\n import a\n}\n:80 {\n import a\n}"] {
        assert!(!config(&[(MAIN, text)]).0.complete, "{text}");
    }
}

#[test]
fn words_are_split_as_caddy_splits_them() {
    let all = lines("a \"b \\\"c\" `d \"` \\\n e {\n\t<<X\n f\n X g\n}\n# h\ni#j {k}\n");
    let words: Vec<(Vec<&str>, usize)> =
        all.iter().map(|l| (l.words.iter().map(String::as_str).collect(), l.number)).collect();
    assert_eq!(
        words,
        [(vec!["a", "b \"c", "d \"", "e"], 1), (vec![" f\n ", "g"], 3), (vec![], 6), (vec!["i#j", "{k}"], 8)]
    );
    assert!(all[0].opens && all[2].closes);
    assert_eq!(block_length(&all[1..]), 1);
}

proptest! {
    #[test]
    fn any_text(text in "(reverse_proxy |import a|\\(a\\) \\{|root |\\{\\$|<<X|[\\{\\}\"`\\\\#:/\n ]|.){0,60}") {
        let (config, unseen) = testing::reused("usr/bin/caddy", MAIN, &text);
        prop_assert_eq!(config.complete, unseen.is_empty());
    }
}
