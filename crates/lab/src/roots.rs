//! The root file systems that the tests use.

mod busy;

pub use busy::BUSY;

use crate::root::Door::{Tcp, Udp};
use crate::root::{File, RootSpec};

/// The recipes that tests boot; `cargo xtask lab build` makes them ahead. The largest come first.
pub const TESTED: [&RootSpec; 6] = [&EVERYTHING, &BUSY, &WORDPRESS, &STATIC_NGINX, &APACHE, &IPSEC];

/// A static site on nginx, and ssh to look after it.
pub const STATIC_NGINX: RootSpec = RootSpec {
    name: "static-nginx",
    parent: None,
    packages: &["nginx", "openssh-server"],
    files: &[INDEX],
    setup: &[],
    ready: &[Tcp(22), Tcp(80)],
};

/// A static site on Apache, and ssh to look after it.
pub const APACHE: RootSpec = RootSpec {
    name: "apache",
    parent: None,
    packages: &["apache2", "openssh-server"],
    files: &[INDEX],
    setup: &[],
    ready: &[Tcp(22), Tcp(80)],
};

/// strongSwan with every plugin, and ssh as the door to guard.
pub const IPSEC: RootSpec = RootSpec {
    name: "ipsec",
    parent: None,
    packages: &[
        "charon-systemd",
        "strongswan-swanctl",
        "libcharon-extra-plugins",
        "libstrongswan-standard-plugins",
        "libstrongswan-extra-plugins",
        "openssh-server",
    ],
    files: &[],
    setup: &[],
    ready: &[Tcp(22)],
};

/// Debian's own WordPress, installed and answering: nginx, php-fpm, MariaDB.
pub const WORDPRESS: RootSpec = RootSpec {
    name: "wordpress",
    parent: None,
    packages: &[
        "nginx",
        "php-fpm",
        "php-mysql",
        "mariadb-server",
        "wordpress",
        "wordpress-theme-twentytwentythree",
        "cron",
        "openssh-server",
    ],
    files: &[
        File::text("/etc/nginx/sites-available/default", include_str!("../roots/wordpress/nginx-site")),
        File::text(
            "/etc/wordpress/config-default.php",
            include_str!("../roots/wordpress/config-default.php"),
        ),
        File::text("/root/install.php", include_str!("../roots/wordpress/install.php")),
        File::program("/root/install", include_str!("../roots/wordpress/install")),
    ],
    setup: &[&["/root/install"], &["rm", "/root/install", "/root/install.php"]],
    ready: &[Tcp(22), Tcp(80), Tcp(3306)],
};

/// A static site that needs nothing, on a host that offers about everything: servers with packaged configuration,
/// an inetd entry, a socket unit, a process that nobody manages, and a listener of the kernel's own.
pub const EVERYTHING: RootSpec = RootSpec {
    name: "everything",
    parent: None,
    packages: &[
        "avahi-daemon",
        "bind9",
        "cron",
        "cups",
        "cups-browsed",
        "dovecot-imapd",
        "inetutils-inetd",
        "inetutils-telnetd",
        "mariadb-server",
        "memcached",
        "nfs-kernel-server",
        "nginx",
        "openssh-server",
        "postfix",
        "redis-server",
        "rpcbind",
        "rsync",
        "samba",
        "snmpd",
        "tftpd-hpa",
        "vsftpd",
        "xrdp",
    ],
    files: &[
        INDEX,
        SHARED,
        INETD,
        SMB,
        RSYNCD,
        SNMPD,
        File::text("/etc/exports", "/srv/public *(ro,no_subtree_check)\n"),
        File::text("/etc/systemd/system/greeter.socket", include_str!("../roots/everything/greeter.socket")),
        File::text(
            "/etc/systemd/system/greeter.service",
            include_str!("../roots/everything/greeter.service"),
        ),
        File::program("/usr/local/sbin/greeter", include_str!("../roots/everything/greeter")),
        File::text("/etc/cron.d/agent", include_str!("../roots/everything/agent.cron")),
        File::program("/opt/agent/start", include_str!("../roots/everything/agent-start")),
        File::program("/opt/agent/agent", include_str!("../roots/everything/agent")),
        File::text(
            "/etc/systemd/system/overlay-network.service",
            include_str!("../roots/everything/overlay-network.service"),
        ),
    ],
    setup: &[&["systemctl", "enable", "greeter.socket", "overlay-network.service", "rsync.service"]],
    ready: &[
        Tcp(21),
        Tcp(22),
        Tcp(23),
        Tcp(25),
        Tcp(53),
        Tcp(80),
        Tcp(111),
        Tcp(139),
        Tcp(143),
        Tcp(445),
        Tcp(631),
        Tcp(873),
        Tcp(993),
        Tcp(3306),
        Tcp(3389),
        Tcp(6379),
        Tcp(7070),
        Tcp(9999),
        Tcp(11211),
        Udp(53),
        Udp(69),
        Udp(111),
        Udp(137),
        Udp(161),
        Udp(4789),
        Udp(5353),
    ],
};

/// [`EVERYTHING`] with the peer that benchmarks compare with; built only when asked for.
pub const EVERYTHING_LYNIS: RootSpec = RootSpec {
    name: "everything-lynis",
    parent: Some(&EVERYTHING),
    packages: &["lynis"],
    files: &[],
    setup: &[],
    ready: EVERYTHING.ready,
};

const INDEX: File = File::text("/var/www/html/index.html", include_str!("../roots/static/index.html"));
const SHARED: File = File::text("/srv/public/readme", "for everyone\n");
const INETD: File = File::text("/etc/inetd.conf", include_str!("../roots/everything/inetd.conf"));
const SMB: File = File::text("/etc/samba/smb.conf", include_str!("../roots/everything/smb.conf"));
const RSYNCD: File = File::text("/etc/rsyncd.conf", include_str!("../roots/everything/rsyncd.conf"));
const SNMPD: File = File {
    path: "/etc/snmp/snmpd.conf",
    mode: 0o600,
    content: include_str!("../roots/everything/snmpd.conf"),
};

/// Every recipe.
pub fn all() -> impl Iterator<Item = &'static RootSpec> {
    TESTED.into_iter().chain([&EVERYTHING_LYNIS])
}

/// The recipe called `name`.
pub fn named(name: &str) -> Option<&'static RootSpec> {
    all().find(|spec| spec.name == name)
}
