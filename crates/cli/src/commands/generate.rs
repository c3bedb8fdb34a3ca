//! What is made from the definitions of the command line: completions, man pages, the configuration's template.

use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::args::Args;
use crate::exit::Exit;
use crate::{config, output};

pub(crate) fn config() -> anyhow::Result<Exit> {
    output::print(config::TEMPLATE)?;
    Ok(Exit::Done)
}

pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "doorward", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

pub(crate) fn man(directory: &Path) -> anyhow::Result<Exit> {
    clap_mangen::generate_to(Args::command(), directory)
        .with_context(|| directory.display().to_string())
        .context(crate::exit::OutputFailed)?;
    Ok(Exit::Done)
}
