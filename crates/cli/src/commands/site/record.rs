//! `doorward site record`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use doorward_report::escape;
use doorward_site::{LogPaths, NotRecorded, RecordSettings, Recorded, Settings, Tls};

use crate::args::RecordArgs;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::{self, count};
use crate::progress::Pages;

/// So many of what was left out are named.
const NAMED: usize = 20;

pub(crate) fn run(args: &RecordArgs) -> anyhow::Result<Exit> {
    let logs = read_logs(&args.logs)?;
    let mut run = Settings::default();
    run.address = args.address;
    run.lanes = args.lanes;
    let interrupt = Interrupt::watch()?;
    run.stop = interrupt.stop();
    let tls = Tls { ca: args.ca.clone(), pin: args.pin.clone(), ..Tls::default() };
    let settings = RecordSettings {
        run,
        tls: (tls != Tls::default()).then_some(tls),
        hosts: args.host.clone(),
        max_pages: args.max_pages,
        time_limit: args.time_limit,
        pause: args.pause,
        ignore_robots: args.ignore_robots,
        allow_post: args.allow_post,
    };
    let progress = Pages::new();
    let recorded = doorward_site::record(&args.url, &logs, &settings, &|now| progress.set(now));
    drop(progress);
    if let (Some(exit), Err(why @ NotRecorded::Stopped { .. })) = (interrupt.exit(), &recorded) {
        eprintln!("doorward: {why}");
        return Ok(exit);
    }
    let recorded = recorded?;
    let text = format!("{}{}", head(&recorded), doorward_site::print(&recorded.site));
    if args.output == Path::new("-") {
        output::print(&text)?;
    } else {
        output::write_file(&args.output, &text)?;
    }
    tell(args, &recorded, &logs);
    Ok(Exit::Done)
}

/// Reads logs, and says of each how much of it is no log.
pub(super) fn read_logs(files: &[PathBuf]) -> anyhow::Result<LogPaths> {
    let mut logs = LogPaths::default();
    for file in files {
        let before = logs.unreadable;
        logs.add_file(file).with_context(|| file.display().to_string())?;
        let bad = logs.unreadable - before;
        if bad > 0 {
            eprintln!("doorward: {}: {bad} lines are no requests", escape(&file.display().to_string()));
        }
    }
    Ok(logs)
}

fn head(recorded: &Recorded) -> String {
    format!(
        "# Tests of {}, recorded from the site: doorward site check runs them.\n\
         # Each page is compared by its sum, without what `ignore` matches: record again when the site's content changes.\n\n",
        recorded.site.url
    )
}

fn tell(args: &RecordArgs, recorded: &Recorded, logs: &LogPaths) {
    let sums = recorded.site.len() - recorded.loose.len();
    eprintln!(
        "doorward: {}: {}; whole answers compared: {sums}",
        escape(&args.output.display().to_string()),
        count(recorded.site.len(), "test")
    );
    for url in recorded.loose.iter().take(NAMED) {
        eprintln!("  changes too much to be compared: {}", escape(url.as_str()));
    }
    for refused in recorded.refused.iter().take(NAMED) {
        eprintln!("  left out: {} ({})", escape(refused.url.as_str()), escape(&refused.why));
    }
    let hidden = recorded.loose.len().saturating_sub(NAMED) + recorded.refused.len().saturating_sub(NAMED);
    if hidden > 0 {
        eprintln!("  and {hidden} more");
    }
    if recorded.left_alone > 0 {
        eprintln!("  {} addresses left alone for robots.txt (--ignore-robots)", recorded.left_alone);
    }
    if recorded.more {
        eprintln!("  the site has more pages (--max-pages)");
    }
    if !args.logs.is_empty() {
        eprintln!("  {}", super::check::log_coverage(&recorded.site, logs));
    }
}
