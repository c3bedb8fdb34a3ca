//! Addresses of services as configurations write them, brought into one form: `host:port`, `[::1]:port`, the path of a
//! UNIX socket, or `@name` for one in the abstract namespace.

/// Longer ones are no addresses.
const LENGTH_LIMIT: usize = 500;

/// `scheme` and the rest of `scheme://rest`; the scheme in small letters.
pub(super) fn split_scheme(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_scheme =
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
}

/// An address as it may be shown: without the user's name and password.
pub(super) fn shown(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host:.100}"),
        (None, Some((_, host))) => format!("{host:.100}"),
        (_, None) => format!("{text:.100}"),
    }
}

/// `HOST[:PORT]`, without the user's name and password in front and the path behind. A missing host is the host
/// itself. `None` when there is no port, or what stands there is no address.
pub(super) fn host_port(text: &str, default_port: Option<u16>) -> Option<String> {
    let text = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((_, rest)) if rest.contains(':') => (text, None), // IPv6 without brackets
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None | Some("") => default_port?,
        Some(text) => port_number(text)?,
    };
    join(host, port)
}

/// A port, in digits alone.
pub(super) fn port_number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}

/// The TCP port of an address to listen on: `80`, `*:80`, `[::]:80`, `host`. `None` for sockets and for ranges of ports.
pub(super) fn listening_port(text: &str, default_port: u16) -> Option<u16> {
    if text.starts_with("unix:") || text.starts_with('/') {
        return None;
    }
    let behind_host = text.rsplit_once(']').map_or(text, |(_, rest)| rest);
    match behind_host.rsplit_once(':') {
        Some((_, port)) => port_number(port),
        None if behind_host == text
            && text.starts_with(|c: char| c.is_ascii_digit())
            && !text.contains('.') =>
        {
            port_number(text)
        }
        None => Some(default_port),
    }
}

/// Host and port in one text.
pub(super) fn join(host: &str, port: u16) -> Option<String> {
    let host = if host.is_empty() { "localhost" } else { host };
    let is_host = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:%".contains(&b));
    if !is_host || host.len() > LENGTH_LIMIT {
        return None;
    }
    let host = host.to_ascii_lowercase();
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

/// The path of a UNIX socket, absolute, in its shortest form.
pub(super) fn socket_path(path: &str) -> Option<String> {
    let ok = path.starts_with('/') && path.len() <= LENGTH_LIMIT;
    ok.then(|| {
        path.split('/').filter(|p| !p.is_empty() && *p != ".").fold(String::new(), |all, p| all + "/" + p)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_have_one_form() {
        for (text, expected) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("Backend.example/path:1", "backend.example:80"),
            ("[::1]:8080/x", "[::1]:8080"),
            ("[::1]", "[::1]:80"),
            ("::1", "[::1]:80"),
            (":3000", "localhost:3000"),
            ("user:secret@host:81", "host:81"),
        ] {
            assert_eq!(host_port(text, Some(80)).as_deref(), Some(expected), "{text}");
        }
        for text in ["host:port", "host:0", "host:+1", "host:70000", "[::1:80", "a b:80", "$host:80"] {
            assert_eq!(host_port(text, Some(80)), None, "{text}");
        }
        assert_eq!(host_port("host", None), None);
        assert_eq!(socket_path("///run//php.sock").as_deref(), Some("/run/php.sock"));
        assert_eq!(socket_path("php.sock"), None);
    }

    #[test]
    fn ports_to_listen_on() {
        for (text, port) in [
            ("8080", Some(8080)),
            ("*:81", Some(81)),
            ("192.0.2.1:82", Some(82)),
            ("192.0.2.1", Some(80)),
            ("[::]:83", Some(83)),
            ("[::1]", Some(80)),
            ("localhost", Some(80)),
            ("unix:/run/x.sock", None),
            ("127.0.0.1:1000-1010", None),
            ("99999", None),
        ] {
            assert_eq!(listening_port(text, 80), port, "{text}");
        }
    }

    #[test]
    fn schemes_are_told_from_addresses() {
        assert_eq!(split_scheme("HTTP://a/b://c"), Some(("http".to_owned(), "a/b://c")));
        assert_eq!(split_scheme("127.0.0.1:9000"), None);
        assert_eq!(split_scheme("$x://y"), None);
    }

    proptest! {
        #[test]
        fn any_text(text in "([\\[\\]:/@a1.]|.){0,20}") {
            if let Some(target) = host_port(&text, Some(80)) {
                prop_assert!(!target.contains(['/', '@', ' ']));
                prop_assert_eq!(host_port(&target, None), Some(target.clone()));
            }
            socket_path(&text);
            split_scheme(&text);
            listening_port(&text, 80);
        }
    }
}
