//! nginx's syntax: words up to `;`, `{` or `}`, with quotes, escapes and comments, as its own parser splits them.

/// Words of one directive; more make no sense.
const WORD_LIMIT: usize = 10_000;

/// A directive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) words: Vec<String>,
    pub(super) end: End,
    /// Line of its first word.
    pub(super) line: usize,
}

/// How a directive ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    /// `;`
    #[default]
    Simple,
    /// `{`
    Open,
    /// It is no directive but a `}`.
    Close,
    /// The file ends within it.
    Cut,
}

impl Statement {
    /// A word by its number, the directive's name being 0; empty when there are not so many.
    pub(super) fn word(&self, number: usize) -> &str {
        self.words.get(number).map_or("", String::as_str)
    }

    /// The last word.
    pub(super) fn last(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }
}

/// Splits a text into directives.
pub(super) struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    stopped: bool,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1, stopped: false }
    }

    /// Whether the text ended within a directive.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The next directive.
    pub(super) fn next(&mut self) -> Option<Statement> {
        let mut statement = Statement::default();
        loop {
            self.skip_blanks();
            if statement.words.is_empty() {
                statement.line = self.line;
            }
            let end = match self.rest.chars().next() {
                None if statement.words.is_empty() => return None,
                None => End::Cut,
                Some(';') => End::Simple,
                Some('{') => End::Open,
                Some('}') if statement.words.is_empty() => End::Close,
                Some(_) if statement.words.len() >= WORD_LIMIT => End::Cut,
                Some(_) => {
                    let word = self.word();
                    statement.words.push(word);
                    continue;
                }
            };
            if end == End::Cut {
                self.stopped = true;
                self.rest = "";
            } else {
                self.bump();
                if end == End::Simple && statement.words.is_empty() {
                    continue; // a semicolon alone
                }
            }
            statement.end = end;
            return Some(statement);
        }
    }

    /// Skips a block of Lua, whose opening brace was read, with its closing brace.
    pub(super) fn skip_lua(&mut self) {
        let mut depth = 1;
        while let Some(c) = self.bump() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                '-' if self.rest.starts_with('-') => self.skip_lua_comment(),
                '[' => drop(self.skip_long_text()),
                '"' | '\'' => self.skip_lua_text(c),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
        self.stopped = true;
    }

    fn skip_lua_comment(&mut self) {
        self.bump();
        if self.rest.starts_with('[') {
            self.bump();
            if self.skip_long_text() {
                return;
            }
        }
        self.skip_past("\n");
    }

    /// `[[ text ]]` or `[=[ text ]=]`, whose first bracket was read.
    fn skip_long_text(&mut self) -> bool {
        let level = self.rest.bytes().take_while(|b| *b == b'=').count();
        let is_long = self.rest[level..].starts_with('[');
        if is_long {
            self.skip_past(&format!("]{}]", "=".repeat(level)));
        }
        is_long
    }

    fn skip_lua_text(&mut self, quote: char) {
        while let Some(c) = self.bump() {
            match c {
                '\\' => drop(self.bump()),
                '\n' => return,
                c if c == quote => return,
                _ => {}
            }
        }
    }

    fn skip_past(&mut self, end: &str) {
        let at = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        self.line += self.rest[..at].matches('\n').count();
        self.rest = &self.rest[at..];
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            match c {
                ' ' | '\t' | '\r' | '\n' => drop(self.bump()),
                '#' => self.skip_past("\n"),
                _ => return,
            }
        }
    }

    /// The word that begins here: up to blank, `;` or `{` (not that of `${`), or within quotes.
    fn word(&mut self) -> String {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        if quote.is_some() {
            self.bump();
        }
        let mut word = String::new();
        let mut after_dollar = false;
        while let Some(c) = self.rest.chars().next() {
            match c {
                c if Some(c) == quote => {
                    self.bump();
                    // Behind a quoted word only a blank, `;`, `{` or `)` may come; the last belongs to the next word.
                    return word;
                }
                ' ' | '\t' | '\r' | '\n' | ';' if quote.is_none() => return word,
                '{' if quote.is_none() && !after_dollar => return word,
                '\\' => {
                    self.bump();
                    match self.bump() {
                        Some('t') => word.push('\t'),
                        Some('r') => word.push('\r'),
                        Some('n') => word.push('\n'),
                        Some(c @ ('"' | '\'' | '\\')) => word.push(c),
                        Some(c) => word.extend(['\\', c]),
                        None => {}
                    }
                    after_dollar = false;
                    continue;
                }
                _ => {}
            }
            after_dollar = c == '$';
            word.push(c);
            self.bump();
        }
        if quote.is_some() {
            self.stopped = true;
        }
        word
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }
}
