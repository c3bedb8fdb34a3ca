//! Names with `*` for any text, as entries write them. Nothing else is special.

use std::borrow::Cow;

/// A pattern, ready to be compared with many names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern<'k> {
    text: Cow<'k, str>,
    caseless: bool,
}

impl<'k> Pattern<'k> {
    /// A pattern; `caseless` says that letters match in either case, as names of Windows do.
    pub fn new(text: &'k str, caseless: bool) -> Self {
        Self { text: folded(text, caseless), caseless }
    }

    /// Whether a name is one of those meant.
    pub fn is_match(&self, name: &str) -> bool {
        self.is_match_folded(&folded(name, self.caseless))
    }

    /// The same, of a name that is folded already.
    pub(crate) fn is_match_folded(&self, name: &str) -> bool {
        matches(&self.text, name)
    }
}

/// A name as it is compared.
pub(crate) fn folded(name: &str, caseless: bool) -> Cow<'_, str> {
    if caseless && name.chars().any(char::is_uppercase) {
        Cow::Owned(name.to_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The first part stands at the beginning, the last at the end, those between in their order, each as early as it can.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in between.split('*') {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name) in
            [("a", "a"), ("a*", "a"), ("*", ""), ("vmic*", "vmicshutdown"), ("*b*d", "abcd"), ("a**c", "abc")]
        {
            assert!(Pattern::new(pattern, false).is_match(name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "A"), ("a*a", "a"), ("*bc*cd", "abcd"), ("a?", "ab"), ("[a]", "a"), ("", "a")]
        {
            assert!(!Pattern::new(pattern, false).is_match(name), "{pattern} {name}");
        }
        assert!(Pattern::new("Mssql$*", true).is_match("MSSQL$web"));
    }

    /// What the pattern means, said in the slowest way.
    fn slow(pattern: &[u8], name: &[u8]) -> bool {
        match pattern {
            [] => name.is_empty(),
            [b'*', rest @ ..] => (0..=name.len()).any(|at| slow(rest, &name[at..])),
            [first, rest @ ..] => name.first() == Some(first) && slow(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_means_what_it_says(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(Pattern::new(&pattern, false).is_match(&name), slow(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
