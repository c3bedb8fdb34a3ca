//! The form of strongSwan's files: nested blocks of keys and values. Values stand in quotes that they cannot leave.

use std::fmt::{Display, Write as _};

/// Text under way.
pub(super) struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    pub(super) fn new(comment: &str) -> Self {
        Self { text: comment.to_owned(), depth: 0 }
    }

    pub(super) fn text(self) -> String {
        self.text
    }

    /// A section. Its name comes from this program, or is a name of filter's sets: letters, digits, - and _.
    pub(super) fn block(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("{name} {{"));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line("}");
    }

    pub(super) fn put(&mut self, key: &str, value: &str) {
        let quoted = quoted(value);
        self.line(&format!("{key} = {quoted}"));
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{:indent$}{line}", "", indent = self.depth * 4);
    }
}

/// In quotes where it is more than a word. In them `\` begins an escape, and `"` ends them.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@,:!%[] ".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Values of a list.
pub(super) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
