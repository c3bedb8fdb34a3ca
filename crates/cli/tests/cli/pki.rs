//! `doorward pki`: what it says, and what it refuses.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::{Place, with};

const IN: [&str; 2] = ["--directory", "ca"];

fn pki<'a>(words: &[&'a str]) -> Vec<&'a str> {
    with(&with(&["pki"], words), &IN)
}

/// The serial numbers in a text, made alike.
fn steady(text: &str) -> String {
    let is_serial = |word: &str| word.len() == 32 && word.chars().all(|c| c.is_ascii_hexdigit());
    let mut steady = text.to_owned();
    for word in text.split_whitespace().filter(|word| is_serial(word)) {
        steady = steady.replace(word, "SERIAL").replace(&word[..8], "SERIAL8");
    }
    let is_day = |word: &&str| word.len() == 10 && word.matches('-').count() == 2;
    for day in text.split([' ', '\n', ',']).filter(is_day) {
        steady = steady.replace(day, "YYYY-MM-DD");
    }
    steady
}

#[test]
fn an_authority_from_the_first_key_to_the_last_revocation() {
    let place = Place::new();
    let mut said = String::new();
    for words in [
        &["init", "--name", "Example CA"][..],
        &["issue", "web", "--san", "web.example.org", "--san", "192.0.2.10"],
        &["issue", "alice", "--san", "alice@example.org", "--days", "90"],
        &["list"],
        &["revoke", "alice", "--reason", "key-compromise"],
        &["crl", "--days", "7"],
        &["list"],
    ] {
        let answer = steady(&place.says(0, &pki(words)));
        let _ = write!(said, "$ doorward pki {}\n{answer}", words.join(" "));
    }
    insta::assert_snapshot!("pki", said);
    let mode = |name: &str| place.path().join(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("ca"), mode("ca/ca.key")), (0o700, 0o600));
    assert_eq!(place.says(0, &["pki", "secret", "bob.secret"]), "secret: bob.secret\n");
    assert_eq!(mode("bob.secret"), 0o600);
}

#[test]
fn what_is_refused_is_said_with_the_place_and_the_way_out() {
    let place = Place::new();
    let none = place.fails(3, &pki(&["list"]));
    assert_eq!(none, "doorward: ca: there is no authority here; make one with doorward pki init\n");
    place.says(0, &pki(&["init"]));
    let again = place.fails(3, &pki(&["init"]));
    assert_eq!(
        again,
        "doorward: ca/index.json: it is there already and is not overwritten; use what is there, or take another \
         directory\n"
    );
    let unknown = place.fails(3, &pki(&["revoke", "eve\u{1b}[31m"]));
    assert!(unknown.contains("see doorward pki list") && !unknown.contains('\u{1b}'), "{unknown}");
    for (words, why) in [
        (&["issue", "web"][..], "--san"),
        (&["issue", "../web", "--san", "a.example.org"], "names are lower-case letters"),
        (&["issue", "web", "--san", "%any"], "identities are a host name"),
        (&["issue", "web", "--san", "*.example.org"], "identities are a host name"),
        (&["issue", "web", "--san", "a.example.org", "--days", "9999"], "valid for 1 to 731 days"),
    ] {
        let said = place.fails(2, &pki(words));
        assert!(said.contains(why), "{words:?}: {said}");
    }
    place.says(0, &["pki", "secret", "s"]);
    assert!(place.fails(3, &["pki", "secret", "s"]).contains("take another name"));
}
