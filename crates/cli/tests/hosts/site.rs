//! A site's tests, recorded from a real site and run from its neighbour: they notice by themselves when a service that the
//! site needs is gone, and nothing else.

use doorward_lab::{Host, open_or_skip, roots};
use serde_json::{Value, json};

use super::program::{PROGRAM, as_visitor, failed, put, without};

const SITE: &str = "/root/site.toml";

/// What the tests touch, as the web server itself tells it without being asked.
fn on_the_host_itself(host: &Host) -> Value {
    let said = host.succeed(&[PROGRAM, "site", "check", SITE, "--format", "json"]).unwrap();
    serde_json::from_str::<Value>(&said).unwrap()["coverage"].take()
}

#[test]
fn recorded_tests_alone_notice_what_wordpress_needs() {
    let Some(lab) = open_or_skip() else { return };
    let (host, client) = (lab.host(&roots::WORDPRESS).unwrap(), lab.client().unwrap());
    put(&host);
    let url = format!("http://{}/", host.address());
    let logs = "/var/log/nginx/access.log";
    let words = ["site", "record", &url, "--logs", logs, "--max-pages", "40", "--output", SITE];
    let recorded = as_visitor(&host, &client, &words);
    assert_eq!(recorded.code, 0, "{}", recorded.error);
    assert_eq!(host.succeed(&["stat", "-c", "%a", SITE]).unwrap(), "600\n");

    assert_eq!(failed(&host, &client, SITE), [""; 0]);
    let told = on_the_host_itself(&host);
    let endpoints: Vec<(&Value, &Value)> =
        told["endpoints"].as_array().unwrap().iter().map(|e| (&e["port"], &e["touched"])).collect();
    assert!(!endpoints.is_empty() && endpoints.iter().all(|e| *e == (&json!(80), &json!(true))), "{told}");
    assert!(told["requests_touched"].as_u64() > Some(0) && told["logs_unread"] == json!([]), "{told}");
    for service in ["mariadb.service", "php8.2-fpm.service"] {
        let failed = without(&host, &client, SITE, &[service]);
        assert!(failed.iter().any(|test| test == "GET /"), "{service}: {failed:?}");
    }
    for service in ["cron.service", "ssh.service"] {
        assert_eq!(without(&host, &client, SITE, &[service]), [""; 0], "{service}");
    }
    let all = without(&host, &client, SITE, &["nginx.service"]);
    let text = String::from_utf8(host.read(SITE).unwrap()).unwrap();
    assert_eq!(all.len(), text.matches("[[http]]").count());
}
