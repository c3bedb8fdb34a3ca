//! From what a directive says to the servers that it passes requests to.

use super::{Host, Member, Module, PREFIXES, Pass, Reader};
use crate::web::address;
use crate::web::site::{Place, Site};

impl Reader {
    /// Everything that all files together say.
    pub(super) fn resolve(mut self, site: &mut Site<'_>) {
        let mut all_known = true;
        for pass in std::mem::take(&mut self.passes) {
            all_known &= self.resolve_pass(site, &pass);
        }
        if !all_known {
            // Any block may be meant.
            let mut members: Vec<&Member> = self.groups.values().flatten().collect();
            members.sort_by(|a, b| (&a.place.file, a.place.line).cmp(&(&b.place.file, b.place.line)));
            for member in members {
                add(site, member, &member.place, "server");
            }
        }
        for root in &self.roots {
            self.resolve_root(site, root);
        }
        for host in &self.hosts {
            host.resolve(site);
        }
        self.resolve_logs(site);
    }

    /// Where nothing is said of logs, packages write here, and nginx.org's own build below its prefix.
    fn resolve_logs(&self, site: &mut Site<'_>) {
        let Some(logs) = &self.logs else {
            let usual = ["/var/log/nginx/access.log", "/usr/local/nginx/logs/access.log"];
            if let Some(log) =
                usual.into_iter().find(|log| site.tree.exists(log)).filter(|_| !self.hosts.is_empty())
            {
                site.log(log);
            }
            return;
        };
        for log in logs {
            if log.starts_with('/') {
                site.log(log);
            } else if log != "off" && !log.contains(':') {
                let there = PREFIXES.iter().map(|p| format!("{p}/{log}")).find(|p| site.tree.exists(p));
                if let Some(path) = there {
                    site.log(&path);
                }
            }
        }
    }

    /// Whether all servers were found that a directive means.
    fn resolve_pass(&mut self, site: &mut Site<'_>, pass: &Pass) -> bool {
        let Some(targets) = self.variables.expand(&pass.target, is_whole) else {
            let shown = address::shown(&pass.target);
            let why = format!("{} {shown}: only a request tells where", pass.directive);
            site.dark(&pass.place, why);
            return false;
        };
        for target in targets {
            self.resolve_target(site, pass, &target);
        }
        true
    }

    fn resolve_target(&mut self, site: &mut Site<'_>, pass: &Pass, target: &str) {
        let (scheme, rest) = parts(target);
        if let Some(path) = strip_unix(rest) {
            let path = path.split(':').next().unwrap_or(path);
            return site.upstream_or_dark(address::socket_path(path), target, &pass.place, &pass.directive);
        }
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let group = (pass.module, authority.to_ascii_lowercase());
        if let Some(members) = self.groups.get(&group) {
            let is_new = self.resolved.insert(group);
            for member in members.iter().filter(|_| is_new) {
                add(site, member, &pass.place, &pass.directive);
            }
            return;
        }
        // Only these two have a port of their own; the others refuse to start without one.
        let default_port = match (pass.directive.as_str(), scheme.as_str()) {
            ("proxy_pass", "https") => Some(443),
            ("proxy_pass", "http") | ("auth_http", _) => Some(80),
            _ => None,
        };
        let found = if authority.is_empty() { None } else { address::host_port(authority, default_port) };
        site.upstream_or_dark(found, target, &pass.place, &pass.directive);
    }

    fn resolve_root(&self, site: &mut Site<'_>, root: &str) {
        let never = |_: &str| false;
        for text in self.variables.expand(root, never).unwrap_or_else(|| vec![root.to_owned()]) {
            if text.starts_with('/') {
                site.root(&text, &['$']);
            } else if !text.starts_with('$') {
                let there = PREFIXES.iter().map(|p| format!("{p}/{text}")).find(|p| site.tree.exists(p));
                if let Some(path) = there {
                    site.root(&path, &['$']);
                }
            }
        }
    }
}

impl Host {
    /// Without `listen` it is port 80 (its documentation: 8000 where nginx was not started by root).
    fn resolve(&self, site: &mut Site<'_>) {
        let mut ports: Vec<u16> = self.listens.iter().copied().flatten().collect();
        if self.listens.is_empty() && self.module == Module::Http {
            ports.push(80);
        }
        let names = if self.module == Module::Http { self.names.as_slice() } else { &[] };
        site.endpoints(names, &ports);
    }
}

fn add(site: &mut Site<'_>, member: &Member, place: &Place, directive: &str) {
    match &member.target {
        Some(target) => site.upstream(target.clone(), place, directive),
        None => site.upstream_or_dark(None, &member.shown, &member.place, "server"),
    }
}

/// The scheme of an address, if it has one, and the rest.
fn parts(text: &str) -> (String, &str) {
    let scheme = || address::split_scheme(text).filter(|(scheme, _)| scheme != "unix");
    scheme().unwrap_or((String::new(), text))
}

fn strip_unix(text: &str) -> Option<&str> {
    text.get(..5).filter(|p| p.eq_ignore_ascii_case("unix:")).map(|_| &text[5..])
}

/// Whether the address in a text is told, whatever follows: its path has begun, or its port is there.
fn is_whole(text: &str) -> bool {
    let (_, rest) = parts(text);
    if let Some(path) = strip_unix(rest) {
        return path.contains(':');
    }
    let port = rest.rsplit_once(':').map_or("", |(_, port)| port);
    rest.contains(['/', '?']) || (!port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}
