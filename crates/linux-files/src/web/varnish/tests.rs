use proptest::prelude::*;

use crate::web::testing::{self, upstreams};

const MAIN: &str = "etc/varnish/default.vcl";

fn config(files: &[(&str, &str)]) -> (doorward_model::WebConfig, Vec<doorward_model::Unseen>) {
    testing::config("usr/sbin/varnishd", files)
}

#[test]
fn backends_are_upstreams_wherever_they_stand() {
    let (config, unseen) = config(&[
        (
            MAIN,
            "# backend no { .host = \"x\"; }\nvcl 4.1;\nimport std;\nimport directors;\n/* backend no {\n} */\ninclude \"more.vcl\";\ninclude +glob \"./sites/*.vcl\";\nbackend default {\n    .host = \"127.0.0.1\";\n    .probe = { .url = \"/\"; }\n    .port = \"8080\";\n}\nbackend none none;\nsub vcl_recv { set req.backend_hint = default; set req.http.x = {\"backend y { .host = \"z\"; }\"}; }\n",
        ),
        (
            "etc/varnish/more.vcl",
            "backend a { .host = \"[::1]:8081\"; }\nbackend b { .path = \"/run/b.sock\"; }\n",
        ),
        ("etc/varnish/sites/c.vcl", "backend c { .host = \"c.example\"; .port = \"http\"; }\n"),
    ]);
    assert!(config.complete && unseen.is_empty(), "{unseen:?}");
    assert_eq!(
        upstreams(&config),
        [
            "/run/b.sock <- more.vcl:2 backend",
            "127.0.0.1:8080 <- default.vcl:9 backend",
            "[::1]:8081 <- more.vcl:1 backend",
            "c.example:80 <- c.vcl:1 backend",
        ]
    );
}

#[test]
fn what_is_not_vcl_is_not_complete() {
    for text in [
        "import dynamic;",
        "C{ x }C",
        "include \"absent.vcl\";",
        "include x;",
        "\"cut",
        "/* cut",
        "backend a { .host = \"h\"; .port = \"what\"; }",
        "backend a { }",
    ] {
        let (config, unseen) = config(&[(MAIN, text)]);
        assert!(!config.complete && !unseen.is_empty() && config.upstreams.is_empty(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text(text in "(backend a \\{|\\.host = |\\.port = |include |import |C\\{|\\}C|/\\*|[\\{\\}\";#\n ]|.){0,60}") {
        let (config, unseen) = testing::reused("usr/sbin/varnishd", MAIN, &text);
        prop_assert_eq!(config.complete, unseen.is_empty());
    }
}
