//! The options of `doorward site`.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use doorward_site::{Sha256, Time, Url};

const EXIT_CODES: &str = "\
Exit codes:
  0  every test passed, in every run
  1  a test failed
  2  the command line is wrong
  3  the file could not be read, or is malformed
  5  the result could not be written
  130, 143, 129  ended by SIGINT (Ctrl-C), SIGTERM or SIGHUP; what was found until then was told";

const RECORD_EXIT_CODES: &str = "\
Exit codes:
  0  the tests were written
  2  the command line is wrong
  3  the site fails, or a log could not be read: there is nothing to record
  5  the result could not be written
  130, 143, 129  ended by SIGINT (Ctrl-C), SIGTERM or SIGHUP; no tests were written";

/// What to do with the site's tests.
#[derive(Debug, Subcommand)]
pub(crate) enum SiteCommand {
    /// Run the site's tests, and show what failed and how
    ///
    /// The tests are a file that people write, or that doorward site record writes from the site: transactions over
    /// HTTP, ports, mail and name servers, programs, whole test suites with JUnit or TAP results. docs/site-tests.md
    /// describes it. Several runs show which tests fail now and then by themselves.
    #[command(after_help = EXIT_CODES)]
    Check(Box<CheckArgs>),
    /// Write the site's tests from the site itself
    ///
    /// Finds pages by links, by the sitemap and by access logs, fetches each several times, learns which parts change by
    /// themselves and ignores those, and leaves out what fails already. It only asks, as a visitor without cookies does
    /// (GET, and HEAD where logs have it), follows no link that reads like logging out or deleting, and stays on the
    /// site. robots.txt is respected unless told.
    #[command(after_help = RECORD_EXIT_CODES)]
    Record(Box<RecordArgs>),
}

/// Options of `site check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// The site's tests
    #[arg(value_name = "FILE", default_value = "site.toml")]
    pub(crate) file: PathBuf,
    /// Ask the site at this address, whatever its names say: a copy of it
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<IpAddr>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = SiteFormat::Text, value_name = "FORM")]
    pub(crate) format: SiteFormat,
    /// Run all tests N times, and tell how often each failed
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) repeat: NonZeroUsize,
    /// Tests that run at the same time
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) lanes: NonZeroUsize,
    /// Tell which paths of these access logs the tests touch, instead of those that the host's web servers write
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) logs: Vec<PathBuf>,
    /// Tell which virtual hosts and logged paths of the Linux system mounted at DIR the tests touch
    ///
    /// Without this, and without --snapshot, the same is told of the host that this runs on where the site is on it.
    #[arg(long, value_name = "DIR", conflicts_with = "snapshot")]
    pub(crate) root: Option<PathBuf>,
    /// Tell which virtual hosts of the host whose facts were saved in FILE the tests touch
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot: Option<PathBuf>,
}

/// Options of `site record`.
#[derive(Debug, ClapArgs)]
pub(crate) struct RecordArgs {
    /// Where the site begins: http:// or https:// and its host
    #[arg(value_name = "URL")]
    pub(crate) url: Url,
    /// Write the tests to FILE (- for standard output)
    #[arg(long, short, value_name = "FILE", default_value = "site.toml")]
    pub(crate) output: PathBuf,
    /// Access logs: nginx, Apache (common, combined, with virtual hosts) or IIS (W3C), also compressed (.gz)
    ///
    /// What visitors ask for most comes first.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) logs: Vec<PathBuf>,
    /// Record so many pages at most, styles, scripts and pictures included
    #[arg(long, value_name = "N", default_value = "100", value_parser = max_pages)]
    pub(crate) max_pages: NonZeroUsize,
    /// Also fetch what robots.txt asks crawlers to leave alone: for a site of your own
    #[arg(long)]
    pub(crate) ignore_robots: bool,
    /// Also record what logs say was sent by other methods than GET and HEAD, without its body
    #[arg(long)]
    pub(crate) allow_post: bool,
    /// Another host name of the same server; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Ask the site at this address, whatever its names say
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<IpAddr>,
    /// Trust the certificate with this SHA-256 sum; may be repeated
    #[arg(long, value_name = "SHA256", conflicts_with = "ca")]
    pub(crate) pin: Vec<Sha256>,
    /// Trust the certificate authorities in FILE (PEM) instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Each fetch, and later each test, may take so long [default: 20s]
    #[arg(long, value_name = "TIME")]
    pub(crate) time_limit: Option<Time>,
    /// Fetch each page once more after TIME (`10m`), to see what changes slowly
    ///
    /// If left out, pages that show a clock are fetched once more after a minute.
    #[arg(long, value_name = "TIME")]
    pub(crate) pause: Option<Time>,
    /// Pages that are fetched at the same time
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) lanes: NonZeroUsize,
}

/// As many as one file holds.
fn max_pages(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().map_err(|_| "expected a number".to_owned())?;
    NonZeroUsize::new(number)
        .filter(|n| n.get() <= doorward_site::MOST_CHECKS)
        .ok_or_else(|| format!("between 1 and {}", doorward_site::MOST_CHECKS))
}

/// Forms of the tests' results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SiteFormat {
    /// A table for people
    Text,
    /// JSON, by schema/site-check.schema.json
    Json,
    /// JUnit XML, for collectors of test results
    Junit,
}
