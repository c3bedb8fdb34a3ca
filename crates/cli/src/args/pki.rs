//! The options of `doorward pki`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use doorward_pki::{CommonName, Days, Identity, Name};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  2  the command line is wrong
  3  it was not done: nothing was overwritten";

/// What to do with the authority.
#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// Make the authority: its key, its certificate, an empty list of revoked certificates
    ///
    /// Everything is in one directory, which is its owner's alone. Whoever has ca.key can get in wherever the authority
    /// is trusted: keep the directory on a machine that is not the web server, and a backup of it. Only ca.crt and
    /// ca.crl are given to others.
    #[command(after_help = EXIT_CODES)]
    Init(InitArgs),
    /// Issue a certificate with a new key
    ///
    /// A peer is known by its --san, which a plan calls its identity (docs/ipsec.md). Bring the two files that are
    /// named to the peer by a way that you trust, and delete the key here. To renew, issue again under the same name,
    /// replace the files, and revoke the old one by its serial number.
    #[command(after_help = EXIT_CODES)]
    Issue(IssueArgs),
    /// Revoke a certificate, and write the list of revoked ones anew
    ///
    /// A name means every certificate of that name that is not revoked. Hosts learn of it when they have the new list
    /// (swanctl --load-creds).
    #[command(after_help = EXIT_CODES)]
    Revoke(RevokeArgs),
    /// Write the list of revoked certificates anew
    ///
    /// A host that was given a list lets nobody in by certificate when the list has ended: renew it before.
    #[command(after_help = EXIT_CODES)]
    Crl(CrlArgs),
    /// List what was issued
    #[command(after_help = EXIT_CODES)]
    List(ListArgs),
    /// Write a new shared secret of 256 bits to a file, for a peer without a certificate
    ///
    /// Both sides need the same. Certificates are better: a shared secret cannot be revoked, and each side can pretend to
    /// be the other.
    #[command(after_help = EXIT_CODES)]
    Secret(SecretArgs),
}

/// Where the authority is.
#[derive(Debug, ClapArgs)]
pub(crate) struct PlaceArgs {
    /// The authority's directory; its owner's alone
    #[arg(long, value_name = "DIR", default_value = "/var/lib/doorward/pki")]
    pub(crate) directory: PathBuf,
}

/// Options of `pki init`.
#[derive(Debug, ClapArgs)]
pub(crate) struct InitArgs {
    /// What it is called in its certificate
    #[arg(long, value_name = "NAME", default_value = "Doorward CA")]
    pub(crate) name: CommonName,
    /// How long it is valid; no certificate lasts longer
    #[arg(long, value_name = "DAYS", default_value = "3650", value_parser = days_of_authority)]
    pub(crate) days: Days,
    /// Where it is made.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Options of `pki issue`.
#[derive(Debug, ClapArgs)]
pub(crate) struct IssueArgs {
    /// What it is called here, and in its files' names
    #[arg(value_name = "NAME")]
    pub(crate) name: Name,
    /// Whom it is for: a host name, a mail address, or an IP address; may be repeated
    #[arg(long, value_name = "IDENTITY", required = true)]
    pub(crate) san: Vec<Identity>,
    /// How long it is valid
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = days_of_certificate)]
    pub(crate) days: Days,
    /// Who issues it.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Options of `pki revoke`.
#[derive(Debug, ClapArgs)]
pub(crate) struct RevokeArgs {
    /// Its name, or its serial number
    #[arg(value_name = "NAME|SERIAL")]
    pub(crate) what: String,
    /// Why
    #[arg(long, value_enum, default_value_t = ReasonWord::Unspecified, value_name = "REASON")]
    pub(crate) reason: ReasonWord,
    /// How long the new list is valid
    #[arg(long, value_name = "DAYS", default_value = "30", value_parser = days_of_list)]
    pub(crate) days: Days,
    /// Who issued it.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Options of `pki crl`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CrlArgs {
    /// How long it is valid
    #[arg(long, value_name = "DAYS", default_value = "30", value_parser = days_of_list)]
    pub(crate) days: Days,
    /// Whose list.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Options of `pki list`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// Whose.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Options of `pki secret`.
#[derive(Debug, ClapArgs)]
pub(crate) struct SecretArgs {
    /// A file that is not there yet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Why a certificate is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasonWord {
    /// Not told
    Unspecified,
    /// Somebody else may have the key
    KeyCompromise,
    /// Another certificate takes its place
    Superseded,
    /// It is not needed any more
    CessationOfOperation,
}

fn days_of_authority(text: &str) -> Result<Days, String> {
    days(text, Days::of_authority)
}

fn days_of_certificate(text: &str) -> Result<Days, String> {
    days(text, Days::of_certificate)
}

fn days_of_list(text: &str) -> Result<Days, String> {
    days(text, Days::of_list)
}

fn days(text: &str, of: fn(u32) -> Result<Days, doorward_pki::PkiError>) -> Result<Days, String> {
    let days = text.parse().map_err(|_| "expected a number of days".to_owned())?;
    of(days).map_err(|why| why.to_string())
}
