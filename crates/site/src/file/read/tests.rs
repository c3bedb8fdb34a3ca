use proptest::prelude::*;

use super::*;
use crate::file::{Expect, Greeting, GreetingCheck};
use crate::values::Sha256;

const WHOLE: &str = r#"
version = 1
url = "https://shop.example/"
hosts = ["www.shop.example"]
outside = ["pay.example"]
time_limit = "10s"
size_limit = "4MiB"
tls = { ca = "/etc/ssl/own.pem", valid_days = 14 }

[[http]]
name = "log in and pay"

[[http.request]]
url = "/login"
capture.token.regex = 'name="token" value="([^"]+)"'

[[http.request]]
url = "/login"
form = { user = "test", token = "${token}" }
follow = false
expect.status = 303
expect.header.location = "^/account"

[[http.request]]
url = "https://pay.example/pay"
method = "PUT"
json = { items = [{ id = 5, note = "${token}" }] }
expect.json = [{ path = "$.paid", equals = true }, { path = "$.id" }]
expect.contains = ["paid"]
expect.within = "2s"

[[tcp]]
name = "database from outside"
port = 3306

[[greeting]]
name = "mail"
protocol = "smtp"
matches = "ESMTP"

[[dns]]
name = "own name"
query = "shop.example"
answers = ["192.0.2.7"]

[[command]]
name = "queue is short"
run = ["/usr/local/bin/queue", "--below", "10"]

[[suite]]
name = "browser"
run = ["/usr/bin/npx", "playwright", "test"]
results = "junit"
file = "/tmp/results.xml"
"#;

#[test]
fn a_whole_file_is_read_and_written() {
    let site = read(WHOLE).unwrap();
    assert_eq!(site.len(), 6);
    assert!(site.owns("WWW.shop.example") && !site.owns("pay.example") && site.allows("pay.example"));
    assert_eq!(read(&print(&site)).unwrap(), site, "{}", print(&site));
}

/// The error of the whole file with one text in the place of another.
fn with(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    read(&WHOLE.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_way_out() {
    let cases = [
        ("version = 1", "version = 2", "this doorward reads version 1: use the doorward that made it"),
        ("version = 1", "version = 0", "line 1, column 1: there is no version 0 (write version = 1)"),
        ("https://shop.example/", "ftp://shop.example/", "is no address of a site"),
        ("https://shop.example/", "shop", "line 3, column 7"),
        ("valid_days = 14", "insecure = true", "tls trusts in two ways (keep one of ca, pin and insecure)"),
        ("ca = \"/etc/ssl/own.pem\"", "insecure = true", "valid_days is not looked at with pin or insecure"),
        ("port = 3306", "prot = 3306", "line 34, column 1: unknown field `prot`, expected one of"),
        ("port = 3306", "port = 99999", "line 34, column 8: invalid value: integer `99999`, expected u16"),
        ("\"10s\"", "\"10\"", "line 6, column 14: \"10\" is no time: write 500ms, 10s, 5m or 1h"),
        ("\"mail\"", "\"own name\"", "dns check \"own name\": another check has the same name"),
        ("\"mail\"", "\"\"", "a name has 1 to 200 characters"),
        ("name = \"mail\"", "", "missing field `name` (add it)"),
        (
            "/usr/bin/npx",
            "npx",
            "line 50, column 1, suite check \"browser\": a program is named by its absolute path",
        ),
        ("'name=\"token\"", "'(name", "is no regular expression: unclosed group"),
        ("token = \"${token}\"", "token = \"${tokn}\"", "request 2: nothing before it captures ${tokn}"),
        ("https://pay", "https://evil", "request 3: evil.example is not of the site (name it in hosts"),
        ("follow = false", "body = \"x\"", "request 2: it has two bodies (keep one of"),
        ("method = \"PUT\"", "method = \"P T\"", "request 3: a method or a header has a name"),
        ("\"$.paid\"", "\"paid\"", "\"paid\" is no JSON path such as $.items[0].price"),
        ("[[tcp]]", "[[tcp]", "line 32, column 7: unclosed"),
    ];
    for (from, to, expected) in cases {
        let error = with(from, to);
        assert!(error.contains(expected), "{to}: {error}");
    }
    let many = "[[tcp]]\nname=\"a\"\nport=1\n".repeat(10 * MOST_CHECKS + 1);
    assert_eq!(read(&many), Err(Unreadable::TooMany));
    assert_eq!(read(&" ".repeat(LONGEST + 1)), Err(Unreadable::TooLong(LONGEST + 1)));
}

/// Changes a text at some places, so that most of it still is what a reader expects.
fn changed() -> impl Strategy<Value = String> {
    let edit = (0..WHOLE.len(), 0..12usize, "[\\PC\n]{0,4}");
    proptest::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut text = WHOLE.to_owned();
        for (at, length, by) in edits {
            let start = text.floor_char_boundary(at.min(text.len()));
            let end = text.floor_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, &by);
        }
        text
    })
}

proptest! {
    #[test]
    fn no_text_is_too_bad_to_say_what_is_wrong(text in changed()) {
        match read(&text) {
            Ok(site) => prop_assert_eq!(read(&print(&site)), Ok(site)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn what_is_written_is_read_back(name in "[^\\p{Cc}]{1,200}", texts: Vec<String>, sum in any::<[u8; 9]>(), path in "/[ -~]{0,20}") {
        let mut site = Site::new("http://localhost:81/a/".parse().unwrap());
        let expect = Expect { contains: texts.iter().map(|t| t.replace('$', "")).collect(), sha256: Some(Sha256::of(&sum)), ..Expect::default() };
        // Two slashes begin a host.
        let url = path.replace('$', "").replace(['/', '\\'], "");
        let request = toml::from_str::<Request>("url = ''").map(|r| Request { url: format!("/{url}"), expect, ..r }).unwrap();
        site.http.push(HttpCheck { name: name.clone(), tls: None, time_limit: None, request: vec![request] });
        let greeting = GreetingCheck { name: name.clone() + ".", protocol: Greeting::Ftp, host: None, port: None, tls: None, matches: None, time_limit: None };
        if name.chars().count() < 200 { site.greeting.push(greeting); }
        prop_assert_eq!(read(&print(&site)), Ok(site));
    }
}

#[test]
fn the_documented_file_is_one() {
    let document = include_str!("../../../../../docs/site-tests.md");
    let text = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let site = read(text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((site.len(), site.http[0].request.len()), (6, 4));
}
