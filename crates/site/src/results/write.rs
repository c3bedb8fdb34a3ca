//! Writes outcomes as JUnit's XML, for what collects results.

use std::fmt::Write as _;

use crate::outcome::{Outcomes, Verdict};

/// The outcomes of one run, or of several one after the other, as one suite each.
pub fn write_junit(name: &str, runs: &[Outcomes]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (at, run) in runs.iter().enumerate() {
        let count = |verdict| run.tests.iter().filter(|t| t.verdict == verdict).count();
        let name = if runs.len() == 1 { name.to_owned() } else { format!("{name} (run {})", at + 1) };
        let seconds: f64 = run.tests.iter().map(|t| t.took.as_secs_f64()).sum();
        let _ = writeln!(
            out,
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\">",
            escaped(&name),
            run.tests.len(),
            count(Verdict::Failed),
            count(Verdict::Skipped),
        );
        for test in &run.tests {
            let _ = write!(
                out,
                "<testcase name=\"{}\" time=\"{:.3}\"",
                escaped(&test.test.0),
                test.took.as_secs_f64()
            );
            match test.verdict {
                Verdict::Passed => out.push_str("/>\n"),
                Verdict::Skipped => out.push_str("><skipped/></testcase>\n"),
                Verdict::Failed => {
                    let lines: Vec<String> = test.mismatches.iter().map(ToString::to_string).collect();
                    let first = lines.first().map(String::as_str).unwrap_or_default();
                    let (first, all) = (escaped(first), escaped(&lines.join("\n")));
                    let _ = writeln!(out, "><failure message=\"{first}\">{all}</failure></testcase>");
                }
            }
        }
        out.push_str("</testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// For a value or an element; what XML 1.0 does not allow becomes the replacement character.
fn escaped(text: &str) -> String {
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..) && c != '\u{7f}';
    let text: String = text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect();
    quick_xml::escape::escape(text.as_str())
        .replace('\n', "&#10;")
        .replace('\r', "&#13;")
        .replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::outcome::{Mismatch, Outcome};
    use crate::results::{Ending, junit};

    proptest! {
        #[test]
        fn what_is_written_is_read(names in proptest::collection::vec("\\PC{1,20}", 1..5), why: String) {
            let test = |name: &String| {
                let wrong = vec![Mismatch::new("body", "a < b", &why)];
                Outcome::of(name, Duration::from_millis(5), wrong, Vec::new())
            };
            let run = Outcomes { tests: names.iter().map(test).collect() };
            let cases = junit(write_junit("a \"site\" & more", &[run]).as_bytes()).unwrap();
            prop_assert_eq!(cases.len(), names.len());
            prop_assert!(cases.iter().all(|c| matches!(&c.ending, Ending::Failed(why) if why.contains("a < b"))));
        }
    }
}
