//! The syntax of unit files: sections, assignments, comments, continued lines (`systemd.syntax(7)`).
//!
//! What the manager would warn of and skip is skipped here too, and remembered.

use super::name;

/// A line longer than this makes no sense.
const LINE_LIMIT: usize = 1 << 20;

/// A unit file, a drop-in or another file of the same syntax.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UnitFile {
    /// Assignments in their order.
    pub(super) assignments: Vec<Assignment>,
    /// The first line that makes no sense, and why.
    pub(super) first_complaint: Option<(usize, &'static str)>,
    /// How many lines make no sense.
    pub(super) complaints: usize,
}

/// `KEY=VALUE` below `[SECTION]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    /// Counted from 1; for continued lines the first.
    pub(super) line: usize,
}

impl UnitFile {
    /// Reads a file's bytes; nothing in them can make this fail.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut file = Self::default();
        let mut section: Option<String> = None;
        let mut pending: Option<(usize, String)> = None;
        let mut lines = bytes.split(|&b| b == b'\n').zip(1..).peekable();
        while let Some((raw, number)) = lines.next() {
            let Some(text) = file.text(raw, number) else { continue };
            let text = text.trim_start().trim_end_matches('\r');
            let is_comment = text.starts_with(['#', ';']);
            let is_last = lines.peek().is_none();
            if is_comment && !is_last {
                continue;
            }
            let (start, mut logical) = pending.take().unwrap_or((number, String::new()));
            if !is_comment {
                let continued = ends_escaped(text);
                logical.push_str(if continued { &text[..text.len() - 1] } else { text });
                if continued && !is_last && logical.len() < LINE_LIMIT {
                    logical.push(' ');
                    pending = Some((start, logical));
                    continue;
                }
            }
            file.logical_line(logical.trim(), start, &mut section);
        }
        file
    }

    /// The line as text, unless it is none.
    fn text<'b>(&mut self, raw: &'b [u8], number: usize) -> Option<&'b str> {
        let complaint = if raw.len() > LINE_LIMIT {
            "line longer than 1 MiB"
        } else if raw.contains(&0) {
            "NUL byte"
        } else {
            match std::str::from_utf8(raw) {
                Ok(text) => return Some(text),
                Err(_) => "not UTF-8",
            }
        };
        self.complain(number, complaint);
        None
    }

    fn logical_line(&mut self, line: &str, number: usize, section: &mut Option<String>) {
        if line.is_empty() {
            return;
        }
        if let Some(header) = line.strip_prefix('[') {
            *section = header.strip_suffix(']').map(str::to_owned);
            if section.is_none() {
                self.complain(number, "section header without its closing bracket");
            }
            return;
        }
        let Some((key, value)) = line.split_once('=') else {
            self.complain(number, "neither a section nor an assignment");
            return;
        };
        let Some(section) = section else {
            self.complain(number, "assignment outside of a section");
            return;
        };
        let (key, value) = (key.trim_end(), value.trim_start());
        if key.is_empty() {
            self.complain(number, "assignment without a name");
            return;
        }
        self.assignments.push(Assignment {
            section: section.clone(),
            key: key.to_owned(),
            value: value.to_owned(),
            line: number,
        });
    }

    fn complain(&mut self, line: usize, why: &'static str) {
        self.first_complaint.get_or_insert((line, why));
        self.complaints += 1;
    }
}

/// Whether the text ends in a backslash that is not escaped itself.
fn ends_escaped(text: &str) -> bool {
    text.bytes().rev().take_while(|&b| b == b'\\').count() % 2 == 1
}

/// Truth as the manager spells it; `None` for what is no truth value.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// Words separated by white space; quotes hold words together and are taken away, escapes stay.
pub(super) fn words(value: &str) -> Vec<String> {
    let mut rest = value;
    let mut words = Vec::new();
    while let Some((word, after)) = next_word(rest, false) {
        words.push(word);
        rest = after;
    }
    words
}

/// The first word of a command line, quotes taken away and escapes resolved.
pub(super) fn first_word(value: &str) -> Option<String> {
    next_word(value, true).map(|(word, _)| word)
}

fn next_word(text: &str, unescape: bool) -> Option<(String, &str)> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if unescape => match chars.next().map(|(_, escaped)| escaped) {
                Some('x') => {
                    let hex = chars.as_str().get(..2).and_then(|h| u8::from_str_radix(h, 16).ok());
                    word.extend(hex.map(char::from));
                    chars.nth(1);
                }
                Some('s') => word.push(' '),
                Some('t') => word.push('\t'),
                Some('n') => word.push('\n'),
                Some(other) => word.push(other),
                None => break,
            },
            '\\' => {
                word.push(c);
                word.extend(chars.next().map(|(_, escaped)| escaped));
            }
            c if Some(c) == quote => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if quote.is_none() && c.is_ascii_whitespace() => return Some((word, &text[at..])),
            c => word.push(c),
        }
    }
    Some((word, ""))
}

/// Replaces specifiers (`%i`) in a value of the unit `unit`. Those that only the running host could tell are the
/// error.
pub(super) fn expand(value: &str, unit: &str) -> Result<String, char> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push_str(unit),
            Some('N') => out.push_str(name::stem(unit)),
            Some('p') => out.push_str(name::prefix(unit)),
            Some('P') => out.push_str(&unescape(name::prefix(unit))),
            Some('i') => out.push_str(name::instance(unit).unwrap_or_default()),
            Some('I') => out.push_str(&unescape(name::instance(unit).unwrap_or_default())),
            Some('j') => out.push_str(last_part(name::prefix(unit))),
            Some('J') => out.push_str(&unescape(last_part(name::prefix(unit)))),
            Some('t') => out.push_str("/run"),
            Some('S') => out.push_str("/var/lib"),
            Some('C') => out.push_str("/var/cache"),
            Some('L') => out.push_str("/var/log"),
            Some('E') => out.push_str("/etc"),
            Some('T') => out.push_str("/tmp"),
            Some('V') => out.push_str("/var/tmp"),
            Some('h') => out.push_str("/root"),
            Some('u' | 'g') => out.push_str("root"),
            Some('U' | 'G') => out.push('0'),
            Some('%') | None => out.push('%'),
            Some(unknown) => return Err(unknown),
        }
    }
    Ok(out)
}

fn last_part(prefix: &str) -> &str {
    prefix.rsplit('-').next().unwrap_or(prefix)
}

/// Undoes the escaping of unit names: `-` is `/`, `\x2d` is a byte.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex =
            rest.strip_prefix(b"\\x").and_then(|hex| hex.get(..2)).and_then(|h| std::str::from_utf8(h).ok());
        if let Some(escaped) = hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            bytes.push(escaped);
            rest = rest.get(4..).unwrap_or_default();
        } else {
            bytes.push(if byte == b'-' { b'/' } else { byte });
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        UnitFile::parse(text.as_bytes()).assignments.into_iter().map(|a| (a.key, a.value, a.line)).collect()
    }

    #[test]
    fn continued_lines_join_over_comments() {
        let text = "[Service]\nExecStart=/bin/a \\\n# comment\n  --flag \\\n; another\n  last\nUser = www\n";
        assert_eq!(
            pairs(text),
            [("ExecStart".into(), "/bin/a  --flag  last".into(), 2), ("User".into(), "www".into(), 7)]
        );
    }

    #[test]
    fn an_escaped_backslash_continues_nothing() {
        assert_eq!(pairs("[A]\na=b\\\\\nc=d").len(), 2);
        assert_eq!(pairs("[A]\na=b\\\nc=d"), [("a".into(), "b c=d".into(), 2)]);
        assert_eq!(pairs("[A]\na=b\\"), [("a".into(), "b".into(), 2)], "a last line that promises more");
        assert_eq!(pairs("[A]\na=b\\ \nc=d").len(), 2, "a space behind it");
        assert_eq!(pairs("[A]\na=b\\\n# end"), [("a".into(), "b".into(), 2)]);
    }

    #[test]
    fn nonsense_is_counted_and_the_rest_kept() {
        let file = UnitFile::parse(
            b"a=b\n[Unit\nx=y\n[Unit]\nnonsense\n=v\nWants=\xff\nAfter=\0\nRequires=ok.service\n",
        );
        assert_eq!(file.first_complaint, Some((1, "assignment outside of a section")));
        assert_eq!(file.complaints, 7);
        assert_eq!(file.assignments.len(), 1);
        assert_eq!((file.assignments[0].value.as_str(), file.assignments[0].line), ("ok.service", 9));
    }

    #[test]
    fn a_giant_line_is_skipped() {
        let mut bytes = b"[Unit]\nWants=".to_vec();
        bytes.resize(bytes.len() + LINE_LIMIT + 1, b'x');
        bytes.extend(b"\nRequires=ok.service");
        let file = UnitFile::parse(&bytes);
        assert_eq!(file.assignments.len(), 1);
        assert_eq!(file.first_complaint, Some((2, "line longer than 1 MiB")));
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(words(" a  'b c'\t\"d\"e\\x2df "), ["a", "b c", "de\\x2df"]);
        assert_eq!(first_word(r#""/opt/my\x20app/run" --x"#).as_deref(), Some("/opt/my app/run"));
        assert_eq!(first_word("  "), None);
    }

    #[test]
    fn specifiers() {
        assert_eq!(expand("%p-%i.%n%%", "a-b@c.service").as_deref(), Ok("a-b-c.a-b@c.service%"));
        assert_eq!(expand("%I %j", "x-y@dev-\\x2d.service").as_deref(), Ok("dev/- y"));
        assert_eq!(expand("%H", "a.service"), Err('H'));
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'='), Just(b'[')], 0..120)) {
            let file = UnitFile::parse(&bytes);
            for a in &file.assignments {
                let _ = (words(&a.value), first_word(&a.value), expand(&a.value, "a@b.service"));
            }
        }

        #[test]
        fn what_is_written_is_read(lines in proptest::collection::vec(("[A-Za-z]{1,9}", "[a-z0-9 /@:.-]{0,20}"), 0..20)) {
            let text: Vec<String> = lines.iter().map(|(k, v)| format!("{k}={v}\n")).collect();
            let read: Vec<_> = pairs(&format!("[S]\n{}", text.concat())).into_iter().map(|(k, v, _)| (k, v)).collect();
            let want: Vec<_> = lines.into_iter().map(|(k, v)| (k, v.trim().to_owned())).collect();
            prop_assert_eq!(read, want);
        }
    }
}
