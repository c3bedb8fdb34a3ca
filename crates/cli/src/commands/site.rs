//! `doorward site`.

pub(super) mod check;
mod record;

use crate::args::SiteCommand;
use crate::exit::Exit;

pub(crate) fn run(command: &SiteCommand) -> anyhow::Result<Exit> {
    match command {
        SiteCommand::Check(args) => check::run(args),
        SiteCommand::Record(args) => record::run(args),
    }
}
