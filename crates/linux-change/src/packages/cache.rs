//! Archives that apt has kept and whose sums its lists confirm.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::{archive, file_stem};

const ARCHIVES: &str = "/var/cache/apt/archives";
const LISTS: &str = "/var/lib/apt/lists";
/// The most of a list that is read.
const LIMIT: u64 = 512 << 20;

/// The archive of exactly that version. None where anything about it is in doubt: there is another way.
pub(super) fn find(name: &str, version: &str, architecture: &str) -> Option<PathBuf> {
    let mut path = Path::new(ARCHIVES).join(file_stem(name, version, architecture)).into_os_string();
    path.push(".deb");
    let path = PathBuf::from(path);
    if !std::fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    let sum = archive::sum(&path).ok()?;
    let lists = std::fs::read_dir(LISTS).ok()?.flatten().map(|entry| entry.path());
    let mut lists = lists.filter(|l| l.to_string_lossy().ends_with("_Packages"));
    lists
        .any(|list| File::open(list).is_ok_and(|l| names(l, name, version, architecture, &sum)))
        .then_some(path)
}

/// Whether a list names that archive with that sum.
fn names(list: impl std::io::Read, name: &str, version: &str, architecture: &str, sum: &str) -> bool {
    let wanted =
        [("Package: ", name), ("Version: ", version), ("Architecture: ", architecture), ("SHA256: ", sum)];
    let mut met = [false; 4];
    for line in BufReader::new(std::io::Read::take(list, LIMIT)).split(b'\n').map_while(Result::ok) {
        if line.is_empty() {
            met = [false; 4];
            continue;
        }
        for ((field, value), met) in wanted.iter().zip(&mut met) {
            *met |= line.strip_prefix(field.as_bytes()).is_some_and(|v| v == value.as_bytes());
        }
        if met == [true; 4] {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_stand_in_one_paragraph() {
        let list = b"Package: a\nArchitecture: all\nVersion: 1\nSHA256: 00\n\nPackage: b\nArchitecture: all\nVersion: 2\nSHA256: 11\n";
        assert!(names(&list[..], "a", "1", "all", "00"));
        assert!(names(&list[..], "b", "2", "all", "11"));
        assert!(!names(&list[..], "a", "1", "all", "11"));
        assert!(!names(&list[..], "a", "2", "all", "11"));
        assert!(!names(&list[..], "a", "1", "amd64", "00"));
    }
}
