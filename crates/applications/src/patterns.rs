use std::collections::HashMap;

use regex::bytes::{Regex, RegexBuilder};

use crate::Setting;

/// What a compiled expression may take.
const SIZE: usize = 1 << 20;

/// The expressions of settings, each compiled once.
#[derive(Debug, Default)]
pub struct Patterns {
    known: HashMap<String, Option<Regex>>,
}

impl Patterns {
    /// A setting's expression; why it is bad is told the first time that it is asked for.
    pub fn of(&mut self, setting: &Setting, bad: impl FnOnce(String)) -> Option<Regex> {
        if let Some(known) = self.known.get(&setting.pattern) {
            return known.clone();
        }
        let compiled = compile(&setting.pattern).map_err(bad).ok();
        self.known.insert(setting.pattern.clone(), compiled.clone());
        compiled
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern)
        .unicode(false)
        .multi_line(true)
        .size_limit(SIZE)
        .dfa_size_limit(SIZE)
        .build()
        .map_err(|e| e.to_string())?;
    if built.captures_len() > 1 { Ok(built) } else { Err("it has no group".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pattern: &str) -> (bool, Vec<String>) {
        let setting = Setting { pattern: pattern.to_owned(), ..Setting::default() };
        let (mut patterns, mut told) = (Patterns::default(), Vec::new());
        let first = patterns.of(&setting, |why| told.push(why)).is_some();
        let again = patterns.of(&setting, |why| told.push(why)).is_some();
        assert_eq!(first, again);
        (first, told)
    }

    #[test]
    fn a_bad_expression_is_told_once() {
        assert_eq!(told("^a=(.*)$"), (true, vec![]));
        assert_eq!(told("^a=.*$"), (false, vec!["it has no group".to_owned()]));
        for bad in ["(", "(a{1000}{1000}){1000}"] {
            let (compiled, why) = told(bad);
            assert!(!compiled && why.len() == 1, "{bad}: {why:?}");
        }
    }
}
