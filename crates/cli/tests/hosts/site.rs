//! A site's tests, recorded from a real site and run from its neighbour: they notice by themselves when a service that the
//! site needs is gone, and nothing else.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use doorward_lab::{Client, Host, open_or_skip, roots};
use serde_json::{Value, json};

use super::program::{self, put};

const PROGRAM: &str = env!("CARGO_BIN_EXE_doorward");

/// The program, in the neighbour's network.
fn doorward(client: &Client, folder: &Path, words: &[&str]) -> Output {
    client.command(&[&[PROGRAM], words].concat()).current_dir(folder).output().unwrap()
}

/// Names of the tests that failed.
fn failed(client: &Client, folder: &Path) -> Vec<String> {
    let output = doorward(client, folder, &["site", "check", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let tests = told["runs"][0]["tests"].as_array().unwrap();
    let failed =
        tests.iter().filter(|t| t["verdict"] == "failed").map(|t| t["test"].as_str().unwrap().to_owned());
    let failed: Vec<String> = failed.collect();
    assert_eq!(output.status.code(), Some(i32::from(!failed.is_empty())), "{failed:?}");
    failed
}

/// Stops a service, tells what fails, and starts it again.
fn without(host: &Host, client: &Client, folder: &Path, service: &str) -> Vec<String> {
    host.succeed(&["systemctl", "stop", service]).unwrap();
    let failed = failed(client, folder);
    host.succeed(&["systemctl", "start", service]).unwrap();
    failed
}

/// What the tests touch, as the web server itself tells it without being asked.
fn on_the_host_itself(host: &Host, site: &Path) -> Value {
    put(host);
    host.write_file("/root/site.toml", std::fs::read(site).unwrap()).unwrap();
    let said =
        host.succeed(&[program::PROGRAM, "site", "check", "/root/site.toml", "--format", "json"]).unwrap();
    serde_json::from_str::<Value>(&said).unwrap()["coverage"].take()
}

#[test]
fn recorded_tests_alone_notice_what_wordpress_needs() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::WORDPRESS).unwrap(), lab.client().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{}/", host.address());
    let log = host.succeed(&["cat", "/var/log/nginx/access.log"]).unwrap_or_default();
    let written = folder.path().join("access.log");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(&written, log).unwrap();
    let recorded = doorward(
        &client,
        folder.path(),
        &["site", "record", &url, "--logs", "access.log", "--max-pages", "40"],
    );
    let said = String::from_utf8_lossy(&recorded.stderr);
    assert_eq!(recorded.status.code(), Some(0), "{said}");
    let site = folder.path().join("site.toml");
    assert_eq!(site.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    assert_eq!(failed(&client, folder.path()), [""; 0], "{said}");
    let told = on_the_host_itself(&host, &site);
    let endpoints: Vec<(&Value, &Value)> =
        told["endpoints"].as_array().unwrap().iter().map(|e| (&e["port"], &e["touched"])).collect();
    assert!(!endpoints.is_empty() && endpoints.iter().all(|e| *e == (&json!(80), &json!(true))), "{told}");
    assert!(told["requests_touched"].as_u64() > Some(0) && told["logs_unread"] == json!([]), "{told}");
    for service in ["mariadb.service", "php8.2-fpm.service"] {
        let failed = without(&host, &client, folder.path(), service);
        assert!(failed.iter().any(|test| test == "GET /"), "{service}: {failed:?}\n{said}");
    }
    for service in ["cron.service", "ssh.service"] {
        assert_eq!(without(&host, &client, folder.path(), service), [""; 0], "{service}");
    }
    let all = without(&host, &client, folder.path(), "nginx.service");
    let text = std::fs::read_to_string(&site).unwrap();
    assert_eq!(all.len(), text.matches("[[http]]").count());
}
