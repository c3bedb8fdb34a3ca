use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::packages::testing::{Host, check_order, mess, owner, package};

const DATABASE: &str = "\
C:Q1abc=
P:nginx
V:1.26.3-r0
A:x86_64
S:600
I:1500
T:HTTP server
o:nginx
D:/bin/sh so:libc.musl-x86_64.so.1 so:libpcre2-8.so.0>=0.10 !old cmd:adduser
p:cmd:nginx=1.26.3-r0
F:etc
F:etc/init.d
R:nginx
a:0:0:755
Z:Q1xyz=
F:usr/sbin
R:nginx

P:pcre2
V:10.43-r0
I:200
o:pcre2-src
p:so:libpcre2-8.so.0=0.12.0
F:usr/lib
R:libpcre2-8.so.0

P:musl
V:1.2.5-r0
p:so:libc.musl-x86_64.so.1=1
F:
R:.version
F:lib
R:ld-musl-x86_64.so.1

P:busybox
V:1.36.1-r29
D:so:libc.musl-x86_64.so.1
p:/bin/sh cmd:adduser=1.36.1-r29

P:site
V:1-r0
D:nginx~1.26 nginx<1.27
";

const PATHS: [&str; 4] = ["/etc/init.d/nginx", "/usr/sbin/nginx", "/usr/lib/libpcre2-8.so.0", "/.version"];

fn host() -> Host {
    let host = Host::new();
    host.file("/lib/apk/db/installed", DATABASE).file("/etc/apk/world", "busybox\nnginx>1\nsite@edge\n");
    host
}

#[test]
fn owners_details_and_dependencies() {
    let facts = host().collect(&PATHS);
    assert_eq!(facts.value.packages.family, Some(PackageFamily::Apk));
    assert_eq!(facts.value.packages.installed, 5);
    let owners: Vec<_> = PATHS.iter().map(|path| owner(&facts, path)).collect();
    assert_eq!(owners, [Some("nginx"), Some("nginx"), Some("pcre2"), Some("musl")]);
    let nginx = package(&facts, "nginx");
    assert_eq!((nginx.version.as_str(), nginx.summary.as_deref()), ("1.26.3-r0", Some("HTTP server")));
    assert_eq!((nginx.installed_bytes, nginx.manual), (Some(1500), Some(true)));
    assert_eq!(nginx.removal_takes, ["site"]);
    assert_eq!(nginx.orphans_after_removal, ["pcre2"]);
    let pcre2 = package(&facts, "pcre2");
    assert_eq!((pcre2.source.as_deref(), pcre2.manual), (Some("pcre2-src"), Some(false)));
    assert_eq!(pcre2.required_by, ["nginx"]);
    assert_eq!(package(&facts, "musl").removal_takes, ["busybox", "nginx", "site"]);
}

fn tar(members: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in members {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        tar.extend(header);
        tar.extend(content.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn updates_come_from_the_cached_indexes() {
    let index = "C:Q1=\nP:nginx\nV:1.26.3-r1\n\nP:pcre2\nV:10.43-r0\n\nP:musl\nV:1.2.5_rc1-r9\n";
    // The signature is an archive of its own, without an end mark, before that of the index.
    let file = [
        gz(&tar(&[(".SIGN.RSA.key", "signature")])),
        gz(&tar(&[("DESCRIPTION", "v1"), ("APKINDEX", index)])),
    ];
    let host = host();
    host.file("/var/cache/apk/APKINDEX.0123.tar.gz", file.concat());
    let facts = host.collect(&PATHS);
    let update = |name| package(&facts, name).update.as_ref().map(|u| (u.version.as_str(), u.security));
    assert_eq!([update("nginx"), update("pcre2"), update("musl")], [Some(("1.26.3-r1", false)), None, None]);
    assert!(facts.value.packages.lists_updated.is_some());
    assert!(facts.unseen.is_empty(), "{:#?}", facts.unseen);
}

#[test]
fn broken_lines_are_named_and_the_rest_stays() {
    let host = Host::new();
    host.file("/lib/apk/db/installed", "x\nP:a\nV:1\nF:etc\nR:a\n\nP:lost\n\nbroken line\nP:b\nV:2\n");
    let facts = host.collect(&["/etc/a"]);
    assert_eq!(owner(&facts, "/etc/a"), Some("a"));
    assert_eq!(facts.value.packages.versions.len(), 2);
    let why: Vec<&str> = facts.unseen.iter().map(|u| &*u.why).collect();
    assert!(why.contains(&"/lib/apk/db/installed, line 1: not a field"), "{why:#?}");
    assert!(
        why.contains(&"/lib/apk/db/installed, line 8: a record without name or version ends"),
        "{why:#?}"
    );
    assert!(why.contains(&"/lib/apk/db/installed, line 9: not a field"), "{why:#?}");
    assert_eq!(package(&facts, "a").manual, None, "nothing says what was asked for");
}

/// By the rules of apk-package(5) and of the reference of APKBUILD's pkgver.
const ORDER: &str = "\
1.0 < 1.1
1.0 = 1.0
1.0-r0 < 1.0-r1
1.0 < 1.0-r0
1.0-r9 < 1.0-r10
1.9 < 1.10
1.05 < 1.1
1.2.1 < 1.10
1.0 < 1.0.1
1.0 < 1.0a
1.0a < 1.0b
1.0b < 1.0.1
1.0_alpha < 1.0_beta
1.0_beta < 1.0_pre
1.0_pre < 1.0_rc
1.0_rc < 1.0
1.0_rc1 < 1.0_rc2
1.0_rc < 1.0_rc1
1.0_alpha9-r9 < 1.0
1.0 < 1.0_cvs
1.0_cvs < 1.0_svn
1.0_svn < 1.0_git
1.0_git < 1.0_hg
1.0_hg < 1.0_p
1.0_p1 < 1.0_p2
1.0_p1 < 1.1
1.0_git20240101 < 1.0_git20250101
1.0_rc1-r5 < 1.0-r0
2 > 1.999
20240101 > 2024.1";

#[test]
fn versions_are_ordered_by_apks_rules() {
    check_order(ORDER, version::compare);
    assert!(version::begins_with(b"1.26.3-r0", b"1.26"));
    assert!(!version::begins_with(b"1.260", b"1.26"));
    assert!(!version::begins_with(b"1.2", b"1.26"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_bytes_are_survived(
        database in mess(&["P:", "V:", "\n", "\n\n", "D:", "p:", "F:", "R:", "a", "1", ">=", "so:", "!", "@", "\nP:a\nV:1\n\n"]),
        index in proptest::collection::vec(any::<u8>(), 0..1200),
    ) {
        let host = Host::new();
        host.file("/lib/apk/db/installed", [DATABASE.as_bytes(), b"\n\n", &database].concat())
            .file("/etc/apk/world", &database)
            .file("/var/cache/apk/APKINDEX.1.tar.gz", gz(&index));
        let facts = host.collect(&PATHS);
        prop_assert_eq!(owner(&facts, "/usr/sbin/nginx"), Some("nginx"));
    }

    #[test]
    fn the_order_of_versions_is_antisymmetric(a in "[0-9]{1,2}([.][0-9]{1,2}){0,2}[a-c]?(_(rc|p)[0-9]?)?(-r[0-9])?", b in "[0-9a-z._~-]{0,8}") {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        prop_assert!(version::compare(a, a).is_eq());
        prop_assert_eq!(version::compare(a, b), version::compare(b, a).reverse());
    }
}
