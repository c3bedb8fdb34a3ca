use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::packages::testing::{Host, check_order, mess, owner, package};

/// A web server, its mail relay with an alternative, and what came along.
const STATUS: &str = "\
Package: web
Status: install ok installed
Installed-Size: 12
Architecture: amd64
Version: 1:2.0-1
Depends: libweb (>= 2), mail-transport-agent | relay, libc (>= 1)
Description: serves\tpages
 at length

Package: relay
Essential: no
Status: install ok installed
Architecture: amd64
Version: 3.8
Provides: mail-transport-agent (= 3), smtpd
Pre-Depends: libc
Description: relays mail

Package: mailer
Status: hold ok installed
Architecture: all
Version: 1
Depends: smtpd

Package: strict
Status: install ok installed
Architecture: all
Version: 1
Depends: mail-transport-agent (>= 4) | relay (<< 3.9), smtpd:any

Package: libweb
Status: install ok installed
Source: web (2.1)
Architecture: amd64
Multi-Arch: same
Version: 2.0

Package: libweb
Status: install ok installed
Architecture: i386
Multi-Arch: same
Version: 2.0

Package: libc
Status: install ok installed
Protected: yes
Architecture: amd64
Version: 2.36

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: never
Status: purge ok not-installed
Architecture: amd64
";

fn host() -> Host {
    let host = Host::new();
    host.file("/var/lib/dpkg/status", STATUS)
        .file(
            "/var/lib/dpkg/info/web.list",
            "/.\n/lib/systemd/system/web.service\n/usr/sbin/web\n/usr/sbin/both\n",
        )
        .file("/var/lib/dpkg/info/relay.list", "/usr/sbin/relay\n/usr/sbin/sendmail\n/usr/sbin/both")
        .file("/var/lib/dpkg/info/mailer.list", "/etc/init.d/mailer\n/usr/sbin/sendmail\n")
        .file("/var/lib/dpkg/info/strict.list", "")
        .file("/var/lib/dpkg/info/libc.list", "/lib64/ld.so\n")
        .file("/var/lib/dpkg/info/libweb:amd64.list", "/usr/lib/x86_64/libweb.so\n")
        .file("/var/lib/dpkg/info/libweb:i386.list", "/usr/lib/i386/libweb.so\n")
        .file("/var/lib/dpkg/info/gone.list", "/etc/init.d/gone\n")
        .file("/var/lib/dpkg/diversions", "/usr/sbin/sendmail\n/usr/sbin/sendmail.real\nmailer\n")
        .file("/var/lib/apt/extended_states", "Package: libweb\nArchitecture: amd64\nAuto-Installed: 1\n\n");
    host
}

#[test]
fn owners_are_found_by_every_spelling() {
    let host = host();
    for (dir, target) in [("/lib", "usr/lib"), ("/sbin", "usr/sbin"), ("/lib64", "usr/lib64")] {
        host.link(dir, target);
    }
    host.file("/usr/lib/systemd/system/web.service", "")
        .link("/etc/systemd/system/http.service", "/lib/systemd/system/web.service")
        .link("/usr/bin/mta", "/etc/alternatives/mta")
        .link("/etc/alternatives/mta", "/usr/sbin/relay");
    host.file("/usr/sbin/relay", "");
    let facts = host.collect(&[
        "/usr/lib/systemd/system/web.service",
        "/lib/systemd/system/web.service",
        "/etc/systemd/system/http.service",
        "/sbin/web",
        "/usr/bin/mta",
        "/usr/lib64/ld.so",
        "/usr/lib/i386/libweb.so",
        "/etc/systemd/system/own.service",
    ]);
    let expected = [
        ("/usr/lib/systemd/system/web.service", "web"),
        ("/lib/systemd/system/web.service", "web"),
        ("/etc/systemd/system/http.service", "web"),
        ("/sbin/web", "web"),
        ("/usr/bin/mta", "relay"),
        ("/usr/lib64/ld.so", "libc"),
        ("/usr/lib/i386/libweb.so", "libweb:i386"),
    ];
    for (path, name) in expected {
        assert_eq!(owner(&facts, path), Some(name), "{path}");
    }
    assert_eq!(facts.value.owners.len(), expected.len());
    let names: Vec<_> = facts.value.packages.packages.keys().collect();
    assert_eq!(names, ["libc", "libweb:i386", "relay", "web"]);
}

#[test]
fn without_merged_usr_spellings_are_not_mixed() {
    let facts = host().collect(&["/usr/lib/systemd/system/web.service", "/sbin/web"]);
    assert!(facts.value.owners.is_empty());
}

#[test]
fn diverted_files_belong_to_who_put_them_where_they_are() {
    let facts = host().collect(&["/usr/sbin/sendmail", "/usr/sbin/sendmail.real", "/etc/init.d/gone"]);
    assert_eq!(owner(&facts, "/usr/sbin/sendmail"), Some("mailer"));
    assert_eq!(owner(&facts, "/usr/sbin/sendmail.real"), Some("relay"));
    // What a removed package left behind is its, but it is not installed.
    assert_eq!(owner(&facts, "/etc/init.d/gone"), Some("gone"));
    assert!(!facts.value.packages.packages.contains_key("gone"));
    assert!(!facts.value.packages.versions.contains_key("gone"));
    assert_eq!(facts.value.packages.installed, 7);
}

#[test]
fn details_and_dependencies() {
    let facts =
        host().collect(&["/usr/sbin/web", "/usr/sbin/relay", "/lib64/ld.so", "/usr/lib/x86_64/libweb.so"]);
    let web = package(&facts, "web");
    assert_eq!(web.version, "1:2.0-1");
    assert_eq!(web.summary.as_deref(), Some("serves\tpages"));
    assert_eq!(web.installed_bytes, Some(12 * 1024));
    assert_eq!(web.manual, Some(true));
    assert_eq!(web.orphans_after_removal, ["libweb"]);
    // `web` can do with any mail-transport-agent, and only relay provides one; `strict` needs relay twice.
    let relay = package(&facts, "relay");
    assert_eq!(relay.required_by, ["mailer", "strict", "web"]);
    assert_eq!(relay.removal_takes, ["mailer", "strict", "web"]);
    assert_eq!(relay.orphans_after_removal, ["libweb"]);
    assert!(!relay.essential);
    let libc = package(&facts, "libc");
    assert!(libc.essential);
    assert_eq!(libc.removal_takes, ["mailer", "relay", "strict", "web"]);
    let libweb = package(&facts, "libweb");
    assert_eq!((libweb.source.as_deref(), libweb.manual), (Some("web"), Some(false)));
    assert_eq!(libweb.removal_takes, ["web"]);
}

#[test]
fn images_without_dpkg() {
    let host = Host::new();
    host.file("/var/lib/dpkg/status.d/tiny", "Package: tiny\nVersion: 1\nArchitecture: amd64\n")
        .file("/var/lib/dpkg/status.d/tiny.md5sums", "d41d8cd98f00b204e9800998ecf8427e  usr/bin/tiny\n");
    let facts = host.collect(&["/usr/bin/tiny"]);
    assert_eq!(owner(&facts, "/usr/bin/tiny"), Some("tiny"));
    assert_eq!(package(&facts, "tiny").manual, None);
}

#[test]
fn broken_stanzas_are_named_and_the_rest_stays() {
    let host = Host::new();
    let status = "Package: good\nVersion: 1\nArchitecture: all\n\nnonsense\nVersion: 2\n\nPackage: bare\n\n\
                  Package: bad\u{0}\u{fffd}\nVersion: 1\n\nPackage: ../../../etc/passwd\nVersion: 1\n";
    host.file("/var/lib/dpkg/status", status).file("/var/lib/dpkg/info/good.list", "/a\n");
    let facts = host.collect(&["/a"]);
    assert_eq!(owner(&facts, "/a"), Some("good"));
    let why: Vec<&str> = facts.unseen.iter().map(|unseen| &*unseen.why).collect();
    assert!(why.contains(&"/var/lib/dpkg/status, line 5: not a field"), "{why:#?}");
    assert!(why.contains(&"/var/lib/dpkg/status, line 5: a stanza without Package"), "{why:#?}");
    assert!(why.contains(&"/var/lib/dpkg/status, line 8: a package without Version"), "{why:#?}");
    assert!(why.iter().any(|why| why.contains("is no package name")), "{why:#?}");
}

#[test]
fn a_flood_of_broken_stanzas_is_summed_up() {
    let host = Host::new();
    host.file("/var/lib/dpkg/status", format!("Package: p\nVersion: 1\n\n{}", "x\n\n".repeat(1000)));
    let facts = host.collect(&[]);
    assert!(facts.unseen.len() < 20, "{}", facts.unseen.len());
    assert!(
        facts.unseen.iter().any(|unseen| unseen.why == "and 1995 more like these"),
        "{:#?}",
        facts.unseen
    );
}

#[test]
fn an_interrupted_dpkg_is_told() {
    let host = host();
    host.file("/var/lib/dpkg/updates/0001", "");
    assert!(host.collect(&[]).unseen.iter().any(|unseen| unseen.why.contains("interrupted")));
}

/// The beginning of an archive's lists in apt's directory.
const ARCHIVE: &str = "/var/lib/apt/lists/example.org";

fn list(packages: &[(&str, &str)]) -> String {
    let stanza = |(name, version): &(&str, &str)| {
        format!("Package: {name}\nArchitecture: amd64\nVersion: {version}\nDescription: x\n\n")
    };
    packages.iter().map(stanza).collect()
}

#[test]
fn updates_come_from_every_list_but_those_on_request() {
    let host = host();
    let compressed = {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(list(&[("web", "1:2.0-1+deb12u1"), ("libc", "2.35")]).as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zipped = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(list(&[("libc", "2.36-9")]).as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    host.file(&format!("{ARCHIVE}_d_dists_stable-security_main_binary-amd64_Packages.lz4"), compressed)
        .file(
            &format!("{ARCHIVE}_d_dists_stable_main_binary-amd64_Packages"),
            list(&[("web", "1:3.0"), ("relay", "3.9")]),
        )
        .file(&format!("{ARCHIVE}_x_dists_fixes_main_binary-amd64_Packages.gz"), zipped)
        .file(
            &format!("{ARCHIVE}_x_dists_fixes_InRelease"),
            "-----BEGIN\nHash: SHA256\n\nLabel: Debian-Security\nSuite: fixes\n",
        )
        .file(&format!("{ARCHIVE}_b_dists_backports_main_binary-amd64_Packages"), list(&[("web", "9:9")]))
        .file(&format!("{ARCHIVE}_b_dists_backports_Release"), "Suite: backports\nNotAutomatic: yes\n")
        .file(&format!("{ARCHIVE}_o_dists_other-security_main_binary-amd64_Packages.zst"), "");
    let facts = host.collect(&["/usr/sbin/web", "/usr/sbin/relay", "/lib64/ld.so"]);
    let update = |name| package(&facts, name).update.as_ref().map(|u| (u.version.as_str(), u.security));
    assert_eq!(update("web"), Some(("1:3.0", true)));
    assert_eq!(update("relay"), Some(("3.9", false)));
    assert_eq!(update("libc"), Some(("2.36-9", true)));
    assert!(facts.value.packages.lists_updated.is_some());
    assert_eq!(facts.unseen.len(), 1, "{:#?}", facts.unseen);
    assert!(facts.unseen[0].why.ends_with("Packages.zst: .zst lists are not read"));
}

#[test]
fn a_list_cut_off_in_the_middle_is_told() {
    let host = host();
    host.file(
        &format!("{ARCHIVE}_d_dists_stable-security_main_binary-amd64_Packages.gz"),
        [0x1f, 0x8b, 8, 0, 0],
    );
    let unseen = host.collect(&[]).unseen;
    assert!(unseen.iter().any(|u| u.why.contains("Packages.gz: ")), "{unseen:#?}");
}

#[test]
fn no_lists_means_that_updates_are_not_known() {
    let unseen = host().collect(&[]).unseen;
    assert_eq!(unseen.len(), 1, "{unseen:#?}");
    assert_eq!(unseen[0].what, "pending security updates");
}

#[test]
fn versions_are_ordered_as_dpkg_orders_them() {
    check_order(include_str!("versions.txt"), version::compare);
}

#[test]
fn a_stream_gives_the_stanzas_of_the_text() {
    let text = STATUS.repeat(200);
    let mut streamed = Vec::new();
    control::stream(text.as_bytes(), |stanza| streamed.push(control::package(stanza).unwrap().to_vec()))
        .unwrap();
    let whole: Vec<_> = control::stanzas(text.as_bytes())
        .map(|(_, stanza)| control::package(stanza).unwrap().to_vec())
        .collect();
    assert_eq!(streamed, whole);
    assert!(control::stream(&*vec![b'x'; 3 << 20], |_| ()).is_err(), "a stanza without end is refused");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_bytes_are_survived(
        status in mess(&["Package: ", "Version: ", "\n", "\n\n", "Depends: ", "a", "b", " | ", ", ", "(>= 1)", "(", ":any", "Provides: ", "Status: a b ", "config-files", ":", " ", "Architecture: "]),
        other in mess(&["Package: a\n", "Version: 2\n", "\n", "\n\n", "Auto-Installed: 1\n", "/a\n", "Suite: ", ":"]),
    ) {
        let host = Host::new();
        host.file("/var/lib/dpkg/status", format!("Package: a\nVersion: 1\n\n{}", String::from_utf8_lossy(&status)))
            .file("/var/lib/dpkg/status.d/x", &status)
            .file("/var/lib/dpkg/info/a.list", "/a\n")
            .file("/var/lib/dpkg/diversions", &other)
            .file("/var/lib/apt/extended_states", &other)
            .file("/var/lib/apt/lists/x-security_Packages", &other)
            .file("/var/lib/apt/lists/x-security_Packages.lz4", &other)
            .file("/var/lib/apt/lists/x_InRelease", &other);
        let facts = host.collect(&["/a", "/b"]);
        prop_assert!(facts.value.packages.versions.contains_key("a"));
    }

    #[test]
    fn the_order_of_versions_is_total(a in "[0-9a~+:.-]{0,8}", b in "[0-9a~+:.-]{0,8}", c in "[0-9a~+:.-]{0,8}") {
        let compare = |a: &str, b: &str| version::compare(a.as_bytes(), b.as_bytes());
        prop_assert!(compare(&a, &a).is_eq());
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
            prop_assert!(compare(&a, &c).is_le());
        }
    }
}
