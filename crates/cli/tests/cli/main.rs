//! The program as its users meet it: forms, options, exit codes, and what it says to bad input.
#![expect(clippy::disallowed_methods, reason = "the tests run the program, on files that they make")]

mod host;
mod interrupt;
mod pki;
mod plan;
mod reach;
mod site;

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder with `snapshot.json`, and the program's runs in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Self(dir);
        place.write("snapshot.json", &host::snapshot().to_string());
        place.write("none.toml", "");
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(words).current_dir(self.path()).env_remove("SSH_CONNECTION").env("COLUMNS", "100");
        command.output().unwrap()
    }

    /// Standard output of a run that ends with this code.
    fn says(&self, code: i32, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a run that fails with this code.
    fn fails(&self, code: i32, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        error.replace(&self.path().display().to_string(), "DIR")
    }
}

const SAVED: [&str; 4] = ["--snapshot", "snapshot.json", "--config", "none.toml"];

fn with<'a>(first: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [first, rest].concat()
}

#[test]
fn help_teaches() {
    let place = Place::new();
    for (name, words) in [
        ("main", &["--help"][..]),
        ("audit", &["audit", "--help"]),
        ("explain", &["explain", "--help"]),
        ("reach", &["reach", "--help"]),
        ("pki", &["pki", "--help"]),
        ("pki_issue", &["pki", "issue", "--help"]),
    ] {
        insta::assert_snapshot!(format!("help_{name}"), place.says(0, words));
    }
}

#[test]
fn one_snapshot_in_every_form() {
    let place = Place::new();
    for form in ["text", "json", "sarif", "markdown"] {
        let words = with(&SAVED, &["--format", form]);
        let text = place.says(0, &words);
        assert_eq!(text, place.says(0, &words), "same snapshot, same bytes");
        assert!(!text.contains('\x1b'), "{form}: nothing of the host steers the terminal");
        insta::assert_snapshot!(format!("audit_{form}"), text);
    }
    assert_eq!(place.says(0, &SAVED), place.says(0, &with(&["audit"], &SAVED)), "audit is the default");
}

#[test]
fn one_card_by_every_name() {
    let place = Place::new();
    let card = |what: &str| place.says(0, &with(&["explain", what], &SAVED));
    insta::assert_snapshot!("card", card("23"));
    assert_eq!(card("inetd:telnet"), card("telnet"));
    assert_eq!(card("ssh"), card("openssh-server"));
    assert_eq!(card("ssh"), card("22"));
    insta::assert_snapshot!(
        "card_json",
        place.says(0, &with(&["explain", "redis", "--format", "json"], &SAVED))
    );
    let error = place.fails(3, &with(&["explain", "nginxx"], &SAVED));
    insta::assert_snapshot!("card_of_nothing", error);
    let near = place.fails(3, &with(&["explain", "redis-s"], &SAVED));
    assert!(near.contains("redis-server.service"), "{near}");
}

#[test]
fn exit_codes_tell_what_was_found() {
    let place = Place::new();
    let code = |snapshot: &serde_json::Value, fail_on: &str, expected: i32| {
        place.write("other.json", &snapshot.to_string());
        place.says(expected, &["--snapshot", "other.json", "--config", "none.toml", "--fail-on", fail_on]);
    };
    let all = host::snapshot();
    for fail_on in ["dangerous", "unneeded", "unknown"] {
        code(&all, fail_on, 1);
    }
    let only = |keep: &[u64]| {
        let mut some = host::snapshot();
        some["listeners"].as_array_mut().unwrap().retain(|l| keep.contains(&l["port"].as_u64().unwrap()));
        let names: Vec<_> =
            some["listeners"].as_array().unwrap().iter().map(|l| l["service"].clone()).collect();
        some["services"].as_array_mut().unwrap().retain(|s| names.contains(&s["name"]));
        some["unseen"] = serde_json::json!([]);
        some
    };
    code(&only(&[80, 22]), "unknown", 0);
    code(&only(&[80, 22, 9999]), "unneeded", 0);
    code(&only(&[80, 22, 9999]), "unknown", 1);
    code(&only(&[80, 22, 6379]), "dangerous", 0);
    code(&only(&[80, 22, 6379]), "unneeded", 1);
    let mut dark = only(&[]);
    dark["unseen"] = serde_json::json!([{"subject": "listeners", "what": "sockets", "why": "no netlink"}]);
    code(&dark, "dangerous", 4);
}

#[test]
fn what_the_user_decides_is_obeyed() {
    let place = Place::new();
    place.write(
        "keep.toml",
        "roles = [\"apache\"]\nfail-on = \"dangerous\"\n[keep]\n\"inetd:telnet\" = \"the vendor's\"\n",
    );
    let keep = ["--snapshot", "snapshot.json", "--config", "keep.toml"];
    let text = place.says(0, &with(&keep, &["--format", "markdown"]));
    assert!(text.contains("kept by your configuration: the vendor's") && text.contains("apache"), "{text}");
    place.says(1, &with(&keep, &["--fail-on", "unneeded"]));
    let text = place.says(0, &with(&keep, &["--role", "nginx"]));
    assert!(text.lines().next().unwrap().ends_with("nginx"), "an option overrides the file: {text}");

    std::fs::create_dir(place.path().join("mine")).unwrap();
    place.write(
        "mine/whatever.toml",
        "[[service]]\nid = \"whatever\"\ntitle = \"Whatever\"\nwhat = \"Our own\"\nclass = \"data-store\"\n\
         programs = [\"whatever\"]\nsources = [\"us\"]\n",
    );
    let known = place.says(0, &with(&["explain", "4711", "--knowledge", "mine"], &SAVED));
    assert!(known.contains("Our own") && known.contains("dangerous"), "{known}");
}

#[test]
fn bad_input_is_named_with_its_place() {
    let place = Place::new();
    place.write("cut.json", &host::snapshot().to_string()[..300]);
    place.write("text.json", "no json\n");
    place.write("newer.json", r#"{"schema_version": 99}"#);
    place.write(
        "typed.json",
        &host::snapshot().to_string().replace("\"state\":\"running\"", "\"state\":\"dancing\""),
    );
    place.write("unknown-key.toml", "colour = \"blue\"\n");
    place.write("bad.toml", "[keep\n");
    std::fs::create_dir_all(place.path().join("bad-knowledge")).unwrap();
    place.write("bad-knowledge/x.toml", "[[service]]\nid = \"x\"\nport = 5\n");
    std::fs::create_dir_all(place.path().join("empty")).unwrap();
    let mut all = String::new();
    for words in [
        &["--snapshot", "absent.json"][..],
        &["--snapshot", "cut.json"],
        &["--snapshot", "text.json"],
        &["--snapshot", "newer.json"],
        &["--snapshot", "typed.json"],
        &["--snapshot", "."],
        &["--snapshot", "snapshot.json", "--config", "absent.toml"],
        &["--snapshot", "snapshot.json", "--config", "unknown-key.toml"],
        &["--snapshot", "snapshot.json", "--config", "bad.toml"],
        &["--snapshot", "snapshot.json", "--knowledge", "bad-knowledge"],
        &["--snapshot", "snapshot.json", "--knowledge", "absent"],
        &["--snapshot", "snapshot.json", "--role", "mainframe"],
        &["--root", "absent"],
        &["--root", "empty"],
        &["--root", "snapshot.json"],
    ] {
        let _ = writeln!(all, "$ doorward {}\n{}", words.join(" "), place.fails(3, words));
    }
    insta::assert_snapshot!("bad_input", all);
    for words in
        [&["--format", "xml"][..], &["--observe", "never"], &["--root", "x", "--snapshot", "y"], &["bogus"]]
    {
        place.fails(2, words);
    }
}

#[test]
fn a_tree_is_audited_without_running_it() {
    let place = Place::new();
    let root = place.path().join("root");
    host::tree(&root);
    let words = ["audit", "--root", "root", "--config", "none.toml"];
    let text = place.says(0, &words).replace(&root.display().to_string(), "ROOT");
    insta::assert_snapshot!("audit_of_a_tree", text);
    place.says(0, &with(&words, &["--snapshot-out", "tree.json"]));
    assert_eq!(
        text,
        place.says(0, &["--snapshot", "tree.json", "--config", "none.toml"]),
        "saved and judged again"
    );
}

#[test]
fn results_are_written_whole_and_private_or_not_at_all() {
    let place = Place::new();
    let out = |name: &str| {
        with(&SAVED, &["--snapshot-out", name]).iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()
    };
    let run = |code: i32, name: &str| {
        let words = out(name);
        place.says(code, &words.iter().map(String::as_str).collect::<Vec<_>>());
    };
    run(0, "saved.json");
    let mode = std::fs::metadata(place.path().join("saved.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    place.write("precious", "precious");
    symlink("precious", place.path().join("link")).unwrap();
    run(0, "link");
    assert_eq!(
        std::fs::read_to_string(place.path().join("precious")).unwrap(),
        "precious",
        "a link is not followed"
    );
    let error = place.fails(5, &with(&SAVED, &["--snapshot-out", "no/such/folder/x"]));
    assert!(error.contains("no/such/folder/x"), "{error}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(SAVED).args(["--format", "json"]).current_dir(place.path()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_snapshot_comes_by_standard_input_too() {
    let place = Place::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(["--snapshot", "-", "--config", "none.toml"]).current_dir(place.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(host::snapshot().to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), place.says(0, &SAVED));
}

#[test]
fn what_is_generated_comes_from_the_same_definitions() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.says(0, &["completions", shell]);
        assert!(script.contains("snapshot-out") && script.contains("explain"), "{shell}");
    }
    std::fs::create_dir(place.path().join("man")).unwrap();
    place.says(0, &["man", "man"]);
    let page = std::fs::read_to_string(place.path().join("man/doorward-audit.1")).unwrap();
    assert!(page.contains("fail\\-on") && page.contains("dangerous"), "{page}");
    assert!(place.says(0, &["config"]).contains("[keep]"));
    place.fails(5, &["man", "absent"]);
}
