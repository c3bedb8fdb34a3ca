//! A host made of a few files, for the tests of all families.
#![expect(clippy::disallowed_methods, reason = "tests write the trees that they read")]

use std::collections::BTreeSet;
use std::path::Path;

use doorward_model::{Facts, Package};

use super::PackageFacts;
use crate::Tree;

/// A tree that goes with the test.
pub(super) struct Host(tempfile::TempDir);

impl Host {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds a file and the directories above it.
    pub(super) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Adds a symbolic link.
    pub(super) fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
        self
    }

    pub(super) fn collect(&self, paths: &[&str]) -> Facts<PackageFacts> {
        let paths: BTreeSet<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        super::collect(&Tree::open(self.path()).unwrap(), &paths)
    }
}

/// The named package, with everything known of it.
pub(super) fn package<'f>(facts: &'f Facts<PackageFacts>, name: &str) -> &'f Package {
    facts.value.packages.packages.get(name).unwrap_or_else(|| panic!("{name} is not in {facts:#?}"))
}

/// The owner found for a path.
pub(super) fn owner<'f>(facts: &'f Facts<PackageFacts>, path: &str) -> Option<&'f str> {
    facts.value.owners.get(path).map(String::as_str)
}

/// Checks a table of `a < b` lines against a comparison, both ways.
pub(super) fn check_order(table: &str, compare: impl Fn(&[u8], &[u8]) -> std::cmp::Ordering) {
    let cases = table.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in cases {
        let [a, order, b] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?} is no case") };
        let order = match order {
            "<" => std::cmp::Ordering::Less,
            "=" => std::cmp::Ordering::Equal,
            _ => std::cmp::Ordering::Greater,
        };
        assert_eq!(compare(a.as_bytes(), b.as_bytes()), order, "{line}");
        assert_eq!(compare(b.as_bytes(), a.as_bytes()), order.reverse(), "{line}, the other way round");
        count += 1;
    }
    assert!(count > 20, "the table has only {count} cases");
}

/// A bounded mess of bytes with the marks of a format in it, for parsers that must take anything.
pub(super) fn mess(marks: &'static [&'static str]) -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let piece = prop_oneof![
        4 => proptest::sample::select(marks).prop_map(|mark| mark.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}
