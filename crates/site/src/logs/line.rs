//! One line of a log.

use std::net::IpAddr;

use super::LogPath;

/// The form of the lines that follow; W3C logs say it, and may change it.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Places of fields, where lines are W3C's.
    w3c: Option<Fields>,
}

#[derive(Debug, Default)]
struct Fields {
    method: Option<usize>,
    stem: Option<usize>,
    query: Option<usize>,
    host: Option<usize>,
    status: Option<usize>,
}

/// A request and its status, or that the line is none.
type Told = Result<(LogPath, u16), ()>;

impl Form {
    /// Nothing for a line that tells no request and need not.
    pub(super) fn read(&mut self, line: &str) -> Option<Told> {
        let line = line.trim_end();
        if line.is_empty() {
            return None;
        }
        if let Some(directive) = line.strip_prefix('#') {
            if let Some(names) = directive.strip_prefix("Fields:") {
                self.w3c = Some(Fields::of(names));
            }
            return None;
        }
        let told = match &self.w3c {
            Some(fields) => fields.read(line),
            None => combined(line),
        };
        Some(told.ok_or(()))
    }
}

impl Fields {
    fn of(names: &str) -> Self {
        let mut fields = Self::default();
        for (at, name) in names.split_whitespace().enumerate() {
            match name {
                "cs-method" => fields.method = Some(at),
                "cs-uri-stem" => fields.stem = Some(at),
                "cs-uri-query" => fields.query = Some(at),
                "cs-host" => fields.host = Some(at),
                "sc-status" => fields.status = Some(at),
                _ => {}
            }
        }
        fields
    }

    fn read(&self, line: &str) -> Option<(LogPath, u16)> {
        let words: Vec<&str> = line.split(' ').collect();
        // A dash stands for nothing.
        let word = |at: Option<usize>| words.get(at?).copied().filter(|word| *word != "-");
        let status = word(self.status)?.parse().ok()?;
        let stem = word(self.stem)?;
        let path = word(self.query).map_or_else(|| stem.to_owned(), |query| format!("{stem}?{query}"));
        request(word(self.host), word(self.method)?, &path).map(|path| (path, status))
    }
}

/// `[host:port] address user user [time] "METHOD path HTTP/1.1" status ...`
fn combined(line: &str) -> Option<(LogPath, u16)> {
    let (before, rest) = line.split_once('"')?;
    let (asked, after) = quoted(rest)?;
    let status = after.split_whitespace().next()?.parse().ok()?;
    let mut words = asked.split(' ');
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !version.starts_with("HTTP/") {
        return None;
    }
    let mut words = before.split_whitespace();
    let first = words.next()?;
    // With the virtual host before it there is one word more before the time.
    let has_host = words.take_while(|word| !word.starts_with('[')).count() > 2;
    let host = if has_host { first.rsplit_once(':').map(|(host, _)| host) } else { None };
    request(host, method, path).map(|path| (path, status))
}

/// Who asked, as a line of the common or combined form tells it, and what the server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLine {
    /// Who asked, where that is an address.
    pub client: Option<IpAddr>,
    /// The status of the answer.
    pub status: u16,
}

impl LogLine {
    /// Nothing for a line that tells no request.
    pub fn read(line: &str) -> Option<Self> {
        let (_, status) = combined(line)?;
        let mut words = line.split_whitespace().take(2);
        let client = words.find_map(|word| word.parse().ok());
        Some(Self { client, status })
    }
}

/// What is quoted, with escapes undone, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return Some((inner, &text[at + 1..])),
            '\\' if !escaped => escaped = true,
            _ => {
                if escaped && c != '"' && c != '\\' {
                    inner.push('\\');
                }
                inner.push(c);
                escaped = false;
            }
        }
    }
    None
}

fn request(host: Option<&str>, method: &str, path: &str) -> Option<LogPath> {
    let is_method =
        !method.is_empty() && method.len() <= 20 && method.bytes().all(|b| b.is_ascii_uppercase());
    let is_path = path.starts_with('/') && path.len() <= 2000 && !path.chars().any(char::is_control);
    let host = host.map(str::to_ascii_lowercase);
    (is_method && is_path).then(|| LogPath { host, method: method.to_owned(), path: path.to_owned() })
}
