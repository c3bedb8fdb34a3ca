//! The file `site.toml`: its form, in [`checks`] and [`http`], and reading and writing it.

mod checks;
mod http;
mod read;
mod template;

pub use checks::{
    CommandCheck, DnsCheck, DnsType, Greeting, GreetingCheck, ResultForm, SuiteCheck, TcpCheck, Tls,
};
pub use http::{Capture, Expect, HttpCheck, JsonExpect, Part, Request};
pub use read::{LONGEST, MOST_CHECKS, Unreadable, print, read};
pub(crate) use template::fill;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::outcome::Test;
use crate::values::{Sha256, Size, Time};

/// The version of the file's form that this program writes, and the only one that there is so far.
pub const SITE_VERSION: u32 = 1;
/// A check may take so long unless it says otherwise.
pub const TIME_LIMIT: Time = Time(std::time::Duration::from_secs(20));
/// A body may be so large unless the file says otherwise.
pub const SIZE_LIMIT: Size = Size(8 << 20);

/// A site and its checks: the file as it stands. Names of checks are unique.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The version of the file's form: [`SITE_VERSION`].
    pub version: u32,
    /// Where the site begins; addresses of requests are relative to it.
    pub url: Url,
    /// Other host names of the same server. An address given instead of the site's own is theirs too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Hosts that are not the site's, to which requests and redirects may go none the less.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<String>,
    /// How long a check may take that does not say so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Time>,
    /// How large a body may be. More is not read, and fails the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<Size>,
    /// Which certificates are trusted, for checks that do not say so themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Transactions over HTTP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpCheck>,
    /// TCP ports that take a connection, and may say something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<TcpCheck>,
    /// Mail and file servers that greet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub greeting: Vec<GreetingCheck>,
    /// Questions to a name server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<DnsCheck>,
    /// Programs whose exit status tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<CommandCheck>,
    /// Programs that run many tests and write down the result of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suite: Vec<SuiteCheck>,
}

impl Site {
    /// A site without checks.
    pub fn new(url: Url) -> Self {
        Self {
            version: SITE_VERSION,
            url,
            hosts: Vec::new(),
            outside: Vec::new(),
            time_limit: None,
            size_limit: None,
            tls: None,
            http: Vec::new(),
            tcp: Vec::new(),
            greeting: Vec::new(),
            dns: Vec::new(),
            command: Vec::new(),
            suite: Vec::new(),
        }
    }

    /// The name of the host that the site's address names.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether this host name is the site's own.
    pub fn owns(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case(self.host()) || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Whether requests and redirects may go to this host.
    pub fn allows(&self, host: &str) -> bool {
        self.owns(host) || self.outside.iter().any(|other| other.eq_ignore_ascii_case(host))
    }

    /// A sum of all in the file that a test's outcome may depend on: the check that it is of, and what all have in common.
    /// Where it is another, the test is another.
    pub fn sum_of(&self, test: &Test) -> Sha256 {
        let is_of = |name: &str| {
            test.0.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
        };
        let mut alone = self.clone();
        alone.http.retain(|check| is_of(&check.name));
        alone.tcp.retain(|check| is_of(&check.name));
        alone.greeting.retain(|check| is_of(&check.name));
        alone.dns.retain(|check| is_of(&check.name));
        alone.command.retain(|check| is_of(&check.name));
        alone.suite.retain(|check| is_of(&check.name));
        Sha256::of(print(&alone).as_bytes())
    }

    /// How many checks there are. A suite is one.
    pub fn len(&self) -> usize {
        self.http.len()
            + self.tcp.len()
            + self.greeting.len()
            + self.dns.len()
            + self.command.len()
            + self.suite.len()
    }

    /// Whether there is no check.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "version = 1\nurl = \"http://a.example/\"\n\
        [[tcp]]\nname = \"mail\"\nport = 25\n[[tcp]]\nname = \"cache\"\nport = 6379\n\
        [[suite]]\nname = \"all\"\nrun = [\"/bin/true\"]\nresults = \"tap\"\n";

    #[test]
    fn a_test_is_another_when_its_check_is_or_what_all_have_in_common() {
        let sums = |file: &str| {
            let site = read(file).unwrap();
            ["mail", "cache", "all: pays"].map(|name| site.sum_of(&Test(name.to_owned())))
        };
        let changed = |from: &str, to: &str| {
            let (before, after) = (sums(FILE), sums(&FILE.replace(from, to)));
            [0, 1, 2].map(|at| before[at] != after[at])
        };
        assert_eq!(changed("port = 25", "port = 26"), [true, false, false]);
        assert_eq!(changed("/bin/true", "/bin/false"), [false, false, true]);
        assert_eq!(changed("a.example", "b.example"), [true, true, true]);
        assert_eq!(changed("", ""), [false, false, false]);
    }
}
