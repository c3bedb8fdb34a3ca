//! Apache's syntax: a directive a line, continued behind a backslash, with quoted words; `<Section argument>`.

/// Words of one directive; more make no sense.
const WORD_LIMIT: usize = 10_000;

/// A line with those that continue it.
pub(super) struct Line {
    pub(super) text: String,
    /// Number of its first line.
    pub(super) number: usize,
}

impl Line {
    /// Whether it closes a section of that name.
    pub(super) fn closes(&self, section: &str) -> bool {
        let name = self.text.strip_prefix("</").and_then(|t| t.strip_suffix('>'));
        name.is_some_and(|name| name.trim().eq_ignore_ascii_case(section))
    }
}

/// The lines of a file without comments and blank ones.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line> {
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().zip(1..);
    std::iter::from_fn(move || {
        let (first, number) = lines.next()?;
        let mut whole = first.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            let Some((next, _)) = lines.next() else { break };
            whole.push_str(next);
        }
        Some(Line { text: whole.trim().to_owned(), number })
    })
    .filter(|line| !line.text.is_empty() && !line.text.starts_with('#'))
}

/// A directive or the begin or end of a section.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// In small letters.
    pub(super) name: String,
    /// Its arguments.
    pub(super) words: Vec<String>,
    pub(super) form: Form,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A directive.
    Simple,
    /// `<Section>`
    Open,
    /// `</Section>`
    Close,
}

impl Statement {
    pub(super) fn of(text: &str) -> Self {
        let (form, text) = match (text.strip_prefix("</"), text.strip_prefix('<')) {
            (Some(text), _) => (Form::Close, text),
            (None, Some(text)) => (Form::Open, text),
            (None, None) => (Form::Simple, text),
        };
        let text = if form == Form::Simple { text } else { text.strip_suffix('>').unwrap_or(text) };
        let mut words = words(text);
        let name = if words.is_empty() { String::new() } else { words.remove(0).to_ascii_lowercase() };
        Self { name, words, form }
    }

    /// An argument by its number; empty when there are not so many.
    pub(super) fn word(&self, number: usize) -> &str {
        self.words.get(number).map_or("", String::as_str)
    }
}

/// Words at blanks, those that begin with a quote up to the next one; a backslash before a quote or another backslash
/// goes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if words.len() >= WORD_LIMIT {
            break;
        }
        let quote = Some(first).filter(|c| matches!(c, '"' | '\''));
        let mut word = String::new();
        let mut chars = rest[quote.map_or(0, char::len_utf8)..].chars();
        while let Some(c) = chars.next() {
            match c {
                c if Some(c) == quote => break,
                c if quote.is_none() && c.is_whitespace() => break,
                '\\' if quote.is_some() => match chars.clone().next() {
                    Some(next) if Some(next) == quote || next == '\\' => {
                        chars.next();
                        word.push(next);
                    }
                    _ => word.push(c),
                },
                c => word.push(c),
            }
        }
        words.push(word);
        rest = chars.as_str().trim_start();
    }
    words
}
