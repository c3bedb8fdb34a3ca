//! The options of `doorward site`.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0  every test passed, in every run
  1  a test failed
  2  the command line is wrong
  3  the file could not be read, or is malformed
  5  the result could not be written";

/// What to do with the site's tests.
#[derive(Debug, Subcommand)]
pub(crate) enum SiteCommand {
    /// Run the site's tests, and show what failed and how
    ///
    /// The tests are a file that people write, or that doorward site record writes from the site: transactions over
    /// HTTP, ports, mail and name servers, programs, whole test suites with JUnit or TAP results. docs/site-tests.md
    /// describes it. Several runs show which tests fail now and then by themselves.
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
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
}

/// Forms of the tests' results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SiteFormat {
    /// A table for people
    Text,
    /// JSON
    Json,
    /// JUnit XML, for collectors of test results
    Junit,
}
