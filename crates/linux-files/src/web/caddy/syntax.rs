//! The Caddyfile's syntax: words of a line, quoted or not; a brace at the end of a line opens a block, one on a line
//! of its own closes it.

/// Lines of one file.
const LINE_LIMIT: usize = 100_000;

/// A line with those that continue it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) words: Vec<String>,
    pub(super) number: usize,
    /// `{` ends it.
    pub(super) opens: bool,
    /// It is a `}` alone.
    pub(super) closes: bool,
}

/// A word, whether it was quoted, and its line.
struct Word {
    text: String,
    quoted: bool,
    line: usize,
}

/// The lines of a text that have words.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut lexer = Lexer { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1, joined: 0 };
    let mut end_of_last = 0;
    while let Some(word) = lexer.next() {
        // A comma at its end continues a line of addresses.
        let comma = |l: &Line| !l.opens && l.words.last().is_some_and(|w| w.len() > 1 && w.ends_with(','));
        let continues = word.line == end_of_last || lines.last().is_some_and(comma);
        end_of_last = lexer.line;
        if !continues || lines.last().is_some_and(|l| l.closes) {
            if lines.len() >= LINE_LIMIT {
                break;
            }
            lines.push(Line { number: word.line, ..Line::default() });
        }
        let Some(line) = lines.last_mut() else { break };
        match word.text.as_str() {
            "}" if !word.quoted && line.words.is_empty() => line.closes = true,
            "{" if !word.quoted => line.opens = true,
            _ => line.words.push(word.text),
        }
    }
    lines
}

/// The number of lines before the one that closes the block that they stand in.
pub(super) fn block_length(lines: &[Line]) -> usize {
    let mut depth = 1;
    let closing = lines.iter().position(|line| {
        depth += usize::from(line.opens);
        depth -= usize::from(line.closes);
        depth == 0
    });
    closing.unwrap_or(lines.len())
}

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    /// Line ends behind a backslash, which do not count yet.
    joined: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<Word> {
        self.skip_blanks();
        let line = self.line;
        let first = self.rest.chars().next()?;
        if matches!(first, '"' | '`') {
            let text = self.quoted(first);
            return Some(Word { text, quoted: true, line });
        }
        if self.rest.starts_with("<<") {
            let text = self.heredoc();
            return Some(Word { text, quoted: true, line });
        }
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Word { text: text.to_owned(), quoted: false, line })
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            let length = match c {
                '\n' => {
                    self.line += 1 + self.joined;
                    self.joined = 0;
                    1
                }
                '\\' if self.rest.starts_with("\\\n") => {
                    self.joined += 1;
                    2
                }
                '\\' if self.rest.starts_with("\\\r\n") => {
                    self.joined += 1;
                    3
                }
                '#' => self.rest.find('\n').unwrap_or(self.rest.len()),
                c if c.is_whitespace() => c.len_utf8(),
                _ => return,
            };
            self.rest = &self.rest[length..];
        }
    }

    /// The text up to the next quote; in double quotes a backslash may precede one.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        let mut chars = self.rest[quote.len_utf8()..].chars();
        while let Some(c) = chars.next() {
            if c == quote {
                break;
            }
            if c == '\\' && quote == '"' && chars.as_str().starts_with('"') {
                chars.next();
                text.push('"');
                continue;
            }
            self.line += usize::from(c == '\n');
            text.push(c);
        }
        self.rest = chars.as_str();
        text
    }

    /// `<<MARK`, lines, `MARK`.
    fn heredoc(&mut self) -> String {
        let (mark, body) = self.rest[2..].split_once('\n').unwrap_or((&self.rest[2..], ""));
        let mark = mark.trim();
        let end = if mark.is_empty() { None } else { body.find(mark) };
        let (text, rest) = end.map_or((body, ""), |at| (&body[..at], &body[at + mark.len()..]));
        self.line += 1 + text.matches('\n').count();
        self.rest = rest;
        text.to_owned()
    }
}
