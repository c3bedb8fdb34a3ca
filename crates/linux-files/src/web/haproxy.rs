//! `HAProxy`: the servers of its backends, and the name servers that it asks.
//!
//! Every `server` counts, used or not: which backend a request goes to may depend on anything.

use std::collections::HashMap;

use super::address;
use super::site::{Missing, Place, Site};
use crate::script::Variables;
use syntax::Word;

mod syntax;
#[cfg(test)]
mod tests;

/// Lines in all, and variables.
const LINE_LIMIT: usize = 500_000;
const VARIABLE_LIMIT: usize = 1000;

/// Shell files that the service takes its environment from: Debian, RHEL.
const ENVIRONMENTS: &[&str] = &["/etc/default/haproxy", "/etc/sysconfig/haproxy"];

/// Where the service is defined, and the folder that some distributions let it read besides.
const UNITS: &[&str] = &["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
const FOLDER: &str = "/etc/haproxy/conf.d";

/// Reads the file `main`, and those of the folder beside it where the service is told to.
pub(super) fn read(site: &mut Site<'_>, main: &str) {
    let mut reader = Reader::default();
    for path in ENVIRONMENTS {
        if let Ok(text) = site.tree.read_text(path) {
            reader.environment.source(&text);
        }
    }
    let reads_folder = |unit: &&str| {
        let unit = site.tree.read_text(format!("{unit}/haproxy.service"));
        unit.is_ok_and(|text| text.contains(FOLDER))
    };
    let reads_folder = UNITS.iter().any(reads_folder);
    reader.file(site, main);
    if reads_folder {
        let place = Place { file: main.into(), line: 1 };
        for path in site.included(&format!("{FOLDER}/*.cfg"), &place, Missing::Allowed) {
            reader.file(site, &path);
        }
    }
}

/// What the lines that follow belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Section {
    /// `backend`, `listen`, `frontend`, `defaults`.
    Proxy,
    Resolvers,
    FastCgi,
    Global,
    /// Logs, peers, mails: nothing that the site rests on.
    #[default]
    Other,
}

#[derive(Default)]
struct Reader {
    environment: Variables,
    /// By `setenv`.
    set: HashMap<String, String>,
    section: Section,
    lines: usize,
}

impl Reader {
    fn file(&mut self, site: &mut Site<'_>, path: &str) {
        let Some(text) = site.text(path, None) else { return };
        self.section = Section::Other;
        let mut place = Place { file: path.into(), line: 1 };
        for (line, number) in text.lines().zip(1..) {
            place.line = number;
            self.lines += 1;
            if self.lines > LINE_LIMIT {
                return site.dark(&place, "more lines than anything honest has");
            }
            let words = syntax::words(line, |name| self.value(name));
            match words {
                Some(words) => self.line(site, &words, &place),
                None => site.dark(&place, "a quote is not closed, or the line too long"),
            }
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        self.set.get(name).map(String::as_str).or_else(|| self.environment.get(name)).map(str::to_owned)
    }

    fn line(&mut self, site: &mut Site<'_>, words: &[Word], place: &Place) {
        let word = |number: usize| words.get(number).map_or("", |w| w.text.as_str());
        match word(0) {
            "backend" | "listen" | "frontend" | "defaults" => self.section = Section::Proxy,
            "resolvers" => self.section = Section::Resolvers,
            "fcgi-app" => self.section = Section::FastCgi,
            "global" => self.section = Section::Global,
            "peers" | "mailers" | "ring" | "log-forward" | "userlist" | "program" | "cache"
            | "http-errors" | "crt-store" | "traces" | "acme" | "log-profile" => {
                self.section = Section::Other;
            }
            "setenv" | "presetenv" if self.section == Section::Global && self.set.len() < VARIABLE_LIMIT => {
                self.set.insert(word(1).to_owned(), word(2).to_owned());
            }
            "server" if self.section == Section::Proxy => server(site, words.get(2), place, "server"),
            "server-template" if self.section == Section::Proxy => {
                server(site, words.get(3), place, "server-template");
            }
            "dispatch" if self.section == Section::Proxy => server(site, words.get(1), place, "dispatch"),
            "nameserver" if self.section == Section::Resolvers => {
                server(site, words.get(2), place, "nameserver");
            }
            "docroot" if self.section == Section::FastCgi => site.root(word(1), &['$']),
            "lua-load" | "lua-load-per-thread" => site.dark(place, "a script, which may connect to anything"),
            "http-request" | "tcp-request" => {
                let sets = |w: &Word| w.text.starts_with("set-dst") || w.text.starts_with("lua.");
                if words.iter().take(4).any(sets) {
                    site.dark(place, "only a request tells where it goes");
                }
            }
            _ => {}
        }
    }
}

/// The address of a server, in any of its families.
fn server(site: &mut Site<'_>, word: Option<&Word>, place: &Place, directive: &str) {
    let Some(word) = word else { return site.dark(place, format!("{directive} without an address")) };
    if !word.is_known {
        return site.dark(place, format!("{directive}: a variable that is not known"));
    }
    let text = word.text.as_str();
    let (family, rest) = text.split_once('@').unwrap_or(("", text));
    let default_port = (directive == "nameserver").then_some(53);
    let target = match family {
        "abns" | "abnsz" => Some(format!("@{rest}")),
        _ if family.contains("unix") || rest.starts_with('/') => address::socket_path(rest),
        "fd" | "sockpair" | "rhttp" => None,
        _ if matches!(rest.rsplit_once(':').map_or(rest, |(host, _)| host), "*" | "0.0.0.0" | "") => {
            return site.dark(place, format!("{directive} {text}: where the client meant to go"));
        }
        // The last colon divides, so that `::1:80` is a port of `::1`; `+1` is a port beside the client's.
        _ if rest.starts_with('[') => address::host_port(rest, default_port),
        _ => match rest.rsplit_once(':') {
            Some((host, port)) => address::port_number(port).and_then(|port| address::join(host, port)),
            None => address::host_port(rest, default_port),
        },
    };
    if target.is_none() && default_port.is_none() && !rest.contains(':') {
        return site
            .dark(place, format!("{directive} {}: the port that the client came to", address::shown(text)));
    }
    site.upstream_or_dark(target, text, place, directive);
}
