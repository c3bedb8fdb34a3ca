//! What of a site its checks touch: server endpoints, and paths that visitors ask for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use url::Url;

use crate::file::Site;
use crate::logs::LogPaths;

/// The most paths that are told as not touched.
const MOST_MISSED: usize = 20;

/// A virtual host, or a whole server, on a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Endpoint {
    /// The host's name (`*.shop.example` for any below it); nothing where any name gets there.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
}

/// What the checks touch. It tells nothing of what else lies behind a path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Each endpoint, and whether a check asks it.
    pub endpoints: Vec<(Endpoint, bool)>,
    /// Different paths that the logs know, queries aside.
    pub paths: usize,
    /// Of these, the ones that a check asks for.
    pub paths_touched: usize,
    /// Requests that the logs know.
    pub requests: u64,
    /// Of these, the ones for such a path.
    pub requests_touched: u64,
    /// Paths that no check asks for, with their requests, most first; at most 20. A path of another host than the site's
    /// stands behind it.
    pub missed: Vec<(String, u64)>,
}

/// Holds the checks' requests against endpoints and logs. Addresses that depend on captured values, redirects, and what
/// programs do count for nothing.
pub fn coverage(site: &Site, endpoints: &[Endpoint], logs: &LogPaths) -> Coverage {
    let asked: Vec<Url> = site
        .http
        .iter()
        .flat_map(|check| &check.request)
        .filter(|request| !request.url.contains("${"))
        .filter_map(|request| site.url.join(&request.url).ok())
        .collect();
    let doors: BTreeSet<(String, u16)> = asked.iter().filter_map(door).chain(other_doors(site)).collect();
    let touches = |endpoint: &Endpoint| {
        doors.iter().any(|(host, port)| {
            *port == endpoint.port && endpoint.host.as_ref().is_none_or(|name| is_named(host, name))
        })
    };
    // What is not the site's own host's, or is not said to be, may have the same path.
    let other = |host: &Option<String>| host.clone().filter(|host| !site.owns(host));
    let mut known: BTreeMap<(Option<String>, &str), u64> = BTreeMap::new();
    for (path, hits) in logs.top() {
        let key = (other(&path.host), path.path.split('?').next().unwrap_or_default());
        *known.entry(key).or_default() += hits;
    }
    let paths: BTreeSet<(Option<String>, &str)> =
        asked.iter().map(|url| (other(&url.host_str().map(str::to_owned)), url.path())).collect();
    let (touched, mut missed): (Vec<_>, Vec<_>) = known.iter().partition(|(path, _)| paths.contains(path));
    missed.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let shown =
        |(host, path): &(Option<String>, &str)| format!("{}{path}", host.as_deref().unwrap_or_default());
    Coverage {
        endpoints: endpoints.iter().map(|e| (e.clone(), touches(e))).collect(),
        paths: known.len(),
        paths_touched: touched.len(),
        requests: logs.requests,
        requests_touched: touched.iter().map(|(_, hits)| **hits).sum(),
        missed: missed.iter().take(MOST_MISSED).map(|(path, hits)| (shown(path), **hits)).collect(),
    }
}

/// Whether a host has this name, or one below it (`*.shop.example`).
fn is_named(host: &str, name: &str) -> bool {
    let below = name.strip_prefix('*').filter(|end| end.starts_with('.'));
    let ends = |end: &str| host.len() > end.len() && host.to_lowercase().ends_with(&end.to_lowercase());
    name.eq_ignore_ascii_case(host) || below.is_some_and(ends)
}

fn door(url: &Url) -> Option<(String, u16)> {
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

fn other_doors(site: &Site) -> impl Iterator<Item = (String, u16)> {
    let tcp = site.tcp.iter().map(|check| (check.host.clone(), Some(check.port)));
    let greeting = site.greeting.iter().map(|check| (check.host.clone(), check.port));
    let own = site.host();
    tcp.chain(greeting).filter_map(|(host, port)| Some((host.unwrap_or_else(|| own.to_owned()), port?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_is_told_and_what_is_not() {
        let site = "version = 1\nurl = \"http://shop.example/\"\n[[http]]\nname = \"a\"\n[[http.request]]\nurl = \"/a?b=1\"\n\
            [[tcp]]\nname = \"t\"\nport = 8443\n";
        let mut logs = LogPaths::default();
        let log = "a - - [x] \"GET /a?c HTTP/1.1\" 200 5\na - - [x] \"GET /b HTTP/1.1\" 200 5\n".repeat(2)
            + "a - - [x] \"GET /c HTTP/1.1\" 200 5\nShop.example:80 a - - [x] \"GET /a HTTP/1.1\" 200 5\n\
               other.example:80 a - - [x] \"GET /a HTTP/1.1\" 200 5\n";
        logs.add(log.as_bytes()).unwrap();
        let endpoint = |host: Option<&str>, port| Endpoint { host: host.map(str::to_owned), port };
        let endpoints = [
            endpoint(Some("SHOP.example"), 80),
            endpoint(Some("other.example"), 80),
            endpoint(None, 80),
            endpoint(None, 443),
            endpoint(None, 8443),
            endpoint(Some("*.Example"), 80),
            endpoint(Some("*.shop.example"), 80),
        ];
        let told = coverage(&crate::read(site).unwrap(), &endpoints, &logs);
        let touched: Vec<bool> = told.endpoints.iter().map(|(_, touched)| *touched).collect();
        assert_eq!(touched, [true, false, true, false, true, true, false]);
        assert_eq!((told.paths, told.paths_touched, told.requests, told.requests_touched), (4, 1, 7, 3));
        assert_eq!(
            told.missed,
            [("/b".to_owned(), 2), ("/c".to_owned(), 1), ("other.example/a".to_owned(), 1)]
        );
    }
}
