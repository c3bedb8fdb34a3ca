//! Files: whose they are, what is never overwritten, and what is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use doorward_pki::{Authority, Days, PkiError, Reason, write_secret};

use super::{Place, issue, list, read};

fn mode(path: &std::path::Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn keys_are_their_owners_alone() {
    let place = Place::new();
    let mut authority = place.create();
    let issued = issue(&mut authority, "web", &["web.example.org"]);
    assert_eq!(mode(&place.path()), 0o700);
    for (file, expected) in [
        (place.file("ca.key"), 0o600),
        (place.file("index.json"), 0o600),
        (issued.key, 0o600),
        (issued.certificate, 0o644),
        (place.file("ca.crt"), 0o644),
        (place.file("ca.crl"), 0o644),
    ] {
        assert_eq!(mode(&file), expected, "{}", file.display());
    }
    assert!(!String::from_utf8(read(&place.file("index.json"))).unwrap().contains("PRIVATE"));
}

#[test]
fn what_is_there_is_not_overwritten_and_no_link_is_followed() {
    let place = Place::new();
    drop(place.create());
    let before = read(&place.file("ca.key"));
    let again = Authority::create(&place.path(), &"Other".parse().unwrap(), Days::of_authority(9).unwrap());
    assert!(matches!(again, Err(PkiError::Exists { .. })), "{again:?}");
    assert_eq!(read(&place.file("ca.key")), before);

    // A link where the key is to be, to a file that would be overwritten.
    let other = Place::new();
    fs::create_dir(other.path()).unwrap();
    fs::set_permissions(other.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let victim = other.0.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    symlink(&victim, other.file("ca.key")).unwrap();
    let made = Authority::create(&other.path(), &"x".parse().unwrap(), Days::of_authority(9).unwrap());
    assert!(matches!(made, Err(PkiError::Exists { .. })), "{made:?}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");

    // A link in the place of the directory.
    let linked = Place::new();
    symlink(place.path(), linked.path()).unwrap();
    assert!(matches!(Authority::open(&linked.path()), Err(PkiError::Io { .. })));
}

#[test]
fn a_directory_that_others_may_use_is_refused() {
    let place = Place::new();
    drop(place.create());
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o750)).unwrap();
    let why = Authority::open(&place.path()).unwrap_err().to_string();
    assert!(why.contains("others than its owner may use it") && why.contains("chmod 700"), "{why}");
}

#[test]
fn one_at_a_time() {
    let place = Place::new();
    let held = place.create();
    assert!(matches!(Authority::open(&place.path()), Err(PkiError::Busy(_))));
    drop(held);
    assert!(Authority::open(&place.path()).is_ok());
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let place = Place::new();
    let why = Authority::open(&place.path()).unwrap_err().to_string();
    assert!(why.contains("doorward pki init"), "{why}");
    drop(place.create());
    let name = "web".parse().unwrap();
    let identities = ["web.example.org".parse().unwrap()];
    let issued = |place: &Place| {
        let mut authority = Authority::open(&place.path())?;
        authority.issue(&name, &identities, Days::of_certificate(9)?).map(drop)
    };
    // Another authority's key.
    let other = Place::new();
    drop(other.create());
    let key = read(&place.file("ca.key"));
    fs::write(place.file("ca.key"), read(&other.file("ca.key"))).unwrap();
    assert!(issued(&place).unwrap_err().to_string().contains("the key is not that of ca.crt"));
    fs::write(place.file("ca.key"), "no key").unwrap();
    assert!(issued(&place).unwrap_err().to_string().contains("no key of P-384"));
    fs::write(place.file("ca.key"), key).unwrap();
    issued(&place).unwrap();
    let index = String::from_utf8(read(&place.file("index.json"))).unwrap();
    for (part, by) in [("\"schema\": 1", "\"schema\": 2"), ("web.example.org", "%any"), ("{", "[")] {
        fs::write(place.file("index.json"), index.replacen(part, by, 1)).unwrap();
        let why = issued(&place).unwrap_err();
        assert!(matches!(why, PkiError::Damaged { .. }), "{why}");
    }
}

#[test]
fn nothing_outlives_the_authority() {
    let place = Place::new();
    let mut authority = place.create();
    let name = "web".parse().unwrap();
    let why =
        authority.issue(&name, &["web.example.org".parse().unwrap()], Days::of_certificate(101).unwrap());
    let why = why.unwrap_err().to_string();
    assert!(why.contains("give at most 100 days") || why.contains("give at most 99 days"), "{why}");
    assert!(authority.issue(&name, &[], Days::of_certificate(1).unwrap()).is_err());
    assert_eq!(authority.certificates(), []);
    assert!(authority.revoke("web", Reason::Unspecified, list()).is_err());
}

#[test]
fn a_secret_is_written_once() {
    let place = Place::new();
    let file = place.0.path().join("peer.secret");
    write_secret(&file).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!((text.len(), mode(&file)), (65, 0o600));
    assert!(doorward_ipsec::PreSharedKey::new(&text).is_ok());
    let again = write_secret(&file);
    assert!(matches!(again, Err(PkiError::Exists { .. })));
    assert!(!format!("{again:?}").contains(text.trim()));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}
