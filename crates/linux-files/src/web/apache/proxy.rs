//! URLs of `mod_proxy`: `http://host:port/path`, `unix:/path|fcgi://name/`, `balancer://name`.

use crate::web::address;

/// Where a URL leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To a service.
    Known(String),
    /// Nowhere: an exception, or a balancer, whose members stand elsewhere.
    Nowhere,
    /// Only a request, or the running server, knows.
    Unknown,
}

/// The service that a URL leads to. `runtime` is where relative sockets lie.
pub(super) fn target(url: &str, runtime: &str) -> Target {
    let known = |target: Option<String>| target.map_or(Target::Unknown, Target::Known);
    if url == "!" {
        return Target::Nowhere;
    }
    if let Some(socket) = url.get(..5).filter(|p| p.eq_ignore_ascii_case("unix:")).map(|_| &url[5..]) {
        let path = socket.split('|').next().unwrap_or(socket);
        return known(
            is_fixed(path).then(|| absolute(path, runtime)).and_then(|path| address::socket_path(&path)),
        );
    }
    let Some((scheme, rest)) = address::split_scheme(url) else { return Target::Unknown };
    let authority = authority(rest);
    match scheme.as_str() {
        "balancer" => Target::Nowhere,
        "fdpass" => known(Some(rest).filter(|path| is_fixed(path)).and_then(address::socket_path)),
        _ if authority.is_empty() || !is_fixed(authority) => Target::Unknown,
        _ => known(address::host_port(authority, default_port(&scheme))),
    }
}

/// Where Apache connects to without a port, as it was tried; `uwsgi` has none.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" | "h2c" => Some(80),
        "https" | "wss" | "h2" => Some(443),
        "fcgi" => Some(8000),
        "scgi" => Some(4000),
        "ajp" => Some(8009),
        _ => None,
    }
}

/// Host and port: up to the path, be it that of the request (`%{REQUEST_URI}`), be it a part of it behind the port
/// (`http://localhost:3000$1`).
fn authority(rest: &str) -> &str {
    let end = [rest.find(['/', '?', '|']), rest.find("%{REQUEST_URI}")].into_iter().flatten().min();
    let authority = &rest[..end.unwrap_or(rest.len())];
    let Some((before, after)) = authority.split_once('$') else { return authority };
    let port = before.rsplit_once(':').map_or("", |(_, port)| port);
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if is_port && after.starts_with(|c: char| c.is_ascii_digit()) { before } else { authority }
}

fn is_fixed(text: &str) -> bool {
    !text.contains("%{") && !text.contains('$')
}

fn absolute(path: &str, runtime: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{runtime}/{path}") }
}
