//! Sites whose needs are known: what must run for each test of `sites/NAME.toml`, unit for unit, and whether tests that
//! `doorward site record` writes by itself notice it. `truth.rs` holds all of it against the booted host.

use std::collections::BTreeSet;

use doorward_lab::{RootSpec, roots};

/// A site, its tests and its truth. All of them are on [`HOST`].
pub(crate) struct KnownSite {
    /// It is `http://NAME.example/`.
    pub(crate) name: &'static str,
    /// Its tests, as somebody who looks after the site would write them.
    pub(crate) tests: &'static str,
    /// All that must run.
    pub(crate) needs: &'static [Need],
}

/// Units of which one must run: any of several is a true "or".
pub(crate) struct Need {
    pub(crate) any_of: &'static [&'static str],
    /// A test of the site that fails when none of them runs.
    pub(crate) witness: &'static str,
    /// Whether tests that were recorded, and not written, fail as well.
    pub(crate) recorded: bool,
}

/// Where the sites are.
pub(crate) const HOST: &RootSpec = &roots::BUSY;

/// WordPress: needs its database even to show the front page.
pub(crate) const BLOG: KnownSite = KnownSite {
    name: "blog",
    tests: include_str!("sites/blog.toml"),
    needs: &[
        Need { any_of: &["nginx.service"], witness: "style sheet", recorded: true },
        Need { any_of: &["php8.2-fpm.service"], witness: "front page", recorded: true },
        Need { any_of: &["mariadb.service"], witness: "log in, publish, read, delete", recorded: true },
    ],
};

/// A form that mails. To be asked for the form, as a recording does, needs no mail server; to send it does.
/// `postfix.service` does nothing by itself, but takes the instance with it when it stops.
pub(crate) const CONTACT: KnownSite = KnownSite {
    name: "contact",
    tests: include_str!("sites/contact.toml"),
    needs: &[
        Need { any_of: &["nginx.service"], witness: "form is shown", recorded: true },
        Need { any_of: &["php8.2-fpm.service"], witness: "form is shown", recorded: true },
        Need { any_of: &["postfix.service"], witness: "message is sent", recorded: false },
        Need { any_of: &["postfix@-.service"], witness: "message is sent", recorded: false },
    ],
};

/// A shop whose basket one of two stores keeps: each can be shut, not both. Already the empty basket is looked for.
pub(crate) const SHOP: KnownSite = KnownSite {
    name: "shop",
    tests: include_str!("sites/shop.toml"),
    needs: &[
        Need { any_of: &["nginx.service"], witness: "shop is open", recorded: true },
        Need { any_of: &["php8.2-fpm.service"], witness: "shop is open", recorded: true },
        Need {
            any_of: &["memcached.service", "redis-server.service"],
            witness: "basket is kept",
            recorded: true,
        },
    ],
};

/// Files that an editor uploads by FTP. Visitors, and so a recording, get those that are there already.
pub(crate) const FILES: KnownSite = KnownSite {
    name: "files",
    tests: include_str!("sites/files.toml"),
    needs: &[
        Need { any_of: &["nginx.service"], witness: "file", recorded: true },
        Need { any_of: &["vsftpd.service"], witness: "what is uploaded can be fetched", recorded: false },
    ],
};

/// A page that needs nothing but its web server.
pub(crate) const STATIC: KnownSite = KnownSite {
    name: "static",
    tests: include_str!("sites/static.toml"),
    needs: &[Need { any_of: &["nginx.service"], witness: "page", recorded: true }],
};

/// What runs on [`HOST`] once it has booted, without what every Debian has and the administrator's way in. A site's
/// tests pass without all that none of its needs names.
pub(crate) const RUNNING: [&str; 40] = [
    "atd.service",
    "avahi-daemon.service",
    "avahi-daemon.socket",
    "beanstalkd.service",
    "cron.service",
    "cups-browsed.service",
    "cups.path",
    "cups.service",
    "cups.socket",
    "dictd.service",
    "dovecot.service",
    "gearman-job-server.service",
    "inetutils-inetd.service",
    "mariadb.service",
    "memcached.service",
    "mosquitto.service",
    "nagios-nrpe-server.service",
    "named.service",
    "nats-server.service",
    "nginx.service",
    "ngircd.service",
    "nmbd.service",
    "oidentd.socket",
    "php8.2-fpm.service",
    "postfix.service",
    "postfix@-.service",
    "prometheus-node-exporter.service",
    "redis-server.service",
    "rpcbind.service",
    "rpcbind.socket",
    "rsync.service",
    "rsyslog.service",
    "smbd.service",
    "snmpd.service",
    "syslog.socket",
    "tftpd-hpa.service",
    "tinyproxy.service",
    "vsftpd.service",
    "xrdp-sesman.service",
    "xrdp.service",
];

impl KnownSite {
    pub(crate) fn url(&self) -> String {
        format!("http://{}.example/", self.name)
    }

    /// The smallest sets of units with which the written tests pass, or the recorded ones: one, unless there is an "or".
    pub(crate) fn kept_sets(&self, recorded: bool) -> Vec<BTreeSet<&'static str>> {
        let mut sets = vec![BTreeSet::new()];
        for need in self.needs.iter().filter(|need| need.recorded || !recorded) {
            let with = |set: &BTreeSet<_>, unit| set.iter().copied().chain([unit]).collect();
            sets = sets.iter().flat_map(|set| need.any_of.iter().map(move |unit| with(set, *unit))).collect();
        }
        sets
    }
}
