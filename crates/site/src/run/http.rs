//! Runs a transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ureq::http::Method;

use super::body::body;
use super::client::{Client, Question};
use super::expect::{captured, mismatches, without};
use super::{Settings, network};
use crate::file::{HttpCheck, Request, SIZE_LIMIT, Site, fill};
use crate::outcome::{Exchange, Mismatch, Outcome};

pub(super) fn run(check: &HttpCheck, site: &Site, settings: &Settings) -> Outcome {
    let began = Instant::now();
    let limit = site.size_limit.unwrap_or(SIZE_LIMIT).0;
    let tls = check.tls.clone().or_else(|| site.tls.clone()).unwrap_or_default();
    let network = network(site, settings, check.time_limit);
    let client = Client::new(site, network, Arc::clone(&settings.trusted), tls, limit);
    let mut values = BTreeMap::new();
    let mut exchanges = Vec::new();
    let mut wrong = Vec::new();
    for (at, request) in check.request.iter().enumerate() {
        let (asked, found) = step(request, site, &client, &mut values, &mut exchanges);
        let place = if check.request.len() == 1 { asked } else { format!("request {}: {asked}", at + 1) };
        wrong.extend(found.into_iter().map(|mismatch| mismatch.at(&place)));
        if !wrong.is_empty() {
            break;
        }
    }
    Outcome::of(&check.name, began.elapsed(), wrong, exchanges)
}

/// One request. Returns what was asked, and what was not as expected.
fn step(
    request: &Request,
    site: &Site,
    client: &Client<'_>,
    values: &mut BTreeMap<String, String>,
    exchanges: &mut Vec<Exchange>,
) -> (String, Vec<Mismatch>) {
    let question = match question(request, site, values) {
        Ok(question) => question,
        Err(why) => return (request.url.clone(), vec![Mismatch::new("request", "can be made", why)]),
    };
    let asked = format!("{} {}", question.method, question.url);
    let began = Instant::now();
    let answer = match client.ask(question, request.follow.unwrap_or(true)) {
        Ok(answer) => answer,
        Err(why) => return (asked, vec![Mismatch::new("answer", "one", why.to_string())]),
    };
    let took = began.elapsed();
    let rest = without(&answer.body, &request.expect.ignore);
    exchanges.push(Exchange::of(&asked, Some(answer.status.into()), answer.body.len() as u64, &rest));
    let mut wrong = mismatches(&request.expect, &answer, &rest, took, site, values);
    for (name, capture) in &request.capture {
        match captured(capture, &answer) {
            Ok(value) => drop(values.insert(name.clone(), value)),
            Err(mismatch) => wrong.push(mismatch),
        }
    }
    (asked, wrong)
}

fn question(request: &Request, site: &Site, values: &BTreeMap<String, String>) -> Result<Question, String> {
    let filled = |text: &str| fill(text, values).map_err(|name| format!("nothing captured ${{{name}}}"));
    let url = site.url.join(&filled(&request.url)?).map_err(|e| format!("{}: {e}", request.url))?;
    // A captured value may have led elsewhere.
    if !matches!(url.scheme(), "http" | "https") || !site.allows(url.host_str().unwrap_or_default()) {
        return Err(format!("{url} is not of the site"));
    }
    let (body, kind) = body(request, values)?;
    let mut headers = Vec::new();
    for (name, value) in &request.header {
        headers.push((name.clone(), filled(value)?));
    }
    if let Some(kind) = kind.filter(|_| !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type")))
    {
        headers.push(("content-type".to_owned(), kind));
    }
    let has_body = !body.is_empty() || request.form.is_some() || request.multipart.is_some();
    let method = match &request.method {
        Some(method) => Method::from_bytes(method.as_bytes()).map_err(|e| e.to_string())?,
        None if has_body => Method::POST,
        None => Method::GET,
    };
    Ok(Question { method, url, headers, body })
}
