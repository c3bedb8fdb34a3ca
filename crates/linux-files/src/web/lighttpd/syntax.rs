//! lighttpd's syntax: `name = value`, conditions with blocks, includes; values of texts, numbers and lists.

use std::collections::HashMap;

/// Lists within lists, and entries of one.
const DEPTH_LIMIT: usize = 16;
const ENTRY_LIMIT: usize = 20_000;

/// Longer texts make no sense.
const LENGTH_LIMIT: usize = 20_000;

/// A value as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A text or a number.
    Text(String),
    /// A list, some of whose entries have keys.
    List(Vec<(Option<String>, Value)>),
    /// It comes from the environment or from a variable that is not set.
    Unknown,
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// One element of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// `name = value`, `name += value`, `name := value`
    Set(String, Value),
    Include(Value),
    /// `include_shell "command"`
    Shell(Value),
    /// `$HTTP["host"] == "name"`
    Host(String),
    /// Anything else: the rest cannot be read.
    Nonsense,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Sign(char),
    /// `=`, `+=`, `:=`
    Assign,
    /// `=>`
    Arrow,
    /// `==`, `!=`, `=~`, `!~`, `=^`, `=$`
    Compare(bool),
}

/// Splits a text into settings.
pub(super) struct Parser<'t> {
    rest: &'t str,
    line: usize,
    /// Line of the token that was taken last, and of the first one of the element.
    taken: usize,
    first: usize,
    peeked: Option<(Token, usize)>,
    open: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            rest: text.strip_prefix('\u{feff}').unwrap_or(text),
            line: 1,
            taken: 1,
            first: 1,
            peeked: None,
            open: 0,
        }
    }

    /// The line where the last element begins.
    pub(super) fn first_line(&self) -> usize {
        self.first
    }

    /// The next element; conditions are looked through.
    pub(super) fn next(&mut self, variables: &HashMap<String, Value>) -> Option<Setting> {
        loop {
            let token = self.take();
            self.first = self.taken;
            match token {
                None if self.rest.is_empty() && self.open == 0 => return None,
                Some(Token::Sign('}')) if self.open > 0 => self.open -= 1,
                Some(Token::Sign('$')) => match self.condition(variables) {
                    Ok(Some(host)) => return Some(Setting::Host(host)),
                    Ok(None) => {}
                    Err(()) => break,
                },
                Some(Token::Name(name)) => match name.as_str() {
                    "else" | "elseif" | "elsif" | "if" => {
                        if self.eat(&Token::Sign('{')) {
                            self.open += 1;
                        }
                    }
                    "global" if self.eat(&Token::Sign('{')) => self.open += 1,
                    "include" => {
                        return Some(self.value(variables, 0).map_or(Setting::Nonsense, Setting::Include));
                    }
                    "include_shell" => {
                        return Some(self.value(variables, 0).map_or(Setting::Nonsense, Setting::Shell));
                    }
                    _ if self.eat(&Token::Assign) => {
                        let name = name.strip_prefix("var.").map_or(name.as_str(), |n| n).to_owned();
                        let value = self.value(variables, 0);
                        return Some(value.map_or(Setting::Nonsense, |value| Setting::Set(name, value)));
                    }
                    _ => break,
                },
                _ => break,
            }
        }
        self.rest = "";
        self.peeked = None;
        self.open = 0;
        Some(Setting::Nonsense)
    }

    /// `HTTP["host"] == "name" {`, behind its `$`. The name, if it compares the host for equality.
    fn condition(&mut self, variables: &HashMap<String, Value>) -> Result<Option<String>, ()> {
        let Some(Token::Name(_)) = self.take() else { return Err(()) };
        let mut field = None;
        if self.eat(&Token::Sign('[')) {
            let Some(Token::Text(text)) = self.take() else { return Err(()) };
            field = Some(text);
            if !self.eat(&Token::Sign(']')) {
                return Err(());
            }
        }
        let Some(Token::Compare(equal)) = self.take() else { return Err(()) };
        let value = self.value(variables, 0).ok_or(())?;
        if !self.eat(&Token::Sign('{')) {
            return Err(());
        }
        self.open += 1;
        let is_host = equal && field.as_deref() == Some("host");
        Ok(if let (true, Value::Text(name)) = (is_host, value) { Some(name) } else { None })
    }

    /// A value: elements joined by `+`.
    fn value(&mut self, variables: &HashMap<String, Value>, depth: usize) -> Option<Value> {
        let mut value = self.element(variables, depth)?;
        while self.eat(&Token::Sign('+')) {
            value = join(value, self.element(variables, depth)?);
        }
        Some(value)
    }

    fn element(&mut self, variables: &HashMap<String, Value>, depth: usize) -> Option<Value> {
        match self.take()? {
            Token::Text(text) => Some(Value::Text(text)),
            Token::Sign('(') if depth < DEPTH_LIMIT => self.list(variables, depth + 1),
            Token::Name(name) => {
                let is_plain =
                    name.bytes().all(|b| b.is_ascii_digit()) || matches!(name.as_str(), "enable" | "disable");
                let known = variables.get(name.strip_prefix("var.").unwrap_or(&name));
                Some(if is_plain { Value::Text(name) } else { known.cloned().unwrap_or(Value::Unknown) })
            }
            _ => None,
        }
    }

    /// A list behind its opening parenthesis.
    fn list(&mut self, variables: &HashMap<String, Value>, depth: usize) -> Option<Value> {
        let mut entries = Vec::new();
        while !self.eat(&Token::Sign(')')) {
            let first = self.value(variables, depth)?;
            let entry = if self.eat(&Token::Arrow) {
                (first.text().map(str::to_owned), self.value(variables, depth)?)
            } else {
                (None, first)
            };
            entries.push(entry);
            self.eat(&Token::Sign(','));
            if entries.len() > ENTRY_LIMIT {
                return None;
            }
        }
        Some(Value::List(entries))
    }

    fn eat(&mut self, wanted: &Token) -> bool {
        let token = self.take();
        if token.as_ref() == Some(wanted) {
            return true;
        }
        self.peeked = token.map(|token| (token, self.taken));
        false
    }

    fn take(&mut self) -> Option<Token> {
        if let Some((token, line)) = self.peeked.take() {
            self.taken = line;
            return Some(token);
        }
        self.skip_blanks();
        self.taken = self.line;
        let c = self.rest.chars().next()?;
        for (sign, token) in [
            ("=>", Token::Arrow),
            ("==", Token::Compare(true)),
            ("=~", Token::Compare(false)),
            ("=^", Token::Compare(false)),
            ("=$", Token::Compare(false)),
            ("!=", Token::Compare(false)),
            ("!~", Token::Compare(false)),
            ("+=", Token::Assign),
            (":=", Token::Assign),
            ("=", Token::Assign),
        ] {
            if let Some(rest) = self.rest.strip_prefix(sign) {
                self.rest = rest;
                return Some(token);
            }
        }
        if c == '"' || c == '\'' {
            return self.quoted(c);
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(if end == 0 { c.len_utf8() } else { end });
        self.rest = rest;
        Some(if end == 0 { Token::Sign(c) } else { Token::Name(text.to_owned()) })
    }

    fn quoted(&mut self, quote: char) -> Option<Token> {
        let mut text = String::new();
        let mut chars = self.rest[quote.len_utf8()..].chars();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\\' => text.push(chars.next()?),
                c => text.push(c),
            }
            if text.len() > LENGTH_LIMIT {
                return None;
            }
        }
        self.line += text.matches('\n').count();
        self.rest = chars.as_str();
        Some(Token::Text(text))
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            let length = match c {
                '#' => self.rest.find('\n').unwrap_or(self.rest.len()),
                c if c.is_whitespace() => c.len_utf8(),
                _ => return,
            };
            self.line += usize::from(c == '\n');
            self.rest = &self.rest[length..];
        }
    }
}

fn join(a: Value, b: Value) -> Value {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) if a.len() + b.len() <= LENGTH_LIMIT => Value::Text(a + &b),
        (Value::List(mut a), Value::List(b)) if a.len() + b.len() <= ENTRY_LIMIT => {
            a.extend(b);
            Value::List(a)
        }
        _ => Value::Unknown,
    }
}
