//! What a shell script says without being run: its plain assignments.
//!
//! Init scripts name their program in variables (`DAEMON=/usr/sbin/$NAME`). A value that needs a command to be run
//! stays unknown.

use std::collections::HashMap;

/// More variables than this, or longer values, are no configuration.
const VARIABLE_LIMIT: usize = 1000;
const VALUE_LIMIT: usize = 4096;

/// Variables that a script sets at its top level to values that can be told without running it.
#[derive(Debug, Default)]
pub(crate) struct Variables(HashMap<String, String>);

impl Variables {
    /// Takes a script's assignments, after those of scripts taken before, as if it were sourced after them.
    pub(crate) fn source(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.strip_prefix("export ").unwrap_or(line);
            if let Some(default) = line.strip_prefix(": ${").or_else(|| line.strip_prefix(": \"${")) {
                self.set_default(default);
            } else if let Some((name, value)) = line.split_once('=') {
                self.set(name, value);
            }
        }
    }

    /// The value of a variable, never empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// The first word of `text`, as the shell would read it; `None` when that cannot be told.
    pub(crate) fn first_word(&self, text: &str) -> Option<String> {
        self.word(text.trim_start()).filter(|w| !w.is_empty())
    }

    fn set(&mut self, name: &str, value: &str) {
        if !is_name(name) || (self.0.len() >= VARIABLE_LIMIT && !self.0.contains_key(name)) {
            return;
        }
        match self.word(value) {
            Some(value) => drop(self.0.insert(name.to_owned(), value)),
            None => drop(self.0.remove(name)),
        }
    }

    /// `: ${NAME:=VALUE}`
    fn set_default(&mut self, text: &str) {
        let Some((name, value)) = text.split_once('=') else { return };
        let name = name.strip_suffix(':').unwrap_or(name);
        if let Some((value, _)) = value.rsplit_once('}').filter(|_| self.get(name).is_none()) {
            self.set(name, value);
        }
    }

    /// The word at the start of `text`, quotes taken away, variables replaced; `None` when it cannot be told.
    fn word(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut quote = None;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            if out.len() > VALUE_LIMIT {
                return None;
            }
            match (c, quote) {
                (c, Some(q)) if c == q => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (c, None) if c.is_whitespace() || matches!(c, ';' | '&' | '|') => return Some(out),
                ('`', _) => return None,
                ('\\', None | Some('"')) => {
                    let escaped = after.chars().next()?;
                    out.push(escaped);
                    rest = &after[escaped.len_utf8()..];
                    continue;
                }
                ('$', None | Some('"')) => {
                    let (value, after) = self.variable(after)?;
                    out.push_str(&value);
                    rest = after;
                    continue;
                }
                (c, _) => out.push(c),
            }
            rest = after;
        }
        quote.is_none().then_some(out)
    }

    /// The value of the variable named at the start of `text` (behind its `$`), and what follows.
    fn variable<'t>(&self, text: &'t str) -> Option<(String, &'t str)> {
        let Some(braced) = text.strip_prefix('{') else {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            return Some((self.0.get(&text[..end])?.clone(), &text[end..]));
        };
        let (inner, after) = braced.split_once('}')?;
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, modifier) = inner.split_at(end);
        if modifier.is_empty() {
            return Some((self.0.get(name)?.clone(), after));
        }
        let default = [":-", "-", ":="].iter().find_map(|operator| modifier.strip_prefix(operator))?;
        let default = Some(default).filter(|d| !d.contains(['$', '`'])).map(|d| d.trim_matches(['"', '\'']));
        let value = self.get(name).or(default)?;
        Some((value.to_owned(), after))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get(text: &str, name: &str) -> Option<String> {
        let mut variables = Variables::default();
        variables.source(text);
        variables.get(name).map(str::to_owned)
    }

    #[test]
    fn plain_values_are_told() {
        assert_eq!(get("NAME=nmbd\nDAEMON=/usr/sbin/$NAME\n", "DAEMON").as_deref(), Some("/usr/sbin/nmbd"));
        assert_eq!(get("a=\"x ${b:-/y}\" # c", "a").as_deref(), Some("x /y"));
        assert_eq!(get(": ${a:=\"/x\"}\nb=${a}z;c=d", "b").as_deref(), Some("/xz"));
        assert_eq!(get("a=1\n: ${a:=2}", "a").as_deref(), Some("1"));
        assert_eq!(get("export A='$b'", "A").as_deref(), Some("$b"));
    }

    #[test]
    fn what_must_be_run_stays_unknown() {
        for text in ["a=$(which x)", "a=`x`", "a=/usr/$UNSET", "a=\"open", "a=1\na=$(x)", "  a=1"] {
            assert_eq!(get(text, "a"), None, "{text}");
        }
    }

    #[test]
    fn values_do_not_explode() {
        let doubling: Vec<String> = (0..200).map(|i| format!("v{}=$v{i}$v{i}\n", i + 1)).collect();
        assert_eq!(get(&format!("v0=xx\n{}", doubling.concat()), "v200"), None);
    }

    proptest! {
        #[test]
        fn any_text(text in "([a-z]{1,3}=|[${}:=`\"'\\\\ \n;-]|.){0,60}") {
            get(&text, "a");
        }
    }
}
