//! `doorward site check`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, bail};
use doorward_site::{LogPaths, Outcome, Outcomes, Settings, Site, Verdict};

use crate::args::{CheckArgs, SiteFormat};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::progress::Checks;
use crate::{output, source};

mod known;
pub(crate) mod report;
pub(crate) mod text;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let site = read(&args.file)?;
    let known = known::Known::begin(args, &site)?;
    let mut settings = Settings::default();
    settings.address = args.address;
    settings.lanes = args.lanes;
    let interrupt = Interrupt::watch()?;
    settings.stop = interrupt.stop();
    let runs = run_all(&site, &settings, args.repeat.get());
    let stopped = interrupt.exit();
    let coverage = if stopped.is_none() { known.coverage(&site) } else { None };
    let coverage = coverage.map(|(coverage, unread)| report::coverage(coverage, unread));
    let failed = runs.iter().any(|run| run.failed().next().is_some());
    let text = match args.format {
        SiteFormat::Text => text::text(&site, &runs, coverage.as_ref(), stopped.is_some()),
        SiteFormat::Json => {
            let report = report::report(&site, &runs, stopped.is_some(), coverage);
            serde_json::to_string_pretty(&report)? + "\n"
        }
        SiteFormat::Junit => doorward_site::write_junit(site.url.as_str(), &runs),
    };
    output::print(&text)?;
    if let Some(exit) = stopped {
        eprintln!("doorward: stopped before all tests were run");
        return Ok(exit);
    }
    Ok(if failed { Exit::Found } else { Exit::Done })
}

fn run_all(site: &Site, settings: &Settings, times: usize) -> Vec<Outcomes> {
    let progress = Checks::new(site.len() * times);
    let done = |outcomes: &[Outcome]| progress.done(outcomes.iter().any(|o| o.verdict == Verdict::Failed));
    let mut runs = Vec::new();
    while runs.len() < times && !settings.stop.load(Ordering::Relaxed) {
        runs.push(doorward_site::run(site, settings, &done));
    }
    runs
}

/// Reads the tests. Programs that they name are run as whoever runs this, so nobody else may have written them.
pub(crate) fn read(file: &Path) -> anyhow::Result<Site> {
    let name = || file.display().to_string();
    if file != Path::new("-") && !file.exists() {
        bail!("{}: there is no such file; doorward site record URL writes the site's tests", name());
    }
    let text = source::text(file, doorward_site::LONGEST as u64)?;
    let site = doorward_site::read(&text).with_context(name)?;
    if !(site.command.is_empty() && site.suite.is_empty()) && file != Path::new("-") {
        let mode = file.metadata().with_context(name)?.permissions().mode();
        if mode & 0o022 != 0 {
            bail!("{}: it names programs to run, and others may write it; chmod go-w it first", name());
        }
    }
    if site.is_empty() {
        bail!("{}: there is no check in it; add some, or let doorward site record URL write them", name());
    }
    Ok(site)
}

/// What of the logs' paths the tests touch, in one line.
pub(super) fn log_coverage(site: &Site, logs: &LogPaths) -> String {
    let c = doorward_site::coverage(site, &[], logs);
    text::paths_line(c.paths_touched, c.paths, c.requests_touched, c.requests)
}
