//! What single directives of Apache say.

use super::proxy::{self, Target};
use super::syntax::Statement;
use super::{DEFINE_LIMIT, Reader, jk};
use crate::web::address;
use crate::web::site::{Missing, Place, Site};

impl Reader {
    pub(super) fn directive(&mut self, site: &mut Site<'_>, statement: &Statement, place: &Place) {
        let words = &statement.words;
        let first = statement.word(0);
        match statement.name.as_str() {
            "include" => self.include(site, first, place, Missing::Failure),
            "includeoptional" => self.include(site, first, place, Missing::Allowed),
            "define" if self.defined.len() < DEFINE_LIMIT => {
                self.defined.insert(first.to_owned(), statement.word(1).to_owned());
            }
            "undefine" => drop(self.defined.remove(first)),
            "serverroot" => first.clone_into(&mut self.root),
            "defaultruntimedir" => self.runtime = self.absolute(first),
            "documentroot" => site.root(&self.absolute(first), &['$']),
            "virtualdocumentroot" => site.root(first, &['$', '%']),
            "alias" | "aliasmatch" => {
                let target = words.last().map_or("", String::as_str);
                if is_directory(site, target) {
                    site.root(target, &['$', '%']);
                }
            }
            "servername" => {
                let name = first.rsplit_once("://").map_or(first, |(_, name)| name);
                self.names(site, &[name.split(':').next().unwrap_or(name).to_owned()]);
            }
            "serveralias" => self.names(site, words),
            "listen" => self.listens.extend(address::listening_port(first, 80)),
            "customlog" | "transferlog" if !first.starts_with(['|', '$']) && !first.contains(':') => {
                site.log(&self.absolute(first));
            }
            "accessfilename" => self.access_files = words.iter().take(10).cloned().collect(),
            "allowoverride" => self.overrides |= words.iter().any(|w| lets_override(w)),
            "allowoverridelist" => self.overrides |= !first.eq_ignore_ascii_case("none"),
            "proxypass" | "proxypassmatch" | "balancermember" | "proxyremote" | "proxyremotematch" => {
                self.proxy(site, statement, place);
            }
            "rewriterule" => self.rewrite(site, statement, place),
            "sethandler" | "addhandler" => self.handler(site, first, place),
            _ => self.of_other_modules(site, statement, place),
        }
    }

    fn names(&mut self, site: &mut Site<'_>, names: &[String]) {
        for name in names {
            site.name(name);
        }
        if let Some(host) = self.host() {
            host.names.extend_from_slice(names);
        }
    }

    /// `ProxyPass [path] URL`, `BalancerMember [balancer] URL`, `ProxyRemote match URL`: the last of the first two words
    /// that is a URL.
    fn proxy(&self, site: &mut Site<'_>, statement: &Statement, place: &Place) {
        let remote = statement.name.starts_with("proxyremote");
        let mut candidates = statement.words.iter().take(2).skip(usize::from(remote));
        let url = candidates.rfind(|w| w.contains("://") || w.starts_with("unix:") || *w == "!");
        match url {
            Some(url) => self.url(site, url, &statement.name, place),
            None => site.dark(place, format!("{} without a URL that can be told", shown(&statement.name))),
        }
    }

    fn url(&self, site: &mut Site<'_>, url: &str, directive: &str, place: &Place) {
        match proxy::target(url, &self.runtime) {
            Target::Known(target) => site.upstream(target, place, shown(directive)),
            Target::Nowhere => {}
            Target::Unknown => site.upstream_or_dark(None, url, place, shown(directive)),
        }
    }

    /// `RewriteRule pattern URL [P]`, or with a handler: `[H=proxy:URL]`.
    fn rewrite(&self, site: &mut Site<'_>, statement: &Statement, place: &Place) {
        let flags = statement.word(2).trim_start_matches('[').trim_end_matches(']');
        for flag in flags.split(',').map(str::trim) {
            if flag.eq_ignore_ascii_case("p") || flag.eq_ignore_ascii_case("proxy") {
                self.url(site, statement.word(1), &statement.name, place);
            } else if let Some((name, handler)) = flag.split_once('=')
                && matches!(name.to_ascii_lowercase().as_str(), "h" | "handler")
            {
                self.handler(site, handler, place);
            }
        }
    }

    /// `SetHandler "proxy:URL"`.
    fn handler(&self, site: &mut Site<'_>, handler: &str, place: &Place) {
        if let Some(url) =
            handler.get(..6).filter(|p| p.eq_ignore_ascii_case("proxy:")).map(|_| &handler[6..])
        {
            self.url(site, url, "sethandler", place);
        }
    }

    fn of_other_modules(&self, site: &mut Site<'_>, statement: &Statement, place: &Place) {
        let first = statement.word(0);
        match statement.name.as_str() {
            "use" => site.dark(place, "a macro is used"),
            "proxyrequests" if first.eq_ignore_ascii_case("on") => {
                site.dark(place, "a forward proxy: its clients say where to connect to");
            }
            "proxyexpressdbmfile" | "managerbalancername" | "enablemcpmreceive" => {
                site.dark(place, "upstreams that do not stand in the configuration");
            }
            name if name.starts_with("luahook") || matches!(name, "luamaphandler" | "luaquickhandler") => {
                site.dark(place, "a script, which may connect to anything");
            }
            "authldapurl" => ldap(site, first, place),
            "dbdparams" => database(site, first, place),
            "sslsessioncache" | "sslstaplingcache" | "cachesocache" | "authncachesocache" => {
                cache(site, first, place);
            }
            "fastcgiexternalserver" => external_fastcgi(site, statement, place),
            "jkworkersfile" => jk::workers(site, &self.absolute(first), place),
            "jkworkerproperty" => jk::property(site, first, place),
            _ => {}
        }
    }
}

/// `FastCgiExternalServer file -host HOST:PORT`, or `-socket PATH`.
fn external_fastcgi(site: &mut Site<'_>, statement: &Statement, place: &Place) {
    for pair in statement.words.windows(2) {
        let target = match pair[0].as_str() {
            "-host" => address::host_port(&pair[1], None),
            "-socket" => address::socket_path(&pair[1]),
            _ => continue,
        };
        site.upstream_or_dark(target, &pair[1], place, "FastCgiExternalServer");
    }
}

fn is_directory(site: &Site<'_>, path: &str) -> bool {
    path.contains(['$', '%']) || site.tree.metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// Whether an `AllowOverride` lets a `.htaccess` file pass requests on.
fn lets_override(word: &str) -> bool {
    word.eq_ignore_ascii_case("all") || word.eq_ignore_ascii_case("fileinfo")
}

/// `ldap://host:port host2/dn?attribute`: those that are asked whether a visitor may enter.
fn ldap(site: &mut Site<'_>, url: &str, place: &Place) {
    let Some((scheme, rest)) = address::split_scheme(url) else {
        return site.dark(place, "AuthLDAPURL without a URL");
    };
    let port = if scheme == "ldaps" { 636 } else { 389 }; // as its documentation says
    let hosts = rest.split('/').next().unwrap_or(rest);
    let hosts = if hosts.trim().is_empty() { "localhost" } else { hosts };
    for host in hosts.split_whitespace() {
        site.upstream_or_dark(address::host_port(host, Some(port)), host, place, "AuthLDAPURL");
    }
}

/// `DBDParams "host=HOST port=PORT user=… pass=…"`, of which only these two are ever kept.
fn database(site: &mut Site<'_>, parameters: &str, place: &Place) {
    let value =
        |name: &str| parameters.split([' ', ',', ';']).find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
    let port = value("port").and_then(address::port_number);
    match value("host").zip(port).and_then(|(host, port)| address::join(host, port)) {
        Some(target) => site.upstream(target, place, "DBDParams"),
        None => site.dark(place, "DBDParams: a database whose address its driver knows"),
    }
}

/// `memcache:HOST:PORT,HOST:PORT`, and the same of Redis.
fn cache(site: &mut Site<'_>, argument: &str, place: &Place) {
    let Some((provider, hosts)) = argument.split_once(':') else { return };
    if matches!(provider, "memcache" | "redis") {
        for host in hosts.split(',') {
            site.upstream_or_dark(address::host_port(host, None), host, place, provider);
        }
    }
}

/// The names of directives as people write them.
fn shown(name: &str) -> &str {
    match name {
        "proxypass" => "ProxyPass",
        "proxypassmatch" => "ProxyPassMatch",
        "balancermember" => "BalancerMember",
        "proxyremote" => "ProxyRemote",
        "proxyremotematch" => "ProxyRemoteMatch",
        "rewriterule" => "RewriteRule",
        "sethandler" => "SetHandler",
        other => other,
    }
}
