//! `doorward site`, without a site: what its own tests of the site's crate do not tell.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use doorward_model::site::SiteReport;
use serde_json::{Value, json};

use super::{Place, host};

const GOOD: &str =
    "version = 1\nurl = \"http://127.0.0.1:1/\"\n[[command]]\nname = \"good\"\nrun = [\"/bin/true\"]\n";
const BAD: &str =
    "[[command]]\nname = \"bad \\u001b[31m\"\nrun = [\"/bin/sh\", \"-c\", \"echo '\\u001b[2Jno'; exit 3\"]\n";

fn place(text: &str, mode: u32) -> Place {
    let place = Place::new();
    place.write("site.toml", text);
    std::fs::set_permissions(place.path().join("site.toml"), Permissions::from_mode(mode)).unwrap();
    place
}

#[test]
fn tests_that_pass_and_that_fail() {
    let place_ = place(GOOD, 0o644);
    let passed = place_.says(0, &["site", "check", "--repeat", "3"]);
    assert!(passed.starts_with("http://127.0.0.1:1/ · 1 test passed in 3 runs\n"), "{passed}");
    let text =
        place("version = 1\nurl = \"http://127.0.0.1:1/\"\n[[tcp]]\nname = \"port\"\nport = 1\n", 0o666)
            .says(1, &["site", "check"]);
    assert!(text.contains("! port  failed"), "{text}");
    assert!(
        text.contains("tcp 127.0.0.1:1: answer: expected a connection, seen 127.0.0.1:1: Connection refused"),
        "{text}"
    );
    let both = place(&BAD.replace("\\u001b", "").replacen("[[", &format!("{GOOD}[["), 1), 0o644);
    let junit = both.says(1, &["site", "check", "--format", "junit"]);
    assert!(junit.contains("tests=\"2\" failures=\"1\""), "{junit}");
    let json: serde_json::Value =
        serde_json::from_str(&both.says(1, &["site", "check", "--format", "json"])).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["runs"][0]["tests"][1]["mismatches"][0]["seen"], "3; [2Jno");
}

#[test]
fn what_comes_from_others_does_not_reach_the_terminal() {
    // TOML allows the character as an escape, a name does not.
    let named = place(&format!("{GOOD}{BAD}"), 0o644).fails(3, &["site", "check"]);
    assert!(
        named.contains("a name has 1 to 200 characters, on one line") && !named.contains('\u{1b}'),
        "{named}"
    );
    let said =
        place(&format!("{GOOD}{}", BAD.replace("bad \\u001b[31m", "bad")), 0o644).says(1, &["site", "check"]);
    assert!(said.contains("seen 3; \\x1b[2Jno") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn what_is_no_site_is_refused() {
    let broken = place("version = 1\nurl = 5\n", 0o644).fails(3, &["site", "check"]);
    assert!(broken.contains("site.toml: line 2, column 7"), "{broken}");
    let writable = place(GOOD, 0o666).fails(3, &["site", "check"]);
    assert!(
        writable.contains("it names programs to run, and others may write it; chmod go-w it first"),
        "{writable}"
    );
    let empty = place("version = 1\nurl = \"http://a/\"\n", 0o644).fails(3, &["site", "check"]);
    assert!(empty.contains("there is no check in it"), "{empty}");
    assert!(
        Place::new()
            .fails(3, &["site", "check"])
            .contains("site.toml: there is no such file; doorward site record")
    );
    let nobody = Place::new().fails(3, &["site", "record", "http://127.0.0.1:1/"]);
    assert!(nobody.contains("a site that fails cannot be recorded"), "{nobody}");
    assert!(Place::new().fails(2, &["site", "record", "shop"]).contains("relative URL without a base"));
    assert!(
        Place::new()
            .fails(3, &["site", "record", "http://127.0.0.1:1/", "--logs", "none"])
            .contains("none: No such file")
    );
}

#[test]
fn coverage_of_logs_is_told() {
    let text = format!("{GOOD}[[http]]\nname = \"page\"\n[[http.request]]\nurl = \"/a\"\n");
    let place = place(&text, 0o644);
    place
        .write("log", "a - - [x] \"GET /a HTTP/1.1\" 200 5\na - - [x] \"GET /b HTTP/1.1\" 200 5\nnonsense\n");
    let told = place.says(1, &["site", "check", "--logs", "log"]);
    assert!(told.contains("The tests touch 1 of 2 paths that the logs know, and so 1 of 2 requests\n  not tested: /b (1 request)"), "{told}");
}

/// A site with one page, and a tree whose nginx serves it and another one, with a log.
fn served() -> Place {
    let text = "version = 1\nurl = \"http://127.0.0.1:1/\"\nhosts = [\"shop.example\"]\ntime_limit = \"1s\"\n[[http]]\nname = \"page\"\n\
         [[http.request]]\nurl = \"/a\"\n[[tcp]]\nname = \"other\"\nport = 8080\n";
    let place = place(text, 0o644);
    host::tree(place.path());
    place.write(
        "etc/nginx/nginx.conf",
        "http { access_log /var/log/a.log; access_log /var/log/none.log; server { listen 1; server_name 127.0.0.1; }\n\
         server { listen 8080; } server { listen 443; server_name other.example; } }\n",
    );
    std::fs::create_dir_all(place.path().join("var/log")).unwrap();
    place.write(
        "var/log/a.log",
        "a - - [x] \"GET /a HTTP/1.1\" 200 5\nshop.example:80 a - - [x] \"GET /a HTTP/1.1\" 200 5\n\
         other.example:443 a - - [x] \"GET /a HTTP/1.1\" 200 5\n",
    );
    place
}

#[test]
fn coverage_of_a_host_is_told_by_its_own_web_server() {
    let place = served();
    let told = place.says(1, &["site", "check", "--root", "."]);
    for line in [
        "\nThe tests ask 2 of 3 virtual hosts and ports of the host's web servers\n  not tested: other.example:443\n",
        "\nThe tests touch 1 of 2 paths that the logs know, and so 2 of 3 requests\n  not tested: other.example/a (1 request)\n",
        "\nA log was not read: /var/log/none.log: No such file",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    // Logs that are named take the place of the host's own.
    place.write("log", "a - - [x] \"GET /b HTTP/1.1\" 200 5\n");
    let named = place.says(1, &["site", "check", "--root", ".", "--logs", "log"]);
    assert!(named.contains("not tested: /b (1 request)") && !named.contains("none.log"), "{named}");
    assert!(named.contains("The tests ask 2 of 3 virtual hosts"), "{named}");

    let mut snapshot = host::snapshot();
    snapshot["web"][0]["endpoints"] = json!([{"port": 80}, {"port": 443, "host": "closed.example"}]);
    place.write("saved.json", &snapshot.to_string());
    let saved = place.says(1, &["site", "check", "--snapshot", "saved.json"]);
    // Nobody listens on 443 there.
    let line = "The tests ask 0 of 1 virtual hosts and ports of the host's web servers\n  not tested: *:80\n";
    assert!(saved.contains(line) && !saved.contains("paths"), "{saved}");
    assert!(place.fails(3, &["site", "check", "--root", "none"]).contains("--root none"));
    assert!(place.fails(3, &["site", "check", "--snapshot", "none"]).contains("none: No such file"));
}

#[test]
fn json_is_of_the_published_form() {
    let place = served();
    let said = place.says(1, &["site", "check", "--root", ".", "--format", "json", "--repeat", "2"]);
    let report: SiteReport = serde_json::from_str(&said).unwrap();
    // Nothing was said beside the form.
    assert_eq!(serde_json::to_value(&report).unwrap(), serde_json::from_str::<Value>(&said).unwrap());
    assert_eq!((report.schema_version, report.stopped, report.runs.len()), (1, false, 2));
    let rates: Vec<(&str, usize)> = report.rates.iter().map(|r| (r.test.as_str(), r.failed)).collect();
    assert_eq!(rates, [("page", 2), ("other", 2)]);
    let coverage = report.coverage.unwrap();
    let endpoints: Vec<(Option<&str>, u16, bool)> =
        coverage.endpoints.iter().map(|e| (e.host.as_deref(), e.port, e.touched)).collect();
    assert_eq!(
        endpoints,
        [(None, 8080, true), (Some("127.0.0.1"), 1, true), (Some("other.example"), 443, false)]
    );
    assert_eq!((coverage.requests, coverage.requests_touched), (3, 2));
    assert_eq!(coverage.logs_unread[0].log, "/var/log/none.log");
}
