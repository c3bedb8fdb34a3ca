//! `cargo xtask bench-hives FILE...`: the whole audit of SYSTEM hives beside peers that only read them, in one run.
//!
//! python-registry lists each service's values, hivexml turns the hive into XML; neither judges. A peer that is not
//! installed is left out, and said to be.
#![expect(clippy::disallowed_methods, reason = "it runs what it measures, on copies that it makes")]

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::measure::Figures;
use super::table::Table;
use super::{goal, release_build};

/// Lists the values of every service of the current control set, as a peer's user would.
const PYTHON: &str = r#"
import sys
from Registry import Registry
hive = Registry.Registry(sys.argv[1])
current = hive.open("Select").value("Current").value()
for service in hive.open("ControlSet%03d\\Services" % current).subkeys():
    for value in service.values():
        try:
            print(service.name(), value.name(), value.value())
        except Exception as error:
            print(service.name(), error)
"#;

/// Goals: times faster than each peer, bytes of memory beyond the file's own size, rate on two cores against one.
const PYTHON_GOAL: f64 = 20.0;
const HIVEXML_GOAL: f64 = 40.0;
const MEMORY_GOAL: f64 = 15.0;
const TWO_CORES_GOAL: f64 = 1.8;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// SYSTEM hives
    #[arg(required = true)]
    hives: Vec<PathBuf>,
    /// Runs of each command
    #[arg(long, default_value_t = 15)]
    runs: u32,
    /// Machines in the folder that is audited on one core and on two; 0 leaves that out
    #[arg(long, default_value_t = 1000)]
    machines: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let doorward = release_build()?;
    let doorward = doorward.to_str().context("path of the program")?;
    for hive in &arguments.hives {
        one(doorward, hive, arguments.runs)?;
    }
    if arguments.machines > 0 {
        many(doorward, arguments)?;
    }
    Ok(())
}

fn one(doorward: &str, hive: &Path, runs: u32) -> anyhow::Result<()> {
    let path = hive.to_str().context("path of the hive")?;
    let size = std::fs::metadata(hive)?.len();
    let python = ["python3", "-c", PYTHON, path];
    let hivexml = ["hivexml", path];
    let audit = [doorward, "audit", "--hive", path, "--config", "/dev/null", "--format", "json"];
    // Round after round, so that a machine whose speed drifts drifts for all.
    let mut all: [Vec<Figures>; 3] = Default::default();
    for round in 0..=runs {
        for (figures, command) in all.iter_mut().zip([&audit[..], &python, &hivexml]) {
            if round == 0 {
                // A warm-up, which tells what is installed as well.
                let works = Command::new(command[0]).args(&command[1..]).output();
                if !works.is_ok_and(|output| output.status.success()) {
                    eprintln!("{} does not run here", command[0]);
                    figures.push(Figures { wall: f64::NAN, cpu: f64::NAN, peak_bytes: 0 });
                }
            } else if !figures.first().is_some_and(|first| first.wall.is_nan()) {
                figures.extend(measured(command)?);
            }
        }
    }
    let [audit, python, hivexml] = all.map(|figures| Figures::median(&figures));
    let name = hive.file_name().unwrap_or_default().to_string_lossy();
    println!("\n{name}, {:.1} MB, medians of {runs} runs:\n", megabytes(size));
    let mut table = Table::new(["command", "wall", "CPU", "peak memory", "audit / it"]);
    table.row("doorward audit --hive --format json", &audit, None);
    let mut goals = Vec::new();
    for (peer, figures, least) in
        [("python-registry", &python, PYTHON_GOAL), ("hivexml", &hivexml, HIVEXML_GOAL)]
    {
        if figures.wall.is_nan() {
            goals.push(format!("{peer}: not installed, left out"));
            continue;
        }
        table.row(peer, figures, Some(&audit));
        let faster = figures.wall / audit.wall;
        goals.push(goal(&format!("{peer} / audit"), faster, least, faster >= least));
    }
    let beyond = audit.peak_megabytes() - megabytes(size);
    goals.push(goal("peak memory beyond the file, MB", beyond, MEMORY_GOAL, beyond <= MEMORY_GOAL));
    println!("{table}\n{}", goals.join("\n"));
    Ok(())
}

/// A folder of as many machines as asked for, links to the given hives, on one core and on two.
fn many(doorward: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (at, hive) in arguments.hives.iter().cycle().take(arguments.machines).enumerate() {
        let copy = folder.path().join(format!("SYSTEM.{at:05}"));
        std::fs::hard_link(hive, &copy).or_else(|_| std::fs::copy(hive, &copy).map(|_| ()))?;
    }
    let path = folder.path().to_str().context("path of the folder")?;
    let audit = [doorward, "audit", "--hive", path, "--config", "/dev/null", "--format", "json"];
    let cores = |cores: &str| -> anyhow::Result<Figures> {
        let command = [&["taskset", "--cpu-list", cores], &audit[..]].concat();
        measured(&command)?.context("taskset or doorward cannot be run")
    };
    let (one, two) = (cores("0")?, cores("0,1")?);
    let mut table = Table::new(["machines in a folder", "wall", "CPU", "peak memory", "two / it"]);
    table.row(&format!("{} on one core", arguments.machines), &one, Some(&two));
    table.row(&format!("{} on two cores", arguments.machines), &two, None);
    let rate = one.wall / two.wall;
    println!("\n{table}\n{}", goal("rate on two cores / one", rate, TWO_CORES_GOAL, rate >= TWO_CORES_GOAL));
    Ok(())
}

/// One run in a process of its own, whose children's peak is then this command's. None where it cannot be run.
fn measured(command: &[&str]) -> anyhow::Result<Option<Figures>> {
    let output = Command::new(std::env::current_exe()?).args(["measure", "--"]).args(command).output()?;
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8(output.stdout)?;
    let figures = Figures::parse(&text).context("figures of a run")?;
    ensure!(figures.wall > 0.0, "a run took no time");
    Ok(Some(figures))
}

#[expect(clippy::cast_precision_loss, reason = "a digit is shown")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
