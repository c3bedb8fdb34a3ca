//! What was issued and revoked: the index, `index.json`.

use doorward_ipsec::Identity;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{CommonName, Name};

/// Written into the index; another number is another form.
const SCHEMA: u32 = 1;

/// The index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    schema: Schema,
    /// The authority's name.
    pub(crate) authority: CommonName,
    /// Its last second, in seconds since 1970.
    pub(crate) valid_until: i64,
    /// Number of the last list of revoked certificates.
    pub(crate) crl_number: u64,
    /// In the order in which they were issued.
    pub(crate) certificates: Vec<Entry>,
}

impl Index {
    pub(crate) fn new(authority: CommonName, valid_until: i64) -> Self {
        Self { schema: Schema, authority, valid_until, crl_number: 0, certificates: Vec::new() }
    }
}

/// The number of the form; no other is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
struct Schema;

impl From<Schema> for u32 {
    fn from(_: Schema) -> Self {
        SCHEMA
    }
}

impl TryFrom<u32> for Schema {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number == SCHEMA { Ok(Self) } else { Err(format!("schema {number}: this program knows {SCHEMA}")) }
    }
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// What it is called here.
    pub name: Name,
    /// Whom it is for: its `subjectAltName`s.
    pub identities: Vec<Identity>,
    /// From this second on, since 1970.
    pub valid_from: i64,
    /// Until this second, since 1970.
    pub valid_until: i64,
    /// When and why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// When and why a certificate was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Seconds since 1970.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// Why a certificate is revoked (RFC 5280, section 5.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Not told.
    #[default]
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// Another certificate takes its place.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
}

/// What a certificate is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is taken.
    Valid,
    /// Its time is over.
    Expired,
    /// It was revoked, expired or not.
    Revoked,
}

impl Entry {
    /// What it is worth at a second since 1970.
    pub fn status(&self, now: i64) -> Status {
        if self.revoked.is_some() {
            Status::Revoked
        } else if now > self.valid_until {
            Status::Expired
        } else {
            Status::Valid
        }
    }

    /// Its file's name, without an ending: by its serial number no two have one.
    pub fn file_stem(&self) -> String {
        format!("{}-{}", self.name, self.serial.get(..8).unwrap_or(&self.serial))
    }

    /// Its last day: `2027-11-29`.
    pub fn last_day(&self) -> String {
        day(self.valid_until)
    }
}

/// A day in UTC: `2027-11-29`.
pub(crate) fn day(second: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(second) {
        Ok(time) => format!("{:04}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day()),
        Err(_) => "an unknown day".to_owned(),
    }
}
