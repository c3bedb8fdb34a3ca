//! Variables whose values stand in the configuration: `set`, `map`, `geo`, `split_clients`.

use std::collections::{HashMap, HashSet};

/// Variables, values of one, and what one text can become.
const VARIABLE_LIMIT: usize = 1000;
const VALUE_LIMIT: usize = 100;
const EXPANSION_LIMIT: usize = 200;

/// Variables within the values of variables, and replacements for one text in all.
const DEPTH_LIMIT: usize = 5;
const STEP_LIMIT: usize = 10_000;

/// Longer texts are no addresses.
const LENGTH_LIMIT: usize = 2000;

/// All values that each variable can take.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: HashMap<String, Vec<String>>,
    obscure: HashSet<String>,
}

impl Variables {
    /// A variable that exists, be it without a value.
    pub(super) fn declare(&mut self, name: &str) {
        if self.values.len() < VARIABLE_LIMIT {
            self.values.entry(name.to_owned()).or_default();
        }
    }

    /// One more value that a variable can take.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.declare(name);
        let Some(values) = self.values.get_mut(name) else { return };
        if values.len() >= VALUE_LIMIT || value.len() > LENGTH_LIMIT {
            self.obscure(name);
        } else if !values.iter().any(|v| v == value) {
            values.push(value.to_owned());
        }
    }

    /// A variable that also takes values that do not stand in the configuration.
    pub(super) fn obscure(&mut self, name: &str) {
        if self.obscure.len() < VARIABLE_LIMIT {
            self.obscure.insert(name.trim_start_matches('$').to_owned());
        }
    }

    /// What an address or path can become when its variables are replaced, each cut where `is_whole` says that the
    /// rest does not matter; `None` when a variable that matters is known only with a request.
    pub(super) fn expand(&self, text: &str, is_whole: fn(&str) -> bool) -> Option<Vec<String>> {
        Expander { variables: self, is_whole, steps: 0 }.text(text, 0)
    }
}

/// Replaces the variables of one text.
struct Expander<'v> {
    variables: &'v Variables,
    is_whole: fn(&str) -> bool,
    steps: usize,
}

impl Expander<'_> {
    fn text(&mut self, text: &str, depth: usize) -> Option<Vec<String>> {
        let is_whole = self.is_whole;
        let mut all = vec![String::new()];
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, after) = rest.split_once('$').map_or((rest, None), |(l, a)| (l, Some(a)));
            for text in all.iter_mut().filter(|t| !is_whole(t)) {
                text.push_str(literal);
            }
            let Some(after) = after else { break };
            if all.iter().all(|t| is_whole(t)) {
                break;
            }
            let (name, after) = name(after);
            rest = after;
            let values = self.values(name, depth)?;
            let extend = |t: String| {
                if is_whole(&t) { vec![t] } else { values.iter().map(|v| format!("{t}{v}")).collect() }
            };
            all = all.into_iter().flat_map(extend).collect();
            if all.len() > EXPANSION_LIMIT || all.iter().any(|t| t.len() > LENGTH_LIMIT) {
                return None;
            }
        }
        Some(all)
    }

    fn values(&mut self, name: &str, depth: usize) -> Option<Vec<String>> {
        self.steps += 1;
        if self.steps > STEP_LIMIT || depth >= DEPTH_LIMIT || self.variables.obscure.contains(name) {
            return None;
        }
        match name {
            "scheme" => return Some(vec!["http".into(), "https".into()]),
            // Each begins with that character, whatever the request.
            "request_uri" | "uri" | "document_uri" => return Some(vec!["/".into()]),
            "is_args" => return Some(vec!["?".into()]),
            _ => {}
        }
        let variables = self.variables;
        let values = variables.values.get(name).filter(|values| !values.is_empty())?;
        let mut all = Vec::new();
        for value in values {
            all.extend(self.text(value, depth + 1)?);
            if all.len() > EXPANSION_LIMIT {
                return None;
            }
        }
        Some(all)
    }
}

/// The name of the variable behind a `$`, and what follows.
fn name(text: &str) -> (&str, &str) {
    if let Some((name, after)) = text.strip_prefix('{').and_then(|t| t.split_once('}')) {
        return (name, after);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.split_at(end)
}
