//! A user's own folder adds and overrides, and a mistake in it is told with its file and place.
#![expect(clippy::disallowed_methods, reason = "the tests write the folders that they load")]

use std::fs;

use doorward_knowledge::{Knowledge, LoadError};
use tempfile::TempDir;

const OWN: &str = r#"
[[service]]
id = "till"
title = "Till"
what = "Prints receipts"
class = "printing"
units = ["till.service"]
no-door = "Its port is configured"
sources = ["its manual"]
"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn failure(files: &[(&str, &str)]) -> String {
    let dir = folder(files);
    told(&Knowledge::load(dir.path()).expect_err("it must be refused"))
}

/// An error with its causes, as the command line prints it.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn no_folder_is_what_is_built_in() {
    let empty = folder(&[("README.md", "no knowledge here")]);
    assert_eq!(Knowledge::load(empty.path()).unwrap(), Knowledge::built_in());
}

#[test]
fn a_folder_adds_entries_of_every_kind() {
    let dir = folder(&[
        ("services/own.toml", OWN),
        (
            "deeper/down/more.toml",
            r#"
            [[application]]
            id = "shop"
            title = "Shop"
            recognise = { files = ["shop.php"] }
            needs = [{ any = ["till"], why = "prints the receipts" }]
            sources = ["its manual"]

            [[role]]
            id = "counter"
            title = "Counter"
            kind = "runtime"
            services = ["till"]
            sources = ["its manual"]
            "#,
        ),
    ]);
    let before = Knowledge::built_in();
    let after = Knowledge::load(dir.path()).unwrap();
    assert_eq!(after.services.len(), before.services.len() + 1);
    assert_eq!(after.applications.len(), before.applications.len() + 1);
    assert_eq!(after.roles.len(), before.roles.len() + 1);
    assert!(after.services.iter().map(|s| &s.id).is_sorted());
    assert!(after.services.iter().any(|s| s.id == "till"));
}

#[test]
fn a_folder_overrides_by_id() {
    let text = OWN.replace("id = \"till\"", "id = \"redis\"");
    let dir = folder(&[("own.toml", &text)]);
    let after = Knowledge::load(dir.path()).unwrap();
    assert_eq!(after.services.len(), Knowledge::built_in().services.len());
    let redis = after.services.iter().find(|s| s.id == "redis").unwrap();
    assert_eq!((redis.title.as_str(), redis.class.as_deref()), ("Till", Some("printing")));
    assert!(redis.doors.is_empty(), "the entry is replaced whole");
}

#[test]
fn malformed_text_is_told_with_file_and_line() {
    let error = failure(&[("services/own.toml", "[[service]]\nid = \"a\n")]);
    assert!(error.contains("services/own.toml"), "{error}");
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn an_unknown_field_is_told_by_name_and_line() {
    let error = failure(&[("own.toml", &format!("{OWN}danger = true\n"))]);
    assert!(error.contains("own.toml"), "{error}");
    assert!(error.contains("unknown field `danger`"), "{error}");
    assert!(error.contains("line 10"), "{error}");
    let error = failure(&[("own.toml", "[[services]]\n")]);
    assert!(error.contains("unknown field `services`"), "{error}");
}

#[test]
fn a_missing_field_is_told_by_name() {
    let error = failure(&[("own.toml", &OWN.replace("sources = [\"its manual\"]\n", ""))]);
    assert!(error.contains("own.toml") && error.contains("missing field `sources`"), "{error}");
}

#[test]
fn what_refers_to_nothing_is_told_with_its_entry() {
    let role =
        "[[role]]\nid = \"shop\"\ntitle = \"Shop\"\nkind = \"front\"\nservices = [\"till\"]\nsources = []\n";
    assert_eq!(failure(&[("own.toml", role)]), "knowledge: role shop: there is no service \"till\"");
    let class = OWN.replace("\"printing\"", "\"lottery\"");
    let error = failure(&[("own.toml", &class)]);
    assert_eq!(error, "knowledge: service till: its class \"lottery\" is not in classes.toml");
}

#[test]
fn an_application_refers_to_services_and_settings_that_exist() {
    let application = |needs: &str| {
        format!(
            "[[application]]\nid = \"shop\"\ntitle = \"Shop\"\nrecognise = {{ files = [\"shop.php\"] }}\n\
             settings = [{{ name = \"host\", files = [\"shop.ini\"], pattern = 'host=(\\S+)' }}]\n\
             needs = [{needs}]\nsources = [\"its manual\"]\n"
        )
    };
    let need = |text: &str| failure(&[("own.toml", &application(text))]);
    let error = need(r#"{ any = ["till"], why = "receipts" }"#);
    assert_eq!(error, "knowledge: application shop: it needs the service \"till\", which has no entry");
    let error = need(r#"{ any = ["redis"], why = "cache", when = { setting = "cache" } }"#);
    assert_eq!(error, "knowledge: application shop: no setting is named \"cache\"");
    let broken = application("").replace(r"host=(\S+)", "host=(");
    assert!(failure(&[("own.toml", &broken)]).contains("setting \"host\""));
    let groupless = application("").replace(r"(\S+)", "x");
    assert!(failure(&[("own.toml", &groupless)]).contains("the pattern has no group"));
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let dir = folder(&[]);
    let path = dir.path().join("absent");
    let error = Knowledge::load(&path).expect_err("it is not there");
    assert!(matches!(&error, LoadError::Read { path: p, .. } if *p == path), "{error}");
    assert!(told(&error).contains("absent"), "{error}");
}

#[test]
fn a_giant_file_is_refused() {
    let giant = "#".repeat((8 << 20) + 1);
    let error = failure(&[("own.toml", &giant)]);
    assert!(error.contains("own.toml") && error.contains("larger than"), "{error}");
}

#[test]
fn links_are_not_followed_and_other_files_not_read() {
    let elsewhere = folder(&[("own.toml", "[[service]]\nbroken")]);
    let dir = folder(&[("notes.txt", "[[service]]\nbroken")]);
    std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("own.toml"), dir.path().join("link.toml")).unwrap();
    assert_eq!(Knowledge::load(dir.path()).unwrap(), Knowledge::built_in());
}
