//! File names with wildcards, as servers include them: `/etc/nginx/sites-enabled/*.conf`.

use std::collections::VecDeque;

use crate::Tree;

/// Longer ones lead nowhere, as in the kernel.
const PATTERN_LIMIT: usize = 4096;

/// What a pattern leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expansion {
    /// Paths that exist, sorted.
    pub(crate) paths: Vec<String>,
    /// What could not be looked into, as sentence fragments.
    pub(crate) failures: Vec<String>,
}

/// Whether a pattern has wildcards at all.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The paths that match an absolute pattern, at most `limit`. A wildcard stands for text within one name, and for no
/// name that begins with a dot. A path without wildcards matches itself, if it exists. Each directory that is looked
/// into is taken off `budget`.
pub(crate) fn expand(tree: &Tree, pattern: &str, limit: usize, budget: &mut usize) -> Expansion {
    let mut found = Expansion::default();
    if pattern.len() > PATTERN_LIMIT {
        found.failures.push(format!("a path longer than {PATTERN_LIMIT} bytes"));
        return found;
    }
    let parts: Vec<&str> = pattern.split('/').filter(|p| !p.is_empty()).collect();
    let mut todo = VecDeque::from([(String::new(), parts.as_slice())]);
    let mut is_cut = false;
    while let Some((base, parts)) = todo.pop_front().filter(|_| found.paths.len() <= limit) {
        let is_listed = parts.is_empty();
        let literal = parts.iter().take_while(|p| !is_pattern(p)).count();
        let base = parts[..literal].iter().fold(base, |base, part| format!("{base}/{part}"));
        let Some((wild, rest)) = parts[literal..].split_first() else {
            match tree.metadata(&base) {
                Ok(_) => found.paths.push(base),
                Err(e) if e.is_absent() && is_listed => {
                    found.failures.push(format!("{base}: a link that leads nowhere"));
                }
                Err(e) if e.is_absent() => {}
                Err(e) => found.failures.push(e.to_string()),
            }
            continue;
        };
        if *budget == 0 {
            is_cut = true;
            continue;
        }
        *budget -= 1;
        let directory = if base.is_empty() { "/" } else { &base };
        let entries = match tree.read_dir(directory) {
            Ok(entries) => entries,
            Err(e) if e.is_absent() => continue,
            Err(e) => {
                found.failures.push(e.to_string());
                continue;
            }
        };
        let names = entries.into_iter().filter_map(|e| e.name.into_string().ok());
        todo.extend(names.filter(|name| matches(wild, name)).map(|name| (format!("{base}/{name}"), rest)));
    }
    found.paths.sort();
    if is_cut || found.paths.len() > limit {
        found.paths.truncate(limit);
        found.failures.push(format!("{pattern}: leads to too many files"));
    }
    found
}

/// Whether a name matches a pattern of `*`, `?` and `[a-z]`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
        } else if let Some(length) = pattern.get(p..).and_then(|rest| takes(rest, name[n])) {
            p += length;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The length of the pattern's first element, if that takes `c`.
fn takes(pattern: &[char], c: char) -> Option<usize> {
    match *pattern.first()? {
        '?' => Some(1),
        '[' => {
            let close = 2 + pattern.get(2..)?.iter().position(|c| *c == ']')?;
            let (inside, negated) = match &pattern[1..close] {
                ['!' | '^', inside @ ..] => (inside, true),
                inside => (inside, false),
            };
            (in_class(inside, c) != negated).then_some(close + 1)
        }
        literal => (literal == c).then_some(1),
    }
}

fn in_class(mut class: &[char], c: char) -> bool {
    while let [first, rest @ ..] = class {
        let (low, high, rest) = match rest {
            ['-', high, rest @ ..] => (first, high, rest),
            rest => (first, first, rest),
        };
        if (*low..=*high).contains(&c) {
            return true;
        }
        class = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::Made;

    #[test]
    fn wildcards_match_within_a_name() {
        for (pattern, name) in
            [("*", "a"), ("*.conf", "a.conf"), ("a*b*c", "aXbYbc"), ("?[0-9]", "a7"), ("[!a]", "b")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*", ".a"), ("*.conf", "a.conf~"), ("[0-9]", "a"), ("[!a]", "a"), ("?", "")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_find_files_below_directories() {
        let made = Made::new().file("etc/a/x.conf", "").file("etc/b/y.conf", "").file("etc/b/.z.conf", "");
        let tree = made.tree();
        assert_eq!(expand(&tree, "/etc/*/*.conf", 9, &mut 9).paths, ["/etc/a/x.conf", "/etc/b/y.conf"]);
        assert_eq!(expand(&tree, "/etc/b/y.conf", 9, &mut 9).paths, ["/etc/b/y.conf"]);
        assert_eq!(expand(&tree, "/absent/*", 9, &mut 9), Expansion::default());
        let few = expand(&tree, "/etc/*/*.conf", 1, &mut 9);
        assert_eq!((few.paths.len(), few.failures.len()), (1, 1));
        let mut budget = 2;
        let few = expand(&tree, "/etc/*/*.conf", 9, &mut budget);
        assert_eq!((few.paths.len(), few.failures.len(), budget), (1, 1, 0));
    }

    #[test]
    fn what_cannot_be_followed_is_told() {
        let tree = Made::new().link("etc/a/x.conf", "/elsewhere").file("etc/b", "");
        let found = expand(&tree.tree(), "/etc/a/*", 9, &mut 9);
        assert_eq!(found.failures, ["/etc/a/x.conf: a link that leads nowhere"]);
        assert_eq!(expand(&tree.tree(), "/etc/*/y.conf", 9, &mut 9), Expansion::default());
    }

    proptest! {
        #[test]
        fn any_pattern(pattern in "([*?a]|\\[|\\]|-|!|.){0,12}", name in ".{0,8}") {
            matches(&pattern, &name);
        }

        #[test]
        fn a_star_on_each_side_finds_any_part(before in "[a-z]{0,3}", part in "[a-z]{1,3}", after in "[a-z]{0,3}") {
            let pattern = format!("*{part}*");
            let name = format!("{before}{part}{after}");
            prop_assert!(matches(&pattern, &name));
        }
    }
}
