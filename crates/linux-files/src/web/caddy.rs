//! Caddy's Caddyfile: `reverse_proxy`, `php_fastcgi`, `forward_auth`, with snippets and imports.

use std::collections::HashMap;
use std::rc::Rc;

use super::address;
use super::site::{Missing, Place, Site};
use syntax::Line;

mod syntax;
#[cfg(test)]
mod tests;

/// Lines in all, those of a snippet counted as often as it is imported.
const LINE_LIMIT: usize = 200_000;

/// Ports of one range, and snippets.
const RANGE_LIMIT: u16 = 100;
const SNIPPET_LIMIT: usize = 1000;

/// Directives that pass requests on.
const PROXIES: &[&str] = &["reverse_proxy", "php_fastcgi", "forward_auth"];

/// Reads the configuration that begins with the file `main`.
pub(super) fn read(site: &mut Site<'_>, main: &str) {
    let mut reader = Reader::default();
    reader.file(site, main, None, &[]);
}

#[derive(Default)]
struct Reader {
    snippets: HashMap<String, Snippet>,
    /// First words of the lines whose blocks are open; empty for those of sites.
    blocks: Vec<String>,
    lines: usize,
    /// Whether the addresses of a site may stand in the first line, without braces.
    may_be_bare: bool,
}

/// Lines that are imported by name.
#[derive(Clone)]
struct Snippet {
    file: Rc<str>,
    lines: Rc<[Line]>,
}

impl Reader {
    fn file(&mut self, site: &mut Site<'_>, path: &str, from: Option<&Place>, arguments: &[String]) {
        site.within(path, from, |site, text| {
            self.may_be_bare = from.is_none();
            let lines = syntax::lines(text);
            self.walk(site, &path.into(), &lines, arguments);
        });
    }

    fn walk(&mut self, site: &mut Site<'_>, file: &Rc<str>, lines: &[Line], arguments: &[String]) {
        let floor = self.blocks.len();
        let mut number = 0;
        while let Some(line) = lines.get(number) {
            number += 1;
            let place = Place { file: Rc::clone(file), line: line.number };
            self.lines += 1;
            if self.lines > LINE_LIMIT {
                return site.dark(&place, "more lines than anything honest has");
            }
            if line.closes {
                if self.blocks.len() > floor {
                    self.blocks.pop();
                } else {
                    site.dark(&place, "a closing brace without an opening one");
                }
                continue;
            }
            let words: Vec<String> = line.words.iter().map(|w| filled(w, arguments)).collect();
            let first = words.first().map_or("", String::as_str);
            if self.blocks.is_empty() && line.opens && first.starts_with('(') {
                let end = number + syntax::block_length(&lines[number..]);
                let snippet = Snippet { file: Rc::clone(file), lines: lines[number..end].into() };
                if self.snippets.len() < SNIPPET_LIMIT {
                    self.snippets.insert(first.trim_matches(['(', ')']).to_owned(), snippet);
                }
                number = end + 1;
                continue;
            }
            self.line(site, &words, line.opens, &place);
        }
        if self.blocks.len() > floor {
            let place = Place { file: Rc::clone(file), line: lines.last().map_or(1, |l| l.number) };
            site.dark(&place, "a block is not closed");
        }
        self.blocks.truncate(floor);
    }

    fn line(&mut self, site: &mut Site<'_>, words: &[String], opens: bool, place: &Place) {
        let first = words.first().map_or("", String::as_str);
        let is_outermost = self.blocks.is_empty();
        let is_bare_site =
            is_outermost && std::mem::take(&mut self.may_be_bare) && !opens && first != "import";
        if is_bare_site || (is_outermost && opens && !first.starts_with('&')) {
            for address in words {
                site_address(site, address);
            }
            if opens {
                self.blocks.push(String::new());
            }
            return;
        }
        self.directive(site, first, words, place);
        if opens {
            self.blocks.push(first.to_owned());
        }
    }

    fn directive(&mut self, site: &mut Site<'_>, first: &str, words: &[String], place: &Place) {
        let inside = self.blocks.last().map_or("", String::as_str);
        let has_matcher = words.get(1).is_some_and(|w| is_matcher(w));
        match first {
            "import" => self.import(site, words, place),
            // `root [matcher] path`
            "root" => site.root(words.get(2).or(words.get(1)).map_or("", String::as_str), &['{']),
            _ if PROXIES.contains(&first) => {
                for address in words.iter().skip(1 + usize::from(has_matcher)) {
                    upstream(site, address, place, first);
                }
            }
            "to" if PROXIES.contains(&inside) => {
                for address in words.iter().skip(1) {
                    upstream(site, address, place, inside);
                }
            }
            "dynamic" if PROXIES.contains(&inside) => {
                site.dark(place, "upstreams that are looked up when asked for");
            }
            "layer4" => site.dark(place, "a module with upstreams of its own"),
            _ => {}
        }
    }

    fn import(&mut self, site: &mut Site<'_>, words: &[String], place: &Place) {
        let Some(name) = words.get(1) else { return site.dark(place, "import without a name") };
        let arguments = words.get(2..).unwrap_or_default();
        if let Some(snippet) = self.snippets.get(name).cloned() {
            let walk = |site: &mut Site<'_>| self.walk(site, &snippet.file, &snippet.lines, arguments);
            return site.deeper(Some(place), walk);
        }
        let directory = place.file.rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = if name.starts_with('/') { name.clone() } else { format!("{directory}/{name}") };
        for file in site.included(&path, place, Missing::Failure) {
            self.file(site, &file, Some(place), arguments);
        }
    }
}

/// A word with the arguments of its import filled in: `{args[0]}`, or `{args.0}` of old.
fn filled(word: &str, arguments: &[String]) -> String {
    let mut word = word.to_owned();
    for (number, argument) in arguments.iter().enumerate().take(20) {
        for name in [format!("{{args[{number}]}}"), format!("{{args.{number}}}")] {
            if word.len() <= 2000 && word.contains(&name) {
                word = word.replace(&name, argument);
            }
        }
    }
    word
}

fn is_matcher(word: &str) -> bool {
    word.starts_with(['/', '@']) || word == "*"
}

/// The host in a site's address, `https://www.example.com:443/path`.
fn site_address(site: &mut Site<'_>, address: &str) {
    let address = address.trim_end_matches(',');
    let host = address.split_once("://").map_or(address, |(_, host)| host);
    site.name(host.split(['/', ':']).next().unwrap_or(host));
}

/// `[network/]host:port`, `scheme://host:port`, `unix//path`; the port may be a range.
fn upstream(site: &mut Site<'_>, text: &str, place: &Place, directive: &str) {
    let shown = address::shown(text);
    let known = match text.split_once("{$") {
        // A variable of the service's environment may change what stands there as its default.
        Some((before, rest)) => {
            site.dark(place, format!("{directive} {shown}: a variable of the environment"));
            let default =
                rest.split_once('}').and_then(|(variable, after)| Some((variable.split_once(':')?.1, after)));
            let Some((default, after)) = default else { return };
            format!("{before}{default}{after}")
        }
        None => text.to_owned(),
    };
    if known.contains('{') {
        return site.dark(place, format!("{directive} {shown}: only a request tells where"));
    }
    let (scheme, rest) = address::split_scheme(&known).unwrap_or((String::new(), &known));
    let (network, rest) = match rest.split_once('/') {
        Some((network, rest)) if scheme.is_empty() => (network, rest),
        _ => (scheme.as_str(), rest),
    };
    if network.starts_with("unix") {
        let path = rest.split('|').next().unwrap_or(rest);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        return site.upstream_or_dark(address::socket_path(&path), text, place, directive);
    }
    let default_port = if scheme == "https" { 443 } else { 80 };
    let range = rest.rsplit_once(':').and_then(|(host, ports)| {
        let (low, high) = ports.split_once('-')?;
        Some((host, address::port_number(low)?, address::port_number(high)?))
    });
    let Some((host, low, high)) = range else {
        return site.upstream_or_dark(address::host_port(rest, Some(default_port)), text, place, directive);
    };
    if high.saturating_sub(low) > RANGE_LIMIT {
        return site.dark(place, format!("{directive} {shown}: more ports than anything honest has"));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    for port in low..=high {
        site.upstream_or_dark(address::join(host, port), text, place, directive);
    }
}
