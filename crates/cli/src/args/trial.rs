//! The options of `doorward trial`.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args as ClapArgs};

use super::{FormArgs, JudgeArgs, PreferWord, StateArgs, duration};

/// Options of `trial`.
#[derive(Debug, ClapArgs)]
pub(crate) struct TrialArgs {
    /// The plan to try [default: the one that doorward plan makes now]
    #[arg(value_name = "PLAN")]
    pub(crate) plan: Option<PathBuf>,
    /// The site's tests, as people wrote them or doorward site record did
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    pub(crate) site: PathBuf,
    /// Write the plan with what was proved to FILE
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Where to try.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Try on so many copies at the same time
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) lanes: NonZeroUsize,
    /// Let each copy write so many MiB, which are kept in memory [default: half of what is free, for all together]
    #[arg(long, value_name = "MIB")]
    pub(crate) copy_memory: Option<NonZeroU32>,
    /// Ask the site at this address [default: in a copy, this host's first]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<IpAddr>,
    /// Tests that run at the same time
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) tests: NonZeroUsize,
    /// Run the tests so often on the untouched site, to know how often they fail by themselves
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) baseline: NonZeroUsize,
    /// Restart the site's own services before each run of the tests, against caches: what they kept of a service that is
    /// shut [default: in copies true, on a test server false; never on this host itself]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) fresh: Option<bool>,
    /// Try as well what the plan keeps because the site seems to need it, so that each such service has a test that fails
    /// without it [default: true; never on this host itself]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) needed: Option<bool>,
    /// Let things settle for this long after something was shut [default: twice what the site's own services wait before
    /// they are started again, between 0.5 and 10 s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) settle: Option<Duration>,
    /// Keep what was tried in FILE, and go on from it [default: trial.json in the state directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Forget what was tried before
    #[arg(long)]
    pub(crate) anew: bool,
    /// What to do where there is a choice, where the plan is made now
    #[arg(long, value_enum, default_value_t = PreferWord::Uninstall, value_name = "WAY", conflicts_with = "plan")]
    pub(crate) prefer: PreferWord,
    /// How to judge.
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Where what is needed to come back is kept.
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// Where to try.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
pub(crate) struct PlaceArgs {
    /// On copies of this host, booted beside it (the default; needs systemd-container)
    #[arg(long)]
    pub(crate) clone: bool,
    /// On a test server with the same services and a copy of the site, over ssh; doorward is installed there, too, and the
    /// plan is PLAN or this host's
    #[arg(long, value_name = "USER@HOST")]
    pub(crate) host: Option<String>,
    /// On this host itself: what is shut comes back after each trial, by a timer and at the next boot as well, and at once
    /// when visitors begin to get errors
    #[arg(long)]
    pub(crate) live: bool,
}
