//! Names that end in other programs' files: restricted to what means the same in all of them.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Longest path; longer ones are somebody's mistake.
const LONGEST_PATH: usize = 255;
/// Longest domain name (RFC 1035, section 2.3.4), and so of an identity's host part.
const LONGEST_DOMAIN: usize = 253;
/// Longest part of a domain name between dots (RFC 1035, section 2.3.4).
const LONGEST_LABEL: usize = 63;
/// Longest name of an authority.
const LONGEST_AUTHORITY: usize = 256;

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a path that every program reads alike.
    #[error(
        "{0:?}: paths are absolute, without . and .. as parts, of letters, digits and / . _ - + @, and have at most \
         {LONGEST_PATH} characters"
    )]
    Path(String),
    /// Not an identity.
    #[error(
        "{0:?}: identities are a host name (admin.example.org), a mail address, or an IP address, as the certificate's \
         subjectAltName has it"
    )]
    Identity(String),
    /// Not an authority's name.
    #[error(
        "{0:?}: an authority's name is its subject as the certificate has it (C=DE, O=Example, CN=Example CA), without \
         control characters, and has at most {LONGEST_AUTHORITY} characters"
    )]
    Authority(String),
}

/// Derives the conversions that serde uses.
macro_rules! text {
    ($name:ident) => {
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
    };
}

text!(FilePath);
text!(Identity);
text!(AuthorityName);

/// Absolute path of a file on the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FilePath(String);

impl FilePath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for FilePath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
        let part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(fits);
        match text.strip_prefix('/') {
            Some(rest) if text.len() <= LONGEST_PATH && rest.split('/').all(part) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NameError::Path(text.chars().take(LONGEST_PATH).collect())),
        }
    }
}

/// Who a peer is in IKE, as its certificate's `subjectAltName` has it. No wildcards: `%any` is not one of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Identity {
    /// A host name: `ID_FQDN` (RFC 7296, section 3.5).
    Name(String),
    /// A mail address: `ID_RFC822_ADDR`.
    Mail(String),
    /// An address: `ID_IPV4_ADDR`, `ID_IPV6_ADDR`.
    Address(IpAddr),
}

impl Identity {
    /// With its type before it, so that strongSwan does not guess.
    pub(crate) fn typed(&self) -> String {
        match self {
            Self::Name(name) => format!("fqdn:{name}"),
            Self::Mail(mail) => format!("email:{mail}"),
            Self::Address(IpAddr::V4(address)) => format!("ipv4:{address}"),
            Self::Address(IpAddr::V6(address)) => format!("ipv6:{address}"),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Mail(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl std::str::FromStr for Identity {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Identity(text.chars().take(LONGEST_DOMAIN).collect());
        if let Ok(address) = text.parse::<IpAddr>() {
            // strongSwan takes these for anybody.
            return if address.is_unspecified() { Err(wrong()) } else { Ok(Self::Address(address)) };
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        match text.split_once('@') {
            Some((user, domain))
                if !user.is_empty()
                    && user.len() <= LONGEST_LABEL
                    && user.chars().all(fits)
                    && is_domain(domain) =>
            {
                Ok(Self::Mail(text.to_owned()))
            }
            None if is_domain(text) => Ok(Self::Name(text.to_owned())),
            _ => Err(wrong()),
        }
    }
}

/// Whether it is a host name that is no number.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    text.len() <= LONGEST_DOMAIN
        && text.split('.').all(label)
        && text.contains(|c: char| c.is_ascii_alphabetic())
}

/// The subject of a certificate authority, by which Windows finds it: `C=DE, O=Example, CN=Example CA`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AuthorityName(String);

impl AuthorityName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AuthorityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for AuthorityName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let length = text.chars().count();
        if (1..=LONGEST_AUTHORITY).contains(&length) && text.contains('=') && !text.contains(char::is_control)
        {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::Authority(text.chars().take(LONGEST_AUTHORITY).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_plain() {
        for good in ["/etc/swanctl/x509/a.crt", "/a", "/srv/k+1@x_y-z"] {
            assert_eq!(good.parse::<FilePath>().map(|path| path.to_string()), Ok(good.to_owned()));
        }
        for bad in
            ["", "/", "a", "/a/../b", "/a//b", "/a/", "/a b", "/a\"", "/a\n", "/ä", "/a}", "/a#", "/$x"]
        {
            assert!(bad.parse::<FilePath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn identities_are_names_mails_and_addresses_of_somebody() {
        let typed = |text: &str| text.parse::<Identity>().map(|id| id.typed());
        assert_eq!(typed("admin.example.org"), Ok("fqdn:admin.example.org".into()));
        assert_eq!(typed("web"), Ok("fqdn:web".into()));
        assert_eq!(typed("a.b@example.org"), Ok("email:a.b@example.org".into()));
        assert_eq!(typed("192.0.2.1"), Ok("ipv4:192.0.2.1".into()));
        assert_eq!(typed("2001:db8::1"), Ok("ipv6:2001:db8::1".into()));
        for bad in [
            "",
            "%any",
            "%any6",
            "*",
            "*.example.org",
            "0.0.0.0",
            "::",
            "fqdn:x",
            "C=DE, CN=*",
            "1.2.3",
            "a..b",
        ] {
            assert!(bad.parse::<Identity>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn authorities_have_a_subject() {
        assert!("CN=Example".parse::<AuthorityName>().is_ok());
        for bad in ["", "Example", "CN=a\nb", &format!("CN={}", "a".repeat(300))] {
            assert!(bad.parse::<AuthorityName>().is_err(), "{bad:?}");
        }
    }
}
