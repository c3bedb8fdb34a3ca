//! lighttpd: the `*.server` settings of its modules, and document roots.
//!
//! Both branches of every condition count. What a command prints is not known, save for the commands that Debian's
//! own configuration runs, which bring neither upstreams nor roots.

use std::collections::HashMap;

use super::address;
use super::site::{Missing, Place, Site};
use syntax::{Parser, Setting, Value};

mod syntax;
#[cfg(test)]
mod tests;

/// Settings in all, and variables.
const SETTING_LIMIT: usize = 200_000;
const VARIABLE_LIMIT: usize = 10_000;

/// Commands of Debian's package that print types of files and the IPv6 socket.
const HARMLESS: &[&str] = &[
    "/usr/share/lighttpd/create-mime.conf.pl",
    "/usr/share/lighttpd/create-mime.assign.pl",
    "/usr/share/lighttpd/use-ipv6.pl",
];

/// The one that prints what is in `conf-enabled`.
const ENABLED: &str = "/usr/share/lighttpd/include-conf-enabled.pl";

/// Reads the configuration that begins with the file `main`.
pub(super) fn read(site: &mut Site<'_>, main: &str) {
    let directory = main.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
    let mut reader = Reader { directory, variables: HashMap::new(), settings: 0 };
    reader.file(site, main, None);
}

struct Reader {
    directory: String,
    variables: HashMap<String, Value>,
    settings: usize,
}

impl Reader {
    fn file(&mut self, site: &mut Site<'_>, path: &str, from: Option<&Place>) {
        site.within(path, from, |site, text| self.settings_of(site, text, path));
    }

    fn settings_of(&mut self, site: &mut Site<'_>, text: &str, path: &str) {
        let mut place = Place { file: path.into(), line: 1 };
        let mut parser = Parser::new(text);
        loop {
            let setting = parser.next(&self.variables);
            place.line = parser.first_line();
            self.settings += 1;
            if self.settings > SETTING_LIMIT {
                return site.dark(&place, "more settings than anything honest has");
            }
            match setting {
                None => return,
                Some(Setting::Set(name, value)) => self.set(site, name, value, &place),
                Some(Setting::Include(value)) => self.include(site, &value, &place),
                Some(Setting::Shell(value)) => self.shell(site, &value, &place),
                Some(Setting::Host(name)) => site.name(&name),
                Some(Setting::Nonsense) => {
                    return site.dark(&place, "the file is not understood from here on");
                }
            }
        }
    }

    fn include(&mut self, site: &mut Site<'_>, value: &Value, place: &Place) {
        let Value::Text(path) = value else { return site.dark(place, "an include that is not known") };
        let path = if path.starts_with('/') { path.clone() } else { format!("{}/{path}", self.directory) };
        for file in site.included(&path, place, Missing::Failure) {
            self.file(site, &file, Some(place));
        }
    }

    fn shell(&mut self, site: &mut Site<'_>, value: &Value, place: &Place) {
        let command = if let Value::Text(text) = value { text.split_whitespace().next() } else { None };
        match command {
            Some(ENABLED) => self.include(site, &Value::Text("conf-enabled/*.conf".to_owned()), place),
            Some(command) if HARMLESS.contains(&command) => {}
            _ => site.dark(place, "a command prints a part of the configuration"),
        }
    }

    fn set(&mut self, site: &mut Site<'_>, name: String, value: Value, place: &Place) {
        match (name.as_str(), &value) {
            (
                "server.document-root" | "simple-vhost.server-root" | "simple-vhost.default-root",
                Value::Text(path),
            ) => {
                site.root(path, &[]);
            }
            ("evhost.path-pattern", Value::Text(path)) => site.root(path, &['%']),
            ("alias.url", Value::List(entries)) => {
                for path in entries.iter().filter_map(|(_, v)| v.text()) {
                    if site.tree.metadata(path).is_ok_and(|meta| meta.is_dir()) {
                        site.root(path, &[]);
                    }
                }
            }
            ("auth.backend.ldap.hostname", Value::Text(host)) => {
                site.upstream_or_dark(address::host_port(host, Some(389)), host, place, &name);
            }
            (name, value) if name.ends_with(".server") && name != "fastcgi.map-extensions" => {
                backends(site, value, place, name);
            }
            (name, _) if name.starts_with("magnet.attract-") || name.starts_with("vhostdb.") => {
                site.dark(place, format!("{name}: a script or a database decides"));
            }
            _ => {}
        }
        if self.variables.len() < VARIABLE_LIMIT && !matches!(value, Value::List(_)) {
            self.variables.insert(name, value);
        }
    }
}

/// The backends of a setting: the lists in it that have a `host` or a `socket`.
fn backends(site: &mut Site<'_>, value: &Value, place: &Place, name: &str) {
    let Value::List(entries) = value else {
        if *value == Value::Unknown {
            site.dark(place, format!("{name}: a value that is not known"));
        }
        return;
    };
    let entry = |key: &str| entries.iter().find(|(k, _)| k.as_deref() == Some(key)).map(|(_, v)| v);
    let socket =
        entry("socket").or_else(|| entry("host").filter(|h| h.text().is_some_and(|h| h.starts_with('/'))));
    let target = match (socket, entry("host")) {
        (Some(socket), _) => socket.text().and_then(address::socket_path),
        // Port 80 whatever the module, as it was tried.
        (None, Some(host)) => match (host.text(), entry("port").map_or(Some("80"), Value::text)) {
            (Some(host), Some(port)) => address::port_number(port).and_then(|port| address::join(host, port)),
            _ => None,
        },
        (None, None) => {
            for (_, value) in entries {
                backends(site, value, place, name);
            }
            return;
        }
    };
    site.upstream_or_dark(target, "a backend", place, name);
}
