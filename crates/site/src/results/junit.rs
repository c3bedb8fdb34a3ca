//! Reads JUnit's XML: `testcase` elements with `failure`, `error` or `skipped` in them, at any depth of suites. There is
//! no standard; this is what pytest, Playwright, Cypress, k6 and newman write.

use std::time::Duration;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::{Case, Cases, Ending, MOST_CASES, ResultsError};

/// How deep elements may be nested.
const DEPTH_LIMIT: usize = 64;
/// Most attributes of an element that are looked at.
const ATTRIBUTE_LIMIT: usize = 64;
/// Text of a failure that is looked at, in bytes.
const TEXT_LIMIT: usize = 4096;

/// Reads results. Document types are refused, so there is no entity to expand.
pub fn junit(bytes: &[u8]) -> Result<Vec<Case>, ResultsError> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut cases = Cases::default();
    let mut open: Vec<Kind> = Vec::new();
    let mut case: Option<Open> = None;
    let mut any = false;
    loop {
        let at = reader.buffer_position();
        let wrong = |text: String| ResultsError { place: format!("byte {at}"), text };
        match reader.read_event().map_err(|e| wrong(e.to_string()))? {
            Event::Start(start) => {
                any = true;
                if open.len() == DEPTH_LIMIT {
                    return Err(wrong(format!("elements are nested deeper than {DEPTH_LIMIT}")));
                }
                let kind = Kind::of(&start);
                begin(kind, &start, &mut case);
                open.push(kind);
            }
            Event::Empty(start) => {
                any = true;
                let kind = Kind::of(&start);
                begin(kind, &start, &mut case);
                end(kind, &mut case, &mut cases).map_err(wrong)?;
            }
            Event::End(_) => {
                if let Some(kind) = open.pop() {
                    end(kind, &mut case, &mut cases).map_err(wrong)?;
                }
            }
            Event::Text(text) => tell(&open, &mut case, text.as_ref()),
            Event::GeneralRef(name) => tell(&open, &mut case, &super::resolved(&name)),
            Event::CData(text) => tell(&open, &mut case, text.as_ref()),
            Event::DocType(_) => return Err(wrong("a document type, which is refused".to_owned())),
            Event::Eof if open.is_empty() && any => return Ok(cases.all),
            Event::Eof => return Err(wrong("the results end too early".to_owned())),
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Case,
    Failure,
    Skipped,
    Other,
}

impl Kind {
    fn of(start: &BytesStart<'_>) -> Self {
        match start.local_name().as_ref() {
            "testcase" => Self::Case,
            "failure" | "error" => Self::Failure,
            "skipped" => Self::Skipped,
            _ => Self::Other,
        }
    }
}

/// A test that is being read.
struct Open {
    name: String,
    took: Option<Duration>,
    failed: Option<String>,
    skipped: bool,
}

fn begin(kind: Kind, start: &BytesStart<'_>, case: &mut Option<Open>) {
    match (kind, case) {
        (Kind::Case, case @ None) => {
            let class = attribute(start, "classname").unwrap_or_default();
            let own = attribute(start, "name").unwrap_or_default();
            let name = match (class.as_str(), own.as_str()) {
                ("", "") => "unnamed".to_owned(),
                ("", _) => own,
                (_, "") => class,
                _ if own.starts_with(&class) => own,
                _ => format!("{class} {own}"),
            };
            let seconds = attribute(start, "time").and_then(|t| t.parse::<f64>().ok());
            let took = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
            *case = Some(Open { name, took, failed: None, skipped: false });
        }
        (Kind::Failure, Some(case)) if case.failed.is_none() => {
            let message = attribute(start, "message").unwrap_or_default();
            case.failed = Some(if message.is_empty() { message } else { message + "\n" });
        }
        (Kind::Skipped, Some(case)) => case.skipped = true,
        _ => {}
    }
}

fn end(kind: Kind, case: &mut Option<Open>, cases: &mut Cases) -> Result<(), String> {
    if kind != Kind::Case {
        return Ok(());
    }
    let Some(case) = case.take() else { return Ok(()) };
    let ending = match case.failed {
        Some(why) => Ending::Failed(why),
        None if case.skipped => Ending::Skipped,
        None => Ending::Passed,
    };
    if cases.push(&case.name, case.took, ending) {
        Ok(())
    } else {
        Err(format!("more than {MOST_CASES} tests"))
    }
}

/// A failure's text says more than its message, which may be missing.
fn tell(open: &[Kind], case: &mut Option<Open>, text: &str) {
    if let (Some(Kind::Failure), Some(Open { failed: Some(why), .. })) = (open.last(), case)
        && why.len() < TEXT_LIMIT
    {
        why.push_str(&text[..text.floor_char_boundary(TEXT_LIMIT.min(text.len()))]);
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    let mut looked_at = attributes.with_checks(false).take(ATTRIBUTE_LIMIT).flatten();
    let value = looked_at.find(|a| a.key.as_ref() == name)?.value;
    // What is no predefined entity stays as it is written.
    Some(unescape(&value).map_or_else(|_| value.clone().into_owned(), std::borrow::Cow::into_owned))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = r#"<?xml version="1.0"?>
<testsuites><testsuite name="shop"><properties><property name="a" value="b"/></properties>
<testcase classname="pay" name="by card &amp; code" time="1.5"/>
<testcase classname="pay" name="by card &amp; code" time="x"><failure message="no &lt;button&gt;">at line 5</failure><failure/></testcase>
<testcase name="later"><skipped/></testcase>
<testsuite><testcase classname="mail" name="mail form"><system-out>said</system-out><error><![CDATA[<refused>]]> &amp; &#103;one</error></testcase></testsuite>
</testsuite></testsuites>"#;

    #[test]
    fn results_are_read() {
        let cases = junit(WHOLE.as_bytes()).unwrap();
        let told: Vec<(&str, &Ending)> = cases.iter().map(|c| (c.name.as_str(), &c.ending)).collect();
        let failed = |why: &str| Ending::Failed(why.to_owned());
        assert_eq!(
            told,
            [
                ("pay by card & code", &Ending::Passed),
                ("pay by card & code (2)", &failed("no <button>\nat line 5")),
                ("later", &Ending::Skipped),
                ("mail form", &failed("<refused> & gone")),
            ]
        );
        assert_eq!(cases[0].took, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn what_is_no_results_is_refused() {
        for (bad, why) in [
            ("", "end too early"),
            ("<testsuite><testcase/>", "end too early"),
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><testsuite/>", "document type"),
            ("<testsuite></testcase>", "byte 11"),
            (&"<a>".repeat(100), "nested deeper"),
            (&format!("<a>{}</a>", "<testcase/>".repeat(MOST_CASES + 1)), "more than 100000 tests"),
        ] {
            let error = junit(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn names_stay_apart(at in 0..WHOLE.len(), length in 0..20usize, by: String) {
            let mut text = WHOLE.to_owned();
            text.replace_range(at..(at + length).min(text.len()), &by);
            if let Ok(cases) = junit(text.as_bytes()) {
                let names: std::collections::HashSet<&String> = cases.iter().map(|c| &c.name).collect();
                prop_assert_eq!(names.len(), cases.len());
            }
        }
    }
}
