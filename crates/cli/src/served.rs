//! What a host's web servers serve, by their configuration and their access logs: what a site's tests are held against.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use doorward_linux_files::Tree;
use doorward_model::site::SiteLogUnread;
use doorward_model::{Basis, IisSiteKind, Listener, Owner, Protocol, Snapshot};
use doorward_site::{Endpoint, LogPaths};

/// Of all access logs together so much is read, in bytes; of each its end.
const MOST_OF_LOGS: u64 = 256 << 20;
/// Of one access log.
const MOST_OF_LOG: u64 = 64 << 20;

/// Where the host's web servers take requests, sorted: by the configuration of nginx, Apache and IIS; of other web servers
/// the ports alone, as far as they were seen open. On a running host a port that nobody listens on is none.
pub(crate) fn endpoints(snapshot: &Snapshot) -> Vec<Endpoint> {
    let web = snapshot.web.iter().flat_map(|web| &web.endpoints);
    let web = web.map(|e| Endpoint { host: e.host.clone(), port: e.port });
    let iis = snapshot.windows.iter().filter_map(|w| w.iis.as_ref()).flat_map(|iis| &iis.sites);
    let iis = iis.filter(|site| site.kind == IisSiteKind::Web && site.starts).flat_map(|site| &site.bindings);
    let iis = iis
        .filter(|b| matches!(b.protocol.as_str(), "http" | "https"))
        .filter_map(|b| Some(Endpoint { host: b.host.clone(), port: b.port? }));
    let mut all: BTreeSet<Endpoint> = web.chain(iis).collect();

    let open: Vec<&Listener> = snapshot.listeners.iter().filter(|l| is_open(l)).collect();
    if !open.is_empty() {
        all.retain(|e| open.iter().any(|l| l.port == Some(e.port)));
    }
    let told: BTreeSet<u16> = all.iter().map(|e| e.port).collect();
    let others = open.iter().filter(|l| is_web_server(l, snapshot)).filter_map(|l| l.port);
    all.extend(others.filter(|port| !told.contains(port)).map(|port| Endpoint { host: None, port }));
    all.into_iter().collect()
}

fn is_open(listener: &Listener) -> bool {
    listener.protocol == Protocol::Tcp && listener.basis == Basis::Observed && listener.namespace.is_host()
}

/// Whether a web server answers there, to others than the host itself: ports of administration are on loopback.
fn is_web_server(listener: &Listener, snapshot: &Snapshot) -> bool {
    let program = match &listener.owner {
        Owner::Processes { executable: Some(program), .. } => program.rsplit('/').next(),
        _ => None,
    };
    let is_server = |server: &str| program == Some(server);
    !listener.address.is_some_and(|a| a.is_loopback())
        && snapshot.web.iter().any(|web| is_server(&web.server))
}

/// Whether requests for this host name, or to these addresses, come to the host.
pub(crate) fn is_at(snapshot: &Snapshot, endpoints: &[Endpoint], host: &str, addresses: &[IpAddr]) -> bool {
    let own = own_addresses(snapshot);
    endpoints.iter().any(|e| e.host.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(host)))
        || addresses.iter().any(|address| address.is_loopback() || own.contains(address))
}

/// The host's own addresses.
pub(crate) fn own_addresses(snapshot: &Snapshot) -> BTreeSet<IpAddr> {
    let all = snapshot.host.interfaces.iter().flat_map(|interface| &interface.addresses);
    all.filter_map(|address| address.split('/').next()?.parse().ok()).collect()
}

/// Where the web servers pass requests on to other machines: the address, and the place in the configuration.
pub(crate) fn elsewhere(snapshot: &Snapshot) -> Vec<(SocketAddr, &str)> {
    let own = own_addresses(snapshot);
    let upstreams = snapshot.web.iter().flat_map(|web| &web.upstreams);
    let others = upstreams.filter_map(|upstream| {
        let to: SocketAddr = upstream.target.parse().ok()?;
        let is_here = to.ip().is_loopback() || to.ip().is_unspecified() || own.contains(&to.ip());
        (!is_here).then_some((to, upstream.place.as_str()))
    });
    others.collect()
}

/// The access logs that the host's web servers write.
pub(crate) fn access_logs(snapshot: &Snapshot) -> BTreeSet<&str> {
    snapshot.web.iter().flat_map(|web| &web.access_logs).map(String::as_str).collect()
}

/// The ends of the access logs that the host's web servers write, and which of them could not be read. They lie in `tree`,
/// the host's root directory.
pub(crate) fn read_logs(snapshot: &Snapshot, tree: &Tree) -> (LogPaths, Vec<SiteLogUnread>) {
    let mut logs = LogPaths::default();
    let mut unread = Vec::new();
    let mut left = MOST_OF_LOGS;
    for path in access_logs(snapshot) {
        let file = tree.open_file(Path::new(path)).map_err(|e| e.to_string());
        let read = file
            .and_then(|file| logs.add_end(file, left.min(MOST_OF_LOG)).map_err(|e| format!("{path}: {e}")));
        match read {
            Ok(read) => left -= read,
            Err(why) => unread.push(SiteLogUnread { log: path.to_owned(), why }),
        }
    }
    (logs, unread)
}

#[cfg(test)]
mod tests {
    use doorward_model::{
        Iis, IisBinding, IisSite, Interface, Namespace, WebConfig, WebEndpoint, WindowsFacts,
    };

    use super::*;

    fn listener(program: &str, address: &str, port: u16) -> Listener {
        let owner = Owner::Processes { pids: vec![1], executable: Some(program.to_owned()) };
        let basis = Basis::Observed;
        Listener { owner, basis, ..Listener::configured(Protocol::Tcp, address.parse().unwrap(), port, "") }
    }

    fn host(listeners: Vec<Listener>) -> Snapshot {
        let endpoint = |host: Option<&str>, port| WebEndpoint { host: host.map(str::to_owned), port };
        let config = |server: &str, endpoints| WebConfig {
            server: server.to_owned(),
            endpoints,
            ..WebConfig::default()
        };
        let nginx = config("nginx", vec![endpoint(Some("shop.example"), 80), endpoint(None, 443)]);
        let web = vec![nginx, config("caddy", Vec::new())];
        Snapshot { web, listeners, ..Snapshot::default() }
    }

    fn shown(snapshot: &Snapshot) -> Vec<String> {
        let show = |e: Endpoint| format!("{}:{}", e.host.as_deref().unwrap_or("*"), e.port);
        endpoints(snapshot).into_iter().map(show).collect()
    }

    #[test]
    fn what_is_configured_counts_where_it_is_open() {
        assert_eq!(shown(&host(Vec::new())), ["*:443", "shop.example:80"], "nothing was seen of a tree");
        let elsewhere = Listener {
            namespace: Namespace::Other { id: 1, label: None },
            ..listener("/usr/sbin/nginx", "0.0.0.0", 443)
        };
        let open = vec![
            listener("/usr/sbin/nginx", "0.0.0.0", 80),
            elsewhere,
            listener("/usr/bin/caddy", "::", 8443),
            listener("/usr/bin/caddy", "127.0.0.1", 2019),
            listener("/usr/sbin/sshd", "0.0.0.0", 22),
        ];
        assert_eq!(shown(&host(open)), ["*:8443", "shop.example:80"]);
    }

    #[test]
    fn sites_of_iis_count_that_start() {
        let binding = |protocol: &str, port| {
            let host = Some("shop.example".to_owned());
            IisBinding { protocol: protocol.to_owned(), address: "*".to_owned(), port, host }
        };
        let bindings =
            vec![binding("http", Some(80)), binding("net.tcp", Some(808)), binding("net.pipe", None)];
        let web = IisSite { starts: true, bindings: bindings.clone(), ..IisSite::default() };
        let stopped = IisSite { bindings: vec![binding("http", Some(81))], ..IisSite::default() };
        let ftp = IisSite { kind: IisSiteKind::Ftp, starts: true, bindings, ..IisSite::default() };
        let iis = Iis { sites: vec![web, stopped, ftp], ..Iis::default() };
        let windows = Some(WindowsFacts { iis: Some(iis), ..WindowsFacts::default() });
        assert_eq!(shown(&Snapshot { windows, ..Snapshot::default() }), ["shop.example:80"]);
    }

    #[test]
    fn a_site_is_at_its_names_and_addresses() {
        let mut snapshot = host(Vec::new());
        let addresses = vec!["192.0.2.7/24".to_owned()];
        let (name, index) = ("eth0".to_owned(), 2);
        snapshot.host.interfaces.push(Interface { name, index, loopback: false, up: true, addresses });
        let at = |host: &str, address: &str| {
            is_at(&snapshot, &endpoints(&snapshot), host, &[address.parse().unwrap()])
        };
        assert!(at("Shop.example", "198.51.100.1"), "by its name, behind a translation of addresses");
        assert!(at("x", "192.0.2.7") && at("x", "127.0.0.2"));
        assert!(!at("x", "192.0.2.8"));
    }
}
