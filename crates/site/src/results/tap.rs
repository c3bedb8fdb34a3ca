//! Reads the Test Anything Protocol, versions 12 to 14 (testanything.org). Subtests are summed up by the test that they
//! belong to, which comes after them; so what is indented is left out.

use super::{Case, Cases, Ending, MOST_CASES, ResultsError};

/// Reads results. Without a plan, or with fewer tests than planned, they are not whole.
pub fn tap(bytes: &[u8]) -> Result<Vec<Case>, ResultsError> {
    let text = String::from_utf8_lossy(bytes);
    let mut cases = Cases::default();
    let mut planned: Option<usize> = None;
    for (at, line) in text.lines().enumerate() {
        let wrong = |text: String| ResultsError { place: format!("line {}", at + 1), text };
        let line = line.trim_end();
        if let Some(plan) = line.strip_prefix("1..") {
            let number = plan.split_whitespace().next().unwrap_or_default();
            let number = number.parse().map_err(|_| wrong(format!("{plan:?} is no number of tests")))?;
            if planned.replace(number).is_some() {
                return Err(wrong("a second plan".to_owned()));
            }
        } else if let Some(why) = line.strip_prefix("Bail out!") {
            return Err(wrong(format!("the suite gave up:{why}")));
        } else if let Some((passed, rest)) = test_line(line) {
            let (name, directive) = split(rest);
            let ending = match directive.get(..4).map(str::to_ascii_lowercase).as_deref() {
                Some("skip" | "todo") => Ending::Skipped,
                _ if passed => Ending::Passed,
                _ => Ending::Failed("not ok".to_owned()),
            };
            let name = if name.is_empty() { format!("test {}", cases.all.len() + 1) } else { name };
            if !cases.push(&name, None, ending) {
                return Err(wrong(format!("more than {MOST_CASES} tests")));
            }
        }
    }
    let end = |text: String| ResultsError { place: "end".to_owned(), text };
    match planned {
        Some(planned) if planned == cases.all.len() => Ok(cases.all),
        Some(planned) => Err(end(format!("{planned} tests were planned, and {} are told", cases.all.len()))),
        None => Err(end("there is no plan (a line such as 1..5)".to_owned())),
    }
}

/// Whether it passed, and what follows its number.
fn test_line(line: &str) -> Option<(bool, &str)> {
    let (passed, rest) = match (line.strip_prefix("ok"), line.strip_prefix("not ok")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return None,
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    Some((passed, rest.strip_prefix("- ").unwrap_or(rest).trim()))
}

/// The description and the directive, at the first `#` that no backslash is before.
fn split(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '#' if !escaped => return (name.trim().to_owned(), text[at + 1..].trim()),
            _ => {
                if escaped && !matches!(c, '\\' | '#') {
                    name.push('\\');
                }
                name.push(c);
                escaped = false;
            }
        }
    }
    (name.trim().to_owned(), "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = "TAP version 14\n# Subtest: pay\n    ok 1 - card\n    1..1\nok 1 - pay\n\
        not ok 2 - mail \\#5\n  ---\n  message: refused\n  ...\nok 3 - upload # SKIP no FTP\n\
        not ok 4 # TODO later\nok\nokay then\n1..5\n";

    #[test]
    fn results_are_read() {
        let cases = tap(WHOLE.as_bytes()).unwrap();
        let told: Vec<(&str, &Ending)> = cases.iter().map(|c| (c.name.as_str(), &c.ending)).collect();
        let failed = Ending::Failed("not ok".to_owned());
        let skipped = Ending::Skipped;
        assert_eq!(
            told,
            [
                ("pay", &Ending::Passed),
                ("mail #5", &failed),
                ("upload", &skipped),
                ("test 4", &skipped),
                ("test 5", &Ending::Passed)
            ]
        );
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for (bad, why) in [
            ("", "no plan"),
            ("ok 1\n", "no plan"),
            ("1..2\nok 1\n", "2 tests were planned, and 1 are told"),
            ("1..x\n", "line 1"),
            ("1..1\n1..1\nok\n", "a second plan"),
            ("1..2\nok\nBail out! no database\n", "line 3: the suite gave up: no database"),
            ("\u{0}\u{ff}", "no plan"),
        ] {
            let error = tap(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn results_that_are_read_are_as_many_as_planned(at in 0..WHOLE.len(), length in 0..20usize, by: String) {
            let mut text = WHOLE.to_owned();
            text.replace_range(at..(at + length).min(text.len()), &by);
            if let Ok(cases) = tap(text.as_bytes()) {
                let plan = format!("1..{}", cases.len());
                prop_assert!(text.contains(&plan) || text.contains("1..0"), "{}", text);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = tap(&bytes);
        }
    }
}
