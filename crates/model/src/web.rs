use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a web server's configuration says of the site: its roots, and the services behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WebConfig {
    /// The program whose configuration it is: `nginx`, `apache2`, `httpd`, `haproxy`.
    pub server: String,
    /// Files that were read, sorted.
    #[serde(default)]
    pub files: Vec<String>,
    /// Whether every file that it includes could be read and understood: only then does an absent upstream
    /// mean that there is none.
    pub complete: bool,
    /// Document roots, sorted.
    #[serde(default)]
    pub document_roots: Vec<String>,
    /// Host names that it serves, sorted.
    #[serde(default)]
    pub names: Vec<String>,
    /// Where it takes requests, sorted. Of nginx and Apache alone; empty for others.
    #[serde(default)]
    pub endpoints: Vec<WebEndpoint>,
    /// Access logs that it writes, by their absolute paths, sorted. Of nginx and Apache alone.
    #[serde(default)]
    pub access_logs: Vec<String>,
    /// Services behind it.
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
}

/// A virtual host on a port: where a web server takes requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WebEndpoint {
    /// Name that requests carry (`shop.example`, `*.shop.example`); nothing where any does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// TCP port.
    pub port: u16,
}

/// A service that a web server's configuration passes requests to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Upstream {
    /// Where: `127.0.0.1:9000`, `[::1]:8080`, `backend.example:80`, or the path of a UNIX socket.
    pub target: String,
    /// File and line, with the directive: `/etc/nginx/sites-enabled/blog:17 fastcgi_pass`.
    pub place: String,
}

/// A UNIX socket that accepts, by its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LocalSocket {
    /// Absolute path (`/run/php/php8.2-fpm.sock`), or `@name` in the abstract namespace.
    pub path: String,
    /// Service that accepts there, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}
