//! Holds an answer against what is expected of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::client::Answer;
use crate::file::{Capture, Expect, JsonExpect, Site, fill};
use crate::outcome::Mismatch;
use crate::values::{JsonQuery, Pattern, Sha256};

/// The body without what changes by itself.
pub(crate) fn without<'a>(body: &'a [u8], ignore: &[Pattern]) -> Cow<'a, [u8]> {
    if ignore.is_empty() {
        return Cow::Borrowed(body);
    }
    let mut text = String::from_utf8_lossy(body);
    for pattern in ignore {
        text = Cow::Owned(pattern.regex().replace_all(&text, "").into_owned());
    }
    Cow::Owned(text.into_owned().into_bytes())
}

/// What is not as expected. `rest` is the body without what is ignored.
pub(super) fn mismatches(
    expect: &Expect,
    answer: &Answer,
    rest: &[u8],
    took: Duration,
    site: &Site,
    values: &BTreeMap<String, String>,
) -> Vec<Mismatch> {
    let mut wrong = Vec::new();
    match expect.status {
        Some(status) if status != answer.status => {
            wrong.push(Mismatch::new("status", status.to_string(), seen_status(answer)));
        }
        None if answer.status >= 400 => {
            wrong.push(Mismatch::new("status", "below 400", answer.status.to_string()));
        }
        _ => {}
    }
    if let Some(end) = &expect.ends_at
        && site.url.join(end).ok().as_ref() != Some(&answer.url)
    {
        wrong.push(Mismatch::new("address", end, answer.url.as_str()));
    }
    for (name, pattern) in &expect.header {
        let mut values = answer.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let regex = pattern.regex();
        if !values.clone().any(|value| regex.is_match(value)) {
            let seen = values.next().map_or("no such header", String::as_str);
            wrong.push(Mismatch::new(&format!("header {name}"), format!("matches {pattern}"), seen));
        }
    }
    if answer.cut {
        let limit = answer.body.len();
        wrong.push(Mismatch::new("size", format!("at most {limit} bytes"), "more"));
    }
    let size = answer.body.len() as u64;
    if let Some(least) = expect.min_size.filter(|least| size < least.0) {
        wrong.push(Mismatch::new("size", format!("at least {least}"), format!("{size} bytes")));
    }
    if let Some(most) = expect.max_size.filter(|most| size > most.0) {
        wrong.push(Mismatch::new("size", format!("at most {most}"), format!("{size} bytes")));
    }
    if let Some(limit) = expect.within.filter(|limit| took > limit.0) {
        wrong.push(Mismatch::new("time", format!("within {limit}"), format!("{} ms", took.as_millis())));
    }
    wrong.extend(text_mismatches(expect, &String::from_utf8_lossy(&answer.body), values));
    if !expect.json.is_empty() {
        wrong.extend(json_mismatches(&expect.json, &answer.body));
    }
    if let Some(sum) = expect.sha256 {
        let seen = Sha256::of(rest);
        if seen != sum {
            wrong.push(Mismatch::new("sha256", sum.to_string(), format!("{seen} ({} bytes)", rest.len())));
        }
    }
    wrong
}

fn seen_status(answer: &Answer) -> String {
    match answer.header("location") {
        Some(to) => format!("{}, to {to}", answer.status),
        None => answer.status.to_string(),
    }
}

fn text_mismatches(expect: &Expect, text: &str, values: &BTreeMap<String, String>) -> Vec<Mismatch> {
    let mut wrong = Vec::new();
    for part in &expect.contains {
        match fill(part, values) {
            Ok(part) if text.contains(&part) => {}
            Ok(part) => wrong.push(Mismatch::new("body", format!("contains {part:?}"), text)),
            Err(name) => wrong.push(Mismatch::new("body", part, format!("nothing captured ${{{name}}}"))),
        }
    }
    for part in expect.lacks.iter().filter(|part| text.contains(part.as_str())) {
        wrong.push(Mismatch::new("body", format!("lacks {part:?}"), text));
    }
    for pattern in expect.matches.iter().filter(|pattern| !pattern.regex().is_match(text)) {
        wrong.push(Mismatch::new("body", format!("matches {pattern}"), text));
    }
    wrong
}

fn json_mismatches(expected: &[JsonExpect], body: &[u8]) -> Vec<Mismatch> {
    let json: serde_json::Value = match serde_json::from_slice(body) {
        Ok(json) => json,
        Err(error) => return vec![Mismatch::new("body", "JSON", error.to_string())],
    };
    let wrong = |expect: &JsonExpect| {
        let found = expect.path.path().query(&json);
        let what = format!("json {}", expect.path);
        let Some(first) = found.first() else { return Some(Mismatch::new(&what, "a value", "none")) };
        if let Some(equal) = &expect.equals
            && !found.iter().any(|value| *value == equal)
        {
            return Some(Mismatch::new(&what, equal.to_string(), first.to_string()));
        }
        let pattern = expect.matches.as_ref()?;
        let regex = pattern.regex();
        let matched = found.iter().any(|value| regex.is_match(&plain(value)));
        (!matched).then(|| Mismatch::new(&what, format!("matches {pattern}"), plain(first)))
    };
    expected.iter().filter_map(wrong).collect()
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A captured value is no longer, in bytes.
const LONGEST_VALUE: usize = 64 << 10;

/// What a later request needs of the answer, or why it is not there.
pub(super) fn captured(capture: &Capture, answer: &Answer) -> Result<String, Mismatch> {
    let missing = |what: String| Mismatch::new("capture", what, "nothing");
    let value = match capture {
        Capture::Regex(pattern) => {
            let text = String::from_utf8_lossy(&answer.body);
            let found =
                pattern.regex().captures(&text).ok_or_else(|| missing(format!("matches {pattern}")))?;
            found.get(1).or(found.get(0)).map_or(String::new(), |m| m.as_str().to_owned())
        }
        Capture::Json(query) => {
            json_value(query, &answer.body).ok_or_else(|| missing(format!("json {query}")))?
        }
        Capture::Header(name) => {
            answer.header(name).ok_or_else(|| missing(format!("header {name}")))?.to_owned()
        }
    };
    if value.len() > LONGEST_VALUE {
        return Err(Mismatch::new("capture", "at most 64 KiB", format!("{} bytes", value.len())));
    }
    Ok(value)
}

fn json_value(query: &JsonQuery, body: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    query.path().query(&json).first().map(plain)
}
