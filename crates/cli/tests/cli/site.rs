//! `doorward site`, without a site: what its own tests of the site's crate do not tell.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::Place;

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
    assert!(passed.starts_with("http://127.0.0.1:1/ · 1 tests passed in 3 runs\n"), "{passed}");
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
    assert!(Place::new().fails(3, &["site", "check"]).contains("site.toml: No such file"));
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
    assert!(told.contains("The tests touch 1 of 2 paths that the logs know, and so 1 of 2 requests\n  not tested: /b (1 requests)"), "{told}");
}
