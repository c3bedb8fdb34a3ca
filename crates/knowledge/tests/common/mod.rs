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

/// The rows of a file whose columns are separated by `|` and whose comments begin with `#`.
#[allow(dead_code, reason = "not every test reads one")]
pub(crate) fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| l.split('|').collect())
}
