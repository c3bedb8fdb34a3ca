//! Names and times that are given.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PkiError;

/// Longest common name (RFC 5280, appendix A.1, `ub-common-name`).
const LONGEST: usize = 64;
/// What a certificate may be valid for at most: two years, so that a lost one that nobody revoked ends.
const MOST_OF_A_CERTIFICATE: u32 = 731;
/// What an authority may be valid for at most: twenty years.
const MOST_OF_AN_AUTHORITY: u32 = 7305;
/// What a list of revoked certificates may be valid for at most: a year.
const MOST_OF_A_LIST: u32 = 366;

/// What a certificate is called, here and in its file's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Name(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        let starts = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        // The authority's own files are called so.
        if text.len() > LONGEST || !text.starts_with(starts) || !text.chars().all(fits) || text == "ca" {
            let cut: String = text.chars().take(LONGEST).collect();
            return Err(PkiError::Value(format!(
                "{cut:?}: names are lower-case letters, digits, . _ and -, begin with a letter or digit, have at most \
                 {LONGEST} characters, and are not \"ca\""
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What an authority is called in its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CommonName(String);

impl CommonName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommonName {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        // What separates the parts of a name is left out, since programs write and read it differently.
        let fits = |c: char| c.is_ascii_alphanumeric() || " ._-()".contains(c);
        let is_good = (1..=LONGEST).contains(&text.len()) && text.chars().all(fits) && text.trim() == text;
        if !is_good {
            let cut: String = text.chars().take(LONGEST).collect();
            return Err(PkiError::Value(format!(
                "{cut:?}: an authority's name has letters, digits, spaces and . _ - ( ) alone, at most {LONGEST}"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = PkiError;

            fn try_from(text: String) -> Result<Self, PkiError> {
                text.parse()
            }
        }
    };
}

text!(Name);
text!(CommonName);

/// For how many days something is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u32);

impl Days {
    /// Of an authority.
    pub fn of_authority(days: u32) -> Result<Self, PkiError> {
        Self::new(days, MOST_OF_AN_AUTHORITY, "an authority")
    }

    /// Of a certificate.
    pub fn of_certificate(days: u32) -> Result<Self, PkiError> {
        Self::new(days, MOST_OF_A_CERTIFICATE, "a certificate")
    }

    /// Of a list of revoked certificates.
    pub fn of_list(days: u32) -> Result<Self, PkiError> {
        Self::new(days, MOST_OF_A_LIST, "a list of revoked certificates")
    }

    fn new(days: u32, most: u32, of: &str) -> Result<Self, PkiError> {
        if (1..=most).contains(&days) {
            return Ok(Self(days));
        }
        Err(PkiError::Value(format!("{days} days: {of} is valid for 1 to {most} days")))
    }

    pub(crate) fn span(self) -> time::Duration {
        time::Duration::days(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_files_names_that_mean_nothing_else() {
        for good in ["alice", "web-1.example.org", "2"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "ca", ".", "..", "../x", "a/b", "-a", "Alice", "a b", "ä", "a\0", &"a".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        for bad in ["", " a", "a, O=b", "a\"", "a\n", "ä", &"a".repeat(65)] {
            assert!(bad.parse::<CommonName>().is_err(), "{bad:?}");
        }
        assert!("Example CA (2026)".parse::<CommonName>().is_ok());
    }

    #[test]
    fn days_have_bounds() {
        assert!(Days::of_certificate(0).is_err() && Days::of_certificate(732).is_err());
        assert!(Days::of_authority(7305).is_ok() && Days::of_list(366).is_ok());
    }
}
