use std::io::Write as _;

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::packages::testing::{Host, check_order, mess, owner, package};

/// A header, put together as rpm does: index entries, then the data.
#[derive(Default)]
struct Built {
    entries: Vec<[u32; 4]>,
    data: Vec<u8>,
}

impl Built {
    fn new(name: &str, version: &str, release: &str) -> Self {
        Self::default().string(Tag::Name, name).string(Tag::Version, version).string(Tag::Release, release)
    }

    fn entry(mut self, tag: Tag, kind: u32, count: usize, data: &[u8]) -> Self {
        while kind == 4 && !self.data.len().is_multiple_of(4) {
            self.data.push(0);
        }
        self.entries.push([
            tag as u32,
            kind,
            u32::try_from(self.data.len()).unwrap(),
            u32::try_from(count).unwrap(),
        ]);
        self.data.extend_from_slice(data);
        self
    }

    fn string(self, tag: Tag, text: &str) -> Self {
        self.entry(tag, 6, 1, format!("{text}\0").as_bytes())
    }

    fn strings(self, tag: Tag, texts: &[&str]) -> Self {
        let data = texts.join("\0") + "\0";
        self.entry(tag, 8, texts.len(), data.as_bytes())
    }

    fn integers(self, tag: Tag, numbers: &[u32]) -> Self {
        let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        self.entry(tag, 4, numbers.len(), &data)
    }

    fn files(self, dirs: &[&str], files: &[(u32, &str)]) -> Self {
        let (indexes, names): (Vec<u32>, Vec<&str>) = files.iter().copied().unzip();
        self.integers(Tag::DirIndexes, &indexes).strings(Tag::BaseNames, &names).strings(Tag::DirNames, dirs)
    }

    /// Capabilities as `name`, or `name OPERATOR version`.
    fn capabilities(self, [names, flags, versions]: [Tag; 3], capabilities: &[&str]) -> Self {
        let rich = |text: &&str| text.starts_with('(');
        let split: Vec<Vec<&str>> = capabilities
            .iter()
            .map(|text| if rich(text) { vec![*text] } else { text.split(' ').collect() })
            .collect();
        let name: Vec<&str> = split.iter().map(|parts| parts[0]).collect();
        let sense = |c: char| match c {
            '<' => 2,
            '>' => 4,
            _ => 8,
        };
        let flag = |parts: &Vec<&str>| parts.get(1).map_or(0, |operator| operator.chars().map(sense).sum());
        let flag: Vec<u32> = split.iter().map(flag).collect();
        let version: Vec<&str> =
            split.iter().map(|parts| parts.get(2).copied().unwrap_or_default()).collect();
        self.strings(names, &name).integers(flags, &flag).strings(versions, &version)
    }

    fn requires(self, capabilities: &[&str]) -> Self {
        self.capabilities([Tag::RequireName, Tag::RequireFlags, Tag::RequireVersion], capabilities)
    }

    fn provides(self, capabilities: &[&str]) -> Self {
        self.capabilities([Tag::ProvideName, Tag::ProvideFlags, Tag::ProvideVersion], capabilities)
    }

    fn blob(&self) -> Vec<u8> {
        let sizes = [u32::try_from(self.entries.len()).unwrap(), u32::try_from(self.data.len()).unwrap()];
        let numbers = sizes.iter().chain(self.entries.iter().flatten());
        numbers.flat_map(|number| number.to_be_bytes()).chain(self.data.iter().copied()).collect()
    }
}

const PATH: &str = "/usr/lib/sysimage/rpm/rpmdb.sqlite";

/// Writes a database in rpm's own schema.
fn sqlite(host: &Host, blobs: &[Vec<u8>]) {
    host.file(PATH, "");
    let database = Connection::open(host.path().join(&PATH[1..])).unwrap();
    let schema = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);
        CREATE TABLE 'Basenames' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL);
        CREATE INDEX 'Basenames_key_idx' ON 'Basenames'(key ASC);";
    database.execute_batch(schema).unwrap();
    for (number, blob) in (1..).zip(blobs) {
        database.execute("INSERT INTO Packages VALUES (?1, ?2)", (number, blob)).unwrap();
        let Ok(header) = Header::parse(blob) else { continue };
        for (index, (_, name)) in (0..).zip(header.files()) {
            let row = (String::from_utf8_lossy(name), number, index);
            database.execute("INSERT INTO Basenames VALUES (?1, ?2, ?3)", row).unwrap();
        }
    }
}

/// Writes an NDB file with one page of slots.
fn ndb(host: &Host, blobs: &[Vec<u8>]) {
    let mut file = [b"RpmP".as_slice(), &numbers(&[0, 1, 1, 9]), &[0; 12]].concat();
    let mut data = Vec::new();
    for (index, blob) in (1u32..).zip(blobs) {
        let block = u32::try_from((4096 + data.len()) / 16).unwrap();
        let len = u32::try_from(blob.len()).unwrap();
        let mut stored = [b"BlbS".as_slice(), &numbers(&[index, 1, len]), blob, &[0; 8], b"BlbE"].concat();
        stored.resize(stored.len().next_multiple_of(16), 0);
        file.extend(
            [b"Slot".as_slice(), &numbers(&[index, block, u32::try_from(stored.len() / 16).unwrap()])]
                .concat(),
        );
        data.extend(stored);
    }
    while file.len() < 4096 {
        file.extend([b"Slot".as_slice(), &[0; 12]].concat());
    }
    file.extend(data);
    host.file("/var/lib/rpm/Packages.db", file);
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn universe() -> Vec<Vec<u8>> {
    let httpd = Built::new("httpd", "2.4.57", "8.el9")
        .string(Tag::Summary, "Apache HTTP Server")
        .integers(Tag::Size, &[4096])
        .string(Tag::SourceRpm, "httpd-src-2.4.57-8.el9.src.rpm")
        .files(
            &["/usr/lib/systemd/system/", "/usr/sbin/"],
            &[(0, "httpd.service"), (1, "httpd"), (7, "nowhere")],
        )
        .provides(&["httpd = 2.4.57-8.el9", "webserver"])
        .requires(&["/usr/bin/sh", "libssl.so.3()(64bit)", "openssl >= 1:3.0", "(mta or relay)", "absent"]);
    let openssl = Built::new("openssl", "3.0.7", "25.el9")
        .integers(Tag::Epoch, &[1])
        .files(&["/usr/bin/"], &[(0, "openssl")])
        .provides(&["openssl = 1:3.0.7-25.el9", "libssl.so.3()(64bit)"]);
    let old =
        Built::new("compat", "1", "1").files(&["/opt/"], &[(0, "compat")]).provides(&["openssl = 1:1.1-1"]);
    let bash = Built::new("bash", "5.1", "1").files(&["/usr/bin/"], &[(0, "sh")]).provides(&["bash = 5.1-1"]);
    let postfix = Built::new("postfix", "3", "1")
        .files(&["/usr/sbin/"], &[(0, "postfix")])
        .provides(&["mta"])
        .requires(&["(selinux-policy if policy)", "(bash and openssl > 1:2)"]);
    let exim = Built::new("exim", "4", "1").provides(&["relay"]);
    let site = Built::new("site", "1", "1")
        .requires(&["webserver", "httpd < 2.5"])
        .strings(Tag::RecommendName, &["exim"]);
    let key = Built::new("gpg-pubkey", "1", "1");
    [httpd, openssl, old, bash, postfix, exim, site, key].iter().map(Built::blob).collect()
}

const PATHS: [&str; 5] = [
    "/usr/lib/systemd/system/httpd.service",
    "/usr/sbin/httpd",
    "/usr/bin/openssl",
    "/usr/bin/sh",
    "/usr/sbin/postfix",
];

fn check(host: &Host) {
    let facts = host.collect(&PATHS);
    assert_eq!(facts.value.packages.family, Some(PackageFamily::Rpm));
    assert_eq!(facts.value.packages.installed, 7, "a public key is no package");
    assert_eq!(facts.value.packages.versions["openssl"], "1:3.0.7-25.el9");
    let owners: Vec<_> = PATHS.iter().map(|path| owner(&facts, path)).collect();
    assert_eq!(owners, [Some("httpd"), Some("httpd"), Some("openssl"), Some("bash"), Some("postfix")]);
    let httpd = package(&facts, "httpd");
    assert_eq!(httpd.version, "2.4.57-8.el9");
    assert_eq!(httpd.source.as_deref(), Some("httpd-src"));
    assert_eq!(httpd.summary.as_deref(), Some("Apache HTTP Server"));
    assert_eq!((httpd.installed_bytes, httpd.manual), (Some(4096), None));
    assert_eq!(httpd.removal_takes, ["site"]);
    assert_eq!(package(&facts, "openssl").required_by, ["httpd", "postfix"]);
    assert_eq!(package(&facts, "openssl").removal_takes, ["httpd", "postfix", "site"]);
    // By the path /usr/bin/sh, and as one half of a rich dependency.
    assert_eq!(package(&facts, "bash").removal_takes, ["httpd", "postfix", "site"]);
    assert!(package(&facts, "postfix").removal_takes.is_empty(), "exim is the other half of the alternative");
}

#[test]
fn sqlite_databases() {
    let host = Host::new();
    sqlite(&host, &universe());
    check(&host);
    let left = std::fs::read_dir(host.path().join("usr/lib/sysimage/rpm")).unwrap().count();
    assert_eq!(left, 1, "nothing is written beside the database");
}

#[test]
fn sqlite_databases_with_an_open_journal() {
    let host = Host::new();
    sqlite(&host, &universe());
    let database = Connection::open(host.path().join(&PATH[1..])).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database.execute("DELETE FROM Packages WHERE hnum = 1", ()).unwrap();
    check(&host); // as it was before
    let unseen = host.collect(&[]).unseen;
    assert!(
        unseen.iter().any(|u| u.why.ends_with("rpmdb.sqlite-wal: changes not yet merged")),
        "{unseen:#?}"
    );
}

#[test]
fn ndb_databases() {
    let host = Host::new();
    ndb(&host, &universe());
    check(&host);
}

#[test]
fn berkeley_databases_are_named() {
    let host = Host::new();
    host.file("/var/lib/rpm/Packages", [0; 64]);
    let facts = host.collect(&["/usr/sbin/httpd"]);
    assert_eq!(facts.value, crate::packages::PackageFacts::default());
    assert!(facts.unseen[0].why.starts_with("/var/lib/rpm/Packages: "), "{:#?}", facts.unseen);
    assert!(facts.unseen[0].remedy.is_some());
}

#[test]
fn links_out_of_the_tree_are_not_followed() {
    let (host, outside) = (Host::new(), Host::new());
    sqlite(&outside, &universe());
    let target = outside.path().join(&PATH[1..]);
    host.link(PATH, target.to_str().unwrap());
    assert_eq!(host.collect(&PATHS).value, crate::packages::PackageFacts::default());
}

#[test]
fn broken_headers_are_named_and_the_rest_stays() {
    let host = Host::new();
    let cut = universe()[0][..40].to_vec();
    sqlite(
        &host,
        &[universe()[1].clone(), cut, vec![0xff; 32], Built::default().string(Tag::Name, "x").blob()],
    );
    let facts = host.collect(&["/usr/bin/openssl"]);
    assert_eq!(owner(&facts, "/usr/bin/openssl"), Some("openssl"));
    let why: Vec<&str> = facts.unseen.iter().map(|u| &*u.why).collect();
    assert!(
        why.contains(&"/usr/lib/sysimage/rpm/rpmdb.sqlite, header 2: shorter than its index"),
        "{why:#?}"
    );
    assert!(why.iter().any(|why| why.contains("header 3: an impossible number of entries")), "{why:#?}");
    assert!(why.iter().any(|why| why.contains("header 4: no name, version or release")), "{why:#?}");
}

#[test]
fn a_truncated_database_is_told() {
    let host = Host::new();
    sqlite(&host, &universe());
    let whole = std::fs::read(host.path().join(&PATH[1..])).unwrap();
    for len in [0, 10, 100, 4096, 5000, whole.len() - 4096] {
        host.file(PATH, &whole[..len]);
        let facts = host.collect(&PATHS);
        assert!(!facts.unseen.is_empty(), "cut at {len}");
    }
}

/// A recursive view could run for ever.
#[test]
fn a_database_that_is_a_program_is_stopped() {
    let host = Host::new();
    host.file(PATH, "");
    let database = Connection::open(host.path().join(&PATH[1..])).unwrap();
    let view = "CREATE VIEW Packages(hnum, blob) AS
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i, x'00' FROM n WHERE i > 1";
    database.execute_batch(view).unwrap();
    let facts = host.collect(&[]);
    assert!(facts.unseen.iter().any(|u| u.why.contains("interrupt")), "{:#?}", facts.unseen);
}

#[test]
fn who_asked_for_it() {
    let files: [(&str, &str); 2] = [
        (
            "/usr/lib/sysimage/libdnf5/packages.toml",
            "version = \"1.0\"\n[packages]\n\"openssl.x86_64\" = {reason = \"Dependency\"}\n\"bash.x86_64\" = {reason = \"User\"}\n",
        ),
        ("/var/lib/zypp/AutoInstalled", "# comment\nopenssl\n"),
    ];
    for (path, text) in files {
        let host = Host::new();
        sqlite(&host, &universe());
        host.file(path, text).file("/etc/dnf/protected.d/x.conf", "bash\n");
        let facts = host.collect(&PATHS);
        assert_eq!(package(&facts, "openssl").manual, Some(false), "{path}");
        assert_eq!(package(&facts, "bash").manual, Some(true), "{path}");
        assert!(package(&facts, "bash").essential);
        assert_eq!(
            package(&facts, "httpd").orphans_after_removal,
            Vec::<String>::new(),
            "postfix needs openssl too"
        );
    }
}

#[test]
fn who_asked_for_it_by_dnf_4() {
    let host = Host::new();
    sqlite(&host, &universe());
    let path = "/var/lib/dnf/history.sqlite";
    host.file(path, "");
    let history = "CREATE TABLE rpm (item_id INTEGER, name TEXT, epoch INTEGER, version TEXT, release TEXT, arch TEXT);
        CREATE TABLE trans_item (id INTEGER PRIMARY KEY, trans_id INTEGER, item_id INTEGER, action INTEGER, reason INTEGER);
        INSERT INTO rpm (item_id, name) VALUES (1, 'openssl'), (2, 'postfix'), (3, 'httpd');
        INSERT INTO trans_item (item_id, reason) VALUES (1, 1), (2, 1), (3, 2), (2, 2), (2, 0);";
    Connection::open(host.path().join(&path[1..])).unwrap().execute_batch(history).unwrap();
    let facts = host.collect(&PATHS);
    let manual = |name| package(&facts, name).manual;
    // postfix came along first, and was asked for later.
    assert_eq!(
        (manual("openssl"), manual("postfix"), manual("httpd")),
        (Some(false), Some(true), Some(true))
    );
}

#[test]
fn security_updates_from_advisories() {
    let xml = r#"<?xml version="1.0"?><updates>
        <update from="x" status="final" type="bugfix"><id>1</id><pkglist><collection>
        <package name="postfix" version="9" release="1" epoch="0" arch="x86_64"/></collection></pkglist></update>
        <update type="security"><id>2</id><pkglist><collection>
        <package name="openssl" version="3.0.7" release="27.el9" epoch="1" arch="x86_64"><filename>x</filename></package>
        <package name="openssl" version="3.0.7" release="26.el9" epoch="1" arch="x86_64"/>
        <package name="httpd" version="2.4.57" release="7.el9" epoch="0" arch="x86_64"/>
        <package name="bash" version="6" release="1.module+el8" epoch="0" arch="x86_64"/>
        </collection></pkglist></update></updates>"#;
    let host = Host::new();
    sqlite(&host, &universe());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(xml.as_bytes()).unwrap();
    host.file("/var/cache/dnf/baseos-0123/repodata/9-updateinfo.xml.gz", encoder.finish().unwrap());
    let facts = host.collect(&PATHS);
    let update = |name| package(&facts, name).update.as_ref().map(|u| (u.version.as_str(), u.security));
    assert_eq!(update("openssl"), Some(("1:3.0.7-27.el9", true)));
    assert_eq!([update("httpd"), update("postfix"), update("bash")], [None; 3]);
    assert!(facts.unseen.is_empty(), "{:#?}", facts.unseen);
}

#[test]
fn versions_are_ordered_as_rpm_orders_them() {
    let compare = |a: &[u8], b: &[u8]| version::Evr::of(a).compare(version::Evr::of(b));
    check_order(include_str!("versions.txt"), compare);
}

#[test]
fn rich_dependencies_of_every_kind() {
    let installed =
        ["a", "b", "c"].map(|name| Built::new(name, "1", "1").provides(&[&*format!("{name} = 1-1")]).blob());
    let taken_by_a = |rich: &str| {
        let asking = Built::new("asking", "1", "1").requires(&[rich]).blob();
        let a = Built::new("a", "1", "1").provides(&["a = 1-1"]).files(&["/"], &[(0, "a")]).blob();
        let host = Host::new();
        sqlite(&host, &[a, installed[1].clone(), installed[2].clone(), asking]);
        !package(&host.collect(&["/a"]), "a").removal_takes.is_empty()
    };
    for breaks in [
        "(a and b)",
        "(a or x)",
        "(a if b)",
        "(x if y else a)",
        "(a unless y)",
        "((a or x) and b)",
        "(a >= 1 or b > 2)",
        "(a with a = 1-1)",
        "(a without b)",
    ] {
        assert!(taken_by_a(breaks), "{breaks}");
    }
    for holds in [
        "(a or b)",
        "(a if y)",
        "(b if a)",
        "(a unless b)",
        "((a and b) or c)",
        "(x and y)",
        "(((((((((((a)))))))))))",
        "(a",
        "()",
    ] {
        assert!(!taken_by_a(holds), "{holds}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_header_is_survived(mut blob in mess(&["\0\0\0\u{1}", "\0\0\u{3}", "\0\0\0\u{6}", "\0\0\u{4}", "\0", "a", "(a or b)"]), at in 0usize..2000, with in any::<u8>()) {
        let mut relations = Relations::default();
        let mut whole = universe().concat();
        if let Some(byte) = whole.get_mut(at) {
            *byte = with;
        }
        blob.extend(&whole);
        for start in [0, blob.len() - whole.len()] {
            if let Ok(header) = Header::parse(&blob[start..]) {
                relations.add(0, &header);
                for (dir, file) in header.files() {
                    relations.has_file(0, &[dir, file].concat());
                }
            }
        }
        drop(relations.resolve(vec![true]));
    }

    #[test]
    fn the_order_of_versions_is_antisymmetric(a in "[0-9a-c~^._]{0,8}", b in "[0-9a-c~^._]{0,8}") {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        prop_assert!(version::compare(a, a).is_eq());
        prop_assert_eq!(version::compare(a, b), version::compare(b, a).reverse());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_file_is_survived(at in proptest::collection::vec((0usize..20000, any::<u8>()), 1..20), text in mess(&["[packages]", "=", "\n", "\"", "<update type=\"security\">", "<package ", " name=\"a\"", ">"])) {
        let host = Host::new();
        for home in ["sqlite", "ndb"] {
            let file = if home == "sqlite" { sqlite(&host, &universe()); PATH } else { ndb(&host, &universe()); "/var/lib/rpm/Packages.db" };
            let path = host.path().join(&file[1..]);
            let mut bytes = std::fs::read(&path).unwrap();
            for (at, with) in &at {
                let len = bytes.len();
                bytes[at % len] = *with;
            }
            host.file(file, bytes);
        }
        host.file(DNF5, &text).file("/var/lib/zypp/AutoInstalled", &text).file("/var/cache/dnf/x/repodata/updateinfo.xml", &text);
        host.collect(&PATHS);
    }
}

const DNF5: &str = "/usr/lib/sysimage/libdnf5/packages.toml";
