//! VCL's tokens, as far as declarations need them.

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name or a number.
    Word(&'t str),
    /// `"text"`, `{"text"}` or `"""text"""`
    Text(&'t str),
    /// `C{ code }C`
    Code,
    Sign(char),
}

/// Splits a text into tokens, comments left out.
pub(super) struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    cut: bool,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text, line: 1, cut: false }
    }

    /// The line where the last token ends.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Whether the text ended within a token.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(super) fn next(&mut self) -> Option<Token<'t>> {
        self.skip_blanks();
        let c = self.rest.chars().next()?;
        for (open, close) in [("\"\"\"", "\"\"\""), ("{\"", "\"}"), ("\"", "\"")] {
            if self.rest.starts_with(open) {
                return Some(Token::Text(self.enclosed(open, close)));
            }
        }
        if self.rest.starts_with("C{") {
            self.enclosed("C{", "}C");
            return Some(Token::Code);
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        if end == 0 {
            self.skip(c.len_utf8());
            return Some(Token::Sign(c));
        }
        Some(Token::Word(self.skip(end)))
    }

    fn skip_blanks(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.skip(blank);
            if self.rest.starts_with('#') || self.rest.starts_with("//") {
                self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.enclosed("/*", "*/");
            } else {
                return;
            }
        }
    }

    /// What stands between two marks, with which it begins and ends.
    fn enclosed(&mut self, open: &str, close: &str) -> &'t str {
        self.skip(open.len());
        let end = self.rest.find(close);
        self.cut |= end.is_none();
        let text = self.skip(end.unwrap_or(self.rest.len()));
        self.skip(end.map_or(0, |_| close.len()));
        text
    }

    fn skip(&mut self, length: usize) -> &'t str {
        let (skipped, rest) = self.rest.split_at(length);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
        skipped
    }
}
