use doorward_applications::Setting;
use doorward_model::{Application, Packages, Service, State};
use proptest::prelude::*;

use super::*;
use crate::fixture::Made;

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|t| (*t).to_owned()).collect()
}

fn setting(name: &str, files: &[&str], pattern: &str) -> Setting {
    Setting { name: name.to_owned(), files: texts(files), pattern: pattern.to_owned() }
}

fn wordpress() -> Marker {
    let host = r#"^\s*define\(\s*['"]DB_HOST['"]\s*,\s*['"]([^'"]*)['"]"#;
    Marker {
        id: "wordpress".to_owned(),
        packages: texts(&["wordpress"]),
        files: texts(&["wp-includes/version.php"]),
        units: Vec::new(),
        settings: vec![setting("database-host", &["wp-config.php", "/etc/wordpress/config-*.php"], host)],
    }
}

fn gitea() -> Marker {
    Marker {
        id: "gitea".to_owned(),
        packages: texts(&["gitea", "gitea-*"]),
        files: texts(&["/etc/gitea/app.ini", "/opt/gitea/bin/gitea"]),
        units: texts(&["gitea*.service"]),
        settings: vec![setting("database", &["/etc/gitea/app.ini"], r"^DB_TYPE\s*=\s*(\w+)")],
    }
}

/// An application whose document root is a folder of its own.
fn laravel() -> Marker {
    let settings = vec![setting("database-host", &["../.env"], "^DB_HOST=(.*)$")];
    Marker { id: "laravel".to_owned(), files: texts(&["../artisan"]), settings, ..Marker::default() }
}

fn packages(all: &[(&str, &str)]) -> Packages {
    let versions = all.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
    Packages { versions, ..Packages::default() }
}

fn found(made: &Made, roots: &[&str], installed: &[(&str, &str)]) -> Vec<Application> {
    let markers = [gitea(), laravel(), wordpress()];
    let facts = collect(&made.tree(), &markers, &texts(roots), &packages(installed), &[]);
    assert_eq!(facts.unseen, []);
    facts.value
}

/// `place | evidence | settings`
fn shown(applications: &[Application]) -> Vec<String> {
    let settings =
        |a: &Application| a.settings.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
    let line = |a: &Application| format!("{} | {} | {}", a.place, a.evidence, settings(a));
    applications.iter().map(|a| line(a).trim_end().to_owned()).collect()
}

fn config(host: &str) -> String {
    format!(
        "<?php\n// define('DB_HOST', 'old');\ndefine( 'DB_HOST', '{host}' );\ndefine('DB_PASSWORD', 'hidden');\n"
    )
}

#[test]
fn files_below_document_roots_are_found() {
    let made = Made::new()
        .file("var/www/html/wp-includes/version.php", "")
        .file("var/www/html/wp-config.php", config("localhost"))
        .file("var/www/html/shop/wp-includes/version.php", "")
        .file("var/www/html/shop/wp-config.php", config("db.example"))
        .file("data/sites/a/blog/wp-includes/version.php", "")
        .file("data/sites/a/b/c/wp-includes/version.php", "")
        .link("var/www/linked", "/data/sites/a/blog");
    assert_eq!(
        shown(&found(&made, &["/data/sites", "/absent"], &[])),
        [
            "/data/sites/a/blog | /var/www/linked/wp-includes/version.php |",
            "/var/www/html | /var/www/html/wp-includes/version.php | database-host=localhost",
            "/var/www/html/shop | /var/www/html/shop/wp-includes/version.php | database-host=db.example",
        ]
    );
}

#[test]
fn a_package_and_its_files_are_one_application() {
    let made = Made::new()
        .file("usr/share/wordpress/wp-includes/version.php", "")
        .file("usr/share/wordpress/wp-config.php", "<?php require '/etc/wordpress/config-default.php';")
        .file("etc/wordpress/config-default.php", config("localhost"));
    let evidence = "package wordpress 6.1.9+dfsg1-0+deb12u1";
    let installed = [("wordpress", "6.1.9+dfsg1-0+deb12u1")];
    let one = format!("/usr/share/wordpress | {evidence} | database-host=localhost");
    assert_eq!(shown(&found(&made, &["/usr/share/wordpress"], &installed)), [one.as_str()]);
    // Another copy, unpacked by hand, is another application, whose settings are its own.
    let made = made
        .file("var/www/html/wp-includes/version.php", "")
        .file("var/www/html/wp-config.php", config("db"));
    let by_hand = "/var/www/html | /var/www/html/wp-includes/version.php | database-host=db";
    assert_eq!(shown(&found(&made, &[], &installed)), [one, by_hand.to_owned()]);
}

#[test]
fn a_package_without_files_is_an_application_too() {
    let made = Made::new().file("etc/wordpress/config-a.php", config("localhost"));
    assert_eq!(
        shown(&found(&made, &[], &[("wordpress", "6.1")])),
        ["wordpress | package wordpress 6.1 | database-host=localhost"]
    );
    assert_eq!(
        shown(&found(&Made::new(), &[], &[("gitea-bin", "1")])),
        ["gitea-bin | package gitea-bin 1 |"]
    );
}

#[test]
fn files_that_contradict_each_other_are_instances() {
    let made = Made::new()
        .file("etc/wordpress/config-a.php", config("localhost"))
        .file("etc/wordpress/config-b.php", config("db.example"))
        .file("etc/wordpress/config-c.php", config("localhost"))
        .file("etc/wordpress/config-d.php", "<?php");
    assert_eq!(
        shown(&found(&made, &[], &[("wordpress", "6.1")])),
        [
            "wordpress | package wordpress 6.1 | database-host=db.example",
            "wordpress | package wordpress 6.1 | database-host=localhost",
        ]
    );
}

#[test]
fn what_lies_beside_a_document_root_is_found_above_it() {
    let made = Made::new()
        .file("srv/app/artisan", "")
        .file("srv/app/.env", "APP_KEY=x\nDB_HOST=127.0.0.1\r\n")
        .file("srv/app/public/index.php", "")
        .file("var/www/two/artisan", "")
        .file("var/www/two/public/index.php", "");
    assert_eq!(
        shown(&found(&made, &["/srv/app/public"], &[])),
        ["/srv/app | /srv/app/artisan | database-host=127.0.0.1", "/var/www/two | /var/www/two/artisan |",]
    );
}

#[test]
fn an_application_lies_where_its_files_start() {
    let files = texts(&[
        "wp-includes/version.php",
        "/usr/share/wordpress/wp-includes/version.php",
        "/etc/wordpress/x",
    ]);
    let marker = |files| Marker { files, ..wordpress() };
    let made = Made::new()
        .file("usr/share/wordpress/wp-includes/version.php", "")
        .file("etc/wordpress/x", "")
        .file("etc/wordpress/config-a.php", config("localhost"));
    let one = "/usr/share/wordpress | /usr/share/wordpress/wp-includes/version.php | database-host=localhost";
    for files in [files.clone(), files.into_iter().rev().collect()] {
        let facts = collect(&made.tree(), &[marker(files)], &[], &Packages::default(), &[]);
        assert_eq!(shown(&facts.value), [one]);
    }
}

#[test]
fn settings_beside_a_root_are_not_those_of_the_application_above() {
    let files = texts(&["../artisan", "artisan"]);
    let settings = vec![setting("database-host", &["../.env", ".env"], "^DB_HOST=(.*)$")];
    let marker = Marker { id: "laravel".to_owned(), files, settings, ..Marker::default() };
    let made = Made::new()
        .file("var/www/html/artisan", "")
        .file("var/www/html/.env", "DB_HOST=above\n")
        .file("var/www/html/sub/artisan", "")
        .file("var/www/html/sub/.env", "DB_HOST=below\n");
    let facts = collect(&made.tree(), &[marker], &texts(&["/var/www/html/sub"]), &Packages::default(), &[]);
    assert_eq!(
        shown(&facts.value),
        [
            "/var/www/html | /var/www/html/artisan | database-host=above",
            "/var/www/html/sub | /var/www/html/sub/artisan | database-host=below",
        ]
    );
}

#[test]
fn absolute_files_and_units_tell_of_one_application() {
    let made = Made::new()
        .file("etc/gitea/app.ini", "[database]\nDB_TYPE = mysql\n")
        .file("opt/gitea/bin/gitea", "");
    assert_eq!(shown(&found(&made, &[], &[])), ["/etc/gitea | /etc/gitea/app.ini | database=mysql"]);
    let unit = |state| Service { name: "gitea@a.service".to_owned(), state, ..Service::default() };
    let by_unit = |state| {
        let facts = collect(&Made::new().tree(), &[gitea()], &[], &Packages::default(), &[unit(state)]);
        shown(&facts.value)
    };
    assert_eq!(by_unit(State::Running), ["gitea@a.service | unit gitea@a.service |"]);
    assert!(by_unit(State::Stopped).is_empty());
}

#[test]
fn secrets_are_never_kept() {
    let pattern = r"'DB_PASSWORD',\s*'([^']*)'";
    let password = setting("database-password", &["wp-config.php"], pattern);
    let marker = Marker { settings: vec![password], ..wordpress() };
    let made = Made::new()
        .file("var/www/wp-includes/version.php", "")
        .file("var/www/wp-config.php", config("localhost"));
    let facts = collect(&made.tree(), &[marker], &[], &Packages::default(), &[]);
    assert_eq!(shown(&facts.value), ["/var/www | /var/www/wp-includes/version.php |"]);
}

#[test]
fn bad_patterns_and_large_files_are_told() {
    let made = Made::new()
        .file("var/www/wp-includes/version.php", "")
        .file("var/www/wp-config.php", "x")
        .file("var/www/large", vec![b'x'; 2 << 20]);
    let why = |file: &str, pattern: &str| {
        let marker = Marker { settings: vec![setting("s", &[file], pattern)], ..wordpress() };
        let facts = collect(&made.tree(), &[marker], &[], &Packages::default(), &[]);
        facts.unseen.into_iter().map(|u| format!("{}: {}", u.what, u.why)).collect::<Vec<_>>().join("\n")
    };
    assert!(why("wp-config.php", "(").starts_with("setting s of wordpress: its pattern is bad"));
    assert!(why("wp-config.php", "x").ends_with("it has no group"));
    assert!(why("wp-config.php", &"(a{1000}){1000}".repeat(3)).contains("size limit"));
    assert!(why("large", "(x)").ends_with("larger than 1048576 bytes"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))] // each makes a tree

    #[test]
    fn any_text_and_any_pattern(
        file in "(\\.\\./|/|\\*|\\[|a|wp-config.php|.){0,12}",
        pattern in "(\\(|\\)|[a-z.*+?^$]|\\[|\\]|\\\\){0,12}",
        text in ".{0,40}",
    ) {
        let marker = Marker {
            files: vec!["wp-includes/version.php".to_owned(), file.clone()],
            settings: vec![setting("s", &[&file, "wp-config.php"], &pattern)],
            ..wordpress()
        };
        let made = Made::new().file("var/www/wp-includes/version.php", "").file("var/www/wp-config.php", &text);
        prop_assert!(!collect(&made.tree(), &[marker], &[], &Packages::default(), &[]).value.is_empty());
    }
}
