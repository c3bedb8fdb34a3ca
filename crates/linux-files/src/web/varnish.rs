//! Varnish: the backends of its VCL.

use super::address;
use super::site::{Missing, Place, Site};
use syntax::{Lexer, Token};

mod syntax;
#[cfg(test)]
mod tests;

/// Tokens in all, those of a file counted as often as it is included.
const TOKEN_LIMIT: usize = 300_000;

/// Modules that come with Varnish or with its project's collection, none of which makes backends.
const MODULES: &[&str] = &[
    "accept",
    "blob",
    "bodyaccess",
    "cookie",
    "debug",
    "directors",
    "header",
    "proxy",
    "purge",
    "saintmode",
    "std",
    "str",
    "tcp",
    "unix",
    "var",
    "vsthrottle",
    "vtc",
    "xkey",
];

/// Where an include is looked for (`vcl_path`).
const PATH: &[&str] = &["/etc/varnish", "/usr/share/varnish/vcl"];

/// Reads the configuration that begins with the file `main`.
pub(super) fn read(site: &mut Site<'_>, main: &str) {
    Reader::default().file(site, main, None);
}

#[derive(Default)]
struct Reader {
    tokens: usize,
}

impl Reader {
    fn file(&mut self, site: &mut Site<'_>, path: &str, from: Option<&Place>) {
        site.within(path, from, |site, text| self.declarations_of(site, text, path));
    }

    fn declarations_of(&mut self, site: &mut Site<'_>, text: &str, path: &str) {
        let mut lexer = Lexer::new(text);
        while let Some(token) = lexer.next() {
            let place = Place { file: path.into(), line: lexer.line() };
            self.tokens += 1;
            if self.tokens > TOKEN_LIMIT {
                return site.dark(&place, "more than anything honest has");
            }
            match token {
                Token::Word(word) => match word {
                    "include" => self.include(site, &mut lexer, &place),
                    "import" => {
                        if let Some(Token::Word(module)) = lexer.next()
                            && !MODULES.contains(&module)
                        {
                            site.dark(
                                &place,
                                format!("the module {module:.50}, which may bring backends of its own"),
                            );
                        }
                    }
                    "backend" => backend(site, &mut lexer, &place),
                    _ => {}
                },
                Token::Code => site.dark(&place, "C code"),
                Token::Text(_) | Token::Sign(_) => {}
            }
        }
        if lexer.is_cut() {
            let place = Place { file: path.into(), line: lexer.line() };
            site.dark(&place, "the file ends within a text or a comment");
        }
    }

    /// `include "file";`, `include +glob "*.vcl";`
    fn include(&mut self, site: &mut Site<'_>, lexer: &mut Lexer<'_>, place: &Place) {
        let mut token = lexer.next();
        if token == Some(Token::Sign('+')) {
            lexer.next();
            token = lexer.next();
        }
        let Some(Token::Text(name)) = token else { return site.dark(place, "an include without a file") };
        let own = place.file.rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = match name.strip_prefix("./") {
            Some(name) => format!("{own}/{name}"),
            None if name.starts_with('/') => name.to_owned(),
            None => {
                let found = PATH.iter().map(|p| format!("{p}/{name}")).find(|p| site.tree.exists(p));
                found.unwrap_or_else(|| format!("{}/{name}", PATH[0]))
            }
        };
        for file in site.included(&path, place, Missing::Failure) {
            self.file(site, &file, Some(place));
        }
    }
}

/// `NAME { .host = "…"; .port = "…"; .probe = { … } }`, or `NAME none;`
fn backend(site: &mut Site<'_>, lexer: &mut Lexer<'_>, place: &Place) {
    lexer.next();
    if lexer.next() != Some(Token::Sign('{')) {
        return;
    }
    let (mut host, mut port, mut path) = (None, None, None);
    let mut depth = 1;
    while let Some(token) = lexer.next() {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            Token::Sign('.') if depth == 1 => {
                let Some(Token::Word(attribute)) = lexer.next() else { continue };
                let slot = match attribute {
                    "host" => &mut host,
                    "port" => &mut port,
                    "path" => &mut path,
                    _ => continue,
                };
                if lexer.next() == Some(Token::Sign('='))
                    && let Some(Token::Text(value) | Token::Word(value)) = lexer.next()
                {
                    *slot = Some(value);
                }
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let target = match (path, host) {
        (Some(path), _) if path.starts_with('@') => Some(path.to_owned()),
        (Some(path), _) => address::socket_path(path),
        // Without a port it is 80, as `varnishd -C` shows; the service that it may be named after is the same.
        (None, Some(host)) => match port.unwrap_or("80") {
            "http" => address::host_port(host, Some(80)),
            port => address::port_number(port).and_then(|port| address::host_port(host, Some(port))),
        },
        (None, None) => None,
    };
    site.upstream_or_dark(target, host.or(path).unwrap_or_default(), place, "backend");
}
