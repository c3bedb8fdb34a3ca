//! What the tests of the data share.

use std::path::PathBuf;

/// A file of the folder of gathered facts beside the checkout; absent on most machines, which skips the test.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(path);
    let there = file.is_file();
    if !there {
        eprintln!("skipped: ../shared/data/{path} is absent");
    }
    there.then_some(file)
}

/// The CVE ids of CISA's catalogue of known exploited vulnerabilities, where it lies beside the checkout.
#[allow(dead_code, reason = "not every test reads it")]
pub(crate) fn catalogue() -> Option<std::collections::BTreeSet<String>> {
    let text =
        std::fs::read_to_string(shared("vuln/kev_2025-08-25.json")?).expect("the catalogue is readable");
    let json: serde_json::Value = serde_json::from_str(&text).expect("the catalogue is JSON");
    let list = json["vulnerabilities"].as_array().expect("it lists vulnerabilities");
    Some(list.iter().filter_map(|v| Some(v["cveID"].as_str()?.to_owned())).collect())
}

/// A text of the data: one line, no longer than its place, no full stop at its end.
#[allow(dead_code, reason = "not every test looks at texts")]
pub(crate) fn fits(text: &str, most: usize, of: &str) {
    assert!(!text.is_empty() && text == text.trim(), "{of}: {text:?}");
    assert!(!text.chars().any(char::is_control), "{of} holds a control character: {text:?}");
    assert!(text.chars().count() <= most, "{of} is longer than {most}: {text:?}");
    assert!(!text.ends_with('.'), "{of} ends with a full stop: {text:?}");
}

/// The rows of a file whose columns are separated by `|` and whose comments begin with `#`.
#[allow(dead_code, reason = "not every test reads one")]
pub(crate) fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| l.split('|').collect())
}
