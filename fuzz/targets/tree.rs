//! Every file of a Linux tree that a collector parses, one at a time: the first byte chooses which.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use doorward_linux_files::{Tree, containers, host, inetd, openrc, packages, services, systemd, sysv, web, xinetd};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Where the input is written, and what then reads it.
const FILES: &[(&str, fn(&Tree))] = &[
    ("etc/os-release", |t| drop(host::collect(t))),
    ("etc/resolv.conf", |t| drop(host::collect(t))),
    ("usr/lib/systemd/system/a.service", |t| drop(systemd::collect(t))),
    ("usr/lib/systemd/system/a.socket", |t| drop(systemd::collect(t))),
    ("etc/systemd/system/a.service.d/b.conf", |t| drop(systemd::collect(t))),
    ("usr/share/dbus-1/system-services/a.service", |t| drop(systemd::collect(t))),
    ("etc/inetd.conf", |t| drop(inetd::collect(t))),
    ("etc/xinetd.conf", |t| drop(xinetd::collect(t))),
    ("etc/services", |t| drop(inetd::collect(t))),
    ("etc/init.d/a", |t| drop((sysv::collect(t), openrc::collect(t)))),
    ("etc/conf.d/a", |t| drop(openrc::collect(t))),
    ("var/lib/dpkg/status", packages),
    ("var/lib/dpkg/info/a.list", packages),
    ("var/lib/apt/lists/x_debian-security_dists_s_main_binary-amd64_Packages", packages),
    ("var/lib/rpm/Packages.db", packages),
    ("var/lib/rpm/rpmdb.sqlite", packages),
    ("lib/apk/db/installed", packages),
    ("var/lib/docker/containers/a/config.v2.json", |t| drop(containers::collect(t))),
    ("etc/nginx/nginx.conf", |t| drop(web::collect(t))),
    ("etc/apache2/apache2.conf", |t| drop(web::collect(t))),
    ("etc/lighttpd/lighttpd.conf", |t| drop(web::collect(t))),
    ("etc/caddy/Caddyfile", |t| drop(web::collect(t))),
    ("etc/haproxy/haproxy.cfg", |t| drop(web::collect(t))),
    ("etc/varnish/default.vcl", |t| drop(web::collect(t))),
    ("etc/systemd/system/b.timer", |t| drop(services::collect(t))),
];

fn packages(tree: &Tree) {
    let paths = ["/usr/sbin/a", "/usr/bin/b"].map(str::to_owned).into();
    drop(packages::collect(tree, &paths));
}

static ROOT: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((choice, content)) = input.split_first() else { return Corpus::Reject };
    let Some((path, read)) = FILES.get(usize::from(*choice)) else { return Corpus::Reject };
    let place = ROOT.path().join(path);
    make(&place, content);
    let tree = Tree::open(ROOT.path()).unwrap();
    read(&tree);
    std::fs::remove_file(&place).unwrap();
    Corpus::Keep
});

fn make(place: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, content).unwrap();
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o755)).unwrap();
}
