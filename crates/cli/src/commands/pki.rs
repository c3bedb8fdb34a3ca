//! `doorward pki`: says what was made and where, and what to do next.

use std::fmt::Write as _;
use std::path::Path;

use doorward_pki::{Authority, Entry, Reason, Status, write_secret};
use doorward_report::escape;

use crate::args::{CrlArgs, InitArgs, IssueArgs, ListArgs, PkiCommand, ReasonWord, RevokeArgs, SecretArgs};
use crate::exit::Exit;
use crate::{output, state};

pub(crate) fn run(command: &PkiCommand) -> anyhow::Result<Exit> {
    let text = match command {
        PkiCommand::Init(args) => init(args)?,
        PkiCommand::Issue(args) => issue(args)?,
        PkiCommand::Revoke(args) => revoke(args)?,
        PkiCommand::Crl(args) => crl(args)?,
        PkiCommand::List(args) => list(args)?,
        PkiCommand::Secret(args) => secret(args)?,
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

fn init(args: &InitArgs) -> anyhow::Result<String> {
    let authority = Authority::create(&args.place.directory, &args.name, args.days)?;
    Ok(format!(
        "{}, valid until {}\ncertificate, for every peer:       {}\nrevoked, for every peer:           {}\n\
         Next: doorward pki issue NAME --san IDENTITY\n",
        authority.name(),
        authority.last_day(),
        shown(&authority.certificate()),
        shown(&authority.list()),
    ))
}

fn issue(args: &IssueArgs) -> anyhow::Result<String> {
    let mut authority = Authority::open(&args.place.directory)?;
    let issued = authority.issue(&args.name, &args.san, args.days)?;
    Ok(format!(
        "{}, valid until {}, serial number {}\ncertificate: {}\nkey:         {}\n",
        issued.entry.name,
        issued.entry.last_day(),
        issued.entry.serial,
        shown(&issued.certificate),
        shown(&issued.key),
    ))
}

fn revoke(args: &RevokeArgs) -> anyhow::Result<String> {
    let mut authority = Authority::open(&args.place.directory)?;
    let reason = match args.reason {
        ReasonWord::Unspecified => Reason::Unspecified,
        ReasonWord::KeyCompromise => Reason::KeyCompromise,
        ReasonWord::Superseded => Reason::Superseded,
        ReasonWord::CessationOfOperation => Reason::CessationOfOperation,
    };
    let revoked = authority.revoke(&args.what, reason, args.days)?;
    let mut text = String::new();
    for entry in &revoked.entries {
        let _ = writeln!(text, "revoked {}, serial number {}", entry.name, entry.serial);
    }
    let _ =
        writeln!(text, "bring this to every host, and run swanctl --load-creds: {}", shown(&revoked.list));
    Ok(text)
}

fn crl(args: &CrlArgs) -> anyhow::Result<String> {
    let list = Authority::open(&args.place.directory)?.write_list(args.days)?;
    Ok(format!("bring this to every host, and run swanctl --load-creds: {}\n", shown(&list)))
}

fn list(args: &ListArgs) -> anyhow::Result<String> {
    let authority = Authority::open(&args.place.directory)?;
    let now = i64::try_from(state::now())?;
    let mut text = format!("{}, valid until {}\n", authority.name(), authority.last_day());
    for entry in authority.certificates() {
        let _ = writeln!(text, "{}", line(entry, now));
    }
    Ok(text)
}

fn line(entry: &Entry, now: i64) -> String {
    let status = match entry.status(now) {
        Status::Valid => "valid",
        Status::Expired => "expired",
        Status::Revoked => "revoked",
    };
    let identities: Vec<String> = entry.identities.iter().map(ToString::to_string).collect();
    format!(
        "{status:<8} until {}  {}  {}  {}",
        entry.last_day(),
        entry.serial,
        entry.name,
        identities.join(", ")
    )
}

fn secret(args: &SecretArgs) -> anyhow::Result<String> {
    write_secret(&args.file)?;
    Ok(format!("secret: {}\n", shown(&args.file)))
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string()).into_owned()
}
