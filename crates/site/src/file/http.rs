//! Transactions over HTTP.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Tls;
use crate::values::{JsonQuery, Pattern, Sha256, Size, Time};

/// Requests that are made one after the other, with one set of cookies. The first that is not answered as expected
/// ends the transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    /// The check's name.
    pub name: String,
    /// Which certificates are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Time limit of all requests together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Time>,
    /// The requests.
    pub request: Vec<Request>,
}

/// One request. `${name}` in an address, a header, a body or an expected text stands for what an earlier request of the
/// transaction captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Address, relative to the site's.
    pub url: String,
    /// Method; GET, or POST with a body, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
    /// Body, as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Body, as a form's fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, String>>,
    /// Body, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
    /// Body, as a form with files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipart: Option<Vec<Part>>,
    /// Whether redirects are followed, up to ten and on the site; true if left out. What is expected is then expected of
    /// the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<bool>,
    /// What is expected of the answer.
    #[serde(default, skip_serializing_if = "Expect::is_default")]
    pub expect: Expect,
    /// What later requests need of the answer, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<String, Capture>,
}

impl Request {
    /// A plain GET.
    pub fn get(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            method: None,
            header: BTreeMap::new(),
            body: None,
            form: None,
            json: None,
            multipart: None,
            follow: None,
            expect: Expect::default(),
            capture: BTreeMap::new(),
        }
    }
}

/// A field, or a file, of a form with files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// Its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Or a file with its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The name that the file has for the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// What is expected of an answer. What is left out is not looked at, but for the status.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status; any below 400 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the values of headers match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, Pattern>,
    /// Texts that are in the body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<String>,
    /// Texts that are not in the body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// What the body matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Pattern>,
    /// What the body is as JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonExpect>,
    /// The sum of the body, without what `ignore` matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// What changes by itself, and is left out of the sum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Pattern>,
    /// The body is not smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size: Option<Size>,
    /// The body is not larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
    /// The whole answer, redirects included, came within this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Time>,
    /// The address, relative to the site's, at which redirects ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
}

impl Expect {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A value in a body of JSON. With neither `equals` nor `matches`, that there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonExpect {
    /// Where.
    pub path: JsonQuery,
    /// The value there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<serde_json::Value>,
    /// What the value, as text, matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Pattern>,
}

/// Where a captured value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capture {
    /// The first group of an expression, or all that it matches, in the body.
    Regex(Pattern),
    /// A value in a body of JSON.
    Json(JsonQuery),
    /// A header.
    Header(String),
}
