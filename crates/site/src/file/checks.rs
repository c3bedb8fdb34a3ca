//! Checks that are not transactions over HTTP.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::values::{Pattern, Sha256, Time};

/// Which certificates are trusted. Without any of these: what the system trusts, for the name and at this time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A file of certificates (PEM) of the authorities that are trusted, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The SHA-256 sums of the certificates (DER) that the server may show. Nothing else of them is looked at, but
    /// that the server has the key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pin: Vec<Sha256>,
    /// Any certificate is taken: nothing is proved of who answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// The certificate must still be valid in so many days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
}

/// A TCP port that takes a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpCheck {
    /// The check's name.
    pub name: String,
    /// Host; the site's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port.
    pub port: u16,
    /// What is sent once connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// What the server's first 4 KiB must match; without it, to be connected is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Pattern>,
    /// Time limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Time>,
}

/// A server that greets by its protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreetingCheck {
    /// The check's name.
    pub name: String,
    /// The protocol.
    pub protocol: Greeting,
    /// Host; the site's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port; the protocol's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// TLS from the first byte on, and which certificates are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// What the greeting must match besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Pattern>,
    /// Time limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Time>,
}

/// Protocols in which the server speaks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Greeting {
    /// RFC 5321: a greeting of 220.
    Smtp,
    /// RFC 9051: `* OK` or `* PREAUTH`.
    Imap,
    /// RFC 1939: `+OK`.
    Pop3,
    /// RFC 959: 220.
    Ftp,
}

/// A question to a name server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsCheck {
    /// The check's name.
    pub name: String,
    /// The name server; the site's own host if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Port; 53 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The name that is asked for.
    pub query: String,
    /// The type that is asked for.
    #[serde(rename = "type", default)]
    pub kind: DnsType,
    /// Ask over TCP; else over UDP, and over TCP where the answer does not fit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tcp: bool,
    /// Records that must be in the answer, as text; without any, one of the type must be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// Time limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Time>,
}

/// Types of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsType {
    /// IPv4 address.
    #[default]
    A,
    /// IPv6 address.
    Aaaa,
    /// Alias.
    Cname,
    /// Mail server: `10 mail.example`.
    Mx,
    /// Name server.
    Ns,
    /// Name of an address.
    Ptr,
    /// Text.
    Txt,
}

/// A program whose exit status tells. It is started without a shell, with nothing in its environment but what is said
/// here, `PATH`, and `SITE_URL`, `SITE_HOST` and, where there is one, `SITE_ADDRESS`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandCheck {
    /// The check's name.
    pub name: String,
    /// The program, by its absolute path, and its arguments.
    pub run: Vec<String>,
    /// Working directory; the root if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The exit status that passes.
    #[serde(default)]
    pub status: u8,
    /// What the first MiB of its output must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Pattern>,
    /// Time limit. Whatever it started is killed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Time>,
}

/// A program that runs many tests. Each becomes a test of its own; the program must also end well, unless a test failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteCheck {
    /// The suite's name, which goes before that of each test.
    pub name: String,
    /// The program, by its absolute path, and its arguments.
    pub run: Vec<String>,
    /// The form of the results.
    pub results: ResultForm,
    /// The file into which the program writes them; its standard output if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Working directory; the root if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Time limit. Whatever it started is killed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Time>,
}

/// Forms of a suite's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultForm {
    /// JUnit XML.
    Junit,
    /// The Test Anything Protocol, versions 12 to 14.
    Tap,
}
