//! `cargo xtask bench`: the audit beside its peers, on one real host, in one run.
//!
//! Every command is run in turn, round after round, so that a machine whose speed drifts drifts for all; what counts
//! are the ratios of medians. Whole processes are timed from inside the host.

pub(crate) mod changes;
pub(crate) mod filter;
pub(crate) mod hives;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod plan;
pub(crate) mod search;
mod table;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use doorward_lab::{Host, Lab, roots};
use measure::Figures;
use table::Table;

/// Where programs are put in the host.
const DOORWARD: &str = "/usr/local/bin/doorward";
const HELPER: &str = "/usr/local/bin/xtask";
/// One measurement takes no longer.
const LIMIT: Duration = Duration::from_mins(10);

/// Goals, as ratios: below the first of the raw facts, above the second of the peer.
const RAW_GOAL: f64 = 1.0;
const LYNIS_GOAL: f64 = 300.0;
/// Peak memory, in millions of bytes.
const MEMORY_GOAL: f64 = 30.0;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Runs of each command (lynis: one)
    #[arg(long, default_value_t = 7)]
    runs: u32,
    /// Leave the slow peer out
    #[arg(long)]
    without_lynis: bool,
    /// Leave the peers out
    #[arg(long)]
    without_peers: bool,
    /// Leave the runs with thousands of services and listeners out
    #[arg(long)]
    without_growth: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let program = release_build()?;
    let lab = Lab::open()?;
    let spec = if arguments.without_lynis || arguments.without_peers {
        &roots::EVERYTHING
    } else {
        &roots::EVERYTHING_LYNIS
    };
    eprintln!("booting {}", spec.name);
    let host = lab.host(spec)?;
    host.put(&program, DOORWARD)?;
    host.put(&std::env::current_exe()?, HELPER)?;
    if !arguments.without_peers {
        against_peers(&host, arguments)?;
    }
    if !arguments.without_growth {
        growth(&host, arguments.runs)?;
    }
    Ok(())
}

/// The program as it is released, beside this one's own folder.
#[expect(clippy::disallowed_methods, reason = "builds what is measured")]
fn release_build() -> anyhow::Result<std::path::PathBuf> {
    eprintln!("building the release");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status =
        std::process::Command::new(cargo).args(["build", "--release", "--package", "doorward"]).status()?;
    ensure!(status.success(), "cargo build --release failed");
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).context("target folder")?;
    Ok(folder.join("release/doorward"))
}

fn against_peers(host: &Host, arguments: &Arguments) -> anyhow::Result<()> {
    let audit = [DOORWARD, "audit", "--format", "json"];
    let text = [DOORWARD];
    let ss = ["/usr/bin/ss", "-tulpnH"];
    let show = ["/usr/bin/systemctl", "show", "*", "--no-pager"];
    let security = ["/usr/bin/systemd-analyze", "security", "--no-pager"];
    let lynis = ["/usr/sbin/lynis", "audit", "system", "--quick", "--no-colors"];
    let commands: [&[&str]; 5] = [&audit, &text, &ss, &show, &security];
    let figures = rounds(host, &commands, arguments.runs)?;
    let [audit, text, ss, show, security] = figures.as_slice() else { unreachable!("one for each command") };

    println!("Whole processes on the everything-host, medians of {} runs:\n", arguments.runs);
    let mut table = Table::new(["command", "wall", "CPU", "peak memory", "audit / it"]);
    table.row("doorward audit --format json", audit, None);
    table.row("doorward audit", text, None);
    table.row("ss -tulpnH", ss, Some(audit));
    table.row("systemctl show '*'", show, Some(audit));
    table.row("systemd-analyze security", security, Some(audit));
    let raw = ss.plus(show);
    table.row("raw facts: ss + systemctl show", &raw, Some(audit));
    let mut goals = Vec::new();
    if !arguments.without_lynis {
        eprintln!("lynis takes a minute");
        let lynis = measured(host, 1, &lynis)?;
        table.row("lynis audit system --quick (1 run)", &lynis, Some(audit));
        let faster = lynis.wall / audit.wall;
        goals.push(goal("lynis / audit", faster, LYNIS_GOAL, faster >= LYNIS_GOAL));
    }
    let ratio = audit.wall / raw.wall;
    goals.push(goal("audit / raw facts", ratio, RAW_GOAL, ratio <= RAW_GOAL));
    let megabytes = audit.peak_megabytes();
    goals.push(goal("peak memory, MB", megabytes, MEMORY_GOAL, megabytes <= MEMORY_GOAL));
    println!("{table}\n{}", goals.join("\n"));
    Ok(())
}

fn goal(what: &str, found: f64, goal: f64, reached: bool) -> String {
    format!("{what}: {found:.2} (goal {goal}): {}", if reached { "reached" } else { "NOT reached" })
}

/// How time and memory grow with listeners and services.
fn growth(host: &Host, runs: u32) -> anyhow::Result<()> {
    let audit: [&str; 4] = [DOORWARD, "audit", "--format", "json"];
    let mut table = Table::new(["services / listeners added", "wall", "CPU", "peak memory", "audit / it"]);
    let base = measured(host, runs, &audit)?;
    table.row("none", &base, None);
    for (services, listeners) in [(500, 1250), (1000, 2500), (2000, 5000)] {
        eprintln!("adding up to {services} services and {listeners} listeners");
        let load = load::put(host, services, listeners)?;
        let figures = measured(host, runs, &audit)?;
        load.end()?;
        table.row(&format!("{services} / {listeners}"), &figures, None);
    }
    println!("\nGrowth, medians of {runs} runs:\n\n{table}");
    Ok(())
}

/// Every command once a round; the figures of each over all rounds.
fn rounds(host: &Host, commands: &[&[&str]], runs: u32) -> anyhow::Result<Vec<Figures>> {
    let mut all: Vec<Vec<Figures>> = vec![Vec::new(); commands.len()];
    for round in 0..=runs {
        for (figures, command) in all.iter_mut().zip(commands) {
            let once = measured(host, 1, command)?;
            if round > 0 {
                figures.push(once); // the first is a warm-up
            }
        }
    }
    Ok(all.iter().map(|figures| Figures::median(figures)).collect())
}

/// The figures of one command in the host.
fn measured(host: &Host, runs: u32, command: &[&str]) -> anyhow::Result<Figures> {
    let runs = runs.to_string();
    let words = [&[HELPER, "measure", "--runs", &runs, "--"], command].concat();
    let output = host.run_within(LIMIT, &words)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}: {}", command.join(" "), String::from_utf8_lossy(&output.stderr));
    Figures::parse(&text).with_context(|| format!("figures of {}: {text:?}", command.join(" ")))
}
