#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn files() -> (tempfile::TempDir, Files) {
    let directory = tempfile::tempdir().unwrap();
    let files = Files::below(directory.path()).unwrap();
    (directory, files)
}

fn file(content: &str, mode: u32) -> Node {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    Node::File { content: content.into(), mode, uid, gid }
}

#[test]
fn every_state_can_follow_every_other() {
    let (directory, files) = files();
    let path = Path::new("/etc/systemd/system/a.service");
    let states =
        [Node::Absent, file("[Unit]\n", 0o644), Node::Link { target: "/dev/null".into() }, file("", 0o4750)];
    for first in &states {
        for second in &states {
            files.put(path, first).unwrap();
            assert_eq!(&files.node(path).unwrap(), first);
            files.put(path, second).unwrap();
            files.put(path, second).unwrap();
            assert_eq!(&files.node(path).unwrap(), second);
        }
    }
    let made = std::fs::metadata(directory.path().join("etc/systemd/system")).unwrap();
    assert_eq!(made.permissions().mode() & PERMISSIONS, DIRECTORY_MODE);
    assert_eq!(files.names(Path::new("/etc/systemd/system")).unwrap(), ["a.service"]);
}

#[test]
fn what_is_not_there_is_absent_and_stays_so() {
    let (directory, files) = files();
    let path = Path::new("/no/such/file");
    assert_eq!(files.node(path).unwrap(), Node::Absent);
    files.put(path, &Node::Absent).unwrap();
    assert_eq!(files.names(Path::new("/no")).unwrap(), [""; 0]);
    files.remove_empty_directory(Path::new("/no/such")).unwrap();
    assert!(!directory.path().join("no").exists());
}

#[test]
fn a_link_on_the_way_is_never_followed() {
    let (directory, files) = files();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("a"), "theirs").unwrap();
    std::fs::create_dir(directory.path().join("real")).unwrap();
    symlink(elsewhere.path(), directory.path().join("etc")).unwrap();
    symlink("real", directory.path().join("inside")).unwrap();
    for path in ["/etc/a", "/etc/b/c", "/inside/a"] {
        let path = Path::new(path);
        assert!(matches!(files.node(path), Err(SystemError::Unsuitable { .. })), "{}", path.display());
        assert!(matches!(files.put(path, &file("ours", 0o644)), Err(SystemError::Unsuitable { .. })));
        assert!(matches!(files.put(path, &Node::Absent), Err(SystemError::Unsuitable { .. })));
    }
    assert!(matches!(files.names(Path::new("/etc")), Err(SystemError::Unsuitable { .. })));
    assert!(matches!(
        files.remove_empty_directory(Path::new("/inside")),
        Err(SystemError::Unsuitable { .. })
    ));
    assert_eq!(std::fs::read_to_string(elsewhere.path().join("a")).unwrap(), "theirs");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

#[test]
fn a_link_itself_is_replaced_and_what_it_leads_to_is_left() {
    let (directory, files) = files();
    std::fs::write(directory.path().join("theirs"), "theirs").unwrap();
    symlink("theirs", directory.path().join("link")).unwrap();
    files.put(Path::new("/link"), &file("ours", 0o600)).unwrap();
    assert_eq!(std::fs::read_to_string(directory.path().join("theirs")).unwrap(), "theirs");
    assert_eq!(std::fs::read_to_string(directory.path().join("link")).unwrap(), "ours");
}

#[test]
fn what_is_neither_file_nor_link_is_refused() {
    let (directory, files) = files();
    std::fs::create_dir(directory.path().join("directory")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
    for path in ["/directory", "/socket"] {
        for node in [Node::Absent, file("", 0o644), Node::Link { target: "x".into() }] {
            assert!(
                matches!(files.put(Path::new(path), &node), Err(SystemError::Unsuitable { .. })),
                "{path}"
            );
        }
        assert!(matches!(files.node(Path::new(path)), Err(SystemError::Unsuitable { .. })), "{path}");
    }
    for path in ["relative", "/a/../b", "/", "/a\0b"] {
        assert!(
            matches!(files.put(Path::new(path), &Node::Absent), Err(SystemError::Unsuitable { .. })),
            "{path}"
        );
    }
}

#[test]
fn a_file_too_large_is_neither_read_nor_written() {
    let (directory, files) = files();
    let giant = std::fs::File::create(directory.path().join("giant")).unwrap();
    giant.set_len(LIMIT + 1).unwrap();
    assert!(matches!(files.node(Path::new("/giant")), Err(SystemError::Unsuitable { .. })));
}

#[test]
fn what_a_crash_left_is_replaced_and_never_shown() {
    let (directory, files) = files();
    std::fs::create_dir(directory.path().join("d")).unwrap();
    std::fs::write(directory.path().join("d").join(UNFINISHED), "half").unwrap();
    assert_eq!(files.names(Path::new("/d")).unwrap(), [""; 0]);
    files.put(Path::new("/d/a"), &file("whole", 0o644)).unwrap();
    assert!(!directory.path().join("d").join(UNFINISHED).exists());
    files.remove_empty_directory(Path::new("/d")).unwrap();
    assert!(directory.path().join("d/a").exists(), "it was not empty");
    files.put(Path::new("/d/a"), &Node::Absent).unwrap();
    std::fs::write(directory.path().join("d").join(UNFINISHED), "half").unwrap();
    files.remove_empty_directory(Path::new("/d")).unwrap();
    assert!(!directory.path().join("d").exists());
}
