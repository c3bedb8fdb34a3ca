//! One file a command.

mod apply;
mod audit;
mod confirm;
mod explain;
mod filter;
mod generate;
mod log;
mod pki;
mod plan;
mod reach;
mod site;
mod trial;
mod undo;
mod verify;

use crate::args::{Args, Command};
use crate::exit::Exit;

/// Runs what the command line asks for.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    match args.command {
        None => audit::run(&args.audit),
        Some(Command::Audit(audit)) => audit::run(&audit),
        Some(Command::Explain(explain)) => explain::run(&explain),
        Some(Command::Reach(reach)) => reach::run(&reach),
        Some(Command::Plan(plan)) => plan::run(&plan),
        Some(Command::Apply(apply)) => apply::run(&apply),
        Some(Command::Confirm(confirm)) => confirm::confirm(&confirm),
        Some(Command::Extend(extend)) => confirm::extend(&extend),
        Some(Command::Undo(undo)) => undo::undo(&undo),
        Some(Command::Log(log)) => log::log(&log),
        Some(Command::Status(status)) => log::status(&status),
        Some(Command::Verify(verify)) => verify::run(&verify),
        Some(Command::Site(site)) => site::run(&site),
        Some(Command::Trial(trial)) => trial::run(&trial),
        Some(Command::TrialAgent) => trial::serve(),
        Some(Command::TrialKeeper { socket }) => trial::keep(&socket),
        Some(Command::Pki(pki)) => pki::run(&pki),
        Some(Command::Config) => generate::config(),
        Some(Command::Completions { shell }) => generate::completions(shell),
        Some(Command::Man { directory }) => generate::man(&directory),
    }
}
