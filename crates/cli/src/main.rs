//! `doorward`: closes every door to a web server that its site does not need.
//!
//! This crate alone chooses a host, reads options and talks to people; everything else is a library. One file a
//! command lies in `commands/`.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod config;
mod exit;
mod hives;
mod interrupt;
mod judge;
mod output;
mod progress;
mod reports;
mod served;
mod source;
mod state;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code.into(),
        Err(error) => {
            let text = format!("{error:#}");
            for (at, line) in text.trim_end().lines().enumerate() {
                let start = if at == 0 { "doorward: " } else { "  " };
                eprintln!("{start}{}", doorward_report::escape(line));
            }
            exit::Exit::of(&error).into()
        }
    }
}
