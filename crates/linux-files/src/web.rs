//! What the configuration of the installed web servers says: document roots, names, and the services behind them.
//!
//! A configuration is read for one purpose: to know what the site needs. So every branch of a condition counts as
//! taken, and what only a running server could tell (a variable, a script, a macro) makes the configuration
//! incomplete instead of being guessed: only a complete one without upstreams says that there are none.
//!
//! What a server does with an address without a port was tried with the packages of Debian 12: nginx 1.22.1, Apache
//! 2.4.71, lighttpd 1.4.69, Varnish 7.1.1; for `HAProxy` see its `configuration.txt`, for Caddy the page of
//! `reverse_proxy`.

use doorward_model::{Facts, WebConfig};

use crate::Tree;
use site::Site;

mod address;
mod apache;
mod caddy;
pub(crate) mod glob;
mod haproxy;
mod lighttpd;
mod nginx;
mod site;
#[cfg(test)]
mod testing;
mod varnish;

/// A server as a distribution or a build from source lays it out.
struct Layout {
    /// The program's name, as its service knows it.
    server: &'static str,
    /// Where the program lies; without it the configuration is a leftover.
    programs: &'static [&'static str],
    /// The main configuration file.
    config: &'static str,
    read: fn(&mut Site<'_>, &str),
}

const LAYOUTS: &[Layout] = &[
    Layout {
        server: "nginx",
        programs: &["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"],
        config: "/etc/nginx/nginx.conf",
        read: nginx::read,
    },
    Layout {
        server: "nginx",
        programs: &["/usr/local/nginx/sbin/nginx"],
        config: "/usr/local/nginx/conf/nginx.conf",
        read: nginx::read,
    },
    Layout {
        server: "nginx",
        programs: &["/usr/local/openresty/nginx/sbin/nginx"],
        config: "/usr/local/openresty/nginx/conf/nginx.conf",
        read: nginx::read,
    },
    // Debian.
    Layout {
        server: "apache2",
        programs: &["/usr/sbin/apache2"],
        config: "/etc/apache2/apache2.conf",
        read: apache::read,
    },
    // RHEL.
    Layout {
        server: "httpd",
        programs: &["/usr/sbin/httpd"],
        config: "/etc/httpd/conf/httpd.conf",
        read: apache::read,
    },
    // SUSE and Alpine, whose service is called apache2.
    Layout {
        server: "apache2",
        programs: &["/usr/sbin/httpd", "/usr/sbin/httpd-prefork", "/usr/sbin/start_apache2"],
        config: "/etc/apache2/httpd.conf",
        read: apache::read,
    },
    Layout {
        server: "httpd",
        programs: &["/usr/local/apache2/bin/httpd"],
        config: "/usr/local/apache2/conf/httpd.conf",
        read: apache::read,
    },
    Layout {
        server: "lighttpd",
        programs: &["/usr/sbin/lighttpd", "/usr/local/sbin/lighttpd"],
        config: "/etc/lighttpd/lighttpd.conf",
        read: lighttpd::read,
    },
    Layout {
        server: "caddy",
        programs: &["/usr/bin/caddy", "/usr/sbin/caddy", "/usr/local/bin/caddy"],
        config: "/etc/caddy/Caddyfile",
        read: caddy::read,
    },
    Layout {
        server: "haproxy",
        programs: &["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"],
        config: "/etc/haproxy/haproxy.cfg",
        read: haproxy::read,
    },
    Layout {
        server: "varnishd",
        programs: &["/usr/sbin/varnishd", "/usr/bin/varnishd", "/usr/local/sbin/varnishd"],
        config: "/etc/varnish/default.vcl",
        read: varnish::read,
    },
];

/// What each installed web server's configuration says, sorted.
pub fn collect(tree: &Tree) -> Facts<Vec<WebConfig>> {
    let mut facts: Facts<Vec<WebConfig>> = Facts::default();
    let installed = |l: &&Layout| l.programs.iter().any(|program| tree.exists(program));
    for layout in LAYOUTS.iter().filter(|l| tree.exists(l.config)).filter(installed) {
        let mut site = Site::new(tree, layout.server);
        (layout.read)(&mut site, layout.config);
        facts.value.push(site.finish().into_value(&mut facts.unseen));
    }
    facts.value.sort();
    facts
}

#[cfg(test)]
mod tests;
