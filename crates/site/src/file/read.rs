//! Reading the file, which people write, and writing it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use super::{Capture, HttpCheck, Request, SITE_VERSION, Site, Tls, fill};

/// The longest file that is read, in bytes.
pub const LONGEST: usize = 8 << 20;
/// The most checks of one site.
pub const MOST_CHECKS: usize = 10_000;
/// The longest name of a check, in characters.
const LONGEST_NAME: usize = 200;

/// Why a text is no `site.toml`. Its parts come from the file: escape before showing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is longer than [`LONGEST`].
    #[error("the file is {0} bytes long, and none is longer than {LONGEST}: leave checks out")]
    TooLong(usize),
    /// It has more than [`MOST_CHECKS`].
    #[error("the file has more than {MOST_CHECKS} checks: leave some out")]
    TooMany,
    /// A newer program made it.
    #[error(
        "the file has version {0}, and this doorward reads version {SITE_VERSION}: use the doorward that made it"
    )]
    Newer(i64),
    /// Something in it is wrong.
    #[error("line {line}, column {column}{}: {text} ({way_out})", .check.as_ref().map(|c| format!(", {c}")).unwrap_or_default())]
    Wrong {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The check that it is in: `http check "log in", request 2`.
        check: Option<String>,
        /// What is wrong.
        text: String,
        /// What to do about it.
        way_out: String,
    },
}

/// Reads a `site.toml`.
pub fn read(text: &str) -> Result<Site, Unreadable> {
    if text.len() > LONGEST {
        return Err(Unreadable::TooLong(text.len()));
    }
    let tables = |text: &str| text.lines().filter(|l| l.trim_start().starts_with("[[")).count();
    // Counted before parsing, which takes a multiple of the text's length. A check has a few requests.
    if tables(text) > 10 * MOST_CHECKS {
        return Err(Unreadable::TooMany);
    }
    let table = DeTable::parse(text).map_err(|e| malformed(text, &e))?;
    let version = table.get_ref().get("version").and_then(|v| v.get_ref().as_integer());
    if let Some(found) = version.and_then(|v| i64::from_str_radix(v.as_str(), v.radix()).ok())
        && found > i64::from(SITE_VERSION)
    {
        return Err(Unreadable::Newer(found));
    }
    let site = Site::deserialize(Deserializer::from(table)).map_err(|e| malformed(text, &e))?;
    if site.len() > MOST_CHECKS {
        return Err(Unreadable::TooMany);
    }
    match Fault::of(&site) {
        None => Ok(site),
        Some(fault) => Err(fault.placed(text)),
    }
}

/// Writes a `site.toml`, which [`read`] reads to the same value.
pub fn print(site: &Site) -> String {
    toml::to_string_pretty(site).unwrap_or_else(|error| format!("# {error}\n"))
}

fn malformed(text: &str, error: &toml::de::Error) -> Unreadable {
    let what = error.message().to_owned();
    let way_out = if what.starts_with("unknown field") {
        "correct the name, or take the line out"
    } else if what.starts_with("missing field") {
        "add it"
    } else {
        "correct it"
    };
    wrong(text, error.span().map_or(0, |span| span.start), None, what, way_out.to_owned())
}

fn wrong(text: &str, at: usize, check: Option<String>, what: String, way_out: String) -> Unreadable {
    let before = &text[..text.floor_char_boundary(at.min(text.len()))];
    let start_of_line = before.rfind('\n').map_or(0, |n| n + 1);
    let column = before[start_of_line..].chars().count() + 1;
    Unreadable::Wrong { line: before.matches('\n').count() + 1, column, check, text: what, way_out }
}

/// What is wrong although each value is one of its kind.
struct Fault {
    /// The list and the place in it.
    entry: Option<(&'static str, usize)>,
    check: Option<String>,
    text: String,
    way_out: &'static str,
}

/// What is wrong, and the way out.
type Wrong = (String, &'static str);

impl Fault {
    fn of(site: &Site) -> Option<Self> {
        if let Some((text, way_out)) = wrong_site(site) {
            return Some(Self { entry: None, check: None, text, way_out });
        }
        let mut names = BTreeSet::new();
        let mut fault = |kind: &'static str, at: usize, name: &str, wrong: Option<Wrong>| {
            let (text, way_out) = wrong_name(name, names.insert(name.to_owned())).or(wrong)?;
            let check = Some(format!("{kind} check \"{name}\""));
            Some(Self { entry: Some((kind, at)), check, text, way_out })
        };
        for (at, check) in site.http.iter().enumerate() {
            if let found @ Some(_) = fault("http", at, &check.name, wrong_http(site, check)) {
                return found;
            }
        }
        for (at, check) in site.greeting.iter().enumerate() {
            if let found @ Some(_) = fault("greeting", at, &check.name, wrong_tls(check.tls.as_ref())) {
                return found;
            }
        }
        let plain = (site.tcp.iter().enumerate().map(|(at, c)| ("tcp", at, &c.name)))
            .chain(site.dns.iter().enumerate().map(|(at, c)| ("dns", at, &c.name)))
            .map(|(kind, at, name)| (kind, at, name, None));
        let commands = (site.command.iter().enumerate())
            .map(|(at, c)| ("command", at, &c.name, wrong_program(&c.run)))
            .chain(
                site.suite.iter().enumerate().map(|(at, c)| ("suite", at, &c.name, wrong_program(&c.run))),
            );
        plain.chain(commands).find_map(|(kind, at, name, wrong)| fault(kind, at, name, wrong))
    }

    fn placed(self, text: &str) -> Unreadable {
        let span = self.entry.and_then(|(kind, at)| entry_span(text, kind, at));
        wrong(text, span.map_or(0, |s| s.start), self.check, self.text, self.way_out.to_owned())
    }
}

/// Where the file has an entry of a list.
fn entry_span(text: &str, kind: &str, at: usize) -> Option<Range<usize>> {
    let table = DeTable::parse(text).ok()?;
    let list = table.get_ref().get(kind)?.get_ref().as_array()?;
    list.get(at).map(toml::Spanned::span)
}

fn wrong_site(site: &Site) -> Option<Wrong> {
    if site.version != SITE_VERSION {
        return Some((format!("there is no version {}", site.version), "write version = 1"));
    }
    let url = &site.url;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Some((format!("{url} is no address of a site"), "write http:// or https:// and its host"));
    }
    wrong_tls(site.tls.as_ref())
}

/// What could not both be meant. Nothing of a certificate that is taken for its sum, or taken as any, is looked at.
fn wrong_tls(tls: Option<&Tls>) -> Option<Wrong> {
    let tls = tls?;
    let ways = [tls.ca.is_some(), !tls.pin.is_empty(), tls.insecure];
    if ways.iter().filter(|&&is| is).count() > 1 {
        return Some(("tls trusts in two ways".to_owned(), "keep one of ca, pin and insecure"));
    }
    let unseen = tls.valid_days.is_some() && (tls.insecure || !tls.pin.is_empty());
    unseen.then(|| ("valid_days is not looked at with pin or insecure".to_owned(), "take one of them out"))
}

fn wrong_name(name: &str, new: bool) -> Option<Wrong> {
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Some(("a name has 1 to 200 characters, on one line".to_owned(), "give it one"));
    }
    (!new).then(|| ("another check has the same name".to_owned(), "give each its own"))
}

fn wrong_program(run: &[String]) -> Option<Wrong> {
    match run.first() {
        Some(program) if program.starts_with('/') => None,
        _ => Some((
            "a program is named by its absolute path, and no shell reads it".to_owned(),
            "write run = [\"/usr/bin/name\", \"argument\"]",
        )),
    }
}

fn wrong_http(site: &Site, check: &HttpCheck) -> Option<Wrong> {
    if check.request.is_empty() {
        return Some(("there is no request".to_owned(), "add [[http.request]] with an url"));
    }
    if let wrong @ Some(_) = wrong_tls(check.tls.as_ref()) {
        return wrong;
    }
    // Values as they may be, to see what addresses come of them.
    let mut known = BTreeMap::new();
    check.request.iter().enumerate().find_map(|(at, request)| {
        let wrong = wrong_request(site, request, &known);
        known.extend(request.capture.keys().map(|name| (name.clone(), "value".to_owned())));
        wrong.map(|(text, way_out)| (format!("request {}: {text}", at + 1), way_out))
    })
}

fn wrong_request(site: &Site, request: &Request, known: &BTreeMap<String, String>) -> Option<Wrong> {
    if let Some(name) = texts(request).into_iter().find_map(|text| fill(text, known).err()) {
        return Some((
            format!("nothing before it captures ${{{name}}}"),
            "add it to the capture of an earlier request",
        ));
    }
    if let Some(host) = stranger(site, &request.url, known) {
        return Some((format!("{host} is not of the site"), "name it in hosts, or in outside"));
    }
    let bodies =
        [request.body.is_some(), request.form.is_some(), request.json.is_some(), request.multipart.is_some()];
    if bodies.iter().filter(|&&is| is).count() > 1 {
        return Some(("it has two bodies".to_owned(), "keep one of body, form, json and multipart"));
    }
    let parts = request.multipart.iter().flatten();
    if parts.clone().any(|part| part.text.is_some() == part.file.is_some()) {
        return Some(("a part has either text or a file".to_owned(), "write one of them"));
    }
    if request.method.as_ref().is_some_and(|m| !is_token(m))
        || !request.header.keys().all(|name| is_token(name))
    {
        return Some(("a method or a header has a name that HTTP does not allow".to_owned(), "correct it"));
    }
    let headers = request
        .capture
        .values()
        .filter_map(|c| if let Capture::Header(name) = c { Some(name) } else { None });
    if !headers.chain(request.expect.header.keys()).all(|name| is_token(name)) {
        return Some(("a header has a name that HTTP does not allow".to_owned(), "correct it"));
    }
    None
}

/// The host of an address that is not the site's, or what is no address at all.
fn stranger(site: &Site, url: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let url = fill(url, known).ok()?;
    match site.url.join(&url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            let host = url.host_str().unwrap_or_default();
            (!site.allows(host)).then(|| host.to_owned())
        }
        _ => Some(url),
    }
}

/// RFC 9110, 5.6.2.
fn is_token(name: &str) -> bool {
    let is = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is)
}

/// Texts of a request into which values may be put.
fn texts(request: &Request) -> Vec<&str> {
    let mut texts = vec![request.url.as_str()];
    texts.extend(request.header.values().map(String::as_str));
    texts.extend(request.body.as_deref());
    texts.extend(request.form.iter().flat_map(BTreeMap::values).map(String::as_str));
    texts.extend(request.multipart.iter().flatten().filter_map(|part| part.text.as_deref()));
    let mut values: Vec<&serde_json::Value> = request.json.iter().collect();
    while let Some(value) = values.pop() {
        match value {
            serde_json::Value::String(text) => texts.push(text),
            serde_json::Value::Array(list) => values.extend(list),
            serde_json::Value::Object(map) => values.extend(map.values()),
            _ => {}
        }
    }
    texts.extend(request.expect.contains.iter().map(String::as_str));
    texts
}

#[cfg(test)]
mod tests;
